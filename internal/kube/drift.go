package kube

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/printable"
)

// kindTime bounds how long the objects of one kind are read, so that one that does not answer, as
// where what stands behind it is away, does not take the time of others.
const kindTime = 10 * time.Second

// Drift implements model.API.
func (a *api) Drift(ctx context.Context, m model.PackManifests) ([]model.Drift, error) {
	c := &comparison{api: a, owner: m.Owner}
	c.errs = a.lookAll(ctx, selection{labels: marks(m.Owner), few: true}, compared(m.Objects), c.compare)
	if c.otherKey {
		c.errs = append(c.errs, errors.New("the authorities of the cluster are other ones than when they were applied: "+
			"they are compared from the next apply of their pack on"))
	}
	c.tryOut(ctx, m)
	return c.drift, errors.Join(c.errs...)
}

// lookAll reads objects of all kinds. One kind that cannot be read does not keep others from it: a
// webhook that converts it may be away.
func (a *api) lookAll(ctx context.Context, by selection, objects []model.PackObject, tell found) (errs []error) {
	relearn := sync.OnceFunc(a.mapper.Reset)
	for _, kind := range byKind(objects) {
		if ctx.Err() != nil {
			return append(errs, model.ErrNotInTime)
		}
		bounded, cancel := context.WithTimeout(ctx, a.kindTime)
		err := a.look(bounded, by, kind, relearn, tell)
		if err != nil && bounded.Err() != nil {
			err = model.ErrNotInTime
		}
		cancel()
		if err != nil {
			errs = append(errs, err)
		}
	}
	return errs
}

// comparison is what is found of the objects of a pack.
type comparison struct {
	api      *api
	owner    model.PackOwner
	drift    []model.Drift
	errs     []error
	otherKey bool
}

// compare judges an object as it is; nil: it is missing.
func (c *comparison) compare(o model.PackObject, live *unstructured.Unstructured) {
	if o.Set.Key != c.api.hashes.id() {
		c.otherKey = true
		return
	}
	if live != nil && (live.GetDeletionTimestamp() != nil || o.Shared && ofAnother(live, c.owner)) {
		return // it goes, or is as another pack has it
	}
	if d, drifts := c.api.judgeDrift(o, live); drifts {
		c.drift = append(c.drift, d)
	}
}

// judgeDrift says what has become of an object, if it is not as it was applied.
func (a *api) judgeDrift(o model.PackObject, live *unstructured.Unstructured) (model.Drift, bool) {
	d := model.Drift{ObjectRef: o.ObjectRef}
	if live == nil {
		d.Held = a.heldBefore(o, []string{way(nil)})
		return d, true
	}
	var back, applied []change
	for _, c := range a.hashes.changes(*o.Set, live) {
		if c.drifts() {
			back = append(back, c)
		}
		if c.applied && !c.ours && !c.left {
			applied = append(applied, c)
		}
	}
	switch {
	case len(back) > 0:
		d.Fields, d.By = names(back)
		d.Held = a.heldBefore(o, ways(back))
		if slices.ContainsFunc(back, func(c change) bool { return onlyCopy(live, c.path) }) {
			d.Held = "who has set the data of a Secret may have the only copy in it"
		}
	case len(applied) > 0:
		d.Fields, d.By = names(applied)
		d.Held = "who has set it applies it server-side, too, and has taken it over by force"
	default:
		return model.Drift{}, false
	}
	return d, true
}

// namedFields bounds how many fields of an object, and how many who have set them, are named.
const namedFields = 3

// names are the first fields of several, and who has set them. What may be a value is not in it.
func names(changes []change) (fields, by []string) {
	for _, c := range changes {
		field := printable.Line(shown(c.path).String(), maxReason)
		if len(fields) < namedFields && !slices.Contains(fields, field) {
			fields = append(fields, field)
		}
		for _, name := range c.by {
			name = printable.Line(name, maxReason)
			if len(by) < namedFields && !slices.Contains(by, name) {
				by = append(by, name)
			}
		}
	}
	return fields, by
}

// shown is a path up to what may be a value.
func shown(p fieldpath.Path) fieldpath.Path {
	for i, element := range p {
		if element.Value != nil {
			return p[:i]
		}
	}
	return p
}

// byKind are objects by kind, version and whether they are read alone.
func byKind(objects []model.PackObject) [][]model.PackObject {
	type key struct {
		kind  schema.GroupVersionKind
		alone bool
	}
	var order []key
	kinds := map[key][]model.PackObject{}
	for _, o := range objects {
		k := key{schema.GroupVersionKind{Group: o.Group, Version: o.Version, Kind: o.Kind}, readAlone(o)}
		if kinds[k] == nil {
			order = append(order, k)
		}
		kinds[k] = append(kinds[k], o)
	}
	var all [][]model.PackObject
	for _, k := range order {
		all = append(all, kinds[k])
	}
	return all
}

// readAlone reports whether an object need not have the marks by which others are listed.
func readAlone(o model.PackObject) bool { return o.TakenOver || o.Shared }

// ofAnother reports whether an object has the marks of another pack of the cluster.
func ofAnother(have *unstructured.Unstructured, owner model.PackOwner) bool {
	whose := marked(have)
	return whose.Cluster == owner.Cluster && whose.Pack != owner.Pack
}

// lastOf is the object of a name as manifests have it last.
func lastOf(objects []*unstructured.Unstructured, ref model.ObjectRef) *unstructured.Unstructured {
	for _, object := range slices.Backward(objects) {
		if ref.Names(written(object)) {
			return object
		}
	}
	return nil
}
