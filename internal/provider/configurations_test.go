package provider_test

import (
	"strings"

	"github.com/gantry/terraform-provider-gantry/internal/ova/ovatest"
	"github.com/gantry/terraform-provider-gantry/internal/simulator"
)

// configurations are valid ones by the type of what they configure, as JSON. Together,
// those of a type set every attribute that has others inside. @SERVER@ and the like
// stand for what only the test knows.
var configurations = map[string][]string{
	"gantry": {
		`{"vcenter_server": "@SERVER@", "username": "@USER@", "password": "@PASSWORD@", "insecure_skip_verify": true,
		  "event_log": "events.jsonl", "chart_hosts": {"ghcr.io": {"mirror": "harbor.example.com/ghcr"},
		  "harbor.example.com": {"username": "robot", "password": "@PASSWORD@"}}}`,
	},
	"resource gantry_ip_pool": {
		`{"name": "web", "range": {"start": "10.20.0.1", "end": "10.20.0.50"}, "prefix_length": 24, "default_gateway": "10.20.0.254",
		  "nameservers": ["10.20.0.53"], "search_domains": ["example.com"], "excluded_addresses": ["10.20.0.7"], "network": "n"}`,
		`{"name": "web", "subnet": "10.20.0.0/26", "default_gateway": "10.20.0.1", "reuse_delay": "10m", "restrict_to_single_cluster": true}`,
	},
	"resource gantry_cloud_account": {
		`{"name": "team", "vcenter_server": "@SERVER@", "username": "@USER@", "password": "@PASSWORD@",
		  "timeouts": {"create": "1h"}}`,
		`{"name": "team", "vcenter_server": "@SERVER@", "username": "@USER@", "password_wo": "@PASSWORD@", "password_wo_version": 1}`,
	},
	"resource gantry_gateway": {
		`{` + gatewayBase + `, "pairing_code": "token", "ip_pool": {"name": "dc1-nodes", "range": {"start": "10.30.0.1", "end": "10.30.0.50"},
		  "prefix_length": 24, "default_gateway": "10.30.0.254", "nameservers": ["10.30.0.53"], "search_domains": ["example.com"],
		  "excluded_addresses": ["10.30.0.7"], "network": "dvpg-nodes", "reuse_delay": "10m", "restrict_to_single_cluster": false}}`,
		`{` + gatewayBase + `, "pairing_code_wo": "token", "pairing_code_wo_version": 1, "ip_pool_id": "@POOL@"}`,
		leasedGateway,
		strings.ReplaceAll(leasedGateway, importedImage, libraryImage),
	},
	"resource gantry_vmware_cluster": {clusterBase, leasedCluster, strings.ReplaceAll(leasedCluster, importedImage, libraryImage)},
	"resource gantry_node_image": {
		`{"name": "golden", "base": {"template": "gantry-node-1.37.2"}, "build": {"scripts": ["echo one"],
		  "files": {"/etc/motd": {"content": "hello", "permissions": "0600", "owner": "root:root"}}, "cpu": 4, "memory_gb": 8,
		  "install_kubernetes": {"version": "1.37.2", "repository": "https://mirror.example.com/kubernetes/v1.37"}},
		  "placement": {"datacenter": "dc-1", "compute_cluster": "cluster-a", "datastore": "shared-1", "network": "dvpg-nodes",
		  "resource_pool": "gantry"}, "network": {"ip_allocation": "static"}, "ip_pool_id": "@POOL@", "image_folder": "images",
		  "proxy": {"http": "http://p.example.com:3128", "https": "http://p.example.com:3128", "no_proxy": "example.com"},
		  "timeouts": {"create": "1h", "update": "1h", "delete": "1h"}}`,
		`{"name": "golden", "base": ` + importedImage + `, "build": {"scripts": ["echo one"]},
		  "placement": {"datacenter": "dc-1", "compute_cluster": "cluster-a", "datastore_cluster": "pod-1", "network": "dvpg-nodes"},
		  "network": {"ip_allocation": "dhcp"}}`,
	},
	"resource gantry_zone_tag":  {`{"datacenter": "dc-2", "compute_cluster": "cluster-d", "value": "zone-d"}`},
	"data gantry_cloud_account": {`{"name": "theirs"}`},
	"data gantry_datacenters":   {`{}`},
	"data gantry_gateway":       {`{"name": "theirs"}`},
	"data gantry_ip_pool":       {`{"name": "nodes", "include_allocations": true}`},
	"data gantry_orphans":       {`{}`},
	"data gantry_privileges": {
		`{"username": "team-a@vsphere.local", "version": "8.0", "on": {"datacenter": "dc-1", "compute_cluster": "cluster-a",
		  "datastore": "shared-1", "network": "dvpg-nodes", "resource_pool": "gantry", "folder": "k8s", "template": "gantry-node-1.37.2",
		  "image_folder": "templates"}}`,
	},
	"data gantry_template":       {`{"datacenter": "dc-1", "template": "gantry-node-1.37.2", "image_folder": "templates"}`},
	"data gantry_vmware_cluster": {`{"name": "theirs", "gateway_id": "@GATEWAY@"}`},
	"data gantry_zone_tags":      {`{"datacenter": "dc-1"}`},
}

