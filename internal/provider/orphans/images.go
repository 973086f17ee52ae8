package orphans

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
	"github.com/gantry/terraform-provider-gantry/internal/vsphere"
)

// unusedImages finds the images that Gantry has made and of which no VM of its own was cloned, and
// those whose making has stopped half way. Whether a state has what a gantry_node_image holds is not
// known here.
func (w *world) unusedImages() {
	for id, e := range w.records {
		if e.Record.Kind != record.KindImage || w.lockedByLiveRun[id] {
			continue
		}
		body, err := e.Record.Image()
		if err != nil {
			continue // incompleteRecords says so, or a newer Gantry made it
		}
		path := ""
		if body.Template != "" {
			path = w.template(body.Template)
		}
		forget := fmt.Sprintf("delete the tag %q of category gantry", e.Name)
		switch {
		case body.Template == "" || body.Marking && path == "":
			w.add(id.String(), kindName(record.KindImage), body.Name,
				"Its import, or its build, has begun and not ended, and no run works on it now.",
				"The next apply that uses the image goes on with it. If none does, delete the VM of that name, if there is one, and "+forget+".")
		case path == "":
			w.add(id.String(), kindName(record.KindImage), body.Name,
				"It was made, and vCenter shows its template no more.",
				"The next apply that uses the image makes it again. If none does, "+forget+".")
		case slices.ContainsFunc(w.machines, func(m vsphere.MarkedMachine) bool { return m.Template == body.Template }):
		case len(body.Holders) > 0:
			w.add(id.String(), kindName(record.KindImage), body.Name,
				fmt.Sprintf("It was made as %s, no VM of Gantry's was cloned from it, and it is held by: %s.", path,
					strings.Join(body.HolderNames(), ", ")),
				"Where each of these is a gantry_node_image of a state, it is no orphan. What no state has any more, as after a run that was "+
					fmt.Sprintf("killed, import in its place by the ID %q, with what stands in parentheses behind the comma, and destroy it.", path+","))
		default:
			w.add(id.String(), kindName(record.KindImage), body.Name,
				fmt.Sprintf("It was made as %s, and no VM of Gantry's was cloned from it.", path),
				"Keep it for later clusters, or import it as a gantry_node_image. If it is not needed, delete the template, and then "+forget+".")
		}
	}
}
