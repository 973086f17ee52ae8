package record

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/netip"

	"github.com/google/uuid"
)

// Cluster is the body of a cluster's or gateway's record. On the wire it is so
// brief that an ordinary cluster's fits one tag.
type Cluster struct {
	ID   uuid.UUID
	Kind Kind // KindCluster or KindGateway
	// Incarnation is the creation that the record belongs to.
	Incarnation Incarnation

	// APIReached is set once the cluster's API has responded.
	APIReached bool
	// CreationComplete is set once a run that reached the API has ended. Until
	// then only that run has the cluster's certificate authorities.
	CreationComplete bool
	// Degraded is set where the last run has left undone what was asked of it, and NeverRan
	// as long as each run has.
	Degraded bool
	NeverRan bool
	// Deleting is set where a destruction has failed half way, and no run after it has
	// given that up.
	Deleting bool
	// Reset identifies the reset that the control plane was last built anew for; empty:
	// none was asked for yet.
	Reset string
	// Reconnect is set from the beginning of a restore until all workers are back.
	Reconnect bool
	// FormerMembers is how many members, at least, the etcd had that the last restore takes the
	// place of; 0: that is not known.
	FormerMembers int

	Description string
	Tags        map[string]string

	// Proxy is how a gateway reaches out, for the clusters that are made through it, and
	// what a cluster has taken of it and keeps; nil: none.
	Proxy *Proxy

	Datacenter string
	Folder     string // path of the VM folder
	// Folders are those that Gantry made on the way to it, and those that the cluster was
	// in before and that are not empty, outermost first. Each is noted in the ledger at
	// the folder, too, so that the last cluster that uses it deletes it.
	Folders []Folder

	// Counters holds the next ordinal for a node of each pool. It never goes back.
	Counters map[string]int
	// NameTemplates are those of the names of its nodes, the oldest first; none: all are named
	// by the default one.
	NameTemplates []NameTemplate
	// Pending holds the ordinals of nodes that have not joined yet, by pool, in
	// ascending order.
	Pending map[string][]int
	// Unresponsive holds the ordinals of workers that did not come back after they were
	// powered on, by pool, in ascending order.
	Unresponsive map[string][]int
	// Restarted holds the ordinals of nodes that were restarted since a command of
	// post_bootstrap had failed, and on which it failed again, by pool, in ascending order.
	Restarted map[string][]int

	// Snapshots are the datastores (references) that may have snapshots of its etcd.
	Snapshots []string

	// EncryptionKeys are the versions of the keys that Secrets in its etcd may be encrypted
	// with, in ascending order; 0 is none. Empty: none is encrypted.
	EncryptionKeys []int

	// Leases is set where nodes take leases, and hold no addresses of IP pools.
	Leases bool
	// LoadBalancer is that of a cluster whose nodes take leases.
	LoadBalancer LoadBalancer
	// Members are the addresses of the control-plane nodes of such a cluster that may be
	// members of etcd, by their ordinals: from before a node joins until its VM is gone. They
	// are what claims are of a static one.
	Members map[int]netip.Addr
	// Former are the addresses of those of the control plane before it was built anew, whose VMs
	// may run again, until the new one has answered.
	Former map[int]netip.Addr

	// VMTags are those of vSphere that all VMs are given. It is written before they are.
	VMTags []VMTag
	// VMGroups are those that VMs are put in. It is written before they are.
	VMGroups []VMGroup

	// Ranges are those of IP pools that the cluster has reserved, by their names: each address
	// of them was claimed. A range is written once that is so, and goes before any is released.
	Ranges map[string]AddressRange

	// Builder is the VM in which a run builds an image.
	Builder Builder

	// Deletion is how far a destruction has come that may be forced.
	Deletion Deletion

	IPPools []uuid.UUID // that it may hold addresses of
	Parents []uuid.UUID // the gateway and the cloud account that it depends on
}

// LoadBalancer is what stays as it is while a load balancer is replaced.
type LoadBalancer struct {
	// Address is its lease, which certificates carry where it has no host name.
	Address  netip.Addr
	HostName string
	// MAC is the address of its network card, by which it gets the lease.
	MAC string
}

// Builder is a VM in which a run builds an image. It is written before that is made, and goes when
// its address is free again.
type Builder struct {
	Name string // the owner of its address; empty: there is none
	VM   string // its reference, while it is a VM; empty: it may be there or not
}

