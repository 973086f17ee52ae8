package gateway

import (
	"github.com/hashicorp/terraform-plugin-framework/path"

	enginemodel "github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/provider/nodeschema"
)

// fields are the attributes by the fields of the spec that they become.
var fields = map[enginemodel.FieldName]path.Path{
	enginemodel.FieldClusterName: path.Root("name"),
	enginemodel.FieldKubernetes:  path.Root("kubernetes_version"),
	enginemodel.FieldTemplate:    path.Root("image").AtName("template"),
	enginemodel.FieldImageFolder: path.Root("placement").AtName("image_folder"),
	// What a gateway runs is fixed but for the agent.
	enginemodel.FieldPacks:            path.Root("agent_image"),
	enginemodel.FieldDatacenter:       path.Root("placement").AtName("datacenter"),
	enginemodel.FieldFolder:           path.Root("placement").AtName("folder"),
	enginemodel.FieldPodCIDR:          path.Root("network").AtName("pod_cidr"),
	enginemodel.FieldServiceCIDR:      path.Root("network").AtName("service_cidr"),
	enginemodel.FieldSSHKeys:          path.Root("ssh_authorized_keys"),
	enginemodel.FieldNTPServers:       path.Root("ntp_servers"),
	enginemodel.FieldVMTags:           path.Root("vm_tags"),
	enginemodel.FieldProxy:            path.Root("proxy"),
	enginemodel.FieldProxyHTTP:        path.Root("proxy").AtName("http"),
	enginemodel.FieldProxyHTTPS:       path.Root("proxy").AtName("https"),
	enginemodel.FieldNoProxy:          path.Root("proxy").AtName("no_proxy"),
	enginemodel.FieldProxyCertificate: path.Root("proxy").AtName("ca_certificate"),
	enginemodel.FieldCloneMode:        path.Root("clone_mode"),
	enginemodel.FieldEtcdSnapshot:     path.Root("etcd_snapshot").AtName("directory"),
	enginemodel.FieldNodeCount:        path.Root("node_count"),
	enginemodel.FieldCPU:              path.Root("cpu"),
	enginemodel.FieldMemory:           path.Root("memory_gb"),
	enginemodel.FieldDisk:             path.Root("disk_gb"),
	enginemodel.FieldIPPool:           path.Root("ip_pool_id"),
	enginemodel.FieldReset:            path.Root("reset_trigger"),
	enginemodel.FieldReplaceNodes:     path.Root("replace_nodes"),
}

// AttributePath implements enginecrud.Model. A gateway's only node pool and its only
// placement are the gateway itself.
func (m *model) AttributePath(f enginemodel.Field) path.Path {
	if f.Name == enginemodel.FieldIPPool && !m.IPPool.IsNull() {
		return path.Root("ip_pool")
	}
	if at, ok := nodeschema.LoadBalancerPath(f); ok {
		if f.Name == enginemodel.FieldTemplate {
			return nodeschema.ImagePath(at, m.LoadBalancer, "image")
		}
		return at
	}
	if at, ok := nodeschema.RegistryPath(f.Name); ok {
		return at
	}
	at, ok := fields[f.Name]
	if f.Name == enginemodel.FieldTemplate && !m.Image.IsNull() {
		return nodeschema.SourcePath(at, m.Image)
	}
	if !ok {
		at, ok = nodeschema.PlacementPath(path.Root("placement"), f.Name)
	}
	if !ok {
		return path.Root("name")
	}
	if i, ok := f.Element.Get(); ok {
		return at.AtListIndex(i)
	}
	return at
}
