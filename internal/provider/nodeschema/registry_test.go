package nodeschema_test

import (
	"context"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/provider/nodeschema"
)

func object(values map[string]attr.Value) types.Object {
	kinds := map[string]attr.Type{}
	for name, value := range values {
		kinds[name] = value.Type(context.Background())
	}
	return types.ObjectValueMust(kinds, values)
}

func TestKubeVIPImageNeedsAVIP(t *testing.T) {
	t.Parallel()
	image := types.StringValue("r.example.com/kube-vip:1")
	for name, c := range map[string]struct {
		allocation string
		image      types.String
		refused    bool
	}{
		"VIP":           {"static", image, false},
		"leases":        {"dhcp", image, true},
		"unknown image": {"dhcp", types.StringUnknown(), true},
		"no image":      {"dhcp", types.StringNull(), false},
	} {
		network := object(map[string]attr.Value{"ip_allocation": types.StringValue(c.allocation)})
		diags := nodeschema.ValidateRegistry(network, object(map[string]attr.Value{"kube_vip_image": c.image}))
		if diags.HasError() != c.refused || c.refused && !strings.Contains(diags[0].Detail(), "haproxy_image") {
			t.Errorf("%s: %v", name, diags)
		}
	}
	if diags := nodeschema.ValidateRegistry(types.ObjectUnknown(nil), types.ObjectNull(nil)); diags.HasError() {
		t.Errorf("without any: %v", diags)
	}
}

func TestRegistryPaths(t *testing.T) {
	t.Parallel()
	for field, want := range map[model.FieldName]string{
		model.FieldRegistry: "registry", model.FieldMirrors: "registry.mirrors", model.FieldRegistryCA: "registry.ca_certificate",
		model.FieldImageRepository: "registry.image_repository", model.FieldSandboxImage: "registry.sandbox_image",
		model.FieldKubeVIPImage: "registry.kube_vip_image", model.FieldRegistryUsername: "registry.username",
		model.FieldRegistryPassword: nodeschema.RegistryPassword,
	} {
		if at, ok := nodeschema.RegistryPath(field); !ok || at.String() != want {
			t.Errorf("%s is at %s (%t)", field, at, ok)
		}
	}
	if _, ok := nodeschema.RegistryPath(model.FieldProxy); ok {
		t.Error("a proxy is a registry")
	}
}
