package vmwarecluster

import (
	"github.com/gantry/terraform-provider-gantry/internal/provider/enginecrud"
	"github.com/gantry/terraform-provider-gantry/internal/provider/nodeschema"
)

// rules say what may change on a running cluster. What cannot is refused in the
// plan; it never replaces the cluster.
var rules = enginecrud.Rules{
	Replace:    []string{"name", "network", "cloud_account.gateway_id"},
	Datacenter: "datacenter",
	InPlace: []string{
		"cloud_account.ca_certificate",
		"cloud_account.id",
		"cloud_account.insecure_skip_verify",
		"cloud_account.name",
		"cloud_account.password",
		"cloud_account.username",
		"cloud_account.vcenter_server",
		"cloud_account_password_wo",
		"cloud_account_password_wo_version",
		"clone_mode",
		"deletion_protection",
		"description",
		"etcd_snapshot",
		"folder",
		"force_delete",
		"force_delete_after",
		"image_folder",
		"incomplete_create",
		"ntp_servers",
		"proxy",
		"repair",
		"replace_nodes",
		"restore_from_snapshot",
		"ssh_authorized_keys",
		"store_authorities",
		"tags",
		"timeouts",

		"profile.image",
		"profile.kubernetes",
		"profile.kubernetes_version",
		"profile.packs",

		"control_plane.annotations",
		"control_plane.cpu",
		"control_plane.disk_gb",
		"control_plane.labels",
		"control_plane.memory_gb",
		"control_plane.node_count",
		"control_plane.node_files",
		"control_plane.placement.compute_cluster",
		"control_plane.placement.datastore",
		"control_plane.placement.network",
		"control_plane.placement.resource_pool",
		"control_plane.post_bootstrap",
		"control_plane.pre_bootstrap",
		"control_plane.rolling_update",
		"control_plane.taints",

		"worker_pools.*.annotations",
		"worker_pools.*.cpu",
		"worker_pools.*.disk_gb",
		"worker_pools.*.image",
		"worker_pools.*.kubernetes_version",
		"worker_pools.*.labels",
		"worker_pools.*.memory_gb",
		"worker_pools.*.node_count",
		"worker_pools.*.node_files",
		"worker_pools.*.placements",
		"worker_pools.*.post_bootstrap",
		"worker_pools.*.pre_bootstrap",
		"worker_pools.*.rolling_update",
		"worker_pools.*.taints",
	},
	Flags: []string{"deletion_protection", "force_delete", "force_delete_after", "timeouts"},
	Refused: []enginecrud.Refusal{
		{
			Reason:     "The VIP, which clients of the cluster know, is an address of the control plane's IP pool.",
			Attributes: []string{"control_plane.placement.ip_pool_id"},
		},
		{
			Reason:     "The taint of control-plane nodes is set when they join, and administrators change it since.",
			Attributes: []string{"control_plane.schedulable"},
		},
	},
	Keyed: []string{"worker_pools", "profile.packs", "tags"},
	Same:  nodeschema.Same(),
}
