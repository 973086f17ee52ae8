// Package privileges is what the accounts of Gantry may have to do in vCenter, as a table:
// each privilege as the vSphere Client shows it and by the id of vCenter's API, on what it
// is granted, and what it is used for. The guide on privileges, the data source and the
// warnings of plans are taken from it. It is pure.
package privileges

import (
	"slices"
	"strings"
)

// Role is a set of privileges that an administrator grants together.
type Role string

// The roles of a cloud account, and that of the provider's own user.
const (
	// RootLevel is granted on vCenter's root object and on the datacenters alone.
	RootLevel Role = "root"
	// ClusterLevel is granted on what clusters are made of, and all below it.
	ClusterLevel Role = "cluster"
	// Ledger is granted to the provider's user as a global permission: tags are no objects
	// of the inventory.
	Ledger Role = "ledger"
)

// Propagates reports whether a role is granted on what is below an object, too.
func (r Role) Propagates() bool { return r != RootLevel }

// Object is a kind of object that a privilege is needed on.
type Object string

// Kinds of objects. Those of a cluster's VMs are its folder's.
const (
	Root           Object = "root object"
	ComputeCluster Object = "compute cluster"
	Folder         Object = "folder"
	ParentFolder   Object = "parent folder" // in which the folder is made
	Template       Object = "template"
	Datastore      Object = "datastore"
	Network        Object = "network"
	ResourcePool   Object = "resource pool"
)

// Consumer is what uses a privilege.
type Consumer string

// What uses privileges. The cloud provider reads, and no more: it uses none of the table.
const (
	Gantry Consumer = "Gantry"
	CSI    Consumer = "CSI"
)

// When is the case in which a privilege is used.
type When int

// The cases of Gantry. What is of use to the CSI driver is needed where it runs.
const (
	Always          When = iota // in the life of every cluster
	MakesFolder                 // the cluster's folder is not there yet
	MovesNodes                  // the folder changes
	ClonesVM                    // the node image is a VM, and no template
	ClonesTemplate              // it is a template
	StoresSnapshots             // snapshots of etcd are kept on a datastore
	TagsVMs                     // VMs get tags of vSphere
	ImportsImage                // the node image is made of an OVA or of an item of a library
	BuildsImage                 // the node image is built of another one
	MakesRules                  // rules keep nodes on different hosts, or on those of a group
	Elsewhere                   // on what a plan does not name
)

// Use is what a privilege is needed for.
type Use struct {
	By   Consumer
	On   Object
	When When
	For  string // an operation, in a few words
}

// Row is one privilege of a role.
type Row struct {
	Role Role
	// Group and Name are as the vSphere Client shows them.
	Group, Name string
	// ID is vCenter's.
	ID string
	// Versions are those of vSphere that show it so; empty: 6.7, 7.0 and 8.0.
	Versions []string
	// Uses are what Gantry and the CSI driver need it for. A privilege without one is of
	// the role because tools beside them use it.
	Uses []Use
	// Optional is a privilege that is not of the role: it is granted for its one use.
	Optional bool
}

// Versions are those of vSphere that the table is of.
func Versions() []string { return []string{"6.7", "7.0", "8.0"} }

// In reports whether a version of vSphere, such as 8.0, shows the row.
func (r Row) In(version string) bool {
	return len(r.Versions) == 0 || slices.Contains(r.Versions, version)
}

// Objects are the kinds of objects on which it shows whether the row is granted: those that
// it is used on, or else that of its group. Of a global permission, no object shows it.
func (r Row) Objects() []Object {
	var objects []Object
	for _, use := range r.Uses {
		on := use.On
		if on == ParentFolder {
			on = Folder
		}
		if !slices.Contains(objects, on) {
			objects = append(objects, on)
		}
	}
	switch {
	case r.Role == Ledger:
		return nil
	case r.Role == RootLevel:
		return []Object{Root}
	case len(objects) > 0:
		return objects
	}
	group, _, _ := strings.Cut(r.Group, " > ")
	if on, ok := groupObjects[group]; ok {
		return []Object{on}
	}
	return []Object{Folder}
}

// groupObjects are the objects of groups of the vSphere Client; those of the others are VMs
// and folders.
var groupObjects = map[string]Object{
	"Cns":                    Datastore,
	"Datastore":              Datastore,
	"Host":                   ComputeCluster,
	"Network":                Network,
	"Profile-driven storage": Datastore,
	"Resource":               ResourcePool,
	"Storage views":          Datastore,
	"VM storage policies":    Datastore,
	"vSAN":                   ComputeCluster,
}

// Client is the row as the vSphere Client shows it.
func (r Row) Client() string { return r.Group + " > " + r.Name }

// Table returns all rows, by role and then as the vSphere Client orders them.
func Table() []Row {
	var rows []Row
	for _, s := range sections() {
		for _, p := range s.privileges {
			rows = append(rows, Row{
				Role: s.role, Group: s.group, Name: p.name, ID: p.id, Versions: s.versions, Uses: p.uses, Optional: p.optional,
			})
		}
	}
	return rows
}

// section is a group of the vSphere Client in one role.
type section struct {
	role       Role
	group      string
	versions   []string
	privileges []privilege
}

type privilege struct {
	name     string
	id       string
	uses     []Use
	optional bool
}

// named is a privilege with its uses.
func named(name, id string, uses ...Use) privilege { return privilege{name: name, id: id, uses: uses} }

// gantry is a use in the life of every cluster.
func gantry(on Object, operation string) Use { return Use{By: Gantry, On: on, For: operation} }

// in is a use in one case alone.
func in(when When, on Object, operation string) Use {
	return Use{By: Gantry, On: on, When: when, For: operation}
}

// csi is a use of the CSI driver.
func csi(on Object, operation string) Use { return Use{By: CSI, On: on, For: operation} }
