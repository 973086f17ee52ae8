package vmwarecluster_test

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/hashicorp/terraform-plugin-framework/diag"

	"github.com/gantry/terraform-provider-gantry/internal/bootstrap"
	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/ipam"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
	"github.com/gantry/terraform-provider-gantry/internal/provider/enginecrud/enginecrudtest"
	"github.com/gantry/terraform-provider-gantry/internal/provider/vmwarecluster"
)

const (
	clusterID = "11111111-1111-4111-8111-111111111111"
	gatewayID = "22222222-2222-4222-8222-222222222222"
	accountID = "33333333-3333-4333-8333-333333333333"
	poolID    = "44444444-4444-4444-8444-444444444444"

	otherPoolID = "55555555-5555-4555-8555-555555555555"
)

func addresses(text string) ipam.Range {
	r, err := ipam.ParseRange(text)
	if err != nil {
		panic(err)
	}
	return r
}

// full is a cluster with everything set.
const full = `{
  "id": "` + clusterID + `", "name": "prod", "datacenter": "dc-1", "folder": "k8s/prod", "image_folder": "templates", "clone_mode": "full",
  "store_authorities": false, "force_delete": true, "force_delete_after": "20m",
  "replace_nodes": ["prod-one-1"], "repair": {"not_ready_after": "15m", "max_unhealthy": 2},
  "etcd_snapshot": {"directory": "snapshots"},
  "restore_from_snapshot": {"url": "https://files.example.com/a.db", "ca_certificate": "PEM",
    "sha256": "5B5B5B5B5B5B5B5B5B5B5B5B5B5B5B5B5B5B5B5B5B5B5B5B5B5B5B5B5B5B5B5B"},
  "cloud_account": {"id": "` + accountID + `", "name": "team", "gateway_id": "` + gatewayID + `", "vcenter_server": "vc", "username": "u"},
  "network": {"ip_allocation": "static", "pod_cidr": "192.168.0.0/16", "service_cidr": "10.96.0.0/12"},
  "profile": {"kubernetes_version": "1.37.2", "image": {"template": "node", "build": {"scripts": ["one"], "cpu": 4,
    "install_kubernetes": {"version": "1.37.2", "repository": "https://mirror.example.com/kubernetes/v1.37"},
    "files": {"/etc/b": {"content": "b"}, "/etc/a": {"content": "a", "permissions": "640", "owner": "root:adm"}}}}, "kubernetes": {
    "api_server": {"extra_args": {"v": "2"}, "audit_policy": "{\"rules\": [{\"level\": \"None\"}], \"kind\": \"Policy\"}",
      "oidc": {"issuer_url": "https://i", "audiences": ["a"], "ca_certificate": "PEM", "username_claim": "email", "username_prefix": "",
        "groups_prefix": "g:", "required_claims": {"c": "d"}}},
    "controller_manager": {"extra_args": {"v": "3"}}, "scheduler": {"extra_args": {"v": "4"}},
    "kubelet": {"extra_args": {"v": "5"}, "config": "kind: KubeletConfiguration\nmaxPods: 60\nevictionHard: {memory.available: 5%}"},
    "node_files": {"/etc/b": {"content": "b"}, "/etc/a": {"content": "a", "permissions": "640", "owner": "root:adm"}},
    "encryption_at_rest": {"key_version": 3}, "pre_bootstrap": ["one"], "post_bootstrap": ["two"]}, "packs": {
    "b": {"layer": "addon", "manifests": ["b"]}, "a": {"layer": "addon", "manifests": ["a"]},
    "z": {"layer": "cni", "manifests": ["z1", "z2"]}
  }},
  "pack_overrides": {}, "override_conflicts": "error",
  "usage_limits": {"cpu_percent": 80, "node_memory_percent": 90},
  "load_balancer_pools": {
    "web": {"ip_pool_id": "` + otherPoolID + `", "range": {"start": "10.10.183.200", "end": "10.10.183.203"}},
    "api": {"ip_pool_id": "` + otherPoolID + `", "range": {"start": "10.10.183.199", "end": "10.10.183.199"}}
  },
  "proxy": {"http": "http://p", "https": "http://q", "no_proxy": "local", "ca_certificate": "PEM"},
  "registry": {"mirrors": {"docker.io": ["https://m.example.com"]}, "ca_certificate": "PEM", "image_repository": "r.example.com/k8s",
    "username": "robot", "password_wo_version": 3,
    "sandbox_image": "s.example.com/pause:1", "kube_vip_image": "v.example.com/kube-vip:2"},
  "description": "Shop", "tags": {"team": "shop"}, "vm_tags": ["tier/gold", "backup/daily"], "name_template": "{cluster}{pool}{n}",
  "ssh_authorized_keys": ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGh1bmRyZWRzb2ZieXRlc29mbm9ib2R5c2tleWhlcmUh"], "ntp_servers": ["ntp"],
  "control_plane": {"node_files": {"/etc/a": {"sensitive_content": "secret"}}, "node_count": 3, "rolling_update": {"drain_timeout": "2m"},
    "cpu": 2, "memory_gb": 4, "disk_gb": 40, "schedulable": true, "placement_policy": "any",
    "labels": {"a": "b"}, "annotations": {"c": "d"}, "taints": [{"key": "l", "effect": "NoExecute"}],
    "placements": [{"compute_cluster": "c", "datastore": "d", "network": "n", "resource_pool": "r", "ip_pool_id": "` + poolID + `"}]},
  "worker_pools": {
    "two": {"node_count": 0, "cpu": 1, "memory_gb": 2,
      "rolling_update": {"strategy": "expand_first", "max_surge": 3, "drain_timeout": "10m"},
      "placements": [{"compute_cluster": "c", "datastore_cluster": "dc", "storage_policy": "sp",
        "host_group": "hg", "vm_group": "vg", "network": "n", "ip_pool_id": "` + poolID + `"}]},
    "one": {"pre_bootstrap": ["three"], "post_bootstrap": ["four"], "kubernetes_version": "1.36.3",
      "image": {"content_library": {"library": "images", "item": "older", "version": "3", "accept_eulas": true}},
      "spread": "host", "placement_policy": "any",
      "node_count": 5, "cpu": 8, "memory_gb": 16, "disk_gb": 60, "annotations": {"x": "y"},
      "taints": [{"key": "k", "value": "v", "effect": "NoSchedule"}],
      "rolling_update": {"strategy": "contract_first", "max_unavailable": 2, "node_pause": "5m", "drain_timeout": "90s"},
      "placements": [{"compute_cluster": "c2", "datastore": "d2", "network": "n2", "ip_pool_id": "` + poolID + `"}]}
  }
}`

