package provider

import (
	"context"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework-validators/mapvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/provider/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/gantry/terraform-provider-gantry/internal/packs"
	"github.com/gantry/terraform-provider-gantry/internal/provider/attribute"
)

// maxChartHosts bounds the hosts that charts come from.
const maxChartHosts = 64

func chartHostsAttribute() schema.Attribute {
	sibling := func(name string) path.Expression { return path.MatchRelative().AtParent().AtName(name) }
	return schema.MapNestedAttribute{
		Optional: true,
		MarkdownDescription: "Logins, certificate authorities and mirrors of the repositories and registries that charts of packs come from, " +
			"by host, with its port where that is not 443: such as `charts.example.com` or `registry.example.com:5000`. They are for the " +
			"machine that runs Terraform, which fetches the charts; what nodes pull images with is `registry` of a cluster. No state has them. " +
			"Where a part of a host's is known in the apply alone, such as a password that it makes, its charts are looked for then. " +
			"Defaults to none: hosts are asked without a login, and the authorities of the machine are trusted.",
		Validators: []validator.Map{attribute.NoNulls{}, mapvalidator.SizeAtMost(maxChartHosts), mapvalidator.KeysAre(chartHost{})},
		NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
			"username": schema.StringAttribute{
				Optional: true,
				MarkdownDescription: "User that is logged in as. A registry says itself whether it takes the login or hands out a token for it; " +
					"a repository gets it with each request. Without TLS it is sent to this machine alone. Defaults to no login.",
				Validators: []validator.String{
					stringvalidator.LengthAtLeast(1), stringvalidator.AlsoRequires(sibling("password")),
					stringvalidator.ConflictsWith(sibling("mirror")),
				},
			},
			"password": schema.StringAttribute{
				Optional:  true,
				Sensitive: true,
				MarkdownDescription: "Password of `username`, or a token that stands for one. Every plan and apply of a cluster with charts of that " +
					"host needs it. It may be ephemeral. No default.",
				Validators: []validator.String{stringvalidator.LengthAtLeast(1), stringvalidator.AlsoRequires(sibling("username"))},
			},
			"ca_certificate": schema.StringAttribute{
				Optional: true,
				MarkdownDescription: "Certificate authorities that the host's certificate may be of, as PEM text, beside those that the machine " +
					"trusts. With it, a registry on `localhost` is asked by TLS, too. Defaults to none.",
				Validators: []validator.String{attribute.CABundle{}, stringvalidator.ConflictsWith(sibling("mirror"))},
			},
			"mirror": schema.StringAttribute{
				Optional: true,
				MarkdownDescription: "Host that is asked in place of this one, without a scheme, and with the path below which it has the same: " +
					"with `mirror = \"harbor.example.com/ghcr\"` for `ghcr.io`, the chart `oci://ghcr.io/team/app` is pulled from " +
					"`oci://harbor.example.com/ghcr/team/app`. The host itself is not asked. What the mirror needs, its own key has. " +
					"A chart from a mirror is the same chart. Defaults to none.",
				Validators: []validator.String{chartMirror{}},
			},
		}},
	}
}

var (
	hostForm   = regexp.MustCompile(`^([a-z0-9]([a-z0-9._-]*[a-z0-9])?|\[[0-9a-f:]+\])(:[0-9]{1,5})?$`)
	folderForm = regexp.MustCompile(`^(/[A-Za-z0-9][A-Za-z0-9._~-]*)*$`)
)

// chartHost validates a host that charts come from.
type chartHost struct{}

var _ validator.String = chartHost{}

// Description implements validator.Describer.
func (chartHost) Description(context.Context) string {
	return "must be a host such as charts.example.com or registry.example.com:5000, in lower case and without a scheme, a path or the port 443"
}

// MarkdownDescription implements validator.Describer.
func (v chartHost) MarkdownDescription(ctx context.Context) string { return v.Description(ctx) }

// ValidateString implements validator.String. The error does not repeat what may have a password.
func (v chartHost) ValidateString(ctx context.Context, req validator.StringRequest, resp *validator.StringResponse) {
	text := req.ConfigValue.ValueString()
	if req.ConfigValue.IsNull() || req.ConfigValue.IsUnknown() || hostForm.MatchString(text) && packs.OneForm(text) == text {
		return
	}
	// The path has the key in it, which may be a URL with a password.
	resp.Diagnostics.AddAttributeError(path.Root("chart_hosts"), "Invalid host of charts",
		"A key of chart_hosts "+v.Description(ctx)+". Docker Hub's is docker.io.")
}

// chartMirror validates a host with or without a path.
type chartMirror struct{}

var _ validator.String = chartMirror{}

// Description implements validator.Describer.
func (chartMirror) Description(context.Context) string {
	return "must be a host with or without a path, such as harbor.example.com/ghcr, without a scheme, a login or a slash at its end"
}

// MarkdownDescription implements validator.Describer.
func (v chartMirror) MarkdownDescription(ctx context.Context) string { return v.Description(ctx) }

// ValidateString implements validator.String.
func (v chartMirror) ValidateString(ctx context.Context, req validator.StringRequest, resp *validator.StringResponse) {
	if req.ConfigValue.IsNull() || req.ConfigValue.IsUnknown() {
		return
	}
	host, folder, below := strings.Cut(req.ConfigValue.ValueString(), "/")
	if below {
		folder = "/" + folder
	}
	if !hostForm.MatchString(host) || !folderForm.MatchString(folder) {
		resp.Diagnostics.AddAttributeError(req.Path, "Invalid mirror of charts", "The value "+v.Description(ctx)+".")
	}
}

// chartHosts are the hosts of the attribute. Of one of which a part is unknown, that alone is said.
func (m *model) chartHosts() map[string]packs.Host {
	hosts := map[string]packs.Host{}
	for name, element := range m.ChartHosts.Elements() {
		object, _ := element.(types.Object)
		of := func(attribute string) string {
			text, _ := object.Attributes()[attribute].(types.String)
			return text.ValueString()
		}
		if anyUnknown(append(slices.Collect(maps.Values(object.Attributes())), attr.Value(object))...) {
			hosts[name] = packs.Host{Later: true}
			continue
		}
		hosts[name] = packs.Host{
			Username: of("username"), Password: of("password"), CACertificate: of("ca_certificate"), Mirror: of("mirror"),
		}
	}
	return hosts
}
