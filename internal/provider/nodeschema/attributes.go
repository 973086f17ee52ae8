// Package nodeschema holds the attributes that gantry_gateway and
// gantry_vmware_cluster share, since both are Kubernetes nodes on vSphere: their
// schema, their validators, and how they become a part of a spec.
package nodeschema

import (
	"fmt"
	"regexp"

	"github.com/hashicorp/terraform-plugin-framework-validators/int64validator"
	"github.com/hashicorp/terraform-plugin-framework-validators/listvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringdefault"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/provider/attribute"
)

const dnsNameRule = "must consist of lower-case letters, digits and `-` and have a letter or digit at both ends"

var (
	dnsName  = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`)
	kubeForm = regexp.MustCompile(`^1\.[0-9]{1,2}\.[0-9]{1,3}$`)
)

// maxName leaves room in a node's name for a pool and a number.
const maxName = 40

// Name is the name of a cluster or gateway, which by default begins the names of its nodes;
// scope is where it is unique.
func Name(kind, scope string) schema.StringAttribute {
	return schema.StringAttribute{
		Required: true,
		MarkdownDescription: fmt.Sprintf("Name of the %s, unique %s: 1 to %d lower-case letters, digits and `-`, with a letter or "+
			"digit at both ends. "+
			"By default it begins the names of its nodes, which hold 63 characters at most. A change replaces the %s.", kind, scope, maxName, kind),
		PlanModifiers: []planmodifier.String{stringplanmodifier.RequiresReplace()},
		Validators: []validator.String{
			stringvalidator.LengthBetween(1, maxName),
			stringvalidator.RegexMatches(dnsName, dnsNameRule),
		},
	}
}

// NodePoolName validates the key of a worker pool, or of anything else whose name
// becomes a part of a DNS name.
func NodePoolName() validator.String { return stringvalidator.RegexMatches(dnsName, dnsNameRule) }

// KubernetesVersion is the version that nodes are bootstrapped with.
func KubernetesVersion() schema.StringAttribute {
	return schema.StringAttribute{
		Required: true,
		MarkdownDescription: "Kubernetes version, 1.31 or newer, such as `1.37.2`, without a leading `v`. " +
			"The node image must hold kubeadm and kubelet of the same minor version. " +
			"A change upgrades what runs: to a newer patch or the next minor version, never back. The control plane is replaced one node " +
			"after the other, then kube-proxy and CoreDNS get the new version where they are as kubeadm installed them, " +
			"and then workers are rolled.",
		Validators: []validator.String{stringvalidator.RegexMatches(kubeForm, "must be a version such as 1.37.2")},
	}
}

// rolls is what a change of what nodes boot with does.
const rolls = "A change replaces the nodes of what runs, one at a time, those of the control plane first."

// SSHAuthorizedKeys are the keys of the image's default user.
func SSHAuthorizedKeys() schema.ListAttribute {
	return schema.ListAttribute{
		Optional:    true,
		ElementType: types.StringType,
		MarkdownDescription: "Public keys that may log in to the nodes as the image's default user, each one line of `authorized_keys`, " +
			"with options where there are any; " +
			"`file(\"id_ed25519.pub\")` is one. Blanks and line ends around a key mean nothing. Defaults to none. " +
			rolls,
		PlanModifiers: []planmodifier.List{sameKeys{}},
		Validators:    []validator.List{attribute.NoNulls{}, listvalidator.ValueStringsAre(PublicKey{})},
	}
}

// NTPServers replace the image's time sources.
func NTPServers() schema.ListAttribute {
	return schema.ListAttribute{
		Optional:            true,
		ElementType:         types.StringType,
		MarkdownDescription: "NTP servers of the nodes, by name or address. Defaults to the image's. " + rolls,
		Validators:          []validator.List{attribute.NoNulls{}, listvalidator.ValueStringsAre(TimeServer{})},
	}
}

// CPU is the number of virtual CPUs of a node.
func CPU(minimum int64) schema.Int64Attribute {
	return schema.Int64Attribute{
		CustomType:          attribute.Int64Type{},
		Required:            true,
		MarkdownDescription: fmt.Sprintf("Virtual CPUs of a node, %d to 256.", minimum),
		Validators:          []validator.Int64{int64validator.Between(minimum, 256)},
	}
}

// MemoryGB is the memory of a node.
func MemoryGB(minimum int64) schema.Int64Attribute {
	return schema.Int64Attribute{
		CustomType:          attribute.Int64Type{},
		Required:            true,
		MarkdownDescription: fmt.Sprintf("Memory of a node in GB (2^30 bytes), %d to 4096.", minimum),
		Validators:          []validator.Int64{int64validator.Between(minimum, 4096)},
	}
}

// DiskGB is the size of a node's disk.
func DiskGB(minimum int64) schema.Int64Attribute {
	return schema.Int64Attribute{
		CustomType: attribute.Int64Type{},
		Optional:   true,
		MarkdownDescription: fmt.Sprintf("Size of a node's disk in GB (2^30 bytes), %d to 62000, at least the template's. "+
			"Defaults to the template's, which is what a linked clone needs.", minimum),
		Validators: []validator.Int64{int64validator.Between(minimum, 62000)},
	}
}

// CloneMode is how disks are made.
func CloneMode() schema.StringAttribute {
	return schema.StringAttribute{
		Optional: true,
		Computed: true,
		Default:  stringdefault.StaticString(string(model.CloneAuto)),
		MarkdownDescription: "How the disks of nodes are made: `linked` to the template's snapshot, `full`, or `auto` (the default): " +
			"linked where the template has a snapshot, its datastore is the node's and the disk sizes are equal. " +
			"`linked` where that is not so is an error. A change holds for new nodes.",
		Validators: []validator.String{
			stringvalidator.OneOf(string(model.CloneAuto), string(model.CloneLinked), string(model.CloneFull)),
		},
	}
}
