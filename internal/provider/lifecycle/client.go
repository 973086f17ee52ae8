package lifecycle

import (
	"context"
	"fmt"
	"net/netip"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/gantry/terraform-provider-gantry/internal/engine"
)

var clientType = map[string]attr.Type{
	"host": types.StringType, "cluster_ca_certificate": types.StringType,
	"client_certificate": types.StringType, "client_key": types.StringType,
}

// ClientConfiguration takes the kubeconfig apart; null where there is none yet.
func ClientConfiguration(_ context.Context, secrets *engine.Secrets) (types.Object, diag.Diagnostics) {
	if secrets == nil || len(secrets.Kubeconfig) == 0 {
		return types.ObjectNull(clientType), nil
	}
	config, err := clientcmd.RESTConfigFromKubeConfig(secrets.Kubeconfig)
	if err != nil {
		var diags diag.Diagnostics
		diags.AddError("Unable to read the kubeconfig", fmt.Sprintf("The kubeconfig in the state cannot be read: %s.", err))
		return types.ObjectNull(clientType), diags
	}
	return types.ObjectValue(clientType, map[string]attr.Value{
		"host":                   types.StringValue(config.Host),
		"cluster_ca_certificate": types.StringValue(string(config.CAData)),
		"client_certificate":     types.StringValue(string(config.CertData)),
		"client_key":             types.StringValue(string(config.KeyData)),
	})
}

// UnknownClientConfiguration stands for one that is about to be made.
func UnknownClientConfiguration() types.Object { return types.ObjectUnknown(clientType) }

// ValidateNetwork refuses inner networks that overlap.
func ValidateNetwork(_ context.Context, network types.Object) diag.Diagnostics {
	var diags diag.Diagnostics
	read := func(name, unset string) (netip.Prefix, bool) {
		text, ok := network.Attributes()[name].(types.String)
		if !ok || text.IsUnknown() {
			return netip.Prefix{}, false
		}
		if !text.IsNull() {
			unset = text.ValueString()
		}
		prefix, err := netip.ParsePrefix(unset)
		return prefix, err == nil // the attribute's own validator says what is wrong
	}
	pods, ok := read("pod_cidr", DefaultPodCIDR)
	services, ok2 := read("service_cidr", DefaultServiceCIDR)
	if ok && ok2 && pods.Overlaps(services) {
		diags.AddAttributeError(path.Root("network").AtName("service_cidr"), "Networks overlap",
			fmt.Sprintf("The network of services, %s, and that of pods, %s, overlap. Choose two that do not, and that do not hold the nodes' addresses.", services, pods))
	}
	return diags
}
