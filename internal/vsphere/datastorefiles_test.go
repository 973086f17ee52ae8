package vsphere_test

import (
	"bytes"
	"errors"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// snapshots is a folder of the control plane's datastore.
func (v *vcenter) snapshots() model.DatastoreFolder {
	site := v.site()
	return model.DatastoreFolder{Datacenter: site.Datacenter, Datastore: site.Placements[controlPlane].Datastore, Name: "gantry-prod"}
}

func (v *vcenter) stored() []string {
	return slices.Sorted(maps.Keys(v.DatastoreFiles("shared-1", "gantry-prod")))
}

func writes(text string) func(io.Writer) error {
	return func(to io.Writer) error {
		_, err := io.WriteString(to, text)
		return err
	}
}

func TestFilesAreStoredOnADatastore(t *testing.T) {
	t.Parallel()
	v := start(t)
	in := v.snapshots()
	v.must(v.client.PruneFiles(t.Context(), in, "prod-", 3)) // there is no folder yet
	large := bytes.Repeat([]byte("snapshot"), 1<<18)
	calls := v.calls(func() {
		v.must(v.client.StoreFile(t.Context(), in, "prod-1.db", func(to io.Writer) error {
			for part := range slices.Chunk(large, 1<<15) {
				if _, err := to.Write(part); err != nil {
					return err
				}
			}
			return nil
		}))
	})
	if calls.REST["PUT folder"] != 1 || calls.Total > 14 {
		t.Errorf("took %+v", calls)
	}
	if files := v.DatastoreFiles("shared-1", "gantry-prod"); len(files) != 1 || !bytes.Equal(files["prod-1.db"], large) {
		t.Errorf("stored %v", v.stored())
	}
	for _, name := range []string{"prod-2.db", "prod-3.db", "prod-4.db", "other-1.db"} {
		v.must(v.client.StoreFile(t.Context(), in, name, writes(name)))
	}
	v.must(v.client.PruneFiles(t.Context(), in, "prod-", 3))
	if want := []string{"other-1.db", "prod-2.db", "prod-3.db", "prod-4.db"}; !slices.Equal(v.stored(), want) {
		t.Errorf("left are %v", v.stored())
	}
	v.must(v.client.PruneFiles(t.Context(), in, "prod-", 0))
	if want := []string{"other-1.db"}; !slices.Equal(v.stored(), want) {
		t.Errorf("left are %v", v.stored())
	}
	v.must(v.client.PruneFiles(t.Context(), in, "other-", 0))
	if v.DatastoreFiles("shared-1", "gantry-prod") != nil {
		t.Error("the empty folder is left")
	}
}

// TestStoringAFileAgain replaces it: a caller that did not hear that it was stored tries again.
func TestStoringAFileAgain(t *testing.T) {
	t.Parallel()
	v := start(t)
	in := v.snapshots()
	for _, content := range []string{"text", "another"} {
		v.must(v.client.StoreFile(t.Context(), in, "prod-1.db", writes(content)))
		if files := v.DatastoreFiles("shared-1", "gantry-prod"); len(files) != 1 || string(files["prod-1.db"]) != content {
			t.Errorf("stored %v, want %q", v.stored(), content)
		}
	}
}

// TestUploadThatFailsLeavesNothing ends in the middle, for several reasons.
func TestUploadThatFailsLeavesNothing(t *testing.T) {
	t.Parallel()
	v := start(t)
	in := v.snapshots()
	broken := errors.New("the snapshot does not have its hash")
	err := v.client.StoreFile(t.Context(), in, "prod-1.db", func(to io.Writer) error {
		return errors.Join(writes(strings.Repeat("half of it", 1<<20))(to), broken)
	})
	if !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
	v.must(v.SetFreeSpace("shared-1", 0))
	err = v.client.StoreFile(t.Context(), in, "prod-1.db", writes("text"))
	if err == nil || !strings.Contains(err.Error(), "has room") {
		t.Errorf("on a full datastore: %v", err)
	}
	v.must(v.SetFreeSpace("shared-1", 1<<40))
	v.DenyPrivilege("", "Datastore.FileManagement")
	err = v.client.StoreFile(t.Context(), in, "prod-1.db", writes("text"))
	if !errors.Is(err, model.ErrPermission) {
		t.Errorf("without the privilege: %v", err)
	}
	v.RestorePrivileges()
	if files := v.stored(); len(files) > 0 {
		t.Errorf("left behind: %v", files)
	}

	v.ExpireSessions()
	v.must(v.client.StoreFile(t.Context(), in, "prod-1.db", writes("text")))
	if files := v.DatastoreFiles("shared-1", "gantry-prod"); string(files["prod-1.db"]) != "text" {
		t.Errorf("stored %v", v.stored())
	}
}
