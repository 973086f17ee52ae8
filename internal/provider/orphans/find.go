package orphans

import (
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"

	enginemodel "github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/ledger"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
	"github.com/gantry/terraform-provider-gantry/internal/provider/attribute"
	"github.com/gantry/terraform-provider-gantry/internal/vsphere"
)

// strandedMachines finds the VMs whose cluster is not registered, and the folders
// that hold nothing else.
func (w *world) strandedMachines() {
	for _, m := range w.machines {
		if !w.gone(m.Cluster) {
			continue
		}
		w.add(m.Path, "vm", m.Path, w.describeMachine(m), removeMachine(m))
		if m.OwnFolder {
			w.add(m.Folder, "folder", m.Folder,
				fmt.Sprintf("It holds VMs of cluster %s, of which there is no record, and nothing else. "+
					"It may have been created for them.", m.Cluster),
				"Delete it once its VMs are gone, unless it is used otherwise.")
		}
	}
}

func (w *world) describeMachine(m vsphere.MarkedMachine) string {
	state := "powered off"
	if m.PoweredOn {
		state = "powered on"
	}
	what := "Node"
	switch {
	case m.LoadBalancer:
		what = "Load balancer"
	case m.Builder:
		what = "VM for the image"
	}
	detail := fmt.Sprintf("%s %s of %s. It is %s", what, m.Node, w.ownerWords(m.Cluster, "", "no record"), state)
	if len(m.Holdings) > 0 {
		addresses := make([]string, len(m.Holdings))
		for i, h := range m.Holdings {
			addresses[i] = h.Address.String()
		}
		detail += " and accounts for " + strings.Join(addresses, ", ")
	}
	return detail + "."
}

func removeMachine(m vsphere.MarkedMachine) string {
	if !m.Understood {
		return "It was made by a newer Gantry. Upgrade the provider, and read this data source again."
	}
	return "If it is not needed, detach the disks that are to be kept and delete it in vCenter. " +
		"Then read this data source again: its addresses are listed as claims."
}

// incompleteRecords finds records whose creation never completed, that cannot be
// read, or whose gateway is gone.
func (w *world) incompleteRecords() {
	for id, e := range w.records {
		if w.lockedByLiveRun[id] {
			continue
		}
		r := e.Record
		key := id.String()
		kind := kindName(r.Kind)
		if r.GatewayID != uuid.Nil && !w.registered(r.GatewayID, record.KindGateway) {
			w.add(key+" gateway", kind, r.Name,
				fmt.Sprintf("It belongs to gateway %s, which is not registered.", r.GatewayID),
				fmt.Sprintf("Import it as %s/%s and destroy it, or apply the gateway's configuration again: the gateway gets the same id.",
					r.GatewayID, r.Name))
		}
		if r.Kind == record.KindIPPool && !w.indexed[id] {
			w.add(key+" index", kind, r.Name,
				"It is missing from the index of IP pools, whose tag was deleted or edited by hand: other pools are not compared with it.",
				"Apply its configuration with a harmless change, such as of reuse_delay: that adds it to the index again.")
		}
		if readError(r) != nil {
			w.add(key+" body", kind, r.Name,
				"The description of its tag is not what Gantry writes: it was edited, or a part of it is missing.",
				fmt.Sprintf("Restore the description of tag %q. The record of an IP pool is written again when its configuration is applied.", e.Name))
			continue
		}
		body, ok := w.bodies[id]
		switch {
		case !ok:
		case !body.CreationComplete:
			w.incompleteCluster(e, body)
		case w.nodeless(body.ID):
			w.lostCluster(e, body)
		}
	}
}

func (w *world) incompleteCluster(e *ledger.Entry, body record.Cluster) {
	r := e.Record
	how := "its API has never answered"
	if body.APIReached {
		how = "its API has answered, but the run that created it did not complete"
	}
	vms := "It has no VM."
	if paths := w.vms[body.ID]; len(paths) > 0 {
		vms = "Its VMs: " + strings.Join(paths, ", ") + "."
	}
	w.add(e.ID.String(), kindName(r.Kind), r.Name,
		fmt.Sprintf("It is registered, %s, and no run works on it now. %s", how, vms),
		"Apply its configuration again, which resumes the creation. If it is not needed and no state holds it, power its VMs off, "+
			importToDestroy(r.Ref))
	for _, folder := range body.Folders {
		if full, ok := w.folder(body.Datacenter, folder); ok {
			w.add(full, "folder", full,
				fmt.Sprintf("It was created for %s, whose creation never completed.", r.Describe()),
				"It is deleted when that is destroyed, if it is empty then.")
		}
	}
}

