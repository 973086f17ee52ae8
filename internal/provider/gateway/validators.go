package gateway

import (
	"context"
	"fmt"
	"net/url"
	"regexp"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"

	enginemodel "github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/provider/diagnostics"
	"github.com/gantry/terraform-provider-gantry/internal/provider/nodeschema"
)

// ValidateConfig implements resource.ResourceWithValidateConfig: it checks what one
// attribute alone cannot tell.
func (r *gatewayResource) ValidateConfig(ctx context.Context, req resource.ValidateConfigRequest, resp *resource.ValidateConfigResponse) {
	var config model
	resp.Diagnostics.Append(req.Config.Get(ctx, &config)...)
	if resp.Diagnostics.HasError() {
		return
	}
	resp.Diagnostics.Append(nodeschema.ValidateNetwork(config.Network)...)
	resp.Diagnostics.Append(checkAllocation(&config)...)
	resp.Diagnostics.Append(config.CheckForceDelete(ctx)...)
	pool, diags := config.inlinePool(ctx)
	resp.Diagnostics.Append(diags...)
	if pool != nil {
		resp.Diagnostics.Append(pool.Validate(ctx, path.Root("ip_pool"))...)
		resp.Diagnostics.Append(pool.Advise(ctx, path.Root("ip_pool"))...)
	}
}

// checkAllocation refuses an IP pool where nodes take leases, and the lack of one, and a load
// balancer, where they do not.
func checkAllocation(m *model) diag.Diagnostics {
	diags := nodeschema.ValidateLoadBalancer(m.Network, m.LoadBalancer)
	diags.Append(nodeschema.ValidateRegistry(m.Network, m.Registry)...)
	allocation := nodeschema.Allocation(m.Network)
	switch {
	case allocation == enginemodel.AllocationStatic && m.IPPool.IsNull() && m.IPPoolID.IsNull():
		diags.Append(diagnostics.AttributeError(path.Root("ip_pool"), "IP pool missing",
			`With ip_allocation = "static" the nodes' addresses come from an IP pool. Set ip_pool, or ip_pool_id.`))
	case allocation == enginemodel.AllocationDHCP && !m.IPPool.IsNull() && !m.IPPool.IsUnknown():
		diags.Append(diagnostics.AttributeError(path.Root("ip_pool"), "IP pool with DHCP",
			`With ip_allocation = "dhcp" the nodes take leases. Remove ip_pool; for the clusters of the gateway, make a gantry_ip_pool.`))
	case allocation == enginemodel.AllocationDHCP:
		diags.Append(nodeschema.ValidateIPPoolID(m.Network, m.IPPoolID, path.Root("ip_pool_id"))...)
	}
	return diags
}

// consoleURL validates the URL of a console.
type consoleURL struct{}

var _ validator.String = consoleURL{}

func (consoleURL) Description(context.Context) string {
	return "must be a URL such as https://app.terraform.io, without a trailing slash"
}

func (v consoleURL) MarkdownDescription(ctx context.Context) string { return v.Description(ctx) }

func (v consoleURL) ValidateString(ctx context.Context, req validator.StringRequest, resp *validator.StringResponse) {
	if req.ConfigValue.IsNull() || req.ConfigValue.IsUnknown() {
		return
	}
	if wrong := consoleProblem(ctx, req.ConfigValue.ValueString()); wrong != "" {
		resp.Diagnostics.Append(diagnostics.AttributeError(req.Path, "Invalid console endpoint", wrong))
	}
}

// consoleProblem says what is wrong with the URL of a console; empty for nothing.
func consoleProblem(ctx context.Context, text string) string {
	u, err := url.Parse(text)
	switch {
	// The text is never repeated: there may be a token in it.
	case err != nil || u.Hostname() == "":
		return "The console_endpoint " + consoleURL{}.Description(ctx) + "."
	case u.User != nil:
		return "The URL carries a user name or password. The agent registers with the pairing code alone; leave them out."
	case u.Scheme != "https":
		return "The URL does not use https, and the agent sends its token there."
	case strings.HasSuffix(text, "/"):
		return "The URL has a trailing slash, which the agent would double. Leave it out."
	case u.Path != "" || u.RawQuery != "" || u.Fragment != "" || strings.ContainsAny(text, "?#"):
		return fmt.Sprintf("The URL has more than a host. Write %q.", u.Scheme+"://"+u.Host)
	}
	return ""
}

var imageForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9.-]*(:[0-9]+)?(/[a-z0-9]+([._-]+[a-z0-9]+)*)*` +
	`(:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(@sha256:[0-9a-f]{64})?$`)

// imageReference validates the name of a container image. Its error does not repeat a
// value that is none: it may be the address of a registry with a password.
type imageReference struct{}

var _ validator.String = imageReference{}

func (imageReference) Description(context.Context) string {
	return "must be a container image such as docker.io/hashicorp/tfc-agent:1.28.7"
}

func (v imageReference) MarkdownDescription(ctx context.Context) string { return v.Description(ctx) }

func (v imageReference) ValidateString(ctx context.Context, req validator.StringRequest, resp *validator.StringResponse) {
	if req.ConfigValue.IsNull() || req.ConfigValue.IsUnknown() || imageForm.MatchString(req.ConfigValue.ValueString()) {
		return
	}
	resp.Diagnostics.Append(diagnostics.AttributeError(req.Path, "Invalid container image", "The value "+v.Description(ctx)+"."))
}
