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

// manyNamespaces is from how many on objects of a kind are read by a list of all namespaces.
const manyNamespaces = 10

// maxMissing bounds how many objects are asked for alone that are not in a list.
const maxMissing = 20

// selection is how objects are listed.
type selection struct {
	labels string // of the objects that are asked for
	// few says that hardly another object has the labels, so that one list has those of all
	// namespaces. Objects that may not have them are listed without.
	few bool
	// spare is how many calls lists may take; nil: there is no such bound.
	spare *spare
}

// spare counts the calls that there are left of one for each object: what a list finds need not be
// asked for. A list may find nothing, so that the first one takes a call more.
type spare struct{ calls int }

func (s *spare) left() bool { return s == nil || s.calls > 0 }

func (s *spare) add(calls int) {
	if s != nil {
		s.calls += calls
	}
}

// errEnough ends a list of which the rest need not be read.
var errEnough = errors.New("the rest is not needed")

// found is told of an object as it is; nil: it is not there.
type found func(o model.PackObject, live *unstructured.Unstructured)

// look reads objects of one kind. Which kinds there are is learnt anew once at most: a kind may
// have come or gone since.
func (a *api) look(ctx context.Context, by selection, objects []model.PackObject, relearn func(), tell found) error {
	of := objects[0]
	mapping, err := a.mapper.RESTMapping(schema.GroupKind{Group: of.Group, Kind: of.Kind}, of.Version)
	if err == nil {
		if err := a.read(ctx, by, mapping, objects, tell); !notServed(err) {
			return err
		}
	}
	if err != nil && !meta.IsNoMatchError(err) {
		return failed(ctx, err, "find the kind of the %s", of)
	}
	relearn()
	if mapping, err = a.mapper.RESTMapping(schema.GroupKind{Group: of.Group, Kind: of.Kind}, of.Version); err == nil {
		return a.read(ctx, by, mapping, objects, tell)
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

// read reads objects of one kind. Those that have labels, and many of a namespace, are listed.
func (a *api) read(ctx context.Context, by selection, at *meta.RESTMapping, objects []model.PackObject, tell found) error {
	alone := readAlone(objects[0])
	if by.few && !alone && len(objects) > 1 {
		return a.list(ctx, at, a.dynamic.Resource(at.Resource), by, objects, tell)
	}
	if alone {
		by.labels = ""
	}
	by.few = false
	namespaces := map[string][]model.PackObject{}
	for _, o := range objects {
		if at.Scope.Name() != meta.RESTScopeNameNamespace {
			o.Namespace = ""
		}
		namespaces[o.Namespace] = append(namespaces[o.Namespace], o)
	}
	if by.labels != "" && len(namespaces) >= manyNamespaces {
		return a.list(ctx, at, a.dynamic.Resource(at.Resource), by, objects, tell)
	}
	for namespace, objects := range namespaces {
		if err := a.list(ctx, at, a.resource(at, namespace), by, objects, tell); err != nil {
			return err
		}
	}
	return nil
}

func isDefinition(o model.ObjectRef) bool {
	return o.Group == "apiextensions.k8s.io" && o.Kind == "CustomResourceDefinition"
}

// listed reports whether objects of one kind are read by a list. Definitions are not, where it may
// have others: those of others may be large, and many.
func (s selection) listed(objects []model.PackObject) bool {
	if s.few {
		return true
	}
	return len(objects) >= listedFrom && s.spare.left() && !isDefinition(objects[0].ObjectRef)
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

// list reads objects by a list, page by page, if there are enough of them. What is not in it is asked
// for alone, since it may have lost its marks, and so is what a list of many others would take more
// calls to find.
func (a *api) list(
	ctx context.Context, at *meta.RESTMapping, from dynamic.ResourceInterface, by selection, objects []model.PackObject, tell found,
) error {
	waiting := map[model.ObjectRef]model.PackObject{}
	for _, o := range objects {
		waiting[o.ObjectRef] = o
	}
	complete := false
	if by.listed(objects) {
		var err error
		if complete, err = listInto(ctx, at, from, by, waiting, tell); err != nil {
			return failed(ctx, err, "list the objects of kind %s", at.GroupVersionKind.Kind)
		}
	}
	asked := 0
	for _, o := range objects {
		if _, missing := waiting[o.ObjectRef]; !missing {
			continue
		}
		asked++
		if asked > maxMissing && complete && by.spare == nil {
			tell(o, nil)
			continue
		}
		if err := a.readOne(ctx, at, o, tell); err != nil {
			return err
		}
	}
	return nil
}

// listInto hands over those objects that a list has, which then wait no more, and reports whether it has all.
func listInto(
	ctx context.Context, at *meta.RESTMapping, from dynamic.ResourceInterface, by selection,
	waiting map[model.ObjectRef]model.PackObject, tell found,
) (complete bool, err error) {
	asked, calls := len(waiting), 0
	options := metav1.ListOptions{LabelSelector: by.labels, Limit: driftPage}
	if by.spare != nil {
		options.Limit = min(driftPage, int64(asked))
	}
	err = pages(options, func(next metav1.ListOptions) (metav1.ListInterface, error) {
		calls++
		by.spare.add(-1)
		page, err := from.List(ctx, next)
		if err != nil {
			return nil, err
		}
		for _, have := range page.Items {
			ref := model.ObjectRef{
				Group: at.GroupVersionKind.Group, Kind: at.GroupVersionKind.Kind, Namespace: have.GetNamespace(), Name: have.GetName(),
			}
			if o, is := waiting[ref]; is {
				delete(waiting, ref)
				by.spare.add(1)
				tell(o, &have)
			}
		}
		complete = page.GetContinue() == ""
		slow := !by.few && (calls+1+len(waiting) > asked || !by.spare.left())
		if len(waiting) == 0 || slow {
			return nil, errEnough
		}
		return page, nil
	})
	if errors.Is(err, errEnough) {
		err = nil
	}
	return complete, err
}

// marks selects the objects that have the marks of a pack.
func marks(owner model.PackOwner) string {
	return labels.Set{clusterLabel: owner.Cluster.String(), packLabel: owner.Pack}.String()
}
