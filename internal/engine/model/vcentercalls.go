package model

import (
	"net/netip"
	"time"
)

// CloneRequest is one VM to make.
type CloneRequest struct {
	Name      string
	UUID      string // instance UUID
	Template  Template
	Folder    string // reference
	Placement ResolvedPlacement
	MAC       string // of its network card, in the range that is set by hand
	CPU       int32
	MemoryGB  int64
	DiskGB    int64
	Mode      CloneMode // linked or full
	Marker    Marker
	GuestInfo map[string]string
	Notes     string
	// Builds is the image that is made of the VM; nil: none is.
	Builds *Image
}

// PrivilegeRequest says whose privileges are asked for, and on what.
type PrivilegeRequest struct {
	User    string              // empty: the session's own
	Objects map[string][]string // ids of privileges, by reference
	MaxAge  time.Duration       // how old an answer may be that others have got; 0: none is old enough
}

// PollRequest names what a batched read covers. Disks is the subset of VMs whose
// disks are read too: what is attached is read right before a VM is destroyed,
// never remembered from a plan.
type PollRequest struct {
	Tasks []string
	VMs   []string
	Disks []string
}

// PollResult is what a batched read returned.
type PollResult struct {
	Tasks map[string]TaskState
	VMs   map[string]VMState
	Gone  map[string]bool
}

// TaskState is a task's progress.
type TaskState struct {
	Done bool
	Err  error  // why the task failed, typed as VCenter's errors are
	VM   string // the result, where the task makes a VM
}

// VMState is the moving part of a machine.
type VMState struct {
	PoweredOn    bool
	ToolsRunning bool
	// Silenced is set where an option of the VM keeps its guest from reporting.
	Silenced bool
	Phase    string // what the guest reported last; for diagnosis alone
	LogTail  string
	Userdata bool
	// Address and Lease are as in Machine, and Applied are the backends that a load balancer
	// runs with.
	Address netip.Addr
	Lease   netip.Addr
	Applied string
	// The rest is only for VMs that PollRequest.Disks names.
	Disks     []Disk
	DisksRead bool // vCenter returned what is attached
	HeldDisks []HeldDisk
}
