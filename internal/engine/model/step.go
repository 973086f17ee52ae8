package model

import (
	"cmp"
	"net/netip"
	"time"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
)

// Action is what a step does. Together with its target it is what
// `planned_changes` shows.
type Action string

// The actions.
const (
	ActionCreateRecord       Action = "create_record"        // target: the cluster
	ActionResetControlPlane  Action = "reset_control_plane"  // target: the cluster or gateway; it is built anew
	ActionCreateIPPool       Action = "create_ip_pool"       // target: a gateway's inline IP pool
	ActionCreateFolder       Action = "create_folder"        // target: the folder's path
	ActionMoveNodes          Action = "move_nodes"           // target: the folder that the VMs of nodes are moved into
	ActionReserveEndpoint    Action = "reserve_endpoint"     // target: the cluster; VIP and extra
	ActionClaimAddress       Action = "claim_address"        // target: the node that lives on it
	ActionReleaseAddress     Action = "release_address"      // target: the node that held it
	ActionReserveRange       Action = "reserve_range"        // target: the load balancer pool
	ActionReleaseRange       Action = "release_range"        // target: the same
	ActionSnapshotEtcd       Action = "snapshot_etcd"        // target: the cluster; before a control-plane node goes
	ActionBindAdmins         Action = "bind_administrators"  // target: the cluster; their group gets its rights back
	ActionRemoveLostNode     Action = "remove_lost_node"     // target: a node whose VM is gone
	ActionRemoveStaleNodes   Action = "remove_stale_nodes"   // target: the cluster; nodes of a snapshot that no VM carries
	ActionReconnectWorkers   Action = "reconnect_workers"    // target: the cluster; those that outlive its control plane
	ActionDeleteNode         Action = "delete_node"          // target: the node
	ActionCreateNode         Action = "create_node"          // target: the node
	ActionPowerOnNode        Action = "power_on_node"        // target: a node whose VM is off
	ActionRestartNode        Action = "restart_node"         // target: a node whose post_bootstrap failed
	ActionWipeUserdata       Action = "wipe_userdata"        // target: the node
	ActionUpdateNodeMetadata Action = "update_node_metadata" // target: the node
	ActionUncordonNode       Action = "uncordon_node"        // target: a node that was to be deleted and stays
	ActionUpdateDescription  Action = "update_description"   // target: the cluster; description and tags
	ActionStoreImportData    Action = "store_import_data"    // target: the cluster
	ActionApplyPack          Action = "apply_pack"           // target: the pack, with how many objects it prunes
	ActionInstallPack        Action = "install_pack"         // target: the pack, with its chart and version
	ActionUpgradePack        Action = "upgrade_pack"         // target: the same
	ActionUninstallPack      Action = "uninstall_pack"       // target: the same, or the pack with how many objects of manifests go
	ActionWriteCredentials   Action = "write_credentials"    // target: the pack, with the Secret; workloads that mount it restart
	ActionDeleteCredentials  Action = "delete_credentials"   // target: the same
	ActionDeleteSnapshots    Action = "delete_snapshots"     // target: the cluster; those on a datastore
	ActionReleaseEndpoint    Action = "release_endpoint"     // target: the cluster
	ActionDeleteFolder       Action = "delete_folder"        // target: the folder's path
	ActionDeleteIPPool       Action = "delete_ip_pool"       // target: a gateway's inline IP pool
	ActionDeleteRecord       Action = "delete_record"        // target: the cluster
)

// Change is a step as users see it: an action and the name of its target. It
// never carries an address.
type Change struct {
	Action Action
	Target string
}

// String is the form in which messages name a step.
func (c Change) String() string { return string(c.Action) + " " + c.Target }

// Step is a unit of a plan. Each kind is a type of its own that carries what it
// needs.
type Step interface {
	Change() Change
}

// CreateRecord registers the cluster in the ledger.
type CreateRecord struct{ Cluster string }

// ResetControlPlane begins a reset: from here on the control plane counts as one that
// never answered, and is built from its first node.
type ResetControlPlane struct{ Cluster string }

// CreateIPPool registers a gateway's inline IP pool.
type CreateIPPool struct{ Name string }

// CreateFolder creates the VM folder of the nodes.
type CreateFolder struct{ Path string }

// MoveNodes moves the VMs of nodes that are elsewhere into the folder.
type MoveNodes struct {
	Path string // empty: the datacenter's VM folder itself
	VMs  []string
}

