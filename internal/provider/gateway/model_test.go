package gateway_test

import (
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/provider/enginecrud/enginecrudtest"
	gatewayresource "github.com/gantry/terraform-provider-gantry/internal/provider/gateway"
)

func TestRulesCoverTheSchema(t *testing.T) {
	t.Parallel()
	enginecrudtest.RulesCover(t, enginecrudtest.Schema(t, gatewayresource.NewResource()), gatewayresource.Rules)
}

func TestFieldsAreAttributes(t *testing.T) {
	t.Parallel()
	s := enginecrudtest.Schema(t, gatewayresource.NewResource())
	for _, inline := range []bool{true, false} {
		enginecrudtest.FieldsExist(t, s, gatewayresource.AttributePath(inline), model.FieldMaxUnhealthy,
			model.FieldOverride, model.FieldComponents, model.FieldAuditPolicy, model.FieldKubelet, model.FieldSetup, model.FieldRestore,
			model.FieldEncryption, model.FieldRange, model.FieldGateway, model.FieldChart, model.FieldCredentials, model.FieldBuild)
	}
}

func TestAttributePath(t *testing.T) {
	t.Parallel()
	place := model.PlacementRef{NodePool: model.ControlPlanePool}
	for _, c := range []struct {
		field  model.Field
		inline bool
		want   string
	}{
		{model.ClusterField(model.FieldClusterName), false, "name"},
		{model.NodePoolField(model.ControlPlanePool, ""), false, "name"},
		{model.NodePoolField(model.ControlPlanePool, model.FieldDisk), false, "disk_gb"},
		{model.ClusterField(model.FieldFolder), false, "placement.folder"},
		{model.ClusterField(model.FieldPacks), false, "agent_image"},
		{place.Field(model.FieldNetwork), false, "placement.network"},
		{place.Field(model.FieldIPPool), false, "ip_pool_id"},
		{place.Field(model.FieldIPPool), true, "ip_pool"},
		{model.Field{Name: model.FieldSSHKeys, Element: model.At(1)}, false, "ssh_authorized_keys[1]"},
	} {
		if got := gatewayresource.AttributePath(c.inline)(c.field).String(); got != c.want {
			t.Errorf("%q (inline pool: %t): got %s, want %s", c.field, c.inline, got, c.want)
		}
	}
}