// NameTemplate is a template of the names of nodes. It names the nodes of a pool from an
// ordinal on, unless a later one does; of a pool that is not listed all.
type NameTemplate struct {
	Template string         `json:"t,omitempty"` // empty: the default one
	From     map[string]int `json:"f,omitempty"`
}

// Deletion is the last progress of a destruction.
type Deletion struct {
	Progress int64 // when it was, in Unix time by vCenter's clock; 0: there is none
	Left     int   // how many VMs and addresses were left then
}

// clusterWire is the brief spelling.
type clusterWire struct {
	ID               *wireID            `json:"i"`
	Kind             Kind               `json:"k,omitempty"` // empty: cluster
	Incarnation      Incarnation        `json:"c,omitempty"`
	APIReached       int                `json:"r,omitempty"`
	CreationComplete int                `json:"e,omitempty"`
	Degraded         int                `json:"h,omitempty"`
	NeverRan         int                `json:"j,omitempty"`
	Deleting         int                `json:"z,omitempty"`
	Reset            string             `json:"x,omitempty"`
	Reconnect        int                `json:"y,omitempty"`
	FormerMembers    int                `json:"fm,omitempty"`
	Description      string             `json:"s,omitempty"`
	Tags             map[string]string  `json:"t,omitempty"`
	Proxy            *Proxy             `json:"px,omitempty"`
	Datacenter       string             `json:"d,omitempty"`
	Folder           string             `json:"o,omitempty"`
	Levels           int                `json:"f,omitempty"` // how many of the folder path's levels were created, from the end
	Folders          []string           `json:"m,omitempty"` // where Levels cannot say it
	FolderRefs       []string           `json:"g,omitempty"`
	Counters         map[string]int     `json:"n,omitempty"`
	NameTemplates    []NameTemplate     `json:"nt,omitempty"`
	Pending          map[string]string  `json:"p,omitempty"`
	Unresponsive     map[string]string  `json:"u,omitempty"`
	Restarted        map[string]string  `json:"rs,omitempty"`
	Snapshots        []string           `json:"b,omitempty"`
	EncryptionKeys   string             `json:"ek,omitempty"`
	Leases           int                `json:"le,omitempty"`
	Endpoint         netip.Addr         `json:"ep,omitzero"`
	HostName         string             `json:"hn,omitempty"`
	MAC              string             `json:"ma,omitempty"`
	Members          map[int]netip.Addr `json:"me,omitempty"`
	VMTags           []string           `json:"vt,omitempty"`
	OthersTags       othersTags         `json:"vo,omitempty"`
	VMGroups         []vmGroupWire      `json:"vg,omitempty"`
	Former           map[int]netip.Addr `json:"fo,omitempty"`
	Ranges           map[string]string  `json:"rg,omitempty"`
	Builder          string             `json:"bn,omitempty"`
	BuilderVM        string             `json:"bv,omitempty"`
	Progress         int64              `json:"q,omitempty"`
	Left             int                `json:"w,omitempty"`
	IPPools          []wireID           `json:"l,omitempty"`
	Parents          []wireID           `json:"a,omitempty"`
}

// MarshalJSON implements json.Marshaler.
func (c Cluster) MarshalJSON() ([]byte, error) {
	id := wireID(c.ID)
	w := clusterWire{
		ID:          &id,
		Kind:        c.Kind,
		Incarnation: c.Incarnation,
		Reset:       c.Reset,

		FormerMembers: c.FormerMembers,

		Description: c.Description,
		Tags:        c.Tags,
		Proxy:       c.Proxy,
		Datacenter:  c.Datacenter,
		Folder:      c.Folder,
		Counters:    c.Counters,

		NameTemplates: c.NameTemplates,

		Snapshots: c.Snapshots,
		Endpoint:  c.LoadBalancer.Address,
		HostName:  c.LoadBalancer.HostName,
		MAC:       c.LoadBalancer.MAC,
		Members:   c.Members,
		Former:    c.Former,
		Ranges:    formatRanges(c.Ranges),
		Builder:   c.Builder.Name,
		BuilderVM: c.Builder.VM,
		Progress:  c.Deletion.Progress,
		Left:      c.Deletion.Left,
		IPPools:   convertIDs[wireID](c.IPPools),
		Parents:   convertIDs[wireID](c.Parents),
	}
	if c.Kind == KindCluster {
		w.Kind = ""
	}
	w.APIReached = number(c.APIReached)
	w.CreationComplete = number(c.CreationComplete)
	w.Degraded = number(c.Degraded)
	w.NeverRan = number(c.NeverRan)
	w.Deleting = number(c.Deleting)
	w.Reconnect = number(c.Reconnect)
	w.Leases = number(c.Leases)

	if levels, ok := levelsOf(c.Folder, c.Folders); ok {
		w.Levels = levels
	} else {
		w.Folders = folderPaths(c.Folders)
	}
	w.FolderRefs = folderRefs(c.Folders)

	w.Pending = formatOrdinals(c.Pending)
	w.Unresponsive = formatOrdinals(c.Unresponsive)
	w.Restarted = formatOrdinals(c.Restarted)
	w.EncryptionKeys = formatNumbers(c.EncryptionKeys)
	w.VMTags, w.OthersTags = formatVMTags(c.VMTags)
	w.VMGroups = formatVMGroups(c.VMGroups)
	return json.Marshal(w)
}

