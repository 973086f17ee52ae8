package vmwarecluster_test

import (
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/gantry/terraform-provider-gantry/internal/provider/vmwarecluster"
)

// nodePools are the attributes of the control plane and of a worker pool.
func nodePools(t *testing.T) map[string]map[string]schema.Attribute {
	t.Helper()
	attributes := vmwarecluster.NewSchema(t.Context()).Attributes
	return map[string]map[string]schema.Attribute{
		"control_plane": attributes["control_plane"].(schema.SingleNestedAttribute).Attributes,
		"worker_pools":  attributes["worker_pools"].(schema.MapNestedAttribute).NestedObject.Attributes,
	}
}

// validateKey validates the key of a label, annotation or taint.
func validateKey(t *testing.T, attributes map[string]schema.Attribute, name, key string) diag.Diagnostics {
	t.Helper()
	if name == "taints" {
		var resp validator.StringResponse
		for _, v := range attributes[name].(schema.ListNestedAttribute).NestedObject.Attributes["key"].(schema.StringAttribute).Validators {
			v.ValidateString(t.Context(), validator.StringRequest{Path: path.Root(name), ConfigValue: types.StringValue(key)}, &resp)
		}
		return resp.Diagnostics
	}
	var resp validator.MapResponse
	value := types.MapValueMust(types.StringType, map[string]attr.Value{key: types.StringValue("x")})
	for _, v := range attributes[name].(schema.MapAttribute).Validators {
		v.ValidateMap(t.Context(), validator.MapRequest{Path: path.Root(name), ConfigValue: value}, &resp)
	}
	return resp.Diagnostics
}

// TestKeysOfOthersAreRefused says whose a key is and what to use instead. Those that
// only look like them are the users' own.
func TestKeysOfOthersAreRefused(t *testing.T) {
	t.Parallel()
	const control, workers = "control_plane", "worker_pools"
	for _, c := range []struct {
		name, key string
		want      map[string]string // by pool; none: it is the users' own there
	}{
		{"labels", "kubernetes.io/hostname", map[string]string{control: "kubelet", workers: "kubelet"}},
		{"labels", "kubernetes.io/os", map[string]string{control: "kubelet", workers: "kubelet"}},
		{"labels", "kubernetes.io/arch", map[string]string{control: "kubelet", workers: "kubelet"}},
		{"labels", "beta.kubernetes.io/os", map[string]string{control: "kubelet", workers: "kubelet"}},
		{"labels", "beta.kubernetes.io/arch", map[string]string{control: "kubelet", workers: "kubelet"}},
		{"labels", "node.kubernetes.io/windows-build", map[string]string{control: "kubelet", workers: "kubelet"}},
		{"labels", "node.kubernetes.io/instance-type", map[string]string{control: "label of your own", workers: "cloud provider"}},
		{"labels", "beta.kubernetes.io/instance-type", map[string]string{control: "label of your own", workers: "cloud provider"}},
		{"labels", "topology.kubernetes.io/zone", map[string]string{control: "zone tags", workers: "zone tags"}},
		{"labels", "topology.kubernetes.io/region", map[string]string{control: "zone tags", workers: "zone tags"}},
		{"labels", "topology.kubernetes.io/rack", map[string]string{control: "zone tags", workers: "zone tags"}},
		{"labels", "failure-domain.beta.kubernetes.io/zone", map[string]string{control: "zone tags", workers: "zone tags"}},
		{"labels", "node-role.kubernetes.io/control-plane", map[string]string{control: "kubeadm", workers: "node-role.kubernetes.io/worker"}},
		{"labels", "node-role.kubernetes.io/worker", nil},
		{"labels", "node-role.kubernetes.io/gpu", nil},
		{"labels", "node.kubernetes.io/exclude-from-external-load-balancers", nil},
		{"labels", "node-restriction.kubernetes.io/team", nil},
		{"labels", "topology.kubernetes.io.example.com/zone", nil},
		{"labels", "hostname", nil},
		{"annotations", "gantry.io/managed", map[string]string{control: "Gantry", workers: "Gantry"}},
		{"annotations", "gantry.io/cordoned", map[string]string{control: "Gantry", workers: "Gantry"}},
		{"annotations", "kubeadm.alpha.kubernetes.io/cri-socket", map[string]string{control: "kubeadm", workers: "kubeadm"}},
		{"annotations", "volumes.kubernetes.io/controller-managed-attach-detach", map[string]string{control: "kubelet", workers: "kubelet"}},
		{"annotations", "csi.volume.kubernetes.io/nodeid", map[string]string{control: "CSI", workers: "CSI"}},
		{"annotations", "node.alpha.kubernetes.io/ttl", map[string]string{control: "controller", workers: "controller"}},
		{"annotations", "alpha.kubernetes.io/provided-node-ip", map[string]string{control: "kubelet", workers: "kubelet"}},
		{"annotations", "example.com/gantry.io", nil},
		{"taints", "node.kubernetes.io/not-ready", map[string]string{control: "condition of the node", workers: "example.com/dedicated"}},
		{"taints", "node.kubernetes.io/unschedulable", map[string]string{control: "condition of the node", workers: "condition of the node"}},
		{"taints", "node.cloudprovider.kubernetes.io/uninitialized", map[string]string{control: "cloud provider", workers: "cloud provider"}},
		{"taints", "node-role.kubernetes.io/control-plane", map[string]string{control: "schedulable"}},
		{"taints", "node-role.kubernetes.io/gpu", nil},
		{"taints", "example.com/gpu", nil},
	} {
		for pool, attributes := range nodePools(t) {
			diags := validateKey(t, attributes, c.name, c.key)
			want := c.want[pool]
			switch {
			case (want != "") != diags.HasError():
				t.Errorf("%s: %s %s: %v", pool, c.name, c.key, diags)
			case want != "" && !strings.Contains(diags[0].Detail(), want):
				t.Errorf("%s: %s %s: no %q in %s", pool, c.name, c.key, want, diags[0].Detail())
			}
		}
	}
}

