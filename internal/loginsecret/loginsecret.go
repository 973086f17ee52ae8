// Package loginsecret renders the Secrets from which programs in a cluster read how to log
// in to vCenter. It is pure.
package loginsecret

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"strings"
)

// Login is an account in a vCenter.
type Login struct {
	Server        string // host or host:port
	Username      string
	Password      string
	CACertificate string // PEM; empty: the system's authorities
	Insecure      bool
}

// CPI is the Secret of cloud-provider-vsphere, whose configuration names the same server,
// as host alone. It is read by pkg/common/credentialmanager (as of commit
// 60f6c5dfe164b59d1ba79b7d10b7c5db4975f476): a key that is not understood makes all of it
// useless, and a name that no key can have, which is an IPv6 address, has a value of its own.
func CPI(l Login) map[string][]byte {
	host, _ := hostPort(l.Server)
	if address, err := netip.ParseAddr(host); err == nil && address.Is6() {
		return map[string][]byte{
			"server_vcenter":   []byte(host),
			"username_vcenter": []byte(l.Username),
			"password_vcenter": []byte(l.Password),
		}
	}
	return map[string][]byte{
		host + ".username": []byte(l.Username),
		host + ".password": []byte(l.Password),
	}
}

// The keys of the Secret of vsphere-csi-driver, and where its manifests mount it.
const (
	csiConfig = "csi-vsphere.conf"
	csiCA     = "ca.crt"
	csiFolder = "/etc/cloud"
)

// MaxTopologyCategories is how many tag categories vsphere-csi-driver takes.
const MaxTopologyCategories = 5

// CSI is the Secret of vsphere-csi-driver for a cluster, which has an id of at most 64
// characters, in a datacenter. It is read by pkg/common/config (as of commit
// bf80902567175f298195110dee2abdd4d90f9863), by the rules of gopkg.in/gcfg.v1. With topology, tag
// categories with a comma between them, a node has to have a tag of each to be registered.
func CSI(l Login, clusterID, datacenter, topology string) map[string][]byte {
	host, port := hostPort(l.Server)
	secret := map[string][]byte{}
	var conf strings.Builder
	line := func(key, value string) { fmt.Fprintf(&conf, "%s = %s\n", key, quoted(value)) }
	conf.WriteString("[Global]\n")
	line("cluster-id", clusterID)
	if l.CACertificate != "" && !l.Insecure {
		line("ca-file", csiFolder+"/"+csiCA)
		secret[csiCA] = []byte(l.CACertificate)
	}
	fmt.Fprintf(&conf, "\n[VirtualCenter %s]\n", quoted(host))
	line("user", l.Username)
	line("password", l.Password)
	line("port", port)
	if !strings.Contains(datacenter, ",") { // it would be two; without, all of them are meant
		line("datacenters", datacenter)
	}
	if l.Insecure {
		line("insecure-flag", "true")
	}
	if topology != "" {
		conf.WriteString("\n[Labels]\n")
		line("topology-categories", topology)
	}
	secret[csiConfig] = []byte(conf.String())
	return secret
}

// csiUsername is what vsphere-csi-driver takes for a user name. With another one, it ends.
var csiUsername = regexp.MustCompile(`^(?:[a-zA-Z0-9.-]+\\[a-zA-Z0-9._-]+|[a-zA-Z0-9._-]+@[a-zA-Z0-9.-]+)$`)

// CheckCSI is an error where vsphere-csi-driver does not take an account.
func CheckCSI(username string) error {
	if csiUsername.MatchString(username) {
		return nil
	}
	return errors.New("the CSI driver takes user names of the form user@domain or domain\\user alone, " +
		"of letters without accents, digits, dots, hyphens and underscores")
}

// quoted is a value as gcfg reads it back: it knows these escapes, and ends at a line's end.
func quoted(value string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "\t", `\t`).Replace(value) + `"`
}

func hostPort(server string) (host, port string) {
	if host, port, err := net.SplitHostPort(server); err == nil {
		return host, port
	}
	return strings.Trim(server, "[]"), "443"
}
