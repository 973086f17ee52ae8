// Package observe reads the world for the engine: the record and the claims in the
// ledger, the VMs in vCenter, the nodes in the cluster's API. It changes nothing,
// and the number of vCenter calls does not grow with the number of nodes.
package observe

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/ledger"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
)

// Observer reads.
type Observer struct {
	VCenter model.VCenter
	Ledger  ledger.Reader
	Kube    model.Kube
	Charts  model.Charts // nil: there are none
	// MaxAge is how old a read of vCenter may be that several resources share. Under a
	// lock it is 0: what was read before the lock was taken proves nothing.
	MaxAge time.Duration
	// TemplateMaxAge is how old what was read of templates may be, under a lock, too.
	TemplateMaxAge time.Duration
	// Planned is what is known of an IP pool beyond the ledger, for a plan; nil: nothing,
	// as in an apply.
	Planned func(id uuid.UUID) model.PlannedIPPool
	// IgnoresDrift has no one look whether objects of packs have changed.
	IgnoresDrift bool
	// LeavesReleases has no one look at the objects of releases, which no step sets back: others
	// wait for a lock meanwhile.
	LeavesReleases bool
	// Inside is as in Limits.
	Inside uuid.UUID
	// IPPools are the pools that the run has read whose end is observed; nil: none. They
	// are not read again.
	IPPools map[uuid.UUID]model.IPPool
	// PoolLedger reads the records of IP pools, under a lock, too: no lock of a cluster
	// holds them, and a run works for minutes with what it has read at its start.
	PoolLedger ledger.Reader
	// Listed is the list of the ledger that the run has made already; nil: it is made.
	Listed *ledger.Snapshot
}

// World is one observation.
type World struct {
	// ID is the cluster that was observed: the target's, or that of an incomplete
	// creation of the same name; uuid.Nil: there is none yet.
	ID     uuid.UUID
	Facts  model.Facts
	Limits model.Limits

	cluster string // its name

	// RecordID is the id of the cluster's record.
	RecordID uuid.UUID
	// Snapshot is the ledger's claims, and IPPools are the registered pools to claim
	// from.
	Snapshot *ledger.Snapshot
	IPPools  map[uuid.UUID]ledger.IPPool
	// API is the connection to the cluster's API; nil: it was not asked.
	API       model.API
	apiFailed error // why it did not answer
}

// Spec reads all that planning the spec needs, its names resolved. An incomplete
// creation of the same name, which no state holds, is observed as the spec's own.
func (o Observer) Spec(ctx context.Context, spec *model.ClusterSpec, secrets *model.Secrets) (*World, error) {
	rec, err := o.Record(ctx, spec.Ref)
	if err != nil {
		return nil, err
	}
	return o.Recorded(ctx, spec, rec, secrets)
}

// Recorded is Spec for whom has read the record.
func (o Observer) Recorded(ctx context.Context, spec *model.ClusterSpec, rec model.Record, secrets *model.Secrets) (*World, error) {
	if spec.New {
		rec.APIReached = rec.Finished()
	}
	id := spec.ID
	if rec.Found && id == uuid.Nil && !rec.APIReached {
		id = rec.ID
	}
	names := spec.Names()
	if rec.Found && !spec.New && rec.ID == id {
		names.KnownDatacenter = rec.Datacenter
		names.KnownFolder = rec.Folder
	}
	return o.read(ctx, request{
		target:  spec.Target(),
		id:      id,
		record:  rec,
		names:   names,
		ipPools: spec.IPPools(),
		ranges:  spec.ReservedRanges,
		vmTags:  spec.VMTags,
		own:     spec.OwnIPPool,
		secrets: secrets,
	})
}

// Successor reads what planning a creation needs, its names resolved, as if what has
// the ids were gone: its record and VMs do not count, and its addresses are free.
func (o Observer) Successor(ctx context.Context, spec *model.ClusterSpec, gone []uuid.UUID) (*World, error) {
	return o.read(ctx, request{
		target:  spec.Target(),
		names:   spec.Names(),
		ipPools: spec.IPPools(),
		ranges:  spec.ReservedRanges,
		vmTags:  spec.VMTags,
		own:     spec.OwnIPPool,
		gone:    gone,
	})
}

// Image reads what making an image needs that is no cluster's, its names resolved: the spec's id is
// the owner of what an interrupted run has left, and builder the VM that it has noted.
func (o Observer) Image(ctx context.Context, spec *model.ClusterSpec, builder record.Builder) (*World, error) {
	return o.read(ctx, request{target: spec.Target(), id: spec.ID, names: spec.Names(), ipPools: spec.IPPools(), builder: builder})
}