// number is 1 for what is so.
func number(is bool) int {
	if is {
		return 1
	}
	return 0
}

// UnmarshalJSON implements json.Unmarshaler.
func (c *Cluster) UnmarshalJSON(raw []byte) error {
	if err := CheckVersion(raw); err != nil {
		return err
	}
	var w clusterWire
	if err := json.Unmarshal(raw, &w); err != nil {
		return err
	}
	if w.ID == nil {
		return errors.New("a cluster's record has no id")
	}

	decoded := Cluster{
		ID:               uuid.UUID(*w.ID),
		Kind:             w.Kind,
		Incarnation:      w.Incarnation,
		APIReached:       w.APIReached != 0,
		CreationComplete: w.CreationComplete != 0,
		Degraded:         w.Degraded != 0,
		NeverRan:         w.NeverRan != 0,
		Deleting:         w.Deleting != 0,
		Reset:            w.Reset,
		Reconnect:        w.Reconnect != 0,
		Leases:           w.Leases != 0,
		FormerMembers:    w.FormerMembers,
		Description:      w.Description,
		Tags:             w.Tags,
		Proxy:            w.Proxy,
		Datacenter:       w.Datacenter,
		Folder:           w.Folder,
		Counters:         w.Counters,
		NameTemplates:    w.NameTemplates,
		Snapshots:        w.Snapshots,
		Members:          w.Members,
		Former:           w.Former,
		Builder:          Builder{Name: w.Builder, VM: w.BuilderVM},
		Deletion:         Deletion{Progress: w.Progress, Left: w.Left},
		IPPools:          convertIDs[uuid.UUID](w.IPPools),
		Parents:          convertIDs[uuid.UUID](w.Parents),
		LoadBalancer:     LoadBalancer{Address: w.Endpoint, HostName: w.HostName, MAC: w.MAC},
	}
	decoded.Kind = cmp.Or(decoded.Kind, KindCluster)
	paths := w.Folders
	if w.Levels > 0 {
		paths = lastLevels(w.Folder, w.Levels)
	}
	decoded.Folders = joinFolders(paths, w.FolderRefs)

	for pool, next := range w.Counters {
		if next < 0 || next > math.MaxInt32 {
			return fmt.Errorf("the counter of pool %q is out of range", pool)
		}
	}
	if err := decoded.parseNumbers(&w); err != nil {
		return err
	}
	*c = decoded
	return nil
}

// parseNumbers reads what is spelled as ranges of numbers.
func (c *Cluster) parseNumbers(w *clusterWire) (err error) {
	if c.Pending, err = parseOrdinals(w.Pending); err != nil {
		return fmt.Errorf("the pending nodes of %w", err)
	}
	if c.Unresponsive, err = parseOrdinals(w.Unresponsive); err != nil {
		return fmt.Errorf("the unresponsive nodes of %w", err)
	}
	if c.Restarted, err = parseOrdinals(w.Restarted); err != nil {
		return fmt.Errorf("the restarted nodes of %w", err)
	}
	if c.EncryptionKeys, err = parseNumbers(w.EncryptionKeys); err != nil {
		return fmt.Errorf("the encryption keys: %w", err)
	}
	if c.VMTags, err = parseVMTags(w.VMTags, w.OthersTags); err != nil {
		return fmt.Errorf("the tags of VMs: %w", err)
	}
	if c.VMGroups, err = parseVMGroups(w.VMGroups); err != nil {
		return fmt.Errorf("the VM groups: %w", err)
	}
	if c.Ranges, err = parseRanges(w.Ranges); err != nil {
		return fmt.Errorf("the reserved ranges: %w", err)
	}
	return nil
}
