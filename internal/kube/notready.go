package kube

import (
	"context"
	"errors"
	"slices"
	"sync"

	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/readiness"
)

// defaultClass is the annotation of the StorageClass of claims that name none.
const defaultClass = "storageclass.kubernetes.io/is-default-class"

// NotReady implements model.API.
func (a *api) NotReady(ctx context.Context, m model.PackManifests) ([]model.NotReady, error) {
	manifests, err := parse(m.Manifests)
	if err != nil {
		return nil, err
	}
	var left []model.NotReady
	classes := a.storageClasses(ctx)
	judge := func(o model.PackObject, live *unstructured.Unstructured) {
		v := readiness.Verdict{Why: "it is missing"}
		if live != nil {
			v = readiness.Judge(live, classes.get)
		} else if goesWhenDone(lastOf(manifests, o.ObjectRef)) {
			return
		}
		if !v.Ready {
			left = append(left, model.NotReady{PackObject: o, Why: v.Why, Failed: v.Failed})
		}
	}
	relearn := sync.OnceFunc(a.mapper.Reset)
	for _, kind := range byKind(slices.DeleteFunc(slices.Clone(m.Objects), alwaysReady)) {
		bounded, cancel := context.WithTimeout(ctx, kindTime)
		err := a.look(bounded, m.Owner, kind, relearn, judge)
		cancel()
		if err = errors.Join(err, classes.err); err != nil {
			return nil, err
		}
	}
	return left, nil
}

// Explain implements model.API.
func (a *api) Explain(ctx context.Context, objects []model.NotReady) string {
	var named []*unstructured.Unstructured
	for _, o := range objects {
		object := &unstructured.Unstructured{}
		object.SetGroupVersionKind(schema.GroupVersionKind{Group: o.Group, Version: o.Version, Kind: o.Kind})
		object.SetNamespace(o.Namespace)
		object.SetName(o.Name)
		named = append(named, object)
	}
	cluster := readiness.Cluster{Clients: a.clients, Dynamic: a.dynamic, Mapper: a.mapper}
	classes := a.storageClasses(ctx)
	return cluster.Explain(ctx, named, metav1.NamespaceDefault, func(o *unstructured.Unstructured) readiness.Verdict {
		return readiness.Judge(o, classes.get)
	})
}

// alwaysReady reports whether an object need not be read to know whether it is ready, as far as
// kstatus knows its kind. One of which it is not known in which version it was applied was not
// applied by this Gantry.
func alwaysReady(o model.PackObject) bool {
	if o.Version == "" {
		return true
	}
	return model.BuiltIn(o.Group) && !judgedKinds[o.Group+"/"+o.Kind]
}

// judgedKinds are those of Kubernetes itself whose objects can be not ready by kstatus.
var judgedKinds = map[string]bool{
	"/Pod": true, "/PersistentVolumeClaim": true, "apps/Deployment": true, "apps/DaemonSet": true, "apps/StatefulSet": true,
	"apps/ReplicaSet": true, "batch/Job": true, "policy/PodDisruptionBudget": true,
	"apiextensions.k8s.io/CustomResourceDefinition": true,
}

// goesWhenDone reports whether a manifest is of a Job that is deleted once it is done.
func goesWhenDone(manifest *unstructured.Unstructured) bool {
	if manifest == nil || manifest.GetKind() != "Job" {
		return false
	}
	_, set, _ := unstructured.NestedFieldNoCopy(manifest.Object, "spec", "ttlSecondsAfterFinished")
	return set
}

// storageClasses are read once, when they are asked for.
type storageClasses struct {
	get func() readiness.Classes
	err error
}

func (a *api) storageClasses(ctx context.Context) *storageClasses {
	s := &storageClasses{}
	s.get = sync.OnceValue(func() readiness.Classes {
		classes := readiness.Classes{Waiting: map[string]bool{}}
		list, err := a.clients.StorageV1().StorageClasses().List(ctx, metav1.ListOptions{})
		if err != nil {
			s.err = failed(ctx, err, "list the StorageClasses")
			return classes
		}
		for _, c := range list.Items {
			classes.Waiting[c.Name] = c.VolumeBindingMode != nil && *c.VolumeBindingMode == storagev1.VolumeBindingWaitForFirstConsumer
			if c.Annotations[defaultClass] == "true" {
				classes.Default = c.Name
			}
		}
		return classes
	})
	return s
}