// configuredInventory has what the configurations name beyond the standard inventory.
var configuredInventory = simulator.Inventory{DatastoreClusters: []simulator.DatastoreCluster{
	{Name: "pod-1", Datastores: []string{"pod-1a"}, StorageDRS: true},
}, HostGroups: []simulator.HostGroup{{ComputeCluster: "cluster-a", Name: "left", Hosts: []int{1}}},
	VMGroups: []simulator.VMGroup{{ComputeCluster: "cluster-a", Name: "licensed"}},
	Libraries: []simulator.Library{{Name: "images", Items: []simulator.LibraryItem{
		{Name: "node", Descriptor: ovatest.Descriptor(ovatest.Image{})},
	}}}}

// The least of what takes leases, from an OVA in a datastore cluster.
const (
	importedImage = `{"ova_url": "https://files.example.com/node-1.37.2.ova",
    "sha256": "5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b"}`
	libraryImage = `{"content_library": {"library": "images", "item": "node", "version": "1", "accept_eulas": true}}`
	leasedParts  = `"network": {"ip_allocation": "dhcp"}, "load_balancer": {"cpu": 1, "memory_gb": 1,
  "image": ` + importedImage + `, "haproxy_image": "docker.io/library/haproxy:3.0.10", "host_name": "leased.example.com"}`
	leasedPlacement = `"compute_cluster": "cluster-a", "datastore_cluster": "pod-1", "host_group": "left", "vm_group": "licensed",
  "network": "dvpg-nodes"`
	leasedGateway = `{"name": "leased", "node_count": 1, "cpu": 2, "memory_gb": 4, "disk_gb": 60, "kubernetes_version": "1.37.2",
  "image": ` + importedImage + `, "placement": {"datacenter": "dc-1", ` + leasedPlacement + `},
  "console_endpoint": "https://app.terraform.io", "pairing_code": "token", ` + leasedParts + `}`
	leasedCluster = `{"name": "leased", "datacenter": "dc-1",
  "cloud_account": {"id": "33333333-3333-4333-8333-333333333333", "name": "team", "vcenter_server": "@SERVER@", "username": "@USER@",
    "password": "@PASSWORD@"},
  "profile": {"kubernetes_version": "1.37.2", "image": ` + importedImage + `},
  "control_plane": {"node_count": 1, "cpu": 2, "memory_gb": 4, "placements": [{` + leasedPlacement + `}]},
  "worker_pools": {"general": {"node_count": 1, "cpu": 2, "memory_gb": 4, "image": ` + importedImage + `,
    "placements": [{` + leasedPlacement + `}]}},
  ` + leasedParts + `}`
)