// nodeless reports whether vCenter shows no VM of a cluster but, perhaps, its load balancer.
func (w *world) nodeless(cluster uuid.UUID) bool {
	vms := w.vms[cluster]
	return len(vms) == 0 || len(vms) == 1 && vms[0] == w.loadBalancers[cluster]
}

// lostCluster reports a cluster or gateway of which vCenter shows no VM of a node. Whether a state
// holds it is not known here.
func (w *world) lostCluster(e *ledger.Entry, body record.Cluster) {
	r := e.Record
	detail := "It is registered, and vCenter shows no VM of it"
	powerOff := ""
	if lb := w.loadBalancers[body.ID]; lb != "" {
		detail += " but that of its load balancer, " + lb
		powerOff = "power the load balancer off, "
	}
	detail += "."
	var held []string
	for _, claim := range w.entries {
		if claim.Kind == ledger.EntryClaim && claim.Owner.Cluster == body.ID {
			held = append(held, fmt.Sprintf("%s (%s)", claim.Address, claim.Owner.Node))
		}
	}
	if len(held) > 0 {
		slices.Sort(held)
		detail += " It holds addresses: " + enginemodel.Listed(held) + "."
	}
	var folders []string
	for _, folder := range body.Folders {
		if full, ok := w.folder(body.Datacenter, folder); ok {
			folders = append(folders, full)
		}
	}
	if len(folders) > 0 {
		detail += " Folders that were created for it: " + strings.Join(folders, ", ") + "."
	}
	owned := "Where a state holds it, restore its VMs from a backup, or destroy it. "
	if r.Kind == record.KindGateway {
		owned = "Where a state holds it, set reset_trigger of the gateway to another value and apply, which builds it anew, or destroy it. "
	}
	w.add(e.ID.String(), kindName(r.Kind), r.Name, detail, owned+
		"Where none does any more, make sure that its VMs are gone, and not only hidden from this user; then "+powerOff+importToDestroy(r.Ref))
}

// importToDestroy says how to release what no state holds.
func importToDestroy(ref record.Ref) string {
	return fmt.Sprintf("import it as %s with GANTRY_IMPORT_KUBECONFIG unset, and destroy it: "+
		"that deletes its record and releases its addresses.", attribute.FormatImportID(ref))
}

// strandedClaims finds addresses that no cluster is left to release.
func (w *world) strandedClaims() {
	holders := map[string]string{} // VM, by IP pool and address
	for _, m := range w.machines {
		for _, h := range m.Holdings {
			holders[h.IPPool.String()+"/"+h.Address.String()] = m.Path
		}
	}
	unregistered := map[uuid.UUID][]string{}
	for _, e := range w.entries {
		if e.Kind != ledger.EntryClaim {
			continue
		}
		if !w.registered(e.IPPool, record.KindIPPool) {
			unregistered[e.IPPool] = append(unregistered[e.IPPool], e.Address.String())
		}
		w.strandedClaim(e, holders[e.Name])
	}
	for pool, addresses := range unregistered {
		slices.Sort(addresses)
		w.add(pool.String(), kindName(record.KindIPPool), pool.String(),
			fmt.Sprintf("It is not registered, and addresses of it are claimed: %s.", enginemodel.Listed(addresses)),
			"Apply its configuration: that registers it under the same id, with the same addresses in use.")
	}
}

// strandedClaim finds out about one claim; vm is the VM that has the address.
func (w *world) strandedClaim(e ledger.Entry, vm string) {
	address := e.Address.String()
	free := fmt.Sprintf("Delete the tag %q of category gantry: the address is free then.", e.Name)
	switch {
	case !e.Owner.Known() && vm != "":
		w.add(e.Name, "claim", address,
			fmt.Sprintf("The claim of %s cannot be read: it was edited by hand. VM %s has the address.", w.poolName(e.IPPool), vm),
			fmt.Sprintf("Delete the tag %q of category gantry and apply the VM's cluster: that claims the address again.", e.Name))
	case !e.Owner.Known():
		w.add(e.Name, "claim", address,
			fmt.Sprintf("The claim of %s cannot be read: it was edited by hand. No VM of Gantry's has the address.", w.poolName(e.IPPool)),
			free)
	case w.gone(e.Owner.Cluster) && len(w.vms[e.Owner.Cluster]) == 0:
		w.add(e.Name, "claim", address,
			fmt.Sprintf("It is claimed of %s for %s of %s.", w.poolName(e.IPPool), e.Owner.Node,
				w.ownerWords(e.Owner.Cluster, since(e.Since), "neither a record nor a VM")),
			free)
	}
}
