package nodeschema

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/pki"
	"github.com/gantry/terraform-provider-gantry/internal/provider/attribute"
)

// Proxy is the HTTP proxy of the nodes.
func Proxy() schema.SingleNestedAttribute {
	together := func(others ...string) []validator.String {
		paths := make([]path.Expression, len(others))
		for i, other := range others {
			paths[i] = path.MatchRelative().AtParent().AtName(other)
		}
		return []validator.String{stringvalidator.LengthAtLeast(1), stringvalidator.AlsoRequires(paths...)}
	}
	return schema.SingleNestedAttribute{
		Optional: true,
		MarkdownDescription: "HTTP proxy that containerd and the package manager (apt, dnf, yum or tdnf) of the nodes use, " +
			"and on a gateway its agents. kubelet and kubeadm never do. " +
			"`http` and `https` are set together. Defaults to none. " + rolls,
		Attributes: map[string]schema.Attribute{
			"http": schema.StringAttribute{
				Optional:            true,
				Sensitive:           true, // it may carry a password
				MarkdownDescription: "URL of the proxy for `http`, which may carry a user and a password. Defaults to none.",
				Validators:          append(together("https"), ProxyURL{}),
			},
			"https": schema.StringAttribute{
				Optional:            true,
				Sensitive:           true,
				MarkdownDescription: "URL of the proxy for `https`, which may carry a user and a password. Defaults to none.",
				Validators:          append(together("http"), ProxyURL{}),
			},
			"no_proxy": schema.StringAttribute{
				Optional: true,
				MarkdownDescription: "Names, domains (`.example.com`), addresses and networks that are reached directly, with commas and " +
					"nothing else between them. It needs `http` and `https`. " +
					"The node itself, the networks of nodes, pods and services, the VIP or the load balancer and the cluster's own domain " +
					"are always among them; " +
					"for a gateway's agents also vCenter, and of the networks of nodes that of an inline `ip_pool`. " +
					"Defaults to none.",
				Validators: append(together("http", "https"), noProxy{}),
			},
			"ca_certificate": schema.StringAttribute{
				Optional:            true,
				MarkdownDescription: "Certificate authorities of the proxy, as PEM text, that nodes trust, each of them. Defaults to none.",
				Validators:          []validator.String{attribute.CABundle{}},
			},
		},
	}
}

type proxyModel struct {
	HTTP          *string `tfsdk:"http"`
	HTTPS         *string `tfsdk:"https"`
	NoProxy       *string `tfsdk:"no_proxy"`
	CACertificate *string `tfsdk:"ca_certificate"`
}

// DecodeProxy decodes the attribute `proxy`, all of which is known; nil for none.
func DecodeProxy(ctx context.Context, value types.Object) (*model.Proxy, diag.Diagnostics) {
	if value.IsNull() {
		return nil, nil
	}
	var proxy proxyModel
	if diags := value.As(ctx, &proxy, AllKnown); diags.HasError() {
		return nil, diags
	}
	return &model.Proxy{
		HTTP:          OrZero(proxy.HTTP),
		HTTPS:         OrZero(proxy.HTTPS),
		NoProxy:       OrZero(proxy.NoProxy),
		CACertificate: certificatesAlone(OrZero(proxy.CACertificate)),
	}, nil
}

// certificatesAlone leaves out what stands between certificates: it is nothing to a
// node. A state may hold what is no bundle; that is for the validators to refuse.
func certificatesAlone(text string) string {
	bundle, err := pki.ParseBundle(text)
	if err != nil {
		return text
	}
	return bundle.PEM()
}
