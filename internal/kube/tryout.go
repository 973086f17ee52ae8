package kube

import (
	"context"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// maxTried bounds for how many objects of a pack the API is asked whether they can be set back.
const maxTried = 50

// mayHaveEnded is why a custom resource is not made again.
const mayHaveEnded = "what deletes itself once it is done would run again"

// tryOut asks the API whether objects can be set back. One of which it says that they cannot, or
// of which it says nothing, stays as it is.
func (c *comparison) tryOut(ctx context.Context, m model.PackManifests) {
	objects, err := parse(m.Manifests)
	if err != nil {
		return // an apply says so
	}
	var bringers []*unstructured.Unstructured // that are to be made
	tried := 0
	for _, i := range c.bringersFirst() {
		d := &c.drift[i]
		object := lastOf(objects, d.ObjectRef)
		gone := d.Missing()
		if d.Held == "" && gone && !model.BuiltIn(d.Group) && !brought(bringers, d.ObjectRef) {
			d.Held = mayHaveEnded
		}
		if d.Held != "" || object == nil || tried == maxTried || ctx.Err() != nil {
			continue
		}
		tried++
		known := slices.IndexFunc(m.Objects, func(o model.PackObject) bool { return o.ObjectRef == d.ObjectRef })
		bounded, cancel := context.WithTimeout(ctx, c.api.kindTime)
		one := &settingBack{api: c.api, m: m, dry: true, made: bringers}
		_, held, err := one.setBack(bounded, m.Objects[known], object.DeepCopy())
		cancel()
		switch {
		case err == nil:
			d.Held = held
		case !noDryRun(err) && !(lacking(err) && brought(bringers, d.ObjectRef)):
			d.Held = whyNot(err)
		}
		if gone && d.Held == "" {
			bringers = append(bringers, object)
		}
	}
}

// bringersFirst are the places of what has changed, definitions and namespaces before what they bring.
func (c *comparison) bringersFirst() []int {
	var first, rest []int
	for i, d := range c.drift {
		if bringer(d.ObjectRef) {
			first = append(first, i)
		} else {
			rest = append(rest, i)
		}
	}
	return append(first, rest...)
}

// bringer reports whether others cannot be without an object: a definition or a namespace.
func bringer(o model.ObjectRef) bool {
	return o.Group == "apiextensions.k8s.io" && o.Kind == "CustomResourceDefinition" || o.Group == "" && o.Kind == "Namespace"
}

// brought reports whether one of the objects is the definition, or the namespace, of another one.
func brought(by []*unstructured.Unstructured, o model.ObjectRef) bool {
	return slices.ContainsFunc(by, func(object *unstructured.Unstructured) bool {
		if model.BuiltIn(o.Group) {
			ref := written(object)
			return ref.Group == "" && ref.Kind == "Namespace" && ref.Name == o.Namespace
		}
		group, _, _ := unstructured.NestedString(object.Object, "spec", "group")
		kind, _, _ := unstructured.NestedString(object.Object, "spec", "names", "kind")
		return bringer(written(object)) && group == o.Group && kind == o.Kind
	})
}

// lacking reports whether an error says that a kind or a namespace is not there.
func lacking(err error) bool { return meta.IsNoMatchError(err) || apierrors.IsNotFound(err) }
