package lifecycle

import (
	"fmt"
	"regexp"

	"github.com/hashicorp/terraform-plugin-framework-validators/int64validator"
	"github.com/hashicorp/terraform-plugin-framework-validators/listvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringdefault"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

// The networks inside a cluster unless the configuration says otherwise.
const (
	DefaultPodCIDR     = "192.168.0.0/16"
	DefaultServiceCIDR = "10.96.0.0/12"
)

var (
	dnsName    = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`)
	kubeForm   = regexp.MustCompile(`^1\.[0-9]{1,2}\.[0-9]{1,3}$`)
	sshKeyForm = regexp.MustCompile(`^(ssh-|ecdsa-|sk-)[-a-z0-9@.]+ [A-Za-z0-9+/=]+`)
)

// NameAttribute is the name of a cluster or gateway, which begins the names of
// its nodes.
func NameAttribute(thing string, longest int) schema.StringAttribute {
	return schema.StringAttribute{
		Required: true,
		MarkdownDescription: fmt.Sprintf("Name of the %s, unique in its gateway: 1 to %d lower-case letters, digits and `-`, with a letter or digit at both ends. "+
			"It begins the names of its nodes, which hold 63 characters at most. A change replaces the %s.", thing, longest, thing),
		PlanModifiers: []planmodifier.String{stringplanmodifier.RequiresReplace()},
		Validators: []validator.String{
			stringvalidator.LengthBetween(1, longest),
			stringvalidator.RegexMatches(dnsName, "must consist of lower-case letters, digits and `-` and have a letter or digit at both ends"),
		},
	}
}

// PoolKeys is what the key of a worker pool may be.
func PoolKeys() validator.String {
	return stringvalidator.RegexMatches(dnsName, "must consist of lower-case letters, digits and `-` and have a letter or digit at both ends")
}

// KubernetesVersion is the version that nodes are bootstrapped with.
func KubernetesVersion() schema.StringAttribute {
	return schema.StringAttribute{
		Required:            true,
		MarkdownDescription: "Kubernetes version, such as `1.34.2`, without a leading `v`. The node image must hold kubeadm and kubelet of the same minor version.",
		Validators:          []validator.String{stringvalidator.RegexMatches(kubeForm, "must be a version such as 1.34.2")},
	}
}

// Image is the template that nodes are cloned from.
func Image() schema.SingleNestedAttribute {
	return schema.SingleNestedAttribute{
		Required:            true,
		MarkdownDescription: "Node image.",
		Attributes: map[string]schema.Attribute{
			"template": schema.StringAttribute{
				Required:            true,
				MarkdownDescription: "Name or inventory path of a VM template with cloud-init, open-vm-tools, containerd, kubeadm and kubelet.",
				Validators:          []validator.String{stringvalidator.LengthAtLeast(1)},
			},
		},
	}
}

// Network are the inner networks of a cluster.
func Network() schema.SingleNestedAttribute {
	cidr := func(doc, def string) schema.StringAttribute {
		return schema.StringAttribute{
			Optional: true, Computed: true, Default: stringdefault.StaticString(def),
			MarkdownDescription: doc + " in CIDR form. Defaults to `" + def + "`. A change replaces the cluster.",
			PlanModifiers:       []planmodifier.String{stringplanmodifier.RequiresReplace()},
			Validators:          []validator.String{CIDR{}},
		}
	}
	return schema.SingleNestedAttribute{
		Required:            true,
		MarkdownDescription: "How nodes get their addresses, and the networks inside the cluster.",
		Attributes: map[string]schema.Attribute{
			"ip_allocation": schema.StringAttribute{
				Required:            true,
				MarkdownDescription: "`static`: addresses come from the IP pools that the placements name, and a VIP stands before the control plane. A change replaces the cluster.",
				PlanModifiers:       []planmodifier.String{stringplanmodifier.RequiresReplace()},
				Validators:          []validator.String{stringvalidator.OneOf("static")},
			},
			"pod_cidr":     cidr("Network of pods", DefaultPodCIDR),
			"service_cidr": cidr("Network of services", DefaultServiceCIDR),
		},
	}
}

// PlacementAttributes say where nodes go. The pool is required where nothing
// else tells it.
func PlacementAttributes() map[string]schema.Attribute {
	name := func(doc string) schema.StringAttribute {
		return schema.StringAttribute{Required: true, MarkdownDescription: doc, Validators: []validator.String{stringvalidator.LengthAtLeast(1)}}
	}
	return map[string]schema.Attribute{
		"compute_cluster": name("Name or inventory path of the compute cluster."),
		"datastore":       name("Name or inventory path of a datastore that the hosts of the compute cluster mount."),
		"network":         name("Name or inventory path of a network or distributed port group that the compute cluster has."),
		"resource_pool": schema.StringAttribute{
			Optional:            true,
			MarkdownDescription: "Name or inventory path of a resource pool of the compute cluster. Defaults to the compute cluster's own.",
			Validators:          []validator.String{stringvalidator.LengthAtLeast(1)},
		},
	}
}

// SSHKeys are let in as the image's default user.
func SSHKeys() schema.ListAttribute {
	return schema.ListAttribute{
		Optional: true, ElementType: types.StringType,
		MarkdownDescription: "Public keys, in the form of `authorized_keys`, that may log in to the nodes as the image's default user. Defaults to none.",
		Validators: []validator.List{listvalidator.ValueStringsAre(
			stringvalidator.RegexMatches(sshKeyForm, "must be a public key such as `ssh-ed25519 AAAA… comment`"))},
	}
}

// NTPServers replace the image's time sources.
func NTPServers() schema.ListAttribute {
	return schema.ListAttribute{
		Optional: true, ElementType: types.StringType,
		MarkdownDescription: "NTP servers of the nodes, by name or address. Defaults to the image's.",
		Validators:          []validator.List{listvalidator.ValueStringsAre(stringvalidator.LengthAtLeast(1))},
	}
}

// ProxyAttribute is how nodes reach out.
func ProxyAttribute() schema.SingleNestedAttribute {
	all := func(others ...string) []validator.String {
		paths := make([]path.Expression, len(others))
		for i, o := range others {
			paths[i] = path.MatchRelative().AtParent().AtName(o)
		}
		return []validator.String{stringvalidator.LengthAtLeast(1), stringvalidator.AlsoRequires(paths...)}
	}
	return schema.SingleNestedAttribute{
		Optional:            true,
		MarkdownDescription: "HTTP proxy through which containerd and the system of the nodes reach out. `http`, `https` and `no_proxy` go together. Defaults to none.",
		Attributes: map[string]schema.Attribute{
			"http":           schema.StringAttribute{Optional: true, MarkdownDescription: "URL of the proxy for `http`.", Validators: all("https", "no_proxy")},
			"https":          schema.StringAttribute{Optional: true, MarkdownDescription: "URL of the proxy for `https`.", Validators: all("http", "no_proxy")},
			"no_proxy":       schema.StringAttribute{Optional: true, MarkdownDescription: "Comma-separated names, domains and networks that are reached directly. The cluster's own networks are added.", Validators: all("http", "https")},
			"ca_certificate": schema.StringAttribute{Optional: true, MarkdownDescription: "Certificate authority of the proxy, as PEM text, that nodes trust.", Validators: []validator.String{stringvalidator.LengthAtLeast(1)}},
		},
	}
}

// CPU is the number of virtual CPUs of a node.
func CPU(least int64) schema.Int64Attribute {
	return schema.Int64Attribute{
		Required:            true,
		MarkdownDescription: fmt.Sprintf("Virtual CPUs of a node, %d to 256.", least),
		Validators:          []validator.Int64{int64validator.Between(least, 256)},
	}
}

// MemoryGB is the memory of a node.
func MemoryGB(least int64) schema.Int64Attribute {
	return schema.Int64Attribute{
		Required:            true,
		MarkdownDescription: fmt.Sprintf("Memory of a node in GB (2^30 bytes), %d to 4096.", least),
		Validators:          []validator.Int64{int64validator.Between(least, 4096)},
	}
}

// DiskGB is the size of a node's disk.
func DiskGB(least int64) schema.Int64Attribute {
	return schema.Int64Attribute{
		Optional:            true,
		MarkdownDescription: fmt.Sprintf("Size of a node's disk in GB (2^30 bytes), %d to 62000, at least the template's. Defaults to the template's, which is what a linked clone needs.", least),
		Validators:          []validator.Int64{int64validator.Between(least, 62000)},
	}
}

// CloneModeAttribute is how disks are made.
func CloneModeAttribute() schema.StringAttribute {
	return schema.StringAttribute{
		Optional: true, Computed: true, Default: stringdefault.StaticString("auto"),
		MarkdownDescription: "How the disks of nodes are made: `linked` to the template's snapshot, `full`, or `auto` (the default): linked where the template has a snapshot, its datastore is the node's and the disk sizes are equal. `linked` where that is not so is an error.",
		Validators:          []validator.String{stringvalidator.OneOf("auto", "linked", "full")},
	}
}
