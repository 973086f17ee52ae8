package gateway_test

import (
	"path"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/agent"
	"github.com/gantry/terraform-provider-gantry/internal/bootstrap"
	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
	"github.com/gantry/terraform-provider-gantry/internal/provider/enginecrud/enginecrudtest"
	gatewayresource "github.com/gantry/terraform-provider-gantry/internal/provider/gateway"
)

const (
	gatewayID = "11111111-1111-4111-8111-111111111111"
	ipPoolID  = "44444444-4444-4444-8444-444444444444"
)

// full is a gateway with everything set, and with an inline IP pool.
const full = `{
  "id": "` + gatewayID + `", "name": "dc1",
  "node_count": 1, "cpu": 2, "memory_gb": 4, "disk_gb": 60, "clone_mode": "full", "store_authorities": false,
  "force_delete": true, "force_delete_after": "20m",
  "kubernetes_version": "1.37.2", "image": {"template": "node"},
  "placement": {"datacenter": "dc-1", "compute_cluster": "c", "datastore": "d", "datastore_cluster": "e", "storage_policy": "f",
    "host_group": "h", "vm_group": "v", "network": "n", "resource_pool": "r", "folder": "k8s", "image_folder": "templates"},
  "network": {"ip_allocation": "static", "pod_cidr": "192.168.0.0/16", "service_cidr": "10.96.0.0/12"},
  "ip_pool": {"name": "nodes", "range": {"start": "10.0.0.1", "end": "10.0.0.9"}, "prefix_length": 24, "default_gateway": "10.0.0.254",
    "nameservers": ["10.0.0.53"], "search_domains": ["example.com"], "excluded_addresses": ["10.0.0.5"], "network": "n",
    "reuse_delay": "90s", "restrict_to_single_cluster": true},
  "ip_pool_id": "` + ipPoolID + `",
  "proxy": {"http": "http://p", "https": "http://q", "no_proxy": "local", "ca_certificate": "PEM"},
  "ssh_authorized_keys": ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGh1bmRyZWRzb2ZieXRlc29mbm9ib2R5c2tleWhlcmUh"], "ntp_servers": ["ntp"],
  "registry": {"mirrors": {"docker.io": ["https://m.example.com"]}, "ca_certificate": "PEM", "image_repository": "r.example.com/k8s",
    "username": "robot", "password_wo_version": 3,
    "sandbox_image": "s.example.com/pause:1", "kube_vip_image": "v.example.com/kube-vip:2"},
  "vm_tags": ["tier/gold"],
  "replace_nodes": ["dc1-cp-1"],
  "console_endpoint": "https://app.terraform.io", "pairing_code": "token", "agent_image": "agent:1", "registration_timeout": "15m",
  "default_cloud_account": {"id": "` + ipPoolID + `", "name": "default", "gateway_id": "` + gatewayID + `",
    "vcenter_server": "[2001:db8::5]:8443", "username": "u"},
  "reset_trigger": "again", "etcd_snapshot": {"directory": "snapshots"}
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
	got := specOf(t, full)
	seconds := 90
	want := model.ClusterSpec{
		Ref:               record.Ref{Kind: record.KindGateway, Name: "dc1"},
		ID:                uuid.MustParse(gatewayID),
		KubernetesVersion: "1.37.2",
		Image:             model.Image{Template: "node", Folder: "templates"},
		Datacenter:        "dc-1",
		Folder:            "k8s",
		Allocation:        model.AllocationStatic,
		PodCIDR:           "192.168.0.0/16",
		ServiceCIDR:       "10.96.0.0/12",
		ControlPlane: model.NodePool{
			Name:        model.ControlPlanePool,
			Count:       1,
			CPU:         2,
			MemoryGB:    4,
			DiskGB:      60,
			MinDiskGB:   60,
			Schedulable: true,
			Placements: []model.Placement{{
				ComputeCluster:   "c",
				Datastore:        "d",
				DatastoreCluster: "e",
				StoragePolicy:    "f",
				HostGroup:        "h",
				VMGroup:          "v",
				Network:          "n",
				ResourcePool:     "r",
				IPPoolID:         uuid.MustParse(ipPoolID),
			}},
			DrainTimeout: model.DefaultDrainTimeout,
		},
		EtcdSnapshots:     &model.EtcdSnapshots{Directory: "snapshots"},
		SSHAuthorizedKeys: []string{"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGh1bmRyZWRzb2ZieXRlc29mbm9ib2R5c2tleWhlcmUh"},
		NTPServers:        []string{"ntp"},
		VMTags:            []model.VMTag{{Name: "tier/gold"}},
		ReplaceNodes:      []string{"dc1-cp-1"},
		Proxy:             &model.Proxy{HTTP: "http://p", HTTPS: "http://q", NoProxy: "local", CACertificate: "PEM"},
		CloneMode:         model.CloneFull,
		Registry: bootstrap.Registry{
			Mirrors:       map[string][]string{"docker.io": {"https://m.example.com"}},
			CACertificate: "PEM",
			Repository:    "r.example.com/k8s",
			Username:      "robot",

			PasswordVersion: 3,
			SandboxImage:    "s.example.com/pause:1",
			KubeVIPImage:    "v.example.com/kube-vip:2",
		},
		OmitAuthorities: true,
		Reset:           "b4c9e14061",
		Packs:           packs(t),
		OwnIPPool: &record.IPPool{
			Name:                    "nodes",
			Start:                   "10.0.0.1",
			End:                     "10.0.0.9",
			PrefixLength:            24,
			DefaultGateway:          "10.0.0.254",
			Nameservers:             []string{"10.0.0.53"},
			SearchDomains:           []string{"example.com"},
			Excluded:                []string{"10.0.0.5"},
			RestrictToSingleCluster: true,
			Network:                 "n",
			ReuseDelaySeconds:       &seconds,
		},
	}
	if len(got.Packs) == 2 && got.Packs[1].Await != nil {
		if why := got.Packs[1].Await.Explain(nil); !strings.Contains(why, "registration_timeout") {
			t.Errorf("the explanation is %q", why)
		}
		got.Packs[1].Await.Explain = nil // functions are never equal
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%+v, want\n%+v", got, want)
	}
}

// packs are those of full, without the advice about the agent.
func packs(t *testing.T) []model.Pack {
	t.Helper()
	network, err := agent.Network("192.168.0.0/16", func(image string) string { return "r.example.com/k8s/" + path.Base(image) })
	if err != nil {
		t.Fatal(err)
	}
	manifests, err := agent.Config{
		Gateway:     "dc1",
		ID:          gatewayID,
		Replicas:    1,
		Image:       "agent:1",
		Endpoint:    "https://app.terraform.io",
		Token:       "token",
		PodCIDR:     "192.168.0.0/16",
		ServiceCIDR: "10.96.0.0/12",
		Direct:      []string{"2001:db8::5", "10.0.0.0/24"},
		Proxy:       &agent.Proxy{HTTP: "http://p", HTTPS: "http://q", NoProxy: "local", CACertificate: "PEM"},
	}.Manifests()
	if err != nil {
		t.Fatal(err)
	}
	await := &model.Deployment{Namespace: agent.Namespace, Name: agent.Deployment, Timeout: 15 * time.Minute}
	return []model.Pack{
		{Name: "cni", Layer: model.LayerCNI, Manifests: network, IgnoresDrift: true},
		{Name: "agent", Layer: "addon", Manifests: manifests, Await: await, IgnoresDrift: true},
	}
}

func TestSpecWithoutInlinePool(t *testing.T) {
	t.Parallel()
	before, after, _ := strings.Cut(full, `"ip_pool": {`)
	_, after, _ = strings.Cut(after, "},\n")
	if spec := specOf(t, before+after); spec.OwnIPPool != nil || spec.Endpoint().IPPool.String() != ipPoolID {
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
