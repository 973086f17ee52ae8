package engine_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/engine"
	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/pki"
	"github.com/gantry/terraform-provider-gantry/internal/simulator"
)

// fullDisk is a cluster whose snapshots end in the middle.
type fullDisk struct{ model.Kube }

func (k fullDisk) Connect(kubeconfig []byte, etcd pki.KeyPair) (model.API, error) {
	api, err := k.Kube.Connect(kubeconfig, etcd)
	return fullDiskAPI{api}, err
}

type fullDiskAPI struct{ model.API }

func (fullDiskAPI) EtcdSnapshot(_ context.Context, to io.Writer) (int64, error) {
	n, err := to.Write([]byte("half of it"))
	return int64(n), errors.Join(err, errors.New("no space left on device"))
}

// TestEtcdIsSavedBeforeTheControlPlaneRolls rolls the one node of a control plane: nothing
// is replaced without a snapshot, and what is left in the directory is whole.
func TestEtcdIsSavedBeforeTheControlPlaneRolls(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	spec, secrets := w.fullControlPlane(1)
	blocked := filepath.Join(t.TempDir(), "file")
	w.must(os.WriteFile(blocked, nil, 0o600))
	spec.ControlPlane.CPU = 4
	spec.EtcdSnapshots = &model.EtcdSnapshots{Directory: filepath.Join(blocked, "snapshots")}
	p := w.plan(spec, secrets)
	want := []string{"snapshot_etcd prod", "create_node prod-cp-2", "delete_node prod-cp-1"}
	if !slices.Equal(actions(p), want) || p.Err() != nil {
		t.Fatalf("planned %v, %v", actions(p), p.Problems)
	}
	unchanged := func(err error, says string) {
		t.Helper()
		if err == nil || !strings.Contains(err.Error(), says) || !strings.Contains(err.Error(), "apply again") {
			t.Errorf("got %v, which does not say %q", err, says)
		}
		if vms := w.sim.Leftovers().VMs; len(vms) != 1 || !slices.Equal(w.etcdMembers(secrets), []string{"prod-cp-1"}) {
			t.Errorf("the VMs are %v", vms)
		}
	}

	_, err := w.engine().Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets})
	unchanged(err, "Nothing was changed")
	var problems *model.PlanError
	if !errors.As(err, &problems) || !slices.Contains(problems.Problems[0].Fields, model.ClusterField(model.FieldEtcdSnapshot)) {
		t.Errorf("the error is not on the directory: %v", err)
	}

	directory := filepath.Join(t.TempDir(), "new", "snapshots")
	spec.EtcdSnapshots = &model.EtcdSnapshots{Directory: directory}
	e := w.engine()
	e.Kube = fullDisk{e.Kube}
	_, err = e.Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets})
	unchanged(err, "no space left")
	if files, err := os.ReadDir(directory); err != nil || len(files) > 0 {
		t.Errorf("left behind: %v, %v", files, err)
	}

	prefix := "prod-" + spec.ID.String()[:8]
	killed := filepath.Join(directory, "."+prefix+"-20260101T000000Z-etcd-3.6.5.db.partial")
	others := filepath.Join(directory, ".other.partial")
	w.must(os.WriteFile(killed, nil, 0o600))
	w.must(os.WriteFile(others, nil, 0o600))
	w.apply(spec, secrets)
	w.wholeControlPlane(spec, secrets, 1)
	files, err := os.ReadDir(directory)
	if err != nil || len(files) != 2 || files[0].Name() != ".other.partial" {
		t.Fatalf("%v, %v", files, err)
	}
	if !regexp.MustCompile("^" + prefix + `-\d{8}T\d{6}Z-etcd-3\.\d+\.\d+\.db$`).MatchString(files[1].Name()) {
		t.Errorf("the file is called %q", files[1].Name())
	}
	info, err := files[1].Info()
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	data, err := os.ReadFile(filepath.Join(directory, files[1].Name()))
	w.must(err)
	at := max(0, len(data)-sha256.Size)
	if sum := sha256.Sum256(data[:at]); !bytes.Equal(sum[:], data[at:]) {
		t.Errorf("the snapshot of %d bytes does not end with its hash", len(data))
	}
}