const gatewayBase = `"name": "dc1", "node_count": 1, "cpu": 2, "memory_gb": 4, "disk_gb": 60, "clone_mode": "full",
  "kubernetes_version": "1.37.2", "image": {"template": "gantry-node-1.37.2"},
  "placement": {"datacenter": "dc-1", "compute_cluster": "cluster-a", "datastore": "shared-1", "network": "dvpg-nodes",
    "resource_pool": "gantry", "folder": "k8s/dc1"},
  "network": {"ip_allocation": "static", "pod_cidr": "192.168.0.0/16", "service_cidr": "10.96.0.0/12"},
  "proxy": {"http": "http://p:1", "https": "http://p:1", "no_proxy": "local"},
  "registry": {"mirrors": {"docker.io": ["https://mirror.example.com"]}, "image_repository": "mirror.example.com/kubernetes",
    "username": "robot", "password_wo": "@PASSWORD@", "password_wo_version": 1,
    "sandbox_image": "mirror.example.com/pause:3.10", "kube_vip_image": "mirror.example.com/kube-vip:v1.0.0"},
  "ssh_authorized_keys": ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGh1bmRyZWRzb2ZieXRlc29mbm9ib2R5c2tleWhlcmUh"],
  "ntp_servers": ["ntp"], "vm_tags": ["tier/gold"], "timeouts": {"create": "1h", "update": "1h", "delete": "1h"},
  "console_endpoint": "https://app.terraform.io", "agent_image": "agent:1", "registration_timeout": "15m", "reset_trigger": "again",
  "incomplete_create": "warn", "etcd_snapshot": {"directory": "snapshots"},
  "store_authorities": false, "force_delete": true, "force_delete_after": "20m",
  "timeouts": {"create": "1h", "update": "1h", "delete": "1h"}`

