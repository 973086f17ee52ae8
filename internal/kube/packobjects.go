package kube

import (
	"context"
	"slices"

	"github.com/google/uuid"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/dynamic"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// The marks of an object of a pack of manifests, by which it is known whose it is: labels, since
// they can be asked for. Releases of charts have the same.
const (
	clusterLabel = "gantry.io/cluster"
	packLabel    = "gantry.io/pack"
)

// mark gives an object the marks of its owner.
func mark(object *unstructured.Unstructured, owner model.PackOwner) {
	if owner.Pack == "" {
		return
	}
	labels := object.GetLabels()
	if labels == nil {
		labels = map[string]string{}
	}
	labels[clusterLabel] = owner.Cluster.String()
	labels[packLabel] = owner.Pack
	object.SetLabels(labels)
}

// marked returns whose marks an object has; zero: no one's.
func marked(object *unstructured.Unstructured) model.PackOwner {
	cluster, err := uuid.Parse(object.GetLabels()[clusterLabel])
	if err != nil {
		return model.PackOwner{}
	}
	return model.PackOwner{Cluster: cluster, Pack: object.GetLabels()[packLabel]}
}

// appliedBefore reports whether Gantry has applied an object that kubeadm has not made.
func appliedBefore(object *unstructured.Unstructured) bool {
	entries := object.GetManagedFields()
	return slices.ContainsFunc(entries, func(e metav1.ManagedFieldsEntry) bool {
		return e.Manager == FieldManager && e.Operation == metav1.ManagedFieldsOperationApply
	}) && !slices.ContainsFunc(entries, func(e metav1.ManagedFieldsEntry) bool { return e.Manager == "kubeadm" })
}

// mappingOf finds the resource of an object's kind.
func (a *api) mappingOf(object *unstructured.Unstructured) (*meta.RESTMapping, error) {
	kind := object.GroupVersionKind()
	return a.mapper.RESTMapping(kind.GroupKind(), kind.Version)
}

// place puts an object where its kind is, and returns its name.
func place(object *unstructured.Unstructured, mapping *meta.RESTMapping) model.ObjectRef {
	ref := written(object)
	if mapping.Scope.Name() != meta.RESTScopeNameNamespace {
		ref.Namespace = ""
		return ref
	}
	if ref.Namespace == "" {
		ref.Namespace = metav1.NamespaceDefault
		object.SetNamespace(ref.Namespace)
	}
	return ref
}

// written is the name of an object as its manifest has it.
func written(object *unstructured.Unstructured) model.ObjectRef {
	kind := object.GroupVersionKind()
	return model.ObjectRef{Group: kind.Group, Kind: kind.Kind, Namespace: object.GetNamespace(), Name: object.GetName()}
}

// resource is the client of a resource, in a namespace where it is in one.
func (a *api) resource(mapping *meta.RESTMapping, namespace string) dynamic.ResourceInterface {
	if mapping.Scope.Name() == meta.RESTScopeNameNamespace {
		return a.dynamic.Resource(mapping.Resource).Namespace(namespace)
	}
	return a.dynamic.Resource(mapping.Resource)
}

// appliedObjects are the results of an apply, in the order of the manifests: what was retried
// came later.
type appliedObjects struct {
	order   []*unstructured.Unstructured
	results map[*unstructured.Unstructured]model.PackObject
}

func newAppliedObjects(order []*unstructured.Unstructured) *appliedObjects {
	return &appliedObjects{order: order, results: map[*unstructured.Unstructured]model.PackObject{}}
}

func (o *appliedObjects) add(object *unstructured.Unstructured, result model.PackObject) {
	o.results[object] = result
}

// list is each object once. One that the manifests have twice is as the second one has it.
func (o *appliedObjects) list() []model.PackObject {
	var list []model.PackObject
	for _, object := range o.order {
		result := o.results[object]
		list = slices.DeleteFunc(list, func(had model.PackObject) bool { return had.ObjectRef == result.ObjectRef })
		list = append(list, result)
	}
	return list
}

// Written implements model.API.
func (a *api) Written(_ context.Context, manifests []string) ([]model.ObjectRef, error) {
	objects, err := parse(manifests)
	if err != nil {
		return nil, err
	}
	var refs []model.ObjectRef
	for _, object := range objects {
		if ref := written(object); !slices.Contains(refs, ref) {
			refs = append(refs, ref)
		}
	}
	return refs, nil
}

// FindObjects implements model.API.
func (a *api) FindObjects(ctx context.Context, m model.PackManifests, known []model.PackObject) ([]model.PackObject, error) {
	objects, err := parse(m.Manifests)
	if err != nil {
		return nil, err
	}
	found := newAppliedObjects(objects)
	var asked bool
	for _, object := range objects {
		mapping, err := a.mappingOf(object)
		if meta.IsNoMatchError(err) && !asked {
			asked = true // its kind may be served by now
			a.mapper.Reset()
			mapping, err = a.mappingOf(object)
		}
		if meta.IsNoMatchError(err) {
			found.add(object, model.PackObject{ObjectRef: written(object)})
			continue
		}
		if err != nil {
			return nil, failed(ctx, err, "find the %s", describe(object))
		}
		result := model.PackObject{ObjectRef: place(object, mapping)}
		at := slices.IndexFunc(known, func(o model.PackObject) bool { return o.ObjectRef == result.ObjectRef })
		if at >= 0 {
			result = known[at]
			result.TakenOver = result.TakenOver && !asksToGo(object)
		} else if result.TakenOver, err = a.takenOver(ctx, m, object, a.resource(mapping, result.Namespace)); err != nil {
			return nil, failed(ctx, err, "read the %s", describe(object))
		}
		found.add(object, result)
	}
	return found.list(), nil
}

// takenOver reports whether others have made an object that is about to be applied. What is to
// be pruned all the same, as its manifest says, counts as the pack's.
func (a *api) takenOver(
	ctx context.Context, m model.PackManifests, object *unstructured.Unstructured, at dynamic.ResourceInterface,
) (bool, error) {
	have, err := at.Get(ctx, object.GetName(), metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	ours := marked(have).Cluster == m.Owner.Cluster || m.Adopts && appliedBefore(have)
	return !ours && !asksToGo(object), nil
}

// asksToGo reports whether an object goes with its pack in any case, as its manifest or someone in
// the cluster has it.
func asksToGo(object *unstructured.Unstructured) bool {
	return object.GetAnnotations()[pruneAnnotation] == pruneEnabled
}