// Target reads what status and destruction need: no names are resolved, and the IP
// pools are those that the record and the machines name.
func (o Observer) Target(ctx context.Context, target model.Target, secrets *model.Secrets) (*World, error) {
	rec, err := o.Record(ctx, target.Ref)
	if err != nil {
		return nil, err
	}
	return o.read(ctx, request{target: target, id: target.ID, record: rec, ipPools: target.IPPools, secrets: secrets})
}

// Dependants is Target with what depends on it, for a destruction. The API is not
// asked: nothing in a destruction needs it.
func (o Observer) Dependants(ctx context.Context, target model.Target) (*World, error) {
	w, err := o.Target(ctx, target, nil)
	if err == nil && w.Facts.UnseenBuilder != nil {
		w.Facts.Unseen = append(w.Facts.Unseen, *w.Facts.UnseenBuilder) // it is left like a node
	}
	if err != nil || target.Kind != record.KindGateway {
		return w, err
	}
	children, err := o.Ledger.Children(ctx, w.RecordID)
	if err != nil {
		return nil, fmt.Errorf("list what belongs to gateway %q: %w", target.Name, err)
	}
	// Its inline pool goes with it.
	w.Limits.Children = slices.DeleteFunc(children, func(child record.Ref) bool {
		return child.Kind == record.KindIPPool && child.Name == target.OwnIPPool
	})
	return w, nil
}

// request is what one observation reads.
type request struct {
	target  model.Target
	id      uuid.UUID
	record  model.Record
	names   *model.Names
	ipPools []uuid.UUID
	ranges  []model.ReservedRange
	vmTags  []model.VMTag
	own     *record.IPPool // the inline IP pool as it will be
	gone    []uuid.UUID    // clusters and gateways that do not count
	builder record.Builder // of an image that is no cluster's
	secrets *model.Secrets
}

// read is the sequence of an observation.
func (o Observer) read(ctx context.Context, req request) (*World, error) {
	known := knownOf(req)
	survey, err := o.VCenter.Survey(ctx, model.SurveyRequest{
		Cluster:        req.id,
		Known:          append(references(known), notedBuilder(req)...),
		Names:          req.names,
		MaxAge:         o.MaxAge,
		TemplateMaxAge: o.TemplateMaxAge,
	})
	if err != nil {
		return nil, fmt.Errorf("read the inventory of vCenter: %w", err)
	}
	w := &World{
		ID:       req.id,
		cluster:  req.target.Name,
		RecordID: o.Ledger.ID(req.target.Ref),
		IPPools:  map[uuid.UUID]ledger.IPPool{},
	}
	w.Facts.Record = req.record
	w.addMachines(survey.Machines)
	w.Facts.Unreadable = unreadableNames(req, known, survey)
	w.Facts.Rules = survey.Rules
	w.Facts.Hosting = survey.Hosting
	w.Facts.Groups = survey.Groups
	w.Facts.VMGroups = recordedGroups(survey.VMGroups, req.record)
	w.addMissing(known, survey)
	w.addUnseenBuilder(req, survey)
	w.Limits = model.Limits{
		APIVersion: survey.APIVersion,
		Site:       survey.Site,
		Findings:   survey.Findings,
		IPPools:    map[uuid.UUID]model.IPPool{},
		NICs:       survey.NICs,
		Held:       heldByOthers(survey.Held, req.gone),
		HeldDisks:  survey.HeldDisks,
		Notes:      survey.Notes,
		Inside:     o.Inside,
	}

	if err := o.readVMTags(ctx, w, req.vmTags); err != nil {
		return nil, err
	}
	// Which claims have to be read depends on the nodes that the API knows.
	o.readAPI(ctx, w, req)
	if err := o.readNoted(ctx, w, req.id, known); err != nil {
		return nil, err
	}
	if err := o.readIPPools(ctx, w, req); err != nil {
		return nil, err
	}
	if err := o.readClaims(ctx, w, req, survey); err != nil {
		return nil, err
	}
	if !w.Facts.Record.Found {
		w.Facts.Record.Folders = o.notedFolders(w)
	}
	return w, o.readTime(ctx, w, req.target)
}

// Record reads the record of a cluster or gateway.
func (o Observer) Record(ctx context.Context, ref record.Ref) (model.Record, error) {
	rec, err := o.Ledger.Record(ctx, o.Ledger.ID(ref))
	if errors.Is(err, ledger.ErrNotFound) {
		return model.Record{}, nil
	}
	if err != nil {
		return model.Record{}, fmt.Errorf("read the record of %s: %w", ref.Describe(), err)
	}
	body, err := rec.Cluster()
	if err != nil {
		return model.Record{}, err
	}
	return model.Record{Found: true, Cluster: body}, nil
}