// TestTaintsAreDistinct has the value of a taint make no difference, and leaves out what
// is not known yet.
func TestTaintsAreDistinct(t *testing.T) {
	t.Parallel()
	text, unknown := types.StringValue, types.StringUnknown()
	typ := types.ObjectType{AttrTypes: map[string]attr.Type{"key": types.StringType, "value": types.StringType, "effect": types.StringType}}
	taint := func(key, value, effect types.String) attr.Value {
		return types.ObjectValueMust(typ.AttrTypes, map[string]attr.Value{"key": key, "value": value, "effect": effect})
	}
	gpu := taint(text("gpu"), text("a"), text("NoSchedule"))
	for name, test := range map[string]struct {
		second attr.Value
		fails  bool
	}{
		"the same":                {gpu, true},
		"another value":           {taint(text("gpu"), text("b"), text("NoSchedule")), true},
		"without a value":         {taint(text("gpu"), types.StringNull(), text("NoSchedule")), true},
		"a value that is unknown": {taint(text("gpu"), unknown, text("NoSchedule")), true},
		"another effect":          {taint(text("gpu"), text("a"), text("NoExecute")), false},
		"another key":             {taint(text("gpu2"), text("a"), text("NoSchedule")), false},
		"an unknown key":          {taint(unknown, text("a"), text("NoSchedule")), false},
		"an unknown taint":        {types.ObjectUnknown(typ.AttrTypes), false},
		"a null taint":            {types.ObjectNull(typ.AttrTypes), false},
	} {
		for pool, attributes := range nodePools(t) {
			var resp validator.ListResponse
			for _, v := range attributes["taints"].(schema.ListNestedAttribute).Validators {
				if !strings.Contains(v.Description(t.Context()), "null") { // which says its own of a null taint
					v.ValidateList(t.Context(), validator.ListRequest{
						Path: path.Root(pool).AtName("taints"), ConfigValue: types.ListValueMust(typ, []attr.Value{gpu, test.second}),
					}, &resp)
				}
			}
			if resp.Diagnostics.HasError() != test.fails {
				t.Errorf("%s: %s: %v", pool, name, resp.Diagnostics)
			}
			if test.fails && !strings.Contains(resp.Diagnostics[0].Detail(), pool+".taints[1]: ") {
				t.Errorf("%s: %s: %s", pool, name, resp.Diagnostics[0].Detail())
			}
		}
	}
}
