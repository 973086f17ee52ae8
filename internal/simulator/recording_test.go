package simulator_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/vmware/govmomi/find"
	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/vim25/mo"

	"github.com/gantry/terraform-provider-gantry/internal/simulator"
	"github.com/gantry/terraform-provider-gantry/internal/simulator/recordingtest"
)

// recorded is a recording of a datacenter with some VMs of others.
func recorded(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	d := start(t, func(o *simulator.Options) { o.Inventory.OtherVMs = 3 })
	d.must(recordingtest.Record(d.ctx, d.Simulator, dir))
	return dir
}

// fileOf finds the file of the object with a name.
func fileOf(t *testing.T, dir, kind, name string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*-"+kind+"-*.xml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(raw), ">"+name+"</val>") {
			return file
		}
	}
	t.Fatalf("no %s %q was recorded", kind, name)
	return ""
}

// A recording has what its account could read: objects and configurations are missing.
func TestRecordingWithGapsIsServed(t *testing.T) {
	t.Parallel()
	dir := recorded(t)
	if err := os.Remove(fileOf(t, dir, "VirtualMachine", "other-00001")); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(fileOf(t, dir, "Datastore", "local-a")); err != nil {
		t.Fatal(err)
	}
	unreachable := fileOf(t, dir, "VirtualMachine", "other-00002")
	raw, err := os.ReadFile(unreachable)
	if err != nil {
		t.Fatal(err)
	}
	property := regexp.MustCompile(`(?s)<propSet>\s*<name>(config|guest)</name>.*?</propSet>`)
	if err := os.WriteFile(unreachable, property.ReplaceAll(raw, nil), 0o600); err != nil {
		t.Fatal(err)
	}

	d := start(t, func(o *simulator.Options) { o.Recording = dir })
	all, err := find.NewFinder(d.client.Client).VirtualMachineList(d.ctx, "/dc-1/vm/other/...")
	d.must(err)
	paths := ""
	for _, vm := range all {
		paths += " " + vm.InventoryPath
	}
	if strings.Contains(paths, "other-00001") || !strings.Contains(paths, "other-00002") || !strings.Contains(paths, "other-00003") {
		t.Errorf("VMs%s", paths)
	}
	if vm := d.properties(d.vm("/dc-1/vm/other/team-3/other-00003"), "guest.ipAddress"); vm.Guest == nil || vm.Guest.IpAddress == "" {
		t.Errorf("the recorded guest is %+v", vm.Guest)
	}
	var cluster mo.ClusterComputeResource
	found, err := d.finder.ClusterComputeResource(d.ctx, "cluster-a")
	d.must(err)
	d.must(d.client.RetrieveOne(d.ctx, found.Reference(), []string{"datastore"}, &cluster))
	if len(cluster.Datastore) != 1 {
		t.Errorf("cluster-a mounts %v, and only shared-1 was recorded", cluster.Datastore)
	}
	if !strings.Contains(d.Recorded(), "2 Datacenter") {
		t.Errorf("it says %s", d.Recorded())
	}

	// What is made new does not meet what was recorded.
	vm := d.mustClone("n1", powerOn)
	if disks := d.properties(vm, "config.hardware.device").Config.Hardware.Device; len(object.VirtualDeviceList(disks)) == 0 {
		t.Error("the clone has no devices")
	}
	if left := d.Leftovers(); len(left.VMs) != 1 || left.VMs[0] != "/dc-1/vm/k8s/n1" {
		t.Errorf("left behind: %+v", left)
	}
}

func TestRecordingOfAPartIsRefused(t *testing.T) {
	t.Parallel()
	dir := recorded(t)
	service, err := filepath.Glob(filepath.Join(dir, "*-ServiceInstance-*.xml"))
	if err != nil || len(service) != 1 {
		t.Fatal(service, err)
	}
	whole, err := os.ReadFile(service[0])
	if err != nil {
		t.Fatal(err)
	}
	for content, want := range map[string]string{"": "EOF", "<not": "XML syntax error"} {
		if err := os.WriteFile(service[0], []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		refuses(t, dir, filepath.Base(service[0]), want)
	}
	if err := os.WriteFile(service[0], whole, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(fileOf(t, dir, "Folder", "Datacenters")); err != nil {
		t.Fatal(err)
	}
	refuses(t, dir, "root folder", "record the whole vCenter")
	refuses(t, t.TempDir(), "govc object.save")
}

func refuses(t *testing.T, dir string, words ...string) {
	t.Helper()
	sim, err := simulator.Start(simulator.Options{Recording: dir})
	if err == nil {
		_ = sim.Close()
		t.Fatalf("%s is served, and wanted was %q", dir, words)
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("got %v, want %q", err, word)
		}
	}
}