// ReserveEndpoint claims the VIP and the extra, together: a control plane that
// could be built but never be rolled would be of no use.
type ReserveEndpoint struct {
	Cluster string
	IPPool  uuid.UUID
}

// SnapshotEtcd writes a snapshot of etcd into a directory of the machine that runs
// Terraform, or, where that is empty, to the control plane's datastore.
type SnapshotEtcd struct{ Cluster, Directory string }

// DeleteSnapshots deletes the snapshots of etcd that are on a datastore (a reference).
type DeleteSnapshots struct {
	Cluster, Datastore string
	// Leave leaves those that cannot be deleted.
	Leave bool
}

// BindAdmins gives the group of administrators its rights again.
type BindAdmins struct{ Cluster string }

// ClaimAddress claims again the address that a node lives on.
type ClaimAddress struct{ Claim Claim }

// ReleaseAddress releases an address that no VM uses.
type ReleaseAddress struct{ Claim Claim }

// RemoveLostNode removes the node object and the addresses of a node whose VM is
// gone.
type RemoveLostNode struct {
	Node string
	// LeavesEtcd is as in DeleteNode.
	LeavesEtcd bool
}

// RemoveStaleNodes removes the node objects that came with a snapshot and that no VM
// carries.
type RemoveStaleNodes struct{ Cluster string }

// ReconnectWorkers brings workers back after their control plane was restored. Most come
// back by themselves.
type ReconnectWorkers struct {
	Cluster string
	Workers []Machine
}

// DeleteNode deletes a node and its VM.
type DeleteNode struct {
	// Machine has no reference where an earlier step of the plan builds it.
	Machine Machine
	// Drain evicts the node's pods first; in a destruction nothing is left to move
	// them to.
	Drain        bool
	DrainTimeout time.Duration
	// Rollout is set where the node is replaced.
	Rollout *Rollout
	// KeepAddress leaves the address claimed: a newer creation has it.
	KeepAddress bool
	// LeavesEtcd is set for a control-plane node whose cluster goes on without it: its
	// member is removed from etcd, where it would count for the quorum for ever. Without
	// Rollout, it does not serve: the quorum of the others is enough.
	LeavesEtcd bool
}

// TakenOutUnready reports whether a control-plane node that has joined and is not Ready is
// taken away before there is another one.
func (s DeleteNode) TakenOutUnready() bool { return s.LeavesEtcd && s.Drain && s.Rollout == nil }

// Rollout is what the replacement of a node waits for.
type Rollout struct {
	// MinReady is how many other nodes of the pool must be serving before the node
	// is deleted, without those that the run is deleting by then.
	MinReady int
}

// CreateNode builds one node, from its address to a member of the cluster.
type CreateNode struct {
	Node      string
	NodePool  NodePool
	Ordinal   int
	Placement PlacementRef
	// First initialises the control plane; exactly one node ever does.
	First bool
	// Rollout says that the node succeeds another one: it is done when the node
	// serves.
	Rollout bool
	// Frees is the address that becomes the extra once the predecessor is gone: a
	// control-plane node that succeeds another one takes the extra.
	Frees netip.Addr
	// Replaces is the control-plane node that goes once this one serves; empty: none does.
	Replaces string
	// EncryptionKeys are those of a control-plane node.
	EncryptionKeys EncryptionKeys
}

// TakesExtra reports whether the node takes the address that is kept for rolling the
// control plane.
func (s CreateNode) TakesExtra() bool { return s.Rollout && s.NodePool.ControlPlane() }

// IPPool is where the node's address comes from.
func (s CreateNode) IPPool() uuid.UUID { return s.Place().IPPoolID }

// Place is the node's placement.
func (s CreateNode) Place() Placement { return s.NodePool.Placements[s.Placement.Index] }

// PowerOnNode powers the VM of a node on and waits until the node is back.
type PowerOnNode struct {
	Machine Machine
	// First is set for the first node of a restore, which may have served before any run has
	// seen it: with it the control plane begins.
	First bool
}

// RestartNode drains a node and powers its VM off and on, so that its guest tries again what
// failed of post_bootstrap, and waits until that has ended.
type RestartNode struct {
	Machine      Machine
	DrainTimeout time.Duration
}

// WipeUserdata removes bootstrap data from a VM.
type WipeUserdata struct {
	Node string
	VM   string
}

// UpdateNodeMetadata sets labels, annotations and taints of a node.
type UpdateNodeMetadata struct {
	Node string
	Meta NodeMeta
}

// UncordonNode undoes the drain of a node that an interrupted run was about to delete.
type UncordonNode struct{ Node string }

