package nodeschema

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-framework/types/basetypes"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/sshkey"
)

// Common are the attributes of the same name that clusters and gateways have alike.
type Common struct {
	Network           types.Object
	LoadBalancer      types.Object
	Proxy             types.Object
	Registry          types.Object
	RegistryPassword  types.String
	SSHAuthorizedKeys types.List
	NTPServers        types.List
	VMTags            types.Set
}

// Set decodes the attributes, all of which are known, and sets them in a spec.
func (c Common) Set(ctx context.Context, spec *model.ClusterSpec) diag.Diagnostics {
	network, diags := decodeNetwork(ctx, c.Network)
	// However they are spelled: the packs of a gateway contain them.
	spec.PodCIDR = canonicalNetwork(network.PodCIDR)
	spec.ServiceCIDR = canonicalNetwork(network.ServiceCIDR)
	spec.Allocation = model.Allocation(network.IPAllocation)
	diags.Append(setLoadBalancer(ctx, c.LoadBalancer, spec)...)
	proxy, more := DecodeProxy(ctx, c.Proxy)
	diags.Append(more...)
	spec.Proxy = proxy
	spec.Registry, more = decodeRegistry(ctx, c.Registry, c.RegistryPassword)
	diags.Append(more...)
	spec.SSHAuthorizedKeys, more = decodeStrings(ctx, c.SSHAuthorizedKeys)
	for i, key := range spec.SSHAuthorizedKeys {
		spec.SSHAuthorizedKeys[i] = sshkey.Trim(key)
	}
	diags.Append(more...)
	spec.NTPServers, more = decodeStrings(ctx, c.NTPServers)
	diags.Append(more...)
	spec.VMTags, more = decodeVMTags(ctx, c.VMTags)
	diags.Append(more...)
	return diags
}

// AllKnown decodes objects all of whose parts are known; an optional part that is
// null is a nil pointer.
var AllKnown = basetypes.ObjectAsOptions{}

// OrZero returns what a pointer points at; zero for nil.
func OrZero[T any](p *T) T {
	if p == nil {
		return *new(T)
	}
	return *p
}

// decodeStrings decodes a list of strings, all of which are known; null is none.
func decodeStrings(ctx context.Context, list types.List) ([]string, diag.Diagnostics) {
	if list.IsNull() {
		return nil, nil
	}
	var values []string
	diags := list.ElementsAs(ctx, &values, false)
	return values, diags
}
