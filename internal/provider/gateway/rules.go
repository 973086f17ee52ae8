package gateway

import (
	"github.com/gantry/terraform-provider-gantry/internal/provider/enginecrud"
	"github.com/gantry/terraform-provider-gantry/internal/provider/nodeschema"
)

// rules say what may change on a running gateway: what only the agent uses, the addresses
// that the gateway hands out, what its nodes are replaced for, and the VMs' folder.
var rules = enginecrud.Rules{
	Replace:    []string{"name", "network"},
	Datacenter: "placement.datacenter",
	InPlace: []string{
		"agent_image",
		"clone_mode",
		"console_endpoint",
		"cpu",
		"disk_gb",
		"etcd_snapshot",
		"force_delete",
		"force_delete_after",
		"incomplete_create",
		"kubernetes_version",
		"memory_gb",
		"node_count",
		"ntp_servers",
		"pairing_code",
		"pairing_code_wo",
		"pairing_code_wo_version",
		"load_balancer.cpu",
		"load_balancer.haproxy_image",
		"load_balancer.image",
		"load_balancer.memory_gb",
		"placement.folder",
		"placement.image_folder",
		"proxy",
		"registration_timeout",
		"registry",
		"replace_nodes",
		"reset_trigger",
		"ssh_authorized_keys",
		"store_authorities",
		"timeouts",
		"vm_tags",

		"image",
		"placement.compute_cluster",
		"placement.datastore",
		"placement.datastore_cluster",
		"placement.storage_policy",
		"placement.host_group",
		"placement.vm_group",
		"placement.network",
		"placement.resource_pool",

		"ip_pool.default_gateway",
		"ip_pool.excluded_addresses",
		"ip_pool.nameservers",
		"ip_pool.network",
		"ip_pool.prefix_length",
		"ip_pool.range",
		"ip_pool.restrict_to_single_cluster",
		"ip_pool.reuse_delay",
		"ip_pool.search_domains",
		"ip_pool.subnet",
	},
	Refused: []enginecrud.Refusal{
		{
			Reason:     "Clients of the gateway know the endpoint, and certificates carry it.",
			Attributes: []string{"load_balancer.host_name"},
		},
		{
			Reason:     "The id of the inline IP pool, which its addresses in use are recorded under, is derived from its name.",
			Attributes: []string{"ip_pool.name"},
		},
		{
			Reason:     "The nodes keep their addresses, and with them their IP pool.",
			Attributes: []string{"ip_pool_id"},
		},
	},
	Flags: []string{"force_delete", "force_delete_after", "timeouts"},
	Same:  nodeschema.Same(),

	Optional: []string{"load_balancer"},
}
