package kube

import (
	"context"
	"reflect"
	"slices"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// SetBack implements model.API. Each object is asked for once: only one whose kind or namespace is
// made by the same call waits for it.
func (a *api) SetBack(ctx context.Context, m model.PackManifests, only []model.ObjectRef) ([]model.PackObject, []model.Drift, error) {
	written, err := parse(m.Manifests)
	if err != nil {
		return nil, nil, err
	}
	s := &settingBack{api: a, m: m}
	var first, rest []model.PackObject
	for _, o := range compared(m.Objects) {
		switch {
		case !slices.Contains(only, o.ObjectRef) || lastOf(written, o.ObjectRef) == nil:
		case bringer(o.ObjectRef):
			first = append(first, o)
		default:
			rest = append(rest, o)
		}
	}
	pending := slices.Concat(first, rest)
	for {
		pending = s.tryAll(ctx, pending, written)
		if len(pending) == 0 {
			return s.after, s.held, nil
		}
		select {
		case <-ctx.Done():
		case <-time.After(a.interval):
		}
		a.mapper.Reset() // a kind may be served by now
	}
}

// settingBack is what has become of the objects that a call sets back.
type settingBack struct {
	api   *api
	m     model.PackManifests
	dry   bool // it only asks
	after []model.PackObject
	held  []model.Drift
	// made are definitions and namespaces that were missing, and are, or in a dry run would be,
	// there again.
	made []*unstructured.Unstructured
}

// tryAll sets objects back, and returns those that wait for what brings them. An error of one is
// no error of the others.
func (s *settingBack) tryAll(
	ctx context.Context, pending []model.PackObject, written []*unstructured.Unstructured,
) (waiting []model.PackObject) {
	for _, o := range pending {
		done, why, err := s.setBack(ctx, o, lastOf(written, o.ObjectRef).DeepCopy())
		switch {
		case err != nil && ctx.Err() == nil && lacking(err) && brought(s.made, o.ObjectRef):
			waiting = append(waiting, o)
			continue
		case err != nil:
			why = whyNot(err)
		}
		if why != "" {
			s.held = append(s.held, model.Drift{ObjectRef: o.ObjectRef, Held: why})
			continue
		}
		s.after = append(s.after, done)
	}
	return waiting
}

// setBack applies an object that has changed so that what others have changed is as its manifest
// has it, and leaves to them what is theirs. It says why that cannot be, and returns the object
// as it is known after.
func (s *settingBack) setBack(
	ctx context.Context, known model.PackObject, object *unstructured.Unstructured,
) (after model.PackObject, held string, err error) {
	a := s.api
	mapping, err := a.mappingOf(object)
	if err != nil {
		return known, "", failed(ctx, err, "set back the %s", known)
	}
	at := a.resource(mapping, known.Namespace)
	live, err := at.Get(ctx, known.Name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) && !notServed(err) {
		live, err = nil, nil
	}
	if err != nil {
		return known, "", failed(ctx, err, "read the %s", known)
	}
	if live != nil && known.Shared && ofAnother(live, s.m.Owner) {
		return known, "another pack has applied it since", nil
	}
	d, drifts := a.judgeDrift(known, live)
	if drifts && d.Missing() && d.Held == "" && !model.BuiltIn(known.Group) && !brought(s.made, known.ObjectRef) {
		d.Held = mayHaveEnded
	}
	if !drifts || d.Held != "" {
		return known, d.Held, nil
	}
	back := a.prepare(s.m, known, object, live)
	options := metav1.ApplyOptions{FieldManager: FieldManager, Force: true}
	if s.dry {
		options.DryRun = []string{metav1.DryRunAll}
	}
	answer, err := at.Apply(ctx, object.GetName(), object, options)
	if err != nil {
		if live != nil && !s.dry && !transient(err) && !lacking(err) {
			a.noteSetBack(&known, ways(back)) // the next plan says so, and does not plan it again
			s.after = append(s.after, known)
		}
		return known, "", failed(ctx, err, "set back the %s", known)
	}
	if live != nil && !differ(back, live, answer) {
		return known, "the API, or a webhook, leaves it as it is", nil
	}
	// What the apply of its manifest has set is what counts, also of what is left to others.
	if live != nil {
		a.noteSetBack(&known, ways(back))
		return known, "", nil
	}
	a.noteSetBack(&known, []string{way(nil)})
	if bringer(known.ObjectRef) {
		s.made = append(s.made, object)
	}
	return known, "", nil
}

// prepare makes of a manifest's object what is applied to set it back, and returns what that
// changes: without what is left to others, which an apply by force would take from them.
func (a *api) prepare(m model.PackManifests, known model.PackObject, object, live *unstructured.Unstructured) (back []change) {
	object.SetNamespace(known.Namespace)
	if !known.TakenOver {
		mark(object, m.Owner)
	}
	if live == nil {
		return nil
	}
	withoutFilled(object, live)
	if known.Group == "" && known.Kind == "Secret" {
		// It is never compared, and would overwrite what is in its place by now.
		delete(object.Object, "stringData")
	}
	for _, c := range a.hashes.changes(*known.Set, live) {
		switch {
		case c.drifts():
			back = append(back, c)
		case !c.ours:
			removeAt(object.Object, c.path)
		}
	}
	return back
}

// differ reports whether an object has other values in one of the fields.
func differ(fields []change, a, b *unstructured.Unstructured) bool {
	return slices.ContainsFunc(fields, func(c change) bool {
		return !reflect.DeepEqual(valueAt(a.Object, c.path), valueAt(b.Object, c.path))
	})
}