// UpdateDescription shows the cluster's description and tags in the notes of VMs
// and in the record.
type UpdateDescription struct {
	Cluster string
	VMs     []string
}

// StoreImportData writes what import needs into the cluster.
type StoreImportData struct{ Cluster string }

// ReleaseEndpoint releases the VIP and the extra.
type ReleaseEndpoint struct {
	Cluster string
	Claims  []Claim
}

// DeleteFolder deletes a folder that Gantry made, if it is empty and no other cluster
// uses it.
type DeleteFolder struct {
	Datacenter string
	Folder     record.Folder
	// Leave leaves one that cannot be deleted.
	Leave bool
}

// DeleteIPPool deletes a gateway's inline IP pool.
type DeleteIPPool struct{ Name string }

// DeleteRecord removes the cluster from the ledger, and the notes of it at its parents.
type DeleteRecord struct {
	Cluster string
	// Parents are those that the state knows, beside the record's.
	Parents []uuid.UUID
}

// Change implements Step.
func (s CreateRecord) Change() Change { return Change{ActionCreateRecord, s.Cluster} }

// Change implements Step.
func (s ResetControlPlane) Change() Change { return Change{ActionResetControlPlane, s.Cluster} }

// Change implements Step.
func (s CreateIPPool) Change() Change { return Change{ActionCreateIPPool, s.Name} }

// Change implements Step.
func (s CreateFolder) Change() Change { return Change{ActionCreateFolder, s.Path} }

// Change implements Step.
func (s MoveNodes) Change() Change { return Change{ActionMoveNodes, cmp.Or(s.Path, "/")} }

// Change implements Step.
func (s ReserveEndpoint) Change() Change { return Change{ActionReserveEndpoint, s.Cluster} }

// Change implements Step.
func (s SnapshotEtcd) Change() Change { return Change{ActionSnapshotEtcd, s.Cluster} }

// Change implements Step.
func (s DeleteSnapshots) Change() Change { return Change{ActionDeleteSnapshots, s.Cluster} }

// Change implements Step.
func (s BindAdmins) Change() Change { return Change{ActionBindAdmins, s.Cluster} }

// Change implements Step.
func (s ClaimAddress) Change() Change { return Change{ActionClaimAddress, s.Claim.Owner} }

// Change implements Step.
func (s ReleaseAddress) Change() Change { return Change{ActionReleaseAddress, s.Claim.Owner} }

// Change implements Step.
func (s RemoveLostNode) Change() Change { return Change{ActionRemoveLostNode, s.Node} }

// Change implements Step.
func (s RemoveStaleNodes) Change() Change { return Change{ActionRemoveStaleNodes, s.Cluster} }

// Change implements Step.
func (s ReconnectWorkers) Change() Change { return Change{ActionReconnectWorkers, s.Cluster} }

// Change implements Step.
func (s DeleteNode) Change() Change { return Change{ActionDeleteNode, s.Machine.Marker.Node} }

// Change implements Step.
func (s CreateNode) Change() Change { return Change{ActionCreateNode, s.Node} }

// Change implements Step.
func (s PowerOnNode) Change() Change { return Change{ActionPowerOnNode, s.Machine.Marker.Node} }

// Change implements Step.
func (s RestartNode) Change() Change { return Change{ActionRestartNode, s.Machine.Marker.Node} }

// Change implements Step.
func (s WipeUserdata) Change() Change { return Change{ActionWipeUserdata, s.Node} }

// Change implements Step.
func (s UpdateNodeMetadata) Change() Change { return Change{ActionUpdateNodeMetadata, s.Node} }

// Change implements Step.
func (s UncordonNode) Change() Change { return Change{ActionUncordonNode, s.Node} }

// Change implements Step.
func (s UpdateDescription) Change() Change { return Change{ActionUpdateDescription, s.Cluster} }

// Change implements Step.
func (s StoreImportData) Change() Change { return Change{ActionStoreImportData, s.Cluster} }

// Change implements Step.
func (s ReleaseEndpoint) Change() Change { return Change{ActionReleaseEndpoint, s.Cluster} }

// Change implements Step.
func (s DeleteFolder) Change() Change { return Change{ActionDeleteFolder, s.Folder.Path} }

// Change implements Step.
func (s DeleteIPPool) Change() Change { return Change{ActionDeleteIPPool, s.Name} }

// Change implements Step.
func (s DeleteRecord) Change() Change { return Change{ActionDeleteRecord, s.Cluster} }
