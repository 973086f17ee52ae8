package vsphere_test

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/vmware/govmomi/vim25/types"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/simulator"
	"github.com/gantry/terraform-provider-gantry/internal/vsphere"
)

// What nodes would be cloned from: a template, or a VM that is off, with one disk and
// Linux.
func TestWhatNodesAreClonedFrom(t *testing.T) {
	t.Parallel()
	v := start(t, func(o *simulator.Options) {
		o.Inventory.Templates = []simulator.Template{
			{Name: "three-disks", Disks: 3, DiskGB: 5},
			{Name: "windows", GuestID: "windows2022srvNext_64Guest", GuestName: "Microsoft Windows Server 2022 (64-bit)"},
			{Name: "named-windows", GuestID: "otherGuest64", GuestName: "Windows 12"},
			{Name: "other", GuestID: "otherGuest64", GuestName: "Other (64-bit)"},
			{Name: "old", HardwareVersion: "vmx-13"},
			{Name: "encrypted", Encrypted: true},
			{Name: "passthrough", GPU: true},
		}
	})
	site := v.site()
	if u := site.Template; u.DiskGB != 20 || u.UsedGB < 0 || u.UsedGB > 20 || u.SnapshotDisks != 1 {
		t.Errorf("template %+v", u)
	}
	v.clone(request(site, "running"))
	v.done(v.client.PowerOff(t.Context(), v.clone(request(site, "stopped"))))
	for name, c := range map[string]struct{ problem, warning string }{
		"gantry-node-1.36.3": {},
		"stopped":            {},
		"running":            {problem: "is powered on"},
		"three-disks":        {problem: "has 3 disks"},
		"windows":            {problem: `"Microsoft Windows Server 2022 (64-bit)" (windows2022srvNext_64Guest)`},
		"named-windows":      {problem: "Windows 12"},
		"other":              {warning: `"Other (64-bit)" (otherGuest64)`},
		"old":                {warning: "hardware version 13"},
		"encrypted":          {warning: "Cryptographic operations > Clone"},
		"passthrough":        {warning: "PCI device 0"},
	} {
		survey := v.survey(names(func(n *model.Names) { n.Image.Template = name }))
		check := func(what string, found []model.Finding, says string) {
			if (says == "") != (len(found) == 0) || says != "" && (!strings.Contains(found[0].Detail, says) ||
				!slices.Equal(found[0].Fields, []model.Field{model.ClusterField(model.FieldTemplate)})) {
				t.Errorf("%s: %s %v, want %q", name, what, found, says)
			}
		}
		check("problems", survey.Findings.Problems, c.problem)
		check("warnings", survey.Findings.Warnings, c.warning)
		if (survey.Site.Template.Ref == "") != (c.problem != "") {
			t.Errorf("%s: template %+v", name, survey.Site.Template)
		}
	}
}

// What is known of a template is read, also of one that nodes cannot be cloned from.
func TestTemplateIsDescribed(t *testing.T) {
	t.Parallel()
	v := start(t, func(o *simulator.Options) {
		o.Inventory.Templates = []simulator.Template{{Name: "two-disks", Disks: 2, DiskGB: 5, HardwareVersion: "vmx-21"}}
	})
	read := func(name string) (*vsphere.TemplateFacts, model.Findings) {
		t.Helper()
		facts, findings, err := v.client.Template(t.Context(), "dc-1", model.Image{Template: name})
		if err != nil {
			t.Fatal(err)
		}
		return facts, findings
	}
	want := vsphere.TemplateFacts{
		Path: "/dc-1/vm/templates/gantry-node-1.37.2", IsTemplate: true, HasSnapshot: true,
		GuestID: "ubuntu64Guest", GuestName: "Ubuntu Linux (64-bit)", Firmware: "efi", HardwareVersion: 19, CPUs: 2, MemoryMB: 4096,
		Disks:           []vsphere.TemplateDisk{{Label: "disk-1000-0", SizeGB: 20, Thin: true, Datastore: "shared-1"}},
		NetworkAdapters: []vsphere.TemplateNIC{{Label: "ethernet--7", Type: "VirtualVmxnet3", Network: "VM Network"}},
		Tools:           "guestToolsNotInstalled",
	}
	facts, findings := read("gantry-node-1.37.2")
	if !reflect.DeepEqual(*facts, want) || len(findings.Problems)+len(findings.Warnings) > 0 {
		t.Errorf("it is %+v, not %+v, with %v", *facts, want, findings)
	}
	facts, findings = read("two-disks")
	if facts == nil || len(facts.Disks) != 2 || facts.HardwareVersion != 21 || facts.HasSnapshot || len(findings.Problems) != 1 {
		t.Errorf("it is %+v, with %v", facts, findings)
	}
	if facts, findings = read("none"); facts != nil || len(findings.Problems) != 1 {
		t.Errorf("one that is not there is %+v, with %v", facts, findings)
	}
}

// Of all guest systems that vSphere names, only those that it calls other are unknown.
func TestGuestSystemsAreKnown(t *testing.T) {
	t.Parallel()
	foreign := []string{
		"dos", "win", "freebsd", "os2", "eCom", "netware", "openServer", "unixWare", "darwin", "solaris", "vmkernel",
	}
	for _, id := range types.VirtualMachineGuestOsIdentifier("").Strings() {
		linux, refused := vsphere.GuestFamily(id, "")
		other := strings.HasPrefix(id, "otherGuest")
		want := slices.ContainsFunc(foreign, func(prefix string) bool { return strings.HasPrefix(id, prefix) })
		if refused != want || linux != (!want && !other) {
			t.Errorf("%s: Linux %t, refused %t", id, linux, refused)
		}
	}
	for name, want := range map[string]struct{ linux, foreign bool }{
		"Other 7.x Linux (64-bit)": {linux: true},
		"Apple macOS 15 (64-bit)":  {foreign: true},
		"Oracle Solaris 11":        {foreign: true},
		"VMware ESXi 9.0":          {foreign: true},
		"Other (32-bit)":           {},
		"":                         {},
	} {
		if linux, foreign := vsphere.GuestFamily("otherGuest", name); linux != want.linux || foreign != want.foreign {
			t.Errorf("%q: Linux %t, refused %t", name, linux, foreign)
		}
	}
}