const clusterBase = `{"name": "prod", "datacenter": "dc-1", "folder": "k8s/prod", "clone_mode": "full", "incomplete_create": "error",
  "store_authorities": false,
  "etcd_snapshot": {"directory": "snapshots"},
  "restore_from_snapshot": {"url": "https://files.example.com/a.db",
    "sha256": "5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b"},
  "description": "Shop", "tags": {"team": "shop"}, "vm_tags": ["tier/gold"], "name_template": "{cluster}-{pool}-{n}",
  "deletion_protection": false, "force_delete": true, "force_delete_after": "20m",
  "timeouts": {"create": "1h", "update": "1h", "delete": "1h"},
  "cloud_account": {"id": "33333333-3333-4333-8333-333333333333", "name": "team", "vcenter_server": "@SERVER@", "username": "@USER@",
    "password": "@PASSWORD@"},
  "profile": {"kubernetes_version": "1.37.2", "image": {"template": "gantry-node-1.37.2", "build": {"scripts": ["true"], "cpu": 4,
    "install_kubernetes": {"version": "1.37.2", "repository": "https://mirror.example.com/kubernetes/v1.37"},
    "memory_gb": 8, "files": {"/etc/a": {"content": "a", "permissions": "0644", "owner": "root:root"}}}}, "kubernetes": {
    "api_server": {"extra_args": {"max-requests-inflight": "800"},
      "audit_policy": "{apiVersion: audit.k8s.io/v1, kind: Policy, rules: [{level: Metadata}]}",
      "oidc": {"issuer_url": "https://login.example.com", "audiences": ["kubernetes"], "username_claim": "sub", "username_prefix": "o:",
        "groups_claim": "groups", "groups_prefix": "o:", "required_claims": {"tenant": "one"}}},
    "controller_manager": {"extra_args": {"bind-address": "0.0.0.0"}}, "scheduler": {"extra_args": {"bind-address": "0.0.0.0"}},
    "kubelet": {"extra_args": {"v": "2"}, "config": "maxPods: 60"},
    "node_files": {"/etc/a": {"content": "a", "permissions": "0644", "owner": "root:root"}, "/etc/b": {"sensitive_content": "b"}},
    "encryption_at_rest": {"key_version": 2}, "pre_bootstrap": ["true"], "post_bootstrap": ["true"]}, "packs": {
    "a": {"layer": "addon", "manifests": ["apiVersion: v1\nkind: Namespace\nmetadata: {name: a}"]},
    "b": {"layer": "addon", "manifests": ["apiVersion: v1\nkind: Namespace\nmetadata: {name: b}"]},
    "c": {"layer": "cni", "manifests": ["apiVersion: v1\nkind: Namespace\nmetadata: {name: c}"], "depends_on": [],
      "prune": false, "drift_detection": false},
    "e": {"layer": "addon", "chart": {"name": "e", "repository": "https://charts.example.com", "version": "1.2.3",
      "digest": "sha256:5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b"}, "namespace": "e", "values": ["a: 1"],
      "vsphere_credentials": {"namespace": "e", "secret": "login", "format": "csi", "topology_categories": ["k8s-zone"]},
      "depends_on": ["a"], "wait": false, "wait_timeout": "5m", "drift_detection": false}}},
  "pack_overrides": {"e": "a: 2"}, "override_conflicts": "error",
  "usage_limits": {"cpu_percent": 80, "memory_percent": 90, "node_cpu_percent": 95, "node_memory_percent": 95},
  "load_balancer_pools": {"web": {"ip_pool_id": "@POOL@", "range": {"start": "10.10.183.40", "end": "10.10.183.42"}}},
  "network": {"ip_allocation": "static", "pod_cidr": "192.168.0.0/16", "service_cidr": "10.96.0.0/12"},
  "proxy": {"http": "http://p:1", "https": "http://p:1", "no_proxy": "local"},
  "registry": {"mirrors": {"docker.io": ["https://mirror.example.com"]}, "image_repository": "mirror.example.com/kubernetes",
    "username": "robot", "password_wo": "@PASSWORD@", "password_wo_version": 1,
    "sandbox_image": "mirror.example.com/pause:3.10", "kube_vip_image": "mirror.example.com/kube-vip:v1.0.0"},
  "ssh_authorized_keys": ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGh1bmRyZWRzb2ZieXRlc29mbm9ib2R5c2tleWhlcmUh"], "ntp_servers": ["ntp"],
  "control_plane": {"node_count": 1,
    "node_files": {"/etc/a": {"content": "a", "permissions": "0644", "owner": "root:root"}, "/etc/b": {"sensitive_content": "b"}},
    "pre_bootstrap": ["true"], "post_bootstrap": ["true"], "rolling_update": {"drain_timeout": "5m"},
    "placement_policy": "any",
  "cpu": 2, "memory_gb": 4, "disk_gb": 40, "schedulable": true,
    "labels": {"a": "b"}, "annotations": {"c": "d"}, "taints": [{"key": "k", "value": "v", "effect": "NoSchedule"}],
    "placements": [@PLACEMENT@]},
  "worker_pools": {"general": {"node_count": 2,
    "node_files": {"/etc/a": {"content": "a", "permissions": "0644", "owner": "root:root"}, "/etc/b": {"sensitive_content": "b"}},
    "pre_bootstrap": ["true"], "post_bootstrap": ["true"], "cpu": 2, "memory_gb": 4, "disk_gb": 40,
    "kubernetes_version": "1.37.2", "image": {"template": "gantry-node-1.37.2"},
    "labels": {"a": "b"}, "annotations": {"c": "d"}, "taints": [{"key": "k", "value": "v", "effect": "NoSchedule"}],
    "rolling_update": {"strategy": "contract_first", "max_unavailable": 2, "node_pause": "5m", "drain_timeout": "5m"},
    "spread": "host", "placement_policy": "any", "placements": [@PLACEMENT@]}},
  "repair": {"not_ready_after": "15m", "max_unhealthy": 2}
}`
