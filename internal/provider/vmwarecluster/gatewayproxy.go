package vmwarecluster

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/objectplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/types"

	enginemodel "github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
	"github.com/gantry/terraform-provider-gantry/internal/provider/attribute"
	"github.com/gantry/terraform-provider-gantry/internal/provider/connection"
	"github.com/gantry/terraform-provider-gantry/internal/provider/diagnostics"
	"github.com/gantry/terraform-provider-gantry/internal/provider/nodeschema"
)

// gatewayProxyTypes are the types of gateway_proxy.
var gatewayProxyTypes = map[string]attr.Type{"http": types.StringType, "https": types.StringType, "no_proxy": types.StringType}

type gatewayProxyModel struct {
	HTTP    *string `tfsdk:"http"`
	HTTPS   *string `tfsdk:"https"`
	NoProxy *string `tfsdk:"no_proxy"`
}

func proxyAttribute() schema.SingleNestedAttribute {
	proxy := nodeschema.Proxy()
	proxy.MarkdownDescription += " A cluster of a gateway that is created without `proxy` takes the gateway's, which `gateway_proxy` shows, " +
		"and keeps it; where that one has a password, a `ca_certificate` or a very long `no_proxy`, `proxy` is required. `{}` is no proxy."
	return proxy
}

func gatewayProxyAttribute() schema.SingleNestedAttribute {
	text := func(doc string) schema.StringAttribute {
		return schema.StringAttribute{Computed: true, MarkdownDescription: doc}
	}
	return schema.SingleNestedAttribute{
		Computed: true,
		MarkdownDescription: "The proxy that the cluster took from its gateway when it was created without `proxy`, and uses as long as " +
			"`proxy` is not set; null for none. It does not follow a later change of the gateway's, of which the plan warns.",
		PlanModifiers: []planmodifier.Object{objectplanmodifier.UseStateForUnknown()},
		Attributes: map[string]schema.Attribute{
			"http":     text("URL of the proxy for `http`."),
			"https":    text("URL of the proxy for `https`."),
			"no_proxy": text("What is reached directly, beside what always is."),
		},
	}
}

// setProxy sets the proxy of a cluster that has none of its own: what it has taken from
// its gateway, or takes in its creation.
func (m *model) setProxy(ctx context.Context, spec *enginemodel.ClusterSpec) diag.Diagnostics {
	if m.GatewayProxy.IsUnknown() {
		spec.InheritProxy = m.Proxy.IsNull() && spec.GatewayID != uuid.Nil
		return nil
	}
	taken, diags := m.takenProxy(ctx)
	spec.GatewayProxy = taken
	if m.Proxy.IsNull() {
		spec.Proxy = enginemodel.ProxyOf(taken)
	}
	return diags
}

// takenProxy is gateway_proxy; nil for none, and where it is not known.
func (m *model) takenProxy(ctx context.Context) (*record.Proxy, diag.Diagnostics) {
	if m.GatewayProxy.IsNull() || m.GatewayProxy.IsUnknown() {
		return nil, nil
	}
	var taken gatewayProxyModel
	diags := m.GatewayProxy.As(ctx, &taken, nodeschema.AllKnown)
	return &record.Proxy{
		HTTP: nodeschema.OrZero(taken.HTTP), HTTPS: nodeschema.OrZero(taken.HTTPS), NoProxy: nodeschema.OrZero(taken.NoProxy),
	}, diags
}

// PlanInherited implements enginecrud.Heir.
func (m *model) PlanInherited() {
	gateway, known := m.CloudAccount.Attributes()["gateway_id"].(types.String)
	ownProxy := !m.Proxy.IsNull() && !m.Proxy.IsUnknown()
	if ownProxy || known && gateway.IsNull() {
		m.GatewayProxy = types.ObjectNull(gatewayProxyTypes)
	}
}

// SetInherited implements enginecrud.Heir.
func (m *model) SetInherited(proxy *record.Proxy) (diags diag.Diagnostics) {
	m.GatewayProxy = types.ObjectNull(gatewayProxyTypes)
	if proxy == nil {
		return nil
	}
	text := func(value string) types.String {
		if value == "" {
			return types.StringNull()
		}
		return types.StringValue(value)
	}
	m.GatewayProxy, diags = types.ObjectValue(gatewayProxyTypes, map[string]attr.Value{
		"http": text(proxy.HTTP), "https": text(proxy.HTTPS), "no_proxy": text(proxy.NoProxy),
	})
	return diags
}

// warnOfGatewayProxy warns of a cluster that has taken its proxy from its gateway, which
// has another one now. What cannot be read says nothing.
func warnOfGatewayProxy(ctx context.Context, conn *connection.Connection, m *model) diag.Diagnostics {
	gatewayID, ok := m.CloudAccount.Attributes()["gateway_id"].(types.String)
	if !ok || gatewayID.IsNull() || gatewayID.IsUnknown() || !m.Proxy.IsNull() || m.GatewayProxy.IsUnknown() {
		return nil
	}
	gateway, diags := attribute.ParseID(gatewayID, path.Root("cloud_account").AtName("gateway_id"))
	taken, more := m.takenProxy(ctx)
	diags.Append(more...)
	if diags.HasError() {
		return diags
	}
	now, known := gatewayProxy(ctx, conn, gateway)
	if !known || now.Equal(taken) {
		return nil
	}
	return diag.Diagnostics{diagnostics.AttributeWarning(path.Root("proxy"), "The gateway has another proxy", fmt.Sprintf(
		"Cluster %q was created without proxy, took the one that its gateway had then, which is %s, and keeps it. The gateway's is %s now. "+
			"To follow the gateway, set proxy on the cluster, which rolls its nodes. To keep what the cluster has, set proxy to that, "+
			"or to {} for none.",
		m.Name.ValueString(), proxyWords(taken), proxyWords(now)))}
}

// gatewayProxy is the proxy of a gateway as this run plans it, or as its record has it;
// false where neither is known.
func gatewayProxy(ctx context.Context, conn *connection.Connection, id uuid.UUID) (*record.Proxy, bool) {
	if planned := conn.PlannedGateway(id); planned.Planned {
		return planned.Proxy, !planned.ProxyUnknown
	}
	l, err := conn.Ledger(ctx)
	if err != nil {
		return nil, false
	}
	rec, err := l.Recent(conn.Timing().ReadMaxAge).Record(ctx, id)
	if err != nil {
		return nil, false
	}
	body, err := rec.Cluster()
	return body.Proxy, err == nil
}

func proxyWords(proxy *record.Proxy) string {
	switch {
	case proxy == nil:
		return "none"
	case len(proxy.Omits) > 0:
		return fmt.Sprintf("%s for https, with %s", nonEmpty(proxy.HTTPS), enginemodel.Listed(proxy.Omits))
	case proxy.NoProxy != "":
		return fmt.Sprintf("%s for http and %s for https, but for %s", proxy.HTTP, proxy.HTTPS, proxy.NoProxy)
	}
	return fmt.Sprintf("%s for http and %s for https", proxy.HTTP, proxy.HTTPS)
}

func nonEmpty(url string) string {
	if url == "" {
		return "none"
	}
	return url
}
