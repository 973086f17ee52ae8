package kube

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/printable"
)

// What Helm gives all objects of its releases.
const (
	ofHelm           = "app.kubernetes.io/managed-by=Helm"
	releaseName      = "meta.helm.sh/release-name"
	releaseNamespace = "meta.helm.sh/release-namespace"
	resourcePolicy   = "helm.sh/resource-policy"
)

// helmManager is the field manager of Helm.
const helmManager = "helm"

// leavesWithin is how long an object may take to go after it was deleted.
const leavesWithin = time.Hour

// ReleaseDrift implements model.API. It asks for no dry run: who has set a field is known without,
// also where the API or a webhook has made something else of it, and plans call no webhooks.
func (a *api) ReleaseDrift(
	ctx context.Context, deployed func(context.Context) (model.DeployedRelease, error),
) ([]model.Drift, error) {
	r := &releaseComparison{now: time.Now(), objects: map[model.ObjectRef][]byte{}}
	objects, err := a.readRelease(ctx, r, deployed)
	if err != nil && objects == nil {
		return nil, err
	}
	errs := a.lookAll(ctx, selection{labels: ofHelm, spare: &spare{calls: 1}}, objects, r.compare)
	return r.drift, errors.Join(append(errs, err)...)
}

// readRelease reads the manifest of a release, which may be large and many times that once it is read,
// while no other one is.
func (a *api) readRelease(
	ctx context.Context, r *releaseComparison, deployed func(context.Context) (model.DeployedRelease, error),
) ([]model.PackObject, error) {
	select {
	case a.reading <- struct{}{}:
	case <-ctx.Done():
		return nil, model.ErrNotInTime
	}
	defer func() { <-a.reading }()
	bounded, cancel := context.WithTimeout(ctx, a.kindTime)
	defer cancel()
	release, err := deployed(bounded)
	if err != nil && bounded.Err() != nil {
		return nil, model.ErrNotInTime
	}
	if err != nil {
		return nil, err
	}
	r.name, r.namespace = release.Name, release.Namespace
	return r.read(ctx, release.Manifest)
}

// releaseComparison is what is found of the objects of a release.
type releaseComparison struct {
	namespace, name string
	now             time.Time
	objects         map[model.ObjectRef][]byte // those that are not compared yet, as JSON: it takes the least memory
	drift           []model.Drift
}

// read returns the objects of the release that are compared. Helm is not strict about what it
// renders, and what it has applied is read as it has read it. An error says that some cannot be read;
// it repeats nothing of a manifest, which may have secrets.
func (r *releaseComparison) read(ctx context.Context, manifest string) ([]model.PackObject, error) {
	compared := []model.PackObject{}
	unread := 0
	reader := utilyaml.NewYAMLReader(bufio.NewReader(strings.NewReader(manifest)))
	for {
		if ctx.Err() != nil {
			return nil, model.ErrNotInTime
		}
		text, err := reader.Read()
		if err != nil {
			break // at its end
		}
		asJSON, err := yaml.YAMLToJSON(text)
		if err != nil {
			unread++
			continue
		}
		objects, _ := objectsOf(asJSON) // none where it has no name, as one that is to be made under a new one each time
		for _, object := range objects {
			compared = r.keep(compared, object)
		}
	}
	if unread > 0 {
		return compared, fmt.Errorf("%d of the documents that Helm has stored of it cannot be read", unread)
	}
	return compared, nil
}

// keep notes an object until it is compared. Of two of the same name the last one is what was applied.
func (r *releaseComparison) keep(compared []model.PackObject, object *unstructured.Unstructured) []model.PackObject {
	if object.GetNamespace() == "" {
		object.SetNamespace(r.namespace)
	}
	ref := written(object)
	if ref.Fleeting() || ref.AddOn() {
		return compared
	}
	if r.objects[ref] == nil {
		compared = append(compared, model.PackObject{ObjectRef: ref, Version: object.GroupVersionKind().Version})
	}
	r.objects[ref] = []byte(jsonOf(object.Object))
	return compared
}

// take returns an object as the release has it, once. What is in no namespace was read with that of
// the release.
func (r *releaseComparison) take(ref model.ObjectRef) *unstructured.Unstructured {
	if r.objects[ref] == nil {
		for of := range r.objects {
			if ref.Names(of) {
				ref = of
				break
			}
		}
	}
	objects, err := objectsOf(r.objects[ref])
	delete(r.objects, ref)
	if err != nil || len(objects) != 1 {
		return nil
	}
	return objects[0]
}

// compare judges an object as it is; nil: it is missing.
func (r *releaseComparison) compare(o model.PackObject, live *unstructured.Unstructured) {
	d := model.Drift{ObjectRef: o.ObjectRef}
	wanted := r.take(o.ObjectRef)
	switch {
	case wanted == nil:
		return
	case live == nil:
		if asksToStay(wanted) {
			d.Held = "the chart has Helm never delete it"
		}
		r.drift = append(r.drift, d)
		return
	case live.GetDeletionTimestamp() != nil:
		if d.Leaving = r.stuck(live); len(d.Leaving) > 0 {
			r.drift = append(r.drift, d)
		}
		return
	}
	if d.Release = r.other(live); d.Release != "" {
		r.drift = append(r.drift, d)
		return
	}
	if asksToStay(wanted) || asksToStay(live) {
		return
	}
	changes := releaseChanges(wanted, live)
	if len(changes) == 0 {
		return
	}
	d.Fields, d.By = names(changes)
	if slices.ContainsFunc(changes, func(c change) bool { return onlyCopy(live, c.path) }) {
		d.Held = "who has set the data of a Secret may have the only copy in it"
	}
	r.drift = append(r.drift, d)
}

// stuck are the first of the finalizers for which an object waits that was deleted long ago.
func (r *releaseComparison) stuck(live *unstructured.Unstructured) []string {
	if r.now.Sub(live.GetDeletionTimestamp().Time) < leavesWithin {
		return nil
	}
	var finalizers []string
	for _, finalizer := range live.GetFinalizers() {
		if len(finalizers) < namedFields {
			finalizers = append(finalizers, printable.Line(finalizer, maxReason))
		}
	}
	return finalizers
}

// other is another release to which an object belongs.
func (r *releaseComparison) other(live *unstructured.Unstructured) string {
	has := live.GetAnnotations()
	name, namespace := has[releaseName], has[releaseNamespace]
	if name == "" || name == r.name && namespace == r.namespace {
		return ""
	}
	return printable.Line(namespace+"/"+name, maxReason)
}

// asksToStay reports whether an object is one that its release only makes.
func asksToStay(object *unstructured.Unstructured) bool {
	return strings.EqualFold(strings.TrimSpace(object.GetAnnotations()[resourcePolicy]), "keep") // as Helm reads it
}

// helmOwners are who has set the fields of an object, of whom Helm counts as its own: also where it
// has not applied them on the server's side, as an older one.
func helmOwners(object *unstructured.Unstructured) owners {
	return ownersBut(object, byHelm)
}

func byHelm(entry metav1.ManagedFieldsEntry) bool {
	return entry.Manager == helmManager && entry.Subresource == ""
}

// appliedByHelm reports whether Helm has applied an object on the server's side.
func appliedByHelm(object *unstructured.Unstructured) bool {
	return slices.ContainsFunc(object.GetManagedFields(), func(entry metav1.ManagedFieldsEntry) bool {
		return byHelm(entry) && entry.Operation == metav1.ManagedFieldsOperationApply
	})
}
