package vsphere

import (
	"fmt"
	"slices"
	"strings"
)

// guestFamily is what a guest system is, as far as nodes care.
type guestFamily int

const (
	guestUnknown guestFamily = iota
	guestLinux
	guestForeign
)

// The beginnings of the ids of VirtualMachineGuestOsIdentifier, in lower case. Ids
// that a later vSphere adds begin like those before.
var (
	linuxGuests = []string{
		"redhat", "rhel", "centos", "oraclelinux", "suse", "sles", "nld9", "oes", "sjds", "mandrake", "mandriva",
		"turbolinux", "ubuntu", "debian", "asianux", "miraclelinux", "pardus", "opensuse", "fedora", "coreos",
		"vmwarephoton", "genericlinux", "fusionos", "prolinux", "kylinlinux", "amazonlinux", "rockylinux", "almalinux",
		"crxpod", "crxsys",
	}
	foreignGuests = []string{
		"dos", "win", "freebsd", "os2", "ecomstation", "netware", "openserver", "unixware", "darwin", "solaris", "vmkernel",
	}
	// foreignNames are parts of the names of systems whose id is one of the others.
	foreignNames = []string{
		"windows", "macos", "mac os", "freebsd", "openbsd", "netbsd", "solaris", "netware", "ms-dos", "os/2", "unixware", "esx",
	}
)

// guestFamilyOf judges a guest system by its id and its full name, of which either
// may be missing.
func guestFamilyOf(id, name string) guestFamily {
	id = strings.ToLower(id)
	name = strings.ToLower(name)
	begins := func(prefix string) bool { return strings.HasPrefix(id, prefix) }
	contains := func(part string) bool { return strings.Contains(name, part) }
	switch {
	case slices.ContainsFunc(foreignGuests, begins):
		return guestForeign
	case slices.ContainsFunc(linuxGuests, begins), strings.Contains(id, "linux"):
		return guestLinux
	case strings.Contains(name, "linux"):
		return guestLinux
	case slices.ContainsFunc(foreignNames, contains):
		return guestForeign
	}
	return guestUnknown
}

// guestWords name a guest system in a message.
func guestWords(id, name string) string {
	switch {
	case id == "" && name == "":
		return "unset"
	case name == "":
		return fmt.Sprintf("%q", id)
	case id == "":
		return fmt.Sprintf("%q", name)
	}
	return fmt.Sprintf("%q (%s)", name, id)
}
