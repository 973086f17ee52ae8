package orphans

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/ledger"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
	"github.com/gantry/terraform-provider-gantry/internal/vsphere"
)

// maxHeartbeatAge is how old the heartbeat of a live run may be.
const maxHeartbeatAge = time.Minute

// orphan is one finding as users read it.
type orphan struct {
	Kind        string `tfsdk:"kind"`
	Name        string `tfsdk:"name"`
	Detail      string `tfsdk:"detail"`
	Remediation string `tfsdk:"remediation"`
}

// finding is an orphan with what distinguishes it from others of the same name.
type finding struct {
	orphan
	key string
}

// world is what one read of the ledger and of vCenter returned.
type world struct {
	entries  []ledger.Entry
	machines []vsphere.MarkedMachine
	folder   func(datacenter string, folder record.Folder) (string, bool)
	id       func(record.Ref) uuid.UUID
	folderID func(ref string) uuid.UUID
	template func(ref string) string // inventory path; empty: it is gone

	records map[uuid.UUID]*ledger.Entry
	// bodies are those of clusters and gateways, by their records' ids.
	bodies map[uuid.UUID]record.Cluster
	// clusters are the ids of registered clusters and gateways.
	clusters map[uuid.UUID]bool
	// images are the records of images, by their ids.
	images map[uuid.UUID]record.Image
	// unreadableCluster reports that the record of a cluster cannot be read: then it
	// is not known what belongs to it, and nothing is an orphan for want of a cluster.
	unreadableCluster bool
	// lockedByLiveRun are the records that a run which is alive has locked.
	lockedByLiveRun map[uuid.UUID]bool
	// indexed are the IP pools that the ledger's index lists.
	indexed map[uuid.UUID]bool
	// vms are the paths of the VMs of each cluster id, loadBalancers that of those which is
	// its load balancer.
	vms           map[uuid.UUID][]string
	loadBalancers map[uuid.UUID]string

	found []finding
}

func newWorld(entries []ledger.Entry, machines []vsphere.MarkedMachine, now time.Time) *world {
	w := &world{
		entries:         entries,
		machines:        machines,
		records:         map[uuid.UUID]*ledger.Entry{},
		bodies:          map[uuid.UUID]record.Cluster{},
		clusters:        map[uuid.UUID]bool{},
		images:          map[uuid.UUID]record.Image{},
		lockedByLiveRun: map[uuid.UUID]bool{},
		indexed:         map[uuid.UUID]bool{},
		vms:             map[uuid.UUID][]string{},
		loadBalancers:   map[uuid.UUID]string{},
	}
	for _, e := range entries {
		if e.Kind == ledger.EntryLock && e.Held && now.Sub(e.Heartbeat) < maxHeartbeatAge {
			w.lockedByLiveRun[e.Parent] = true
		}
	}
	for i, e := range entries {
		switch e.Kind {
		case ledger.EntryRecord:
			w.records[e.ID] = &entries[i]
			w.addCluster(e)
		case ledger.EntryIndex:
			w.indexed[e.IPPool] = true
		}
	}
	for _, m := range machines {
		w.vms[m.Cluster] = append(w.vms[m.Cluster], m.Path)
		if m.LoadBalancer {
			w.loadBalancers[m.Cluster] = m.Path
		}
	}
	return w
}

// addCluster notes the record of a cluster or gateway.
func (w *world) addCluster(e ledger.Entry) {
	switch e.Record.Kind {
	case record.KindGateway:
		w.clusters[e.ID] = true // that is a gateway's id
	case record.KindImage:
		w.addImage(e)
		return
	case record.KindCluster:
	default:
		return
	}
	body, err := e.Record.Cluster()
	if err != nil {
		w.unreadableCluster = w.unreadableCluster || e.Record.Kind == record.KindCluster
		return
	}
	w.bodies[e.ID] = body
	w.clusters[body.ID] = true
}

// addImage notes the record of an image, of which builds have VMs and addresses that are no
// cluster's, as long as a run works on it.
func (w *world) addImage(e ledger.Entry) {
	body, err := e.Record.Image()
	w.images[e.ID] = body
	w.clusters[e.ID] = err != nil || w.lockedByLiveRun[e.ID]
}

// ownerWords are whose a VM or an address is that is no registered cluster's, and since when.
func (w *world) ownerWords(cluster uuid.UUID, since, missing string) string {
	if body, ok := w.images[cluster]; ok && body.Complete() {
		return fmt.Sprintf("the build of the image %s%s, which is made", body.Name, since)
	} else if ok {
		return fmt.Sprintf("the build of the image %s%s, which has not ended and on which no run works now", body.Name, since)
	}
	return fmt.Sprintf("cluster %s%s, of which there is %s", cluster, since, missing)
}

// gone reports whether a cluster id is proven to be of no registered cluster.
func (w *world) gone(cluster uuid.UUID) bool { return !w.unreadableCluster && !w.clusters[cluster] }

// registered reports whether there is a record of that id and kind.
func (w *world) registered(id uuid.UUID, kind record.Kind) bool {
	e := w.records[id]
	return e != nil && e.Record.Kind == kind
}

func (w *world) add(key, kind, name, detail, remediation string) {
	w.found = append(w.found, finding{
		orphan: orphan{Kind: kind, Name: name, Detail: detail, Remediation: remediation},
		key:    kind + " " + key,
	})
}

// kindName is a kind of record as the attribute `kind` has it, which is as in the
// name of its resource.
func kindName(kind record.Kind) string { return strings.ReplaceAll(string(kind), "-", "_") }

// orphans returns all findings.
func (w *world) orphans() []finding {
	w.strandedMachines()
	w.incompleteRecords()
	w.strandedClaims()
	w.strandedTags()
	w.unusedImages()
	slices.SortFunc(w.found, func(a, b finding) int {
		return slices.Compare([]string{a.Kind, a.Name, a.Detail, a.key}, []string{b.Kind, b.Name, b.Detail, b.key})
	})
	return slices.CompactFunc(w.found, func(a, b finding) bool { return a.key == b.key })
}

// both are the findings of a second read that the first one had too.
func both(first, second []finding) []finding {
	had := map[string]bool{}
	for _, f := range first {
		had[f.key] = true
	}
	return slices.DeleteFunc(second, func(f finding) bool { return !had[f.key] })
}

// readError is why the body of a record cannot be read; nil where it can, or where a
// newer Gantry made it, which understands it.
func readError(r *ledger.Record) error {
	var err error
	switch r.Kind {
	case record.KindCluster, record.KindGateway:
		_, err = r.Cluster()
	case record.KindIPPool:
		_, err = r.IPPool()
	case record.KindCloudAccount:
		_, err = r.CloudAccount()
	case record.KindImage:
		_, err = r.Image()
	}
	if errors.Is(err, record.ErrNewer) {
		return nil
	}
	return err
}

// poolName names an IP pool by its name, where it has one.
func (w *world) poolName(id uuid.UUID) string {
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
