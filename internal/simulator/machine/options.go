// Package machine runs the guests of a simulated datacenter as machines of their
// own: real cloud-init, containerd, kubelet and kubeadm in Linux namespaces, in a
// network that leads nowhere but to a registry of images and a CONNECT proxy. It
// has the methods of guest.World, whose guests are imitations.
//
// Nothing of a machine outlives the process that runs it: they die with it, and
// so does their network. What SIGKILL does leave behind, empty cgroups and the
// directory with the disks, the next World sweeps.
package machine

import (
	"cmp"
	"os"

	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest"
	"github.com/gantry/terraform-provider-gantry/internal/simulator/machine/registry"
)

// Options of a World.
type Options struct {
	// Home is where the World makes its directory for the disks; that of
	// temporary files unless set.
	Home string
	// Binaries is the directory of the programs that
	// internal/tools/build-kubernetes builds; the one that it builds into unless set.
	Binaries string
	// Guest is the static binary of the first process in every machine.
	Guest string
	// Systems are root directories by the names that guest.VM.System has: machines boot
	// them as they are, with their own systemd (internal/tools/build-debian makes one).
	Systems map[string]string
	// ProxyListen is the loopback host:port of the CONNECT proxy; 127.0.0.1:0
	// unless set.
	ProxyListen string
	// Mirror has the registry be a site's own mirror, and nothing else is there: nodes whose
	// registries are not configured pull nothing. Nil: it answers everyone, in the place of all
	// registries, as the images of nodes are configured.
	Mirror *Mirror
	// Tamper changes what a VM boots with, for tests of damaged user data. It is
	// called without locks, at every power-on.
	Tamper func(vm guest.VM) guest.VM
}

// Mirror is how the registry of a site answers: by TLS, with a certificate of an authority that
// nothing trusts by itself (World.MirrorCA), and to one user alone.
type Mirror struct{ Username, Password string }

func (o Options) withDefaults() (_ Options, err error) {
	o.Home = cmp.Or(o.Home, os.TempDir())
	o.ProxyListen = cmp.Or(o.ProxyListen, "127.0.0.1:0")
	if o.Binaries == "" {
		o.Binaries, err = registry.DefaultBinaries()
	}
	return o, err
}
