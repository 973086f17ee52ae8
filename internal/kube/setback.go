package kube

import (
	"context"
	"reflect"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// maxWays bounds in how many ways an object is known to have been set back.
const maxWays = 8

// SetBack implements model.API.
func (a *api) SetBack(ctx context.Context, m model.PackManifests, only []model.ObjectRef) ([]model.PackObject, []model.Drift, error) {
	written, err := parse(m.Manifests)
	if err != nil {
		return nil, nil, err
	}
	known := map[*unstructured.Unstructured]model.PackObject{}
	var pending []*unstructured.Unstructured
	for _, o := range compared(m.Objects) {
		object := lastOf(written, o.ObjectRef)
		if object != nil && slices.Contains(only, o.ObjectRef) {
			known[object] = o
			pending = append(pending, object)
		}
	}
	var held []model.Drift
	objects, err := a.applyAll(ctx, pending, func(object *unstructured.Unstructured) (model.PackObject, error) {
		done, why, err := a.setBack(ctx, m, known[object], object.DeepCopy(), false)
		if why != "" {
			held = append(held, model.Drift{ObjectRef: done.ObjectRef, Held: why})
		}
		return done, err
	})
	return objects, held, err
}

// setBack applies an object that has changed so that what others have changed is as its manifest
// has it, and leaves to them what is theirs. It says why that cannot be, and returns the object
// as it is known after. A dry one only asks.
func (a *api) setBack(
	ctx context.Context, m model.PackManifests, known model.PackObject, object *unstructured.Unstructured, dry bool,
) (after model.PackObject, held string, err error) {
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
	d, drifts := a.judgeDrift(known, live)
	if !drifts || d.Held != "" {
		return known, d.Held, nil
	}
	back := a.prepare(m, known, object, live)
	options := metav1.ApplyOptions{FieldManager: FieldManager, Force: true}
	if dry {
		options.DryRun = []string{metav1.DryRunAll}
	}
	answer, err := at.Apply(ctx, object.GetName(), object, options)
	if err != nil {
		return known, refused(err), unlessRefused(failed(ctx, err, "set back the %s", known))
	}
	if live != nil && !differ(back, live, answer) {
		return known, "the API, or a webhook, leaves it as it is", nil
	}
	// What the apply of its manifest has set is what counts, also of what is left to others.
	ways := append(slices.Clone(known.SetBack), a.way(back))
	known.SetBack = ways[max(0, len(ways)-maxWays):]
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

// refusal reports whether the API does not take an object as it is, however often it is asked.
func refusal(err error) bool {
	return apierrors.IsInvalid(err) || apierrors.IsForbidden(err) || apierrors.IsRequestEntityTooLargeError(err)
}

func unlessRefused(err error) error {
	if refusal(err) {
		return nil
	}
	return err
}
