package gateway_test

import (
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/agent"
	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
	"github.com/gantry/terraform-provider-gantry/internal/provider/enginecrud/enginecrudtest"
	gatewayresource "github.com/gantry/terraform-provider-gantry/internal/provider/gateway"
)

const ipPoolID = "44444444-4444-4444-8444-444444444444"

// full is a gateway with an inline IP pool.
const full = `{
  "id": "11111111-1111-4111-8111-111111111111", "name": "dc1",
  "node_count": 1, "cpu": 2, "memory_gb": 4, "disk_gb": 60, "clone_mode": "auto",
  "kubernetes_version": "1.34.2", "image": {"template": "node"},
  "placement": {"datacenter": "dc-1", "compute_cluster": "c", "datastore": "d", "network": "n",
    "folder": "k8s", "image_folder": "templates"},
  "network": {"ip_allocation": "static", "pod_cidr": "192.168.0.0/16", "service_cidr": "10.96.0.0/12"},
  "ip_pool": {"name": "nodes", "range": {"start": "10.0.0.1", "end": "10.0.0.9"}, "prefix_length": 24, "default_gateway": "10.0.0.254",
    "reuse_delay": "5m", "restrict_to_single_cluster": false},
  "ip_pool_id": "` + ipPoolID + `",
  "console_endpoint": "https://app.terraform.io", "pairing_code": "token", "agent_image": "agent:1", "registration_timeout": "10m"
}`

func specOf(t *testing.T, values string) model.ClusterSpec {
	t.Helper()
	s := enginecrudtest.Schema(t, gatewayresource.NewResource())
	spec, diags := gatewayresource.SpecOf(t.Context(), enginecrudtest.State(t, s, values))
	if diags.HasError() {
		t.Fatal(diags)
	}
	return spec
}

func TestSpec(t *testing.T) {
	t.Parallel()
	spec := specOf(t, full)
	if spec.Ref != (record.Ref{Kind: record.KindGateway, Name: "dc1"}) || spec.Datacenter != "dc-1" || spec.Folder != "k8s" ||
		spec.Image != (model.Image{Template: "node", Folder: "templates"}) {
		t.Errorf("got %+v", spec)
	}
	place := model.Placement{ComputeCluster: "c", Datastore: "d", Network: "n", IPPoolID: uuid.MustParse(ipPoolID)}
	nodes := spec.ControlPlane
	if nodes.Count != 1 || nodes.DiskGB != 60 || !nodes.Schedulable || len(nodes.Placements) != 1 || nodes.Placements[0] != place {
		t.Errorf("the control plane is %+v", nodes)
	}
	want := record.IPPool{Name: "nodes", Start: "10.0.0.1", End: "10.0.0.9", PrefixLength: 24, DefaultGateway: "10.0.0.254"}
	if spec.OwnIPPool == nil || !spec.OwnIPPool.Equal(want) {
		t.Errorf("the inline IP pool is %+v", spec.OwnIPPool)
	}
	if len(spec.Packs) != 2 || spec.Packs[0].Layer != model.LayerCNI || spec.Packs[1].Await.Name != agent.Deployment {
		t.Errorf("the packs are %+v", spec.Packs)
	}
}

func TestSpecWithoutInlinePool(t *testing.T) {
	t.Parallel()
	before, after, _ := strings.Cut(full, `"ip_pool": {`)
	_, after, _ = strings.Cut(after, "},\n")
	if spec := specOf(t, before+after); spec.OwnIPPool != nil || spec.EndpointIPPool().String() != ipPoolID {
		t.Errorf("got %+v", spec)
	}
}

// TestAgentPack shows which version of the agent a spec asks for: without a token
// nothing can be said, and of a write-only one the version says it.
func TestAgentPack(t *testing.T) {
	t.Parallel()
	with := func(token string) []model.Pack {
		return specOf(t, strings.Replace(full, `"pairing_code": "token"`, token, 1)).Packs[1:]
	}
	if packs := with(`"pairing_code": null`); len(packs) != 0 {
		t.Errorf("without a token: %+v", packs)
	}
	one := with(`"pairing_code_wo_version": 1`)
	same := with(`"pairing_code_wo_version": 1, "pairing_code_wo": "secret"`)
	two := with(`"pairing_code_wo_version": 2, "pairing_code_wo": "secret"`)
	if one[0].Hash() != same[0].Hash() || same[0].Hash() == two[0].Hash() {
		t.Errorf("the hashes are %s, %s and %s", one[0].Hash(), same[0].Hash(), two[0].Hash())
	}
	if len(one[0].Manifests) != 0 || !strings.Contains(strings.Join(same[0].Manifests, ""), "c2VjcmV0") {
		t.Errorf("the manifests are %v and %v", one[0].Manifests, same[0].Manifests)
	}
}