// TestEtcdIsSavedOnTheDatastore rolls a control plane until its datastore has had more
// snapshots than it keeps, and destroys it: only what others have there is left.
func TestEtcdIsSavedOnTheDatastore(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	spec, secrets := w.fullControlPlane(1)
	spec.EtcdSnapshots = &model.EtcdSnapshots{}
	names := func() []string { return slices.Sorted(maps.Keys(w.sim.DatastoreFiles("shared-1", "gantry-prod"))) }

	spec.ControlPlane.CPU = 4
	w.must(w.sim.DenyPrivilegeOn(w.sim.Username(), "Datastore.FileManagement", "/dc-1/datastore/shared-1"))
	var refused *model.PlanError
	if err := w.plan(spec, secrets).Err(); !errors.As(err, &refused) || !strings.Contains(err.Error(), "Datastore.FileManagement") ||
		!slices.Contains(refused.Problems[0].Fields, model.ClusterField(model.FieldEtcdSnapshot)) {
		t.Errorf("planned without a privilege on the datastore: %v", err)
	}
	w.sim.RestorePrivileges()
	w.must(w.sim.SetFreeSpace("shared-1", 0))
	_, err := w.engine().Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets})
	if err == nil || !strings.Contains(err.Error(), "apply again") || len(names()) > 0 ||
		!slices.Equal(w.etcdMembers(secrets), []string{"prod-cp-1"}) {
		t.Errorf("got %v with %v", err, names())
	}
	w.must(w.sim.SetFreeSpace("shared-1", 1<<42))
	var taken []string
	for cpu := range int32(4) {
		spec.ControlPlane.CPU = 4 + 2*cpu
		w.sim.AdvanceClock(time.Minute)
		w.apply(spec, secrets)
		taken = append(taken, names()...)
	}
	slices.Sort(taken)
	taken = slices.Compact(taken)
	if len(taken) != 4 || !slices.Equal(names(), taken[1:]) {
		t.Errorf("of %v are left %v", taken, names())
	}
	for name, data := range w.sim.DatastoreFiles("shared-1", "gantry-prod") {
		at := max(0, len(data)-sha256.Size)
		if sum := sha256.Sum256(data[:at]); !bytes.Equal(sum[:], data[at:]) {
			t.Errorf("%s of %d bytes does not end with its hash", name, len(data))
		}
	}
	w.must(w.engine().Destroy(t.Context(), spec.Target()))
	if w.sim.DatastoreFiles("shared-1", "gantry-prod") != nil {
		t.Errorf("left behind: %v", names())
	}
}

// keptFiles is a vCenter that refuses to delete files.
type keptFiles struct{ model.VCenter }

func (keptFiles) PruneFiles(context.Context, model.DatastoreFolder, string, int) error {
	return fmt.Errorf("delete a file: %w", model.ErrPermission)
}

// TestSnapshotsThatStayHoldUpNoRoll rolls where older snapshots cannot be deleted, and
// where the directory has a part of one that cannot: the new one is what counts.
func TestSnapshotsThatStayHoldUpNoRoll(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	spec, secrets := w.fullControlPlane(1)
	directory := t.TempDir()
	stuck := filepath.Join(directory, ".prod-"+spec.ID.String()[:8]+"-20260101T000000Z-etcd-3.6.5.db.partial")
	w.must(os.MkdirAll(filepath.Join(stuck, "not empty"), 0o700))
	for i, c := range []struct{ directory, warns string }{
		{"", "Older snapshots of etcd are left"},
		{directory, "A partial snapshot of etcd is left"},
	} {
		spec.ControlPlane.CPU += 2
		spec.EtcdSnapshots = &model.EtcdSnapshots{Directory: c.directory}
		e := w.engine()
		e.Builder = keptFiles{e.Builder}
		out, err := e.Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets})
		if err != nil || !slices.ContainsFunc(out.Warnings, func(f model.Finding) bool { return f.Summary == c.warns }) {
			t.Fatalf("roll %d: %v, warnings %v", i, err, out.Warnings)
		}
		w.wholeControlPlane(spec, secrets, 1)
	}
	files, err := filepath.Glob(filepath.Join(directory, "prod-*.db"))
	if err != nil || len(files) != 1 || len(w.sim.DatastoreFiles("shared-1", "gantry-prod")) != 1 {
		t.Errorf("written are %v, %v", files, err)
	}
}
