// Package wire is what the two sides of a machine agree on: the simulator, which
// starts it, and the first process inside it.
package wire

// Config is what the machine's first process is started with, as a JSON file
// that its only argument names.
type Config struct {
	// Name is the VM's name. It is the host name until cloud-init sets one.
	Name string
	// Disk is the directory that holds the machine's disk. It outlives a power
	// cycle.
	Disk string
	// Root is an empty directory to mount the machine's root file system on.
	Root string
	// Guest is the static binary that is this first process, pause and every
	// stand-in of a tool.
	Guest string
	// System is the root directory of the machine's own distribution, which is not
	// changed. Where it is empty, the machine runs the host's.
	System string
	// KubernetesVersion is that of the image, without the v; empty in that of a plain distribution.
	KubernetesVersion string
	// Commands are the programs of the image by name, as files of the host:
	// kubeadm, kubelet, kubectl, crictl.
	Commands map[string]string
	// CNI is the host's directory of CNI plug-ins.
	CNI string
	// PauseImage is the image of a pod's sandbox.
	PauseImage string
	// Registry is the URL of the image registry, which mirrors all others.
	Registry string
	// Tools is the directory with the socket of the hypervisor's back door.
	Tools string
}

// Socket is the name of the back door in Config.Tools. It speaks HTTP:
//
//	GET /guestinfo/<key>   the value of guestinfo.<key>; 404 where it is not set
//	PUT /guestinfo/<key>   sets it to the body
//	PUT /network           a Network in JSON: what the guest tools report
const Socket = "vmware.sock"

// Network is the guest tools' report about a machine.
type Network struct {
	Hostname  string   `json:"hostname"`
	Addresses []string `json:"addresses"`
}

// Interface is the machine's only network interface. The kernel calls it what the
// engine's documents do, as on an image without predictable names: a renaming needs
// devices with a permanent MAC address, which those of namespaces have not.
const Interface = "eth0"

// UnnamedInterface is what it is called in a whole system until that system's cloud-init
// gives it the name of the documents.
const UnnamedInterface = "ens192"

// Domain is that of the machines which take leases: the DNS server of their network knows
// each by its host name in it.
const Domain = "machines.test"

// The registry of images in the network of the machines, and addresses of it that every
// one of them reaches by its default route.
const (
	RegistryAddress4 = "192.0.2.1"
	RegistryAddress6 = "2001:db8:ffff::1"
	RegistryPort     = 5000
	MirrorPort       = 5443 // where it is a site's own mirror
)
