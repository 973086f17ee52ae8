package datacenters

import (
	"strings"

	"github.com/gantry/terraform-provider-gantry/internal/vsphere"
)

// model is the values of gantry_datacenters. All of them are known, so that plain
// Go types suffice.
type model struct {
	Datacenters map[string]datacenter `tfsdk:"datacenters"`
}

type datacenter struct {
	Path            string                    `tfsdk:"path"`
	ComputeClusters map[string]computeCluster `tfsdk:"compute_clusters"`
	Datastores      map[string]datastore      `tfsdk:"datastores"`

	DatastoreClusters map[string]datastoreCluster `tfsdk:"datastore_clusters"`

	Networks  map[string]network  `tfsdk:"networks"`
	Folders   []string            `tfsdk:"folders"`
	Templates map[string]template `tfsdk:"templates"`
}

type computeCluster struct {
	Path          string   `tfsdk:"path"`
	Hosts         int64    `tfsdk:"hosts"`
	Datastores    []string `tfsdk:"datastores"`
	Networks      []string `tfsdk:"networks"`
	ResourcePools []string `tfsdk:"resource_pools"`

	DatastoreClusters []string `tfsdk:"datastore_clusters"`
	HostGroups        []string `tfsdk:"host_groups"`
	VMGroups          []string `tfsdk:"vm_groups"`
}

type datastore struct {
	Path       string `tfsdk:"path"`
	Type       string `tfsdk:"type"`
	Accessible bool   `tfsdk:"accessible"`
	CapacityGB int64  `tfsdk:"capacity_gb"`
	FreeGB     int64  `tfsdk:"free_gb"`
}

type datastoreCluster struct {
	Path       string   `tfsdk:"path"`
	StorageDRS bool     `tfsdk:"storage_drs"`
	Datastores []string `tfsdk:"datastores"`
	CapacityGB int64    `tfsdk:"capacity_gb"`
	FreeGB     int64    `tfsdk:"free_gb"`
}

type network struct {
	Path string `tfsdk:"path"`
	Type string `tfsdk:"type"`
}

type template struct {
	Path     string `tfsdk:"path"`
	Snapshot bool   `tfsdk:"snapshot"`
}

// fromInventory is the model of what vCenter showed.
func fromInventory(list []vsphere.Datacenter) model {
	return model{Datacenters: keyed(list, func(dc vsphere.Datacenter) (vsphere.Object, datacenter) {
		return dc.Object, datacenter{
			Path: dc.Path,
			ComputeClusters: keyed(dc.ComputeClusters, func(c vsphere.ComputeCluster) (vsphere.Object, computeCluster) {
				return c.Object, computeCluster{
					Path: c.Path, Hosts: int64(c.Hosts),
					Datastores: listed(c.Datastores), Networks: listed(c.Networks),
					ResourcePools:     below(c.ResourcePools, c.Path),
					DatastoreClusters: listed(c.DatastoreClusters),
					HostGroups:        listed(c.HostGroups),
					VMGroups:          listed(c.VMGroups),
				}
			}),
			Datastores: keyed(dc.Datastores, func(d vsphere.Datastore) (vsphere.Object, datastore) {
				return d.Object, datastore{d.Path, d.Type, d.Accessible, d.CapacityGB, d.FreeGB}
			}),
			DatastoreClusters: keyed(dc.DatastoreClusters, func(d vsphere.DatastoreCluster) (vsphere.Object, datastoreCluster) {
				return d.Object, datastoreCluster{d.Path, d.StorageDRS, listed(d.Datastores), d.CapacityGB, d.FreeGB}
			}),
			Networks: keyed(dc.Networks, func(n vsphere.Network) (vsphere.Object, network) {
				return n.Object, network{n.Path, n.Type}
			}),
			// The root folder for VMs is called vm in every datacenter.
			Folders: below(dc.Folders, dc.Path+"/vm"),
			Templates: keyed(dc.Templates, func(t vsphere.Template) (vsphere.Object, template) {
				return t.Object, template{t.Path, t.Snapshot}
			}),
		}
	})}
}

// keyed makes a map of a list, by name, and by path where names repeat.
func keyed[In, Out any](list []In, convert func(In) (vsphere.Object, Out)) map[string]Out {
	count := map[string]int{}
	for _, in := range list {
		object, _ := convert(in)
		count[object.Name]++
	}
	out := make(map[string]Out, len(list))
	for _, in := range list {
		object, value := convert(in)
		key := object.Name
		if count[key] > 1 {
			key = object.Path
		}
		out[key] = value
	}
	return out
}

// below are the paths of objects relative to an object above them.
func below(objects []vsphere.Object, root string) []string {
	paths := make([]string, 0, len(objects))
	for _, o := range objects {
		paths = append(paths, strings.TrimPrefix(o.Path, root+"/"))
	}
	return paths
}

// listed makes an empty list of none, so that length() and for work on it.
func listed(names []string) []string { return append([]string{}, names...) }
