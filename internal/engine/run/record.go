package run

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/engine/plan"
	"github.com/gantry/terraform-provider-gantry/internal/ledger"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
)

// recordWriter writes the cluster's record. Only the holder of the lock does.
type recordWriter struct {
	ledger  *ledger.Ledger
	changes *changes
	id      uuid.UUID
	ref     record.Ref
	// nameTemplate and facts name nodes as long as there is no record that does.
	nameTemplate string
	facts        *model.Facts

	ipPools []uuid.UUID // of the spec
	// datacenter is the reference of the spec's; empty: no names were resolved.
	datacenter string

	// proxy is what the record says of it, of a gateway its own.
	proxy *record.Proxy
	// neverRan reports whether no run before this one has left all as it was asked to be.
	neverRan bool

	mu   sync.Mutex
	body model.Record
	lost map[string]bool // nodes that this run powered on in vain
}

func newRecordWriter(r *Runner) *recordWriter {
	return &recordWriter{
		ledger:  r.Ledger,
		changes: r.changes,
		id:      r.World.RecordID,
		ref:     r.Spec.Ref,
		facts:   &r.World.Facts,
		ipPools: r.Spec.IPPools(),

		nameTemplate: r.Spec.NameTemplate,

		datacenter: r.World.Limits.Site.Datacenter,
		proxy:      recordedProxy(r.Spec),
		neverRan:   !r.World.Facts.Record.Finished() || r.World.Facts.Record.NeverRan,
		body:       r.World.Facts.Record,
		lost:       map[string]bool{},
	}
}

// recordedProxy is what a record says of a proxy: a gateway's own, for what is made
// through it, and what a cluster has taken from its gateway.
func recordedProxy(spec *model.ClusterSpec) *record.Proxy {
	if spec.Kind == record.KindGateway {
		return spec.Proxy.Recorded()
	}
	return spec.GatewayProxy
}

// current is the record as this run knows it.
func (w *recordWriter) current() model.Record {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.body
}

// apiReached reports whether the cluster's API has answered at least once.
func (w *recordWriter) apiReached() bool { return w.current().APIReached }

// create writes a new record.
func (w *recordWriter) create(ctx context.Context, body record.Cluster) error {
	raw, err := json.Marshal(body)
	if err != nil {
		return err
	}
	err = w.changes.call(ctx, func(ctx context.Context) error {
		_, err := w.ledger.Register(ctx, ledger.Record{Ref: w.ref, Body: raw})
		var exists *ledger.RecordExistsError
		if errors.As(err, &exists) && exists.Holds(raw) {
			return nil // this run's own, which it made when the answer was lost
		}
		return err
	})
	if err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.body = model.Record{Found: true, Cluster: body}
	return nil
}

// update changes the record, if the change makes a difference.
func (w *recordWriter) update(ctx context.Context, change func(*record.Cluster)) error {
	return w.changes.call(ctx, func(ctx context.Context) error {
		w.mu.Lock()
		defer w.mu.Unlock()
		if !w.body.Found {
			return errors.New("the ledger has no record of the cluster")
		}
		before, err := json.Marshal(w.body.Cluster)
		if err != nil {
			return err
		}
		var next record.Cluster
		if err := json.Unmarshal(before, &next); err != nil {
			return err
		}
		change(&next)
		after, err := json.Marshal(next)
		if err != nil || string(after) == string(before) {
			return err
		}
		if err := w.ledger.UpdateRecord(ctx, w.id, after); err != nil {
			return fmt.Errorf("write the record: %w", err)
		}
		w.body.Cluster = next
		return nil
	})
}

// writeAhead records the ordinals that the plan uses before the first of them is
// used, and where its nodes go: a vCenter that was restored has another reference of
// the datacenter. A new record is written by its own step.
func (w *recordWriter) writeAhead(ctx context.Context, n model.Numbers) error {
	if !w.current().Found || n.Next == nil {
		return nil
	}
	return w.update(ctx, func(b *record.Cluster) {
		b.Counters = n.Next
		b.Pending = n.Pending
		b.NameTemplates = n.NameTemplates
		of := w.namesIn(b)
		removeNodes(b.Restarted, of, func(name string) bool { // they get another VM
			return slices.ContainsFunc(slices.Sorted(maps.Keys(n.Pending)), func(pool string) bool {
				return slices.Contains(n.Pending[pool], of.Ordinal(pool, name))
			})
		})
		b.IPPools = w.allIPPools(b.IPPools)
		b.Deletion = record.Deletion{} // of a destruction that was given up
		b.Deleting = false
		if b.APIReached { // resumeRecord moves others
			b.Datacenter = cmp.Or(w.datacenter, b.Datacenter)
		}
	})
}

// NoteDeletion records the last progress of a destruction.
func (r *Runner) NoteDeletion(ctx context.Context, progress record.Deletion) error {
	return r.record.update(ctx, func(b *record.Cluster) { b.Deletion = progress })
}

