package observe

import (
	"path"
	"strings"

	"github.com/gantry/terraform-provider-gantry/internal/inventoryname"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
)

// notedFolders are the folders of a cluster's VMs that Gantry made, as far as that is
// known without the cluster's record: clusters are noted at them. A level above is not
// among them, since no VM refers to it.
func (o Observer) notedFolders(w *World) []record.Folder {
	var folders []record.Folder
	seen := map[string]bool{}
	for _, m := range w.Facts.VMs() {
		if m.Folder == "" || seen[m.Folder] || !w.Snapshot.HasNotes(o.Ledger.FolderID(m.Folder)) {
			continue
		}
		seen[m.Folder] = true
		_, names := inventoryname.SplitFolder(path.Dir(m.Path))
		folders = append(folders, record.Folder{Path: strings.Join(names, "/"), Ref: m.Folder})
	}
	return folders
}
