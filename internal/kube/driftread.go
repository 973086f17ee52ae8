package kube

import (
	"context"
	"errors"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// driftPage is how many objects are read by one call, and held at once: some definitions are
// larger than a megabyte.
const driftPage = 50

// listedFrom is how many objects of a kind and a namespace are read by a list rather than each by
// a call of its own, where the list may have others, too.
const listedFrom = 5

// maxMissing bounds how many objects are asked for alone that are not in a list.
const maxMissing = 20

// errEnough ends a list of which the rest need not be read.
var errEnough = errors.New("the rest is not needed")

// found is told of an object as it is; nil: it is not there.
type found func(o model.PackObject, live *unstructured.Unstructured)

// look reads objects of one kind. Which kinds there are is learnt anew once at most: a kind may
// have come or gone since.
func (a *api) look(ctx context.Context, owner model.PackOwner, objects []model.PackObject, relearn func(), tell found) error {
	of := objects[0]
	mapping, err := a.mapper.RESTMapping(schema.GroupKind{Group: of.Group, Kind: of.Kind}, of.Version)
	if err == nil {
		if err := a.read(ctx, owner, mapping, objects, tell); !notServed(err) {
			return err
		}
	}
	if err != nil && !meta.IsNoMatchError(err) {
		return failed(ctx, err, "find the kind of the %s", of)
	}
	relearn()
	if mapping, err = a.mapper.RESTMapping(schema.GroupKind{Group: of.Group, Kind: of.Kind}, of.Version); err == nil {
		return a.read(ctx, owner, mapping, objects, tell)
	}
	served, err := a.served(of.ObjectRef, relearn)
	if err != nil {
		return failed(ctx, err, "find the kind of the %s", of)
	}
	if served != nil {
		return fmt.Errorf("read the %s: the API no longer serves its kind in the version %s, in which it was applied", of, of.Version)
	}
	for _, o := range objects { // with its kind, all of its objects are gone
		tell(o, nil)
	}
	return nil
}

// read reads objects of one kind. Those that have their marks, and many of a namespace, are listed.
func (a *api) read(ctx context.Context, owner model.PackOwner, at *meta.RESTMapping, objects []model.PackObject, tell found) error {
	if !readAlone(objects[0]) && len(objects) > 1 {
		all := metav1.ListOptions{LabelSelector: marks(owner)}
		return a.list(ctx, at, a.dynamic.Resource(at.Resource), all, objects, tell)
	}
	namespaces := map[string][]model.PackObject{}
	for _, o := range objects {
		namespaces[o.Namespace] = append(namespaces[o.Namespace], o)
	}
	for namespace, objects := range namespaces {
		if len(objects) >= listedFrom {
			if err := a.list(ctx, at, a.resource(at, namespace), metav1.ListOptions{}, objects, tell); err != nil {
				return err
			}
			continue
		}
		for _, o := range objects {
			if err := a.readOne(ctx, at, o, tell); err != nil {
				return err
			}
		}
	}
	return nil
}

func (a *api) readOne(ctx context.Context, at *meta.RESTMapping, o model.PackObject, tell found) error {
	have, err := a.resource(at, o.Namespace).Get(ctx, o.Name, metav1.GetOptions{})
	switch {
	case err == nil:
		tell(o, have)
	case apierrors.IsNotFound(err) && !notServed(err):
		tell(o, nil)
	default:
		return failed(ctx, err, "read the %s", o)
	}
	return nil
}

// list reads objects by a list, page by page. What is not in it is asked for alone, since it may
// have lost its marks, and so is what a list of many others would take more calls to find.
func (a *api) list(
	ctx context.Context, at *meta.RESTMapping, from dynamic.ResourceInterface, options metav1.ListOptions,
	objects []model.PackObject, tell found,
) error {
	waiting := map[model.ObjectRef]model.PackObject{}
	for _, o := range objects {
		waiting[o.ObjectRef] = o
	}
	options.Limit = driftPage
	calls, more := 0, false
	err := pages(options, func(next metav1.ListOptions) (metav1.ListInterface, error) {
		page, err := from.List(ctx, next)
		if err != nil {
			return nil, err
		}
		for _, have := range page.Items {
			ref := model.ObjectRef{
				Group: at.GroupVersionKind.Group, Kind: at.GroupVersionKind.Kind, Namespace: have.GetNamespace(), Name: have.GetName(),
			}
			if o, asked := waiting[ref]; asked {
				delete(waiting, ref)
				tell(o, &have)
			}
		}
		calls++
		more = page.GetContinue() != ""
		slow := options.LabelSelector == "" && calls+len(waiting) >= len(objects)
		if len(waiting) == 0 || slow {
			return nil, errEnough
		}
		return page, nil
	})
	if err != nil && !errors.Is(err, errEnough) {
		return failed(ctx, err, "list the objects of kind %s", at.GroupVersionKind.Kind)
	}
	asked := 0
	for _, o := range objects {
		_, missing := waiting[o.ObjectRef]
		if !missing {
			continue
		}
		asked++
		if asked > maxMissing && !more {
			tell(o, nil)
			continue
		}
		if err := a.readOne(ctx, at, o, tell); err != nil {
			return err
		}
	}
	return nil
}

// marks selects the objects that have the marks of a pack.
func marks(owner model.PackOwner) string {
	return labels.Set{clusterLabel: owner.Cluster.String(), packLabel: owner.Pack}.String()
}
