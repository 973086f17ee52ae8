package loginsecret_test

import (
	"strings"
	"testing"

	"gopkg.in/gcfg.v1"

	"github.com/gantry/terraform-provider-gantry/internal/loginsecret"
)

// csiConfig is what of its configuration vsphere-csi-driver reads that is written here.
type csiConfig struct {
	Global struct {
		ClusterID string `gcfg:"cluster-id"`
		CAFile    string `gcfg:"ca-file"`
	}
	VirtualCenter map[string]*struct {
		User         string `gcfg:"user"`
		Password     string `gcfg:"password"`
		VCenterPort  string `gcfg:"port"`
		InsecureFlag bool   `gcfg:"insecure-flag"`
		Datacenters  string `gcfg:"datacenters"`
	}
	Labels struct {
		TopologyCategories string `gcfg:"topology-categories"`
	}
}

const (
	clusterID = "6ba7b810-9dad-41d1-80b4-00c04fd430c8"
	nasty     = "a\"b\\n;#= \t$'`ü\\"
)

// TestCSI reads what is written by the library by which the driver does.
func TestCSI(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		server, host, port string
		insecure           bool
		ca, datacenter     string
		topology           string
	}{
		{server: "vc.example.com", host: "vc.example.com", port: "443", datacenter: "dc-1", topology: "k8s-region,k8s \"zone\""},
		{server: "vc.example.com:8443", host: "vc.example.com", port: "8443", datacenter: "/group/dc \"1\"", ca: "-----BEGIN CERTIFICATE-----\n"},
		{server: "[fd00::1]:444", host: "fd00::1", port: "444", insecure: true, ca: "ignored"},
		{server: "fd00::1", host: "fd00::1", port: "443", insecure: true},
	} {
		login := loginsecret.Login{Server: c.server, Username: `DOMAIN\k8s`, Password: nasty, CACertificate: c.ca, Insecure: c.insecure}
		secret := loginsecret.CSI(login, clusterID, c.datacenter, c.topology)
		var got csiConfig
		if err := gcfg.ReadStringInto(&got, string(secret["csi-vsphere.conf"])); err != nil {
			t.Fatalf("%s: %v in\n%s", c.server, err, secret["csi-vsphere.conf"])
		}
		vc := got.VirtualCenter[c.host]
		if len(got.VirtualCenter) != 1 || vc == nil || got.Global.ClusterID != clusterID {
			t.Fatalf("%s: %+v", c.server, got)
		}
		if vc.User != `DOMAIN\k8s` || vc.Password != nasty || vc.VCenterPort != c.port || vc.InsecureFlag != c.insecure ||
			vc.Datacenters != c.datacenter || got.Labels.TopologyCategories != c.topology {
			t.Errorf("%s: %+v, labels %+v", c.server, vc, got.Labels)
		}
		trusts := c.ca != "" && !c.insecure
		if (got.Global.CAFile == "/etc/cloud/ca.crt") != trusts || (string(secret["ca.crt"]) == c.ca) != (trusts || c.ca == "") {
			t.Errorf("%s: CA file %q, certificate %q", c.server, got.Global.CAFile, secret["ca.crt"])
		}
	}
}

// TestCSIOfDatacenterWithAComma leaves out what the driver would take for two datacenters.
func TestCSIOfDatacenterWithAComma(t *testing.T) {
	t.Parallel()
	secret := loginsecret.CSI(loginsecret.Login{Server: "vc"}, clusterID, "a,b", "")
	if strings.Contains(string(secret["csi-vsphere.conf"]), "datacenters") {
		t.Errorf("it is %s", secret["csi-vsphere.conf"])
	}
}

// TestCPI has the keys that cloud-provider-vsphere looks for, and for an address that no key
// can have, its other form.
func TestCPI(t *testing.T) {
	t.Parallel()
	for server, want := range map[string]map[string]string{
		"vc.example.com:8443": {"vc.example.com.username": "k8s", "vc.example.com.password": nasty},
		"192.0.2.1":           {"192.0.2.1.username": "k8s", "192.0.2.1.password": nasty},
		"[fd00::1]:443":       {"server_vcenter": "fd00::1", "username_vcenter": "k8s", "password_vcenter": nasty},
	} {
		got := loginsecret.CPI(loginsecret.Login{Server: server, Username: "k8s", Password: nasty})
		if len(got) != len(want) {
			t.Errorf("%s: %q", server, got)
		}
		for key, value := range want {
			if string(got[key]) != value {
				t.Errorf("%s: %s is %q", server, key, got[key])
			}
		}
	}
}

func TestUserNamesOfCSI(t *testing.T) {
	t.Parallel()
	for name, valid := range map[string]bool{
		"k8s@vsphere.local": true, `EXAMPLE\k8s`: true, "k8s": false, "k 8s@vsphere.local": false, "": false, "jürgen@vsphere.local": false,
	} {
		if got := loginsecret.CheckCSI(name) == nil; got != valid {
			t.Errorf("%q: %t", name, got)
		}
	}
}
