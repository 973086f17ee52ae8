package kube

import (
	"context"
	"errors"
	"slices"
	"sync"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/printable"
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
	var unread error
	classes := a.storageClasses(ctx)
	judge := func(o model.PackObject, live *unstructured.Unstructured) {
		v := readiness.Verdict{Why: "it is missing"}
		if live != nil {
			v = readiness.Judge(live, classes.get)
		} else if goesWhenDone(lastOf(manifests, o.ObjectRef)) {
			why, err := a.jobFailure(ctx, o.ObjectRef)
			if unread = errors.Join(unread, err); why == "" {
				return
			}
			v = readiness.Verdict{Failed: true, Why: "it has failed, and was deleted then: " + why}
		}
		if !v.Ready {
			left = append(left, model.NotReady{PackObject: o, Why: v.Why, Failed: v.Failed})
		}
	}
	relearn := sync.OnceFunc(a.mapper.Reset)
	for _, kind := range byKind(slices.DeleteFunc(slices.Clone(m.Objects), alwaysReady)) {
		bounded, cancel := context.WithTimeout(ctx, a.kindTime)
		err := a.look(bounded, selection{labels: marks(m.Owner), few: true}, kind, relearn, judge)
		cancel()
		if err = errors.Join(err, classes.err, unread); err != nil {
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

// jobFailure is why a Job has failed that is not there any more, as its events have it; empty: the
// last one of its name has completed, or no event of it is left.
func (a *api) jobFailure(ctx context.Context, job model.ObjectRef) (string, error) {
	list, err := a.clients.CoreV1().Events(job.Namespace).List(ctx, metav1.ListOptions{
		FieldSelector: "involvedObject.kind=Job,involvedObject.name=" + job.Name,
	})
	if err != nil {
		return "", failed(ctx, err, "list the events of the %s", job)
	}
	var last corev1.Event
	for _, e := range list.Items {
		if jobEnds[e.Reason] && !readiness.LastSeen(e).Before(readiness.LastSeen(last)) {
			last = e
		}
	}
	if last.Reason == jobCompleted {
		return "", nil
	}
	return printable.Line(last.Reason, maxReason), nil
}

// jobCompleted is the reason of the event by which a Job ends well, and jobEnds are those of all ends.
const jobCompleted = "Completed"

var jobEnds = map[string]bool{
	jobCompleted: true, batchv1.JobReasonBackoffLimitExceeded: true, batchv1.JobReasonDeadlineExceeded: true,
	batchv1.JobReasonPodFailurePolicy: true, batchv1.JobReasonFailedIndexes: true, batchv1.JobReasonMaxFailedIndexesExceeded: true,
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