// allIPPools are the pools that the cluster may hold addresses of.
func (w *recordWriter) allIPPools(recorded []uuid.UUID) []uuid.UUID {
	ids := slices.Concat(recorded, w.ipPools)
	slices.SortFunc(ids, func(a, b uuid.UUID) int { return slices.Compare(a[:], b[:]) })
	return slices.Compact(ids)
}

// moveParents protects the cloud account that the cluster uses now from deletion,
// and no longer the one that it used before. The new one comes first: killed in
// between, the cluster has both.
func (w *recordWriter) moveParents(ctx context.Context, parents []uuid.UUID) error {
	now := w.current()
	if !now.APIReached || len(parents) == 0 || slices.Equal(now.Parents, parents) {
		return nil // creating the record does it, or nothing has moved
	}
	if err := w.addTo(ctx, parents); err != nil {
		return err
	}
	gone := slices.DeleteFunc(slices.Clone(now.Parents), func(id uuid.UUID) bool { return slices.Contains(parents, id) })
	if err := w.removeFrom(ctx, gone); err != nil {
		return err
	}
	return w.update(ctx, func(b *record.Cluster) { b.Parents = parents })
}

// addTo notes the cluster at its parents.
func (w *recordWriter) addTo(ctx context.Context, parents []uuid.UUID) error {
	for _, parent := range parents {
		if err := w.changes.call(ctx, func(ctx context.Context) error { return w.ledger.AddChild(ctx, parent, w.ref) }); err != nil {
			return err
		}
	}
	return nil
}

func (w *recordWriter) removeFrom(ctx context.Context, parents []uuid.UUID) error {
	for _, parent := range parents {
		if err := w.changes.call(ctx, func(ctx context.Context) error { return w.ledger.RemoveChild(ctx, parent, w.ref) }); err != nil {
			return err
		}
	}
	return nil
}

// createRecord registers the cluster in the ledger, which notes it at its gateway,
// and notes it at its account, so that neither is deleted under it.
func (r *Runner) createRecord(ctx context.Context) error {
	if r.record.current().Found {
		return r.resumeRecord(ctx)
	}
	reached := r.World.Facts.APIReached(r.Spec.New)
	reset := r.Spec.Reset
	var keys []int
	var lost record.Cluster
	if reached {
		lost = r.leasedRecord()
		lost.VMTags = r.givenVMTags()
		lost.VMGroups = r.givenVMGroups()
		reset, _ = r.World.Facts.BuiltFor()
		keys = plan.PossibleKeys(r.Spec, &r.World.Facts)
	}
	err := r.record.create(ctx, record.Cluster{
		ID:          r.Spec.ID,
		Kind:        r.Spec.Kind,
		Incarnation: r.Spec.Incarnation,
		// By reference: a datacenter may be renamed.
		Datacenter:       r.World.Limits.Site.Datacenter,
		Folder:           r.Spec.Folder,
		Folders:          withMissing(nil, r.World.Limits.Site.Folder.Missing),
		APIReached:       reached,
		CreationComplete: reached,
		Reset:            reset,
		Leases:           r.Spec.DHCP(),
		EncryptionKeys:   keys,
		Description:      r.Spec.Description,
		Tags:             r.Spec.Tags,
		Proxy:            r.record.proxy,
		Counters:         r.numbers.Next,
		Pending:          r.numbers.Pending,
		NameTemplates:    r.numbers.NameTemplates,
		IPPools:          r.record.allIPPools(nil),
		Parents:          r.Parents,
		LoadBalancer:     lost.LoadBalancer,
		Members:          lost.Members,
		VMTags:           lost.VMTags,
		VMGroups:         lost.VMGroups,
	})
	if err != nil {
		return err
	}
	return r.record.addTo(ctx, r.Parents)
}

// leasedRecord is what the record of a running cluster with leases has of them, as far as the
// VMs tell where that record was lost.
func (r *Runner) leasedRecord() (lost record.Cluster) {
	lb := r.World.Facts.LoadBalancer
	if !r.Spec.DHCP() || lb == nil || !lb.Address.IsValid() {
		return lost
	}
	lost.LoadBalancer = record.LoadBalancer{
		Address:  lb.Address,
		HostName: lb.Marker.HostName,
		MAC:      macOf(r.World.Limits.NICs, lb.UUID, ""),
	}
	lost.Members = plan.Members(r.Spec, &r.World.Facts)
	return lost
}

func (r *Runner) deleteRecord(ctx context.Context, known []uuid.UUID) error {
	parents := slices.Clone(r.record.current().Parents)
	for _, id := range known {
		if !slices.Contains(parents, id) {
			parents = append(parents, id)
		}
	}
	if err := r.record.removeFrom(ctx, parents); err != nil {
		return err
	}
	if err := r.ReleaseUnusedIPPools(ctx, nil); err != nil {
		return err
	}
	return r.changes.call(ctx, func(ctx context.Context) error { return r.Ledger.Unregister(ctx, r.World.RecordID) })
}
