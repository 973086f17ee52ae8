package vmwarecluster

import (
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	enginemodel "github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/provider/nodeschema"
)

// kubernetesPath is the attribute of the settings of Kubernetes.
var kubernetesPath = path.Root("profile").AtName("kubernetes")

// clusterFields are the attributes by the fields of the cluster that they become.
var clusterFields = map[enginemodel.FieldName]path.Path{
	enginemodel.FieldClusterName:      path.Root("name"),
	enginemodel.FieldGateway:          path.Root("cloud_account").AtName("gateway_id"),
	enginemodel.FieldKubernetes:       path.Root("profile").AtName("kubernetes_version"),
	enginemodel.FieldTemplate:         path.Root("profile").AtName("image").AtName("template"),
	enginemodel.FieldBuild:            path.Root("profile").AtName("image").AtName("build"),
	enginemodel.FieldImageFolder:      path.Root("image_folder"),
	enginemodel.FieldPacks:            path.Root("profile").AtName("packs"),
	enginemodel.FieldChart:            path.Root("profile").AtName("packs"),
	enginemodel.FieldCredentials:      path.Root("profile").AtName("packs"),
	enginemodel.FieldOverride:         path.Root("pack_overrides"),
	enginemodel.FieldRange:            path.Root("load_balancer_pools"),
	enginemodel.FieldDatacenter:       path.Root("datacenter"),
	enginemodel.FieldFolder:           path.Root("folder"),
	enginemodel.FieldPodCIDR:          path.Root("network").AtName("pod_cidr"),
	enginemodel.FieldServiceCIDR:      path.Root("network").AtName("service_cidr"),
	enginemodel.FieldSSHKeys:          path.Root("ssh_authorized_keys"),
	enginemodel.FieldNTPServers:       path.Root("ntp_servers"),
	enginemodel.FieldProxy:            path.Root("proxy"),
	enginemodel.FieldProxyHTTP:        path.Root("proxy").AtName("http"),
	enginemodel.FieldProxyHTTPS:       path.Root("proxy").AtName("https"),
	enginemodel.FieldNoProxy:          path.Root("proxy").AtName("no_proxy"),
	enginemodel.FieldProxyCertificate: path.Root("proxy").AtName("ca_certificate"),
	enginemodel.FieldComponents:       kubernetesPath,
	enginemodel.FieldAuditPolicy:      kubernetesPath.AtName("api_server").AtName("audit_policy"),
	enginemodel.FieldKubelet:          kubernetesPath.AtName("kubelet").AtName("config"),
	enginemodel.FieldEncryption:       kubernetesPath.AtName("encryption_at_rest").AtName("key_version"),
	enginemodel.FieldCloneMode:        path.Root("clone_mode"),
	enginemodel.FieldEtcdSnapshot:     path.Root("etcd_snapshot").AtName("directory"),
	enginemodel.FieldRestore:          path.Root("restore_from_snapshot"),
	enginemodel.FieldReplaceNodes:     path.Root("replace_nodes"),
	enginemodel.FieldVMTags:           path.Root("vm_tags"),
	enginemodel.FieldMaxUnhealthy:     path.Root("repair").AtName("max_unhealthy"),
}

// nodePoolFields are the attributes of a node pool by its fields.
var nodePoolFields = map[enginemodel.FieldName]string{
	enginemodel.FieldNodeCount: "node_count",
	enginemodel.FieldCPU:       "cpu",
	enginemodel.FieldMemory:    "memory_gb",
	enginemodel.FieldDisk:      "disk_gb",
	enginemodel.FieldSetup:     "node_files",

	// Of a worker pool that has its own.
	enginemodel.FieldKubernetes: "kubernetes_version",
	enginemodel.FieldTemplate:   "image",
}

// AttributePath implements enginecrud.Model.
func (m *model) AttributePath(f enginemodel.Field) path.Path {
	if f.Range != "" {
		name := "range"
		if f.Name == enginemodel.FieldIPPool {
			name = "ip_pool_id"
		}
		return loadBalancerPoolPath(f.Range).AtName(name)
	}
	if f.Pack != "" && f.Name == enginemodel.FieldOverride {
		return overridePath(f.Pack)
	}
	if f.Pack != "" {
		name := "chart"
		if f.Name == enginemodel.FieldCredentials {
			name = "vsphere_credentials"
		}
		return clusterFields[enginemodel.FieldPacks].AtMapKey(f.Pack).AtName(name)
	}
	at := fieldPath(f)
	if f.Name == enginemodel.FieldSetup && !m.ownSetup(f.NodePool) {
		at = kubernetesPath.AtName("node_files")
	}
	if f.Name == enginemodel.FieldTemplate {
		return nodeschema.ImagePath(at, m.imageParent(f.NodePool), "image")
	}
	if i, ok := f.Element.Get(); ok {
		return at.AtListIndex(i)
	}
	return at
}

// imageParent is the object that has the image of a node pool, or of the cluster.
func (m *model) imageParent(pool string) types.Object {
	if pool == enginemodel.LoadBalancerPool {
		return m.LoadBalancer
	}
	if worker, ok := m.WorkerPools.Elements()[pool].(types.Object); ok {
		return worker
	}
	return m.Profile
}

func fieldPath(f enginemodel.Field) path.Path {
	if at, ok := nodeschema.LoadBalancerPath(f); ok {
		return at
	}
	if at, ok := nodeschema.RegistryPath(f.Name); ok {
		return at
	}
	ofPool := f.NodePool != "" && f.NodePool != enginemodel.ControlPlanePool && nodePoolFields[f.Name] != ""
	if at, ok := clusterFields[f.Name]; ok && !ofPool {
		return at
	}
	if f.NodePool == "" {
		return path.Root("name") // the cluster as a whole
	}
	pool := nodePoolPath(f.NodePool)
	if name, ok := nodePoolFields[f.Name]; ok {
		at := pool.AtName(name)
		if f.Name == enginemodel.FieldTemplate {
			at = at.AtName("template")
		}
		return at
	}
	placement, ok := placementPath(pool, f)
	if !ok {
		return pool
	}
	if f.Name == enginemodel.FieldIPPool {
		return placement.AtName("ip_pool_id")
	}
	if at, ok := nodeschema.PlacementPath(placement, f.Name); ok {
		return at
	}
	return placement
}

func nodePoolPath(name string) path.Path {
	if name == enginemodel.ControlPlanePool {
		return path.Root("control_plane")
	}
	return path.Root("worker_pools").AtMapKey(name)
}

// placementPath is the placement of a field; false for a field that has none.
func placementPath(pool path.Path, f enginemodel.Field) (path.Path, bool) {
	i, ok := f.Placement.Get()
	if !ok {
		return path.Empty(), false
	}
	return pool.AtName("placements").AtListIndex(i), true
}
