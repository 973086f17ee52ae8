package orphans

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/ledger"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
)

// strandedMachines finds the VMs whose cluster is registered nowhere, and the
// folders that they have for themselves.
func (w *world) strandedMachines() {
	for _, m := range w.machines {
		if !w.gone(m.Cluster.String()) {
			continue
		}
		state := "powered off"
		if m.PoweredOn {
			state = "powered on"
		}
		var addresses []string
		for _, h := range m.Holdings {
			addresses = append(addresses, h.Address.String())
		}
		detail := fmt.Sprintf("Node %s of cluster %s, of which there is no record. It is %s", m.Node, m.Cluster, state)
		if len(addresses) > 0 {
			detail += " and accounts for " + strings.Join(addresses, ", ")
		}
		w.add(m.Path, "vm", m.Path, detail+".",
			"If nobody needs it, detach the disks that are to be kept and delete it in vCenter. Then read this again: its addresses are listed as claims.")
		if m.OwnFolder {
			w.add(m.Folder, "folder", m.Folder, fmt.Sprintf("It holds VMs of cluster %s, of which there is no record, and nothing else. It may have been made for them.", m.Cluster),
				"Delete it once its VMs are gone, unless somebody wants it.")
		}
	}
}

// unfinished finds records that no run has brought to an end, that can't be
// read, or whose gateway is gone.
func (w *world) unfinished() {
	for id, e := range w.records {
		if w.manned[id] {
			continue
		}
		r := e.Record
		key, kind := id.String(), kindColumn(r.Kind)
		if r.GatewayID != uuid.Nil {
			if !w.registered(r.GatewayID, record.KindGateway) {
				w.add(key+" gateway", kind, r.Name, fmt.Sprintf("It belongs to gateway %s, which is registered nowhere.", r.GatewayID),
					fmt.Sprintf("Import it as %s/%s and destroy it, or apply the gateway's configuration again: that gives it the same id.", r.GatewayID, r.Name))
			}
		}
		if r.Kind == record.KindIPPool && !w.listed[id] {
			w.add(key+" place", kind, r.Name, "It is not noted among the IP pools, since somebody has deleted or edited that tag: other pools are not compared with it.",
				"Change something of it that does no harm, such as reuse_delay, and apply its configuration: that notes it again.")
		}
		switch err := decodeError(r); {
		case errors.Is(err, record.ErrNewer):
			continue // not for this provider to judge
		case err != nil:
			w.add(key+" body", kind, r.Name, "The description of its tag is not what Gantry writes: it was edited, or a part of it is missing.",
				fmt.Sprintf("Put the description of tag %q back. The record of an IP pool is written again when its configuration is applied.", e.Name))
			continue
		}
		if body, ok := w.bodies[id]; ok && !body.CreationComplete {
			w.unfinishedCluster(e, body)
		}
	}
}

func decodeError(r *ledger.Record) (err error) {
	switch r.Kind {
	case record.KindCluster, record.KindGateway:
		_, err = r.Cluster()
	case record.KindIPPool:
		_, err = r.IPPool()
	case record.KindCloudAccount:
		_, err = r.CloudAccount()
	}
	return err
}

func (w *world) unfinishedCluster(e *ledger.Entry, body record.Cluster) {
	r := e.Record
	how := "its API has never answered"
	if body.APIReached {
		how = "its API has answered, but the run that made it has not come to an end"
	}
	vms := "It has no VM."
	if paths := w.vms[body.ID.String()]; len(paths) > 0 {
		vms = "Its VMs: " + strings.Join(paths, ", ") + "."
	}
	w.add(e.ID.String(), kindColumn(r.Kind), r.Name, fmt.Sprintf("It is registered, %s, and no run works on it now. %s", how, vms),
		"Apply its configuration again, which goes on where the last run was stopped; where nobody wants it, destroy it after that.")
	for _, path := range body.Folders {
		if full, ok := w.folder(body.Datacenter, path); ok {
			w.add(full, "folder", full, fmt.Sprintf("It was made for %s %q, whose creation has not come to an end.", r.Kind, r.Name),
				"It goes when that is destroyed, if it is empty then.")
		}
	}
}

// strandedClaims finds addresses that nobody is left to give back.
func (w *world) strandedClaims() {
	held := map[string]string{} // pool and address: VM
	for _, m := range w.machines {
		for _, h := range m.Holdings {
			held[h.IPPool.String()+"/"+h.Address.String()] = m.Path
		}
	}
	homeless := map[uuid.UUID]int{}
	for _, e := range w.entries {
		if e.Kind != ledger.EntryClaim {
			continue
		}
		if !w.registered(e.IPPool, record.KindIPPool) {
			homeless[e.IPPool]++
		}
		vm := held[e.Name]
		free := fmt.Sprintf("Delete the tag %q of category gantry: the address is free then.", e.Name)
		switch {
		case !e.Owner.Known() && vm != "":
			w.add(e.Name, "claim", e.Address.String(), fmt.Sprintf("The claim of %s is not readable: somebody has edited it. VM %s has the address.", w.poolWords(e.IPPool), vm),
				fmt.Sprintf("Delete the tag %q of category gantry and apply the VM's cluster: that claims the address again.", e.Name))
		case !e.Owner.Known():
			w.add(e.Name, "claim", e.Address.String(), fmt.Sprintf("The claim of %s is not readable: somebody has edited it. No VM of Gantry's has the address.", w.poolWords(e.IPPool)), free)
		case w.gone(e.Owner.Cluster.String()) && len(w.vms[e.Owner.Cluster.String()]) == 0:
			w.add(e.Name, "claim", e.Address.String(), fmt.Sprintf("It is claimed of %s for %s of cluster %s%s, of which there is neither a record nor a VM.",
				w.poolWords(e.IPPool), e.Owner.Node, e.Owner.Cluster, since(e.Since)), free)
		}
	}
	for pool, n := range homeless {
		w.add(pool.String(), "pool", pool.String(), fmt.Sprintf("%d of its addresses are claimed, and it is registered nowhere.", n),
			"Apply the configuration that it belongs to: that registers it under the same id, with the same addresses in use.")
	}
}

// poolWords name a pool by its name, where it has one.
func (w *world) poolWords(id uuid.UUID) string {
	if e := w.records[id]; e != nil {
		return fmt.Sprintf("IP pool %q", e.Record.Name)
	}
	return "IP pool " + id.String()
}

func since(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return " since " + t.UTC().Format(time.RFC3339)
}