// TestSpecOfLeases is of a cluster whose nodes take leases.
func TestSpecOfLeases(t *testing.T) {
	t.Parallel()
	const lb = `"load_balancer": {"cpu": 1, "memory_gb": 3, "image": {"template": "lb"}, "haproxy_image": "r.example.com/haproxy:3",
  "host_name": "prod.example.com"}, "network": {"ip_allocation": "dhcp", `
	text := strings.ReplaceAll(strings.ReplaceAll(full, `, "ip_pool_id": "`+poolID+`"`, ""), `"network": {"ip_allocation": "static", `, lb)
	s := enginecrudtest.Schema(t, vmwarecluster.NewResource())
	got, diags := vmwarecluster.SpecOf(t.Context(), enginecrudtest.State(t, s, text))
	if diags.HasError() {
		t.Fatal(diags)
	}
	want := model.LoadBalancer{
		CPU: 1, MemoryGB: 3, Image: model.Image{Template: "lb", Folder: "templates"},
		HAProxyImage: "r.example.com/haproxy:3", HostName: "prod.example.com",
	}
	if got.LoadBalancer != want || !got.DHCP() || len(got.IPPools()) != 1 { // that of its ranges
		t.Errorf("load balancer %+v, allocation %q, IP pools %v", got.LoadBalancer, got.Allocation, got.IPPools())
	}
}

