package vmwarecluster_test

import (
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/provider/enginecrud/enginecrudtest"
	"github.com/gantry/terraform-provider-gantry/internal/provider/vmwarecluster"
)

func TestRulesCoverTheSchema(t *testing.T) {
	t.Parallel()
	enginecrudtest.RulesCover(t, enginecrudtest.Schema(t, vmwarecluster.NewResource()), vmwarecluster.Rules)
}

func TestFieldsAreAttributes(t *testing.T) {
	t.Parallel()
	enginecrudtest.FieldsExist(t, enginecrudtest.Schema(t, vmwarecluster.NewResource()), vmwarecluster.AttributePath, model.FieldReset)
}

func TestAttributePath(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		field model.Field
		want  string
	}{
		{model.Field{}, "name"},
		{model.ClusterField(model.FieldTemplate), "profile.image.template"},
		{model.NodePoolField(model.ControlPlanePool, ""), "control_plane"},
		{model.ClusterField(model.FieldKubernetes), "profile.kubernetes_version"},
		{model.NodePoolField("general", model.FieldKubernetes), `worker_pools["general"].kubernetes_version`},
		{model.NodePoolField("general", model.FieldTemplate), `worker_pools["general"].image.template`},
		{model.NodePoolField("general", model.FieldDisk), `worker_pools["general"].disk_gb`},
		{model.PlacementRef{NodePool: model.ControlPlanePool}.Field(model.FieldIPPool), "control_plane.placements[0].ip_pool_id"},
		{model.PlacementRef{NodePool: "general", Index: 2}.Field(model.FieldNetwork), `worker_pools["general"].placements[2].network`},
		{model.PlacementRef{NodePool: "general", Index: 2}.Field(""), `worker_pools["general"].placements[2]`},
		{model.PackField("app", model.FieldOverride), `pack_overrides["app"]`},
		{model.ReservedRange{Name: "web"}.Field(model.FieldRange), `load_balancer_pools["web"].range`},
		{model.ReservedRange{Name: "web"}.Field(model.FieldIPPool), `load_balancer_pools["web"].ip_pool_id`},
		{model.Field{Name: model.FieldNTPServers, Element: model.At(0)}, "ntp_servers[0]"},
	} {
		if got := vmwarecluster.AttributePath(c.field).String(); got != c.want {
			t.Errorf("%q: got %s, want %s", c.field, got, c.want)
		}
	}
}
