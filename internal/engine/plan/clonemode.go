package plan

import (
	"fmt"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// CloneMode decides how a node's disks are made, and refuses what vSphere would do
// silently otherwise: a full clone in place of a linked one, or a linked one that
// keeps the template's disk size.
func CloneMode(want model.CloneMode, t model.Template, place model.ResolvedPlacement, diskGB int64) (model.CloneMode, error) {
	obstacle := ""
	switch {
	case t.Snapshot == "":
		obstacle = "it has no snapshot"
	case t.SnapshotDisks != 1:
		obstacle = fmt.Sprintf("its current snapshot has %d disks instead of one", t.SnapshotDisks)
	case place.Datastore == "" && !place.Chooses(t.Datastore):
		obstacle = "it is on none of the datastores that the node can be on"
	case place.Datastore != "" && t.Datastore != place.Datastore:
		obstacle = "it is on another datastore than the node"
	case diskGB != 0 && diskGB != t.DiskGB:
		obstacle = fmt.Sprintf("its disk has %d GB and the node's %d GB", t.DiskGB, diskGB)
	}
	// A linked clone stays where its template is: where the datastore is chosen for each
	// node, only who asks for linked clones gets them.
	chosen := place.Datastore == ""
	switch {
	case want == model.CloneFull || want != model.CloneLinked && (obstacle != "" || chosen):
		return model.CloneFull, nil
	case obstacle != "":
		return "", fmt.Errorf("the template %s cannot be cloned as linked: %s; take a new snapshot of it, or use clone_mode auto or full",
			t.Path, obstacle)
	default:
		return model.CloneLinked, nil
	}
}