func TestSpec(t *testing.T) {
	t.Parallel()
	s := enginecrudtest.Schema(t, vmwarecluster.NewResource())
	got, diags := vmwarecluster.SpecOf(t.Context(), enginecrudtest.State(t, s, full))
	if diags.HasError() {
		t.Fatal(diags)
	}
	pool := uuid.MustParse(poolID)
	fileA := bootstrap.File{Path: "/etc/a", Content: "a", Permissions: "0640", Owner: "root:adm"}
	fileB := bootstrap.File{Path: "/etc/b", Content: "b", Permissions: "0644", Owner: "root:root"}
	want := model.ClusterSpec{
		Ref:               record.Ref{Kind: record.KindCluster, GatewayID: uuid.MustParse(gatewayID), Name: "prod"},
		EncryptionVersion: 3,
		ID:                uuid.MustParse(clusterID),
		Description:       "Shop",
		NameTemplate:      "{cluster}{pool}{n}",
		Tags:              map[string]string{"team": "shop"},
		VMTags:            []model.VMTag{{Name: "backup/daily"}, {Name: "tier/gold"}},
		KubernetesVersion: "1.37.2",
		Image: model.Built(model.Build{
			Base: model.Image{Template: "node", Folder: "templates"}, Scripts: []string{"one"}, CPU: 4, MemoryGB: 4,
			Files:    []bootstrap.File{fileA, fileB},
			Packages: &bootstrap.Packages{Version: "1.37.2", Repository: "https://mirror.example.com/kubernetes/v1.37"},
		}, "templates"),
		Datacenter:  "dc-1",
		Folder:      "k8s/prod",
		Allocation:  model.AllocationStatic,
		PodCIDR:     "192.168.0.0/16",
		ServiceCIDR: "10.96.0.0/12",
		Registry: bootstrap.Registry{
			Mirrors:       map[string][]string{"docker.io": {"https://m.example.com"}},
			CACertificate: "PEM",
			Repository:    "r.example.com/k8s",
			Username:      "robot",

			PasswordVersion: 3,
			SandboxImage:    "s.example.com/pause:1",
			KubeVIPImage:    "v.example.com/kube-vip:2",
		},
		Settings: bootstrap.Settings{
			APIServer:   bootstrap.Arguments{"v": "2"},
			AuditPolicy: "kind: Policy\nrules:\n- level: None\n",
			OIDC: &bootstrap.OIDC{
				IssuerURL: "https://i", Audiences: []string{"a"}, CACertificate: "PEM",
				UsernameClaim: "email", GroupsClaim: "groups", GroupsPrefix: "g:",
				RequiredClaims: map[string]string{"c": "d"},
			},
			ControllerManager: bootstrap.Arguments{"v": "3"},
			Scheduler:         bootstrap.Arguments{"v": "4"},
			Kubelet:           bootstrap.Arguments{"v": "5"},
			KubeletConfig:     "evictionHard:\n  memory.available: 5%\nmaxPods: 60\n",
		},
		ControlPlane: model.NodePool{
			Setup: bootstrap.Setup{
				Files: []bootstrap.File{
					{Path: "/etc/a", Content: "secret", Permissions: "0600", Owner: "root:root"},
					fileB,
				},
				PreBootstrap: []string{"one"}, PostBootstrap: []string{"two"},
			},
			Name:        model.ControlPlanePool,
			Count:       3,
			CPU:         2,
			MemoryGB:    4,
			DiskGB:      40,
			Schedulable: true,

			AnyPlacement: true,
			Meta: model.NodeMeta{
				Labels:      map[string]string{"a": "b"},
				Annotations: map[string]string{"c": "d"},
				Taints:      []model.Taint{{Key: "l", Effect: "NoExecute"}},
			},
			Placements:   []model.Placement{{ComputeCluster: "c", Datastore: "d", Network: "n", ResourcePool: "r", IPPoolID: pool}},
			DrainTimeout: 2 * time.Minute,
		},
		Workers: []model.NodePool{
			{
				Name: "one",
				Setup: bootstrap.Setup{
					Files: []bootstrap.File{fileA, fileB}, PreBootstrap: []string{"one", "three"}, PostBootstrap: []string{"two", "four"},
				},

				KubernetesVersion: "1.36.3",
				Spread:            model.SpreadHost,
				AnyPlacement:      true,
				Image: model.FromLibrary(model.LibraryItem{
					Library: "images", Item: "older", Version: "3", AcceptEULAs: true,
				}, "templates"),

				Count:    5,
				CPU:      8,
				MemoryGB: 16,
				DiskGB:   60,
				Meta: model.NodeMeta{
					Annotations: map[string]string{"x": "y"},
					Taints:      []model.Taint{{Key: "k", Value: "v", Effect: "NoSchedule"}},
				},
				Placements:     []model.Placement{{ComputeCluster: "c2", Datastore: "d2", Network: "n2", IPPoolID: pool}},
				DrainTimeout:   90 * time.Second,
				Strategy:       model.ContractFirst,
				MaxUnavailable: 2,
				NodePause:      5 * time.Minute,
			},
			{
				Name: "two",
				Setup: bootstrap.Setup{
					Files: []bootstrap.File{fileA, fileB}, PreBootstrap: []string{"one"}, PostBootstrap: []string{"two"},
				},
				CPU:      1,
				MemoryGB: 2,
				Placements: []model.Placement{{
					ComputeCluster: "c", DatastoreCluster: "dc", StoragePolicy: "sp", HostGroup: "hg", VMGroup: "vg", Network: "n", IPPoolID: pool,
				}},
				DrainTimeout: model.DefaultDrainTimeout,
				Strategy:     model.ExpandFirst,
				MaxSurge:     3,
			},
		},
		ReplaceNodes:  []string{"prod-one-1"},
		Repair:        &model.Repair{NotReadyAfter: 15 * time.Minute, MaxUnhealthy: 2},
		EtcdSnapshots: &model.EtcdSnapshots{Directory: "snapshots"},
		Restore: &model.Restore{
			URL: "https://files.example.com/a.db", SHA256: strings.Repeat("5b", 32), CACertificate: "PEM",
		},
		Reset:             "5b5b5b5b5b",
		SSHAuthorizedKeys: []string{"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGh1bmRyZWRzb2ZieXRlc29mbm9ib2R5c2tleWhlcmUh"},
		NTPServers:        []string{"ntp"},
		Proxy:             &model.Proxy{HTTP: "http://p", HTTPS: "http://q", NoProxy: "local", CACertificate: "PEM"},
		CloneMode:         model.CloneFull,
		OmitAuthorities:   true,
		RefuseConflicts:   true,
		UsageLimits:       &model.UsageLimits{CPU: 80, NodeMemory: 90},
		ReservedRanges: []model.ReservedRange{
			{Name: "api", IPPoolID: uuid.MustParse(otherPoolID), Range: addresses("10.10.183.199-10.10.183.199")},
			{Name: "web", IPPoolID: uuid.MustParse(otherPoolID), Range: addresses("10.10.183.200-10.10.183.203")},
		},
		Packs: []model.Pack{
			{Name: "z", Layer: "cni", Manifests: []string{"z1", "z2"}, Wait: true, WaitTimeout: 10 * time.Minute},
			{Name: "a", Layer: "addon", Manifests: []string{"a"}, Wait: true, WaitTimeout: 10 * time.Minute},
			{Name: "b", Layer: "addon", Manifests: []string{"b"}, Wait: true, WaitTimeout: 10 * time.Minute},
		},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%+v, want\n%+v", got, want)
	}
}

func TestSpecOfWrongIDs(t *testing.T) {
	t.Parallel()
	s := enginecrudtest.Schema(t, vmwarecluster.NewResource())
	for id, root := range map[string]string{clusterID: "id", gatewayID: "cloud_account", poolID: "control_plane"} {
		_, diags := vmwarecluster.SpecOf(t.Context(), enginecrudtest.State(t, s, strings.Replace(full, id, "nodes", 1)))
		if !diags.HasError() {
			t.Errorf("%s: no error", root)
			continue
		}
		at, ok := diags[0].(diag.DiagnosticWithPath)
		if !ok || at.Path().String() != root || !strings.Contains(diags[0].Detail(), `"nodes" is not a UUID`) {
			t.Errorf("got %v, want an error on %s", diags[0], root)
		}
	}
}

// rootOf is the attribute that a diagnostic stands on.
func rootOf(d diag.Diagnostic) string {
	at, ok := d.(diag.DiagnosticWithPath)
	if !ok {
		return ""
	}
	return at.Path().String()
}
