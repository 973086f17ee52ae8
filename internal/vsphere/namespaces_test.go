package vsphere_test

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// TestFilesAreStoredOnVSAN writes into a folder that is an object of the datastore's own,
// and deletes it with its last file.
func TestFilesAreStoredOnVSAN(t *testing.T) {
	t.Parallel()
	v := start(t)
	in := v.snapshots()
	v.must(v.MakeVSAN("shared-1"))
	before := v.DatastoreFiles("shared-1", "")
	folders := func() []string {
		now := maps.Clone(v.DatastoreFiles("shared-1", ""))
		maps.DeleteFunc(now, func(name string, _ []byte) bool { _, old := before[name]; return old })
		return slices.Collect(maps.Keys(now))
	}
	v.must(v.client.PruneFiles(t.Context(), in, "prod-", 3)) // there is no folder yet

	v.DenyPrivilege("", "Datastore.Config")
	if lacks, err := v.client.LacksForFiles(t.Context(), "", in.Datastore); err != nil || !slices.Equal(lacks, []string{"Datastore.Config"}) {
		t.Errorf("lacks %v, %v", lacks, err)
	}
	err := v.client.StoreFile(t.Context(), in, "prod-1.db", writes("text"))
	if !errors.Is(err, model.ErrPermission) || !strings.Contains(err.Error(), "Datastore.Config") {
		t.Errorf("without the privilege: %v", err)
	}
	v.RestorePrivileges()
	for _, name := range []string{"prod-1.db", "prod-2.db"} {
		v.must(v.client.StoreFile(t.Context(), in, name, writes(name)))
	}
	made := folders()
	if len(made) != 1 || made[0] == in.Name {
		t.Fatalf("there are the folders %v", made)
	}
	if files := v.DatastoreFiles("shared-1", made[0]); len(files) != 2 || string(files["prod-2.db"]) != "prod-2.db" {
		t.Errorf("stored %v", files)
	}
	v.must(v.client.PruneFiles(t.Context(), in, "prod-", 1))
	if files := v.DatastoreFiles("shared-1", made[0]); len(files) != 1 || files["prod-2.db"] == nil {
		t.Errorf("left are %v", files)
	}
	v.must(v.client.PruneFiles(t.Context(), in, "prod-", 0))
	if left := folders(); len(left) > 0 {
		t.Errorf("left are the folders %v", left)
	}
	v.must(v.client.PruneFiles(t.Context(), in, "prod-", 0))
}
