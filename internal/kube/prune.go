package kube

import (
	"context"
	"fmt"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/printable"
)

// pruneAnnotation says of an object whether it goes when it leaves its pack: disabled keeps it,
// and enabled has what would be kept go, too.
const (
	pruneAnnotation = "gantry.io/prune"
	pruneDisabled   = "disabled"
	pruneEnabled    = "enabled"
)

// others are the annotations and labels by which tools know what is theirs.
var others = []struct{ key, tool string }{
	{"meta.helm.sh/release-name", "the Helm release"},
	{"argocd.argoproj.io/tracking-id", "the Argo CD application"},
	{"kustomize.toolkit.fluxcd.io/name", "the Flux Kustomization"},
	{"config.k8s.io/owning-inventory", "the inventory"},
}

// attempts bounds how often an object is judged again that changes while it is.
const attempts = 5

// DeleteObject implements model.API.
func (a *api) DeleteObject(ctx context.Context, owner model.PackOwner, ref model.ObjectRef) (model.ObjectEnd, error) {
	for attempt := 1; ; attempt++ {
		mapping, err := a.served(ref, a.mapper.Reset)
		if err != nil {
			return model.ObjectEnd{}, failed(ctx, err, "find the %s", ref)
		}
		if mapping == nil {
			return model.ObjectEnd{}, nil // with its kind, all of its objects are gone
		}
		client := a.resource(mapping, ref.Namespace)
		have, err := client.Get(ctx, ref.Name, metav1.GetOptions{})
		if notServed(err) && attempt < attempts {
			a.mapper.Reset() // in the version that was known, and maybe in another one
			continue
		}
		if notServed(err) {
			return model.ObjectEnd{}, failed(ctx, err, "read the %s", ref)
		}
		if apierrors.IsNotFound(err) {
			return model.ObjectEnd{}, nil
		}
		if err != nil {
			return model.ObjectEnd{}, failed(ctx, err, "read the %s", ref)
		}
		if end, judged, err := a.judge(ctx, have, owner, ref); err != nil || judged {
			return end, err
		}
		// What was judged is what is deleted: nothing that has taken its place, and nothing
		// that has another owner by now.
		uid, version := have.GetUID(), have.GetResourceVersion()
		background := metav1.DeletePropagationBackground
		err = client.Delete(ctx, ref.Name, metav1.DeleteOptions{
			PropagationPolicy: &background,
			Preconditions:     &metav1.Preconditions{UID: &uid, ResourceVersion: &version},
		})
		switch {
		case err == nil:
			return model.ObjectEnd{Leaving: "it is being deleted"}, nil
		case apierrors.IsNotFound(err):
			return model.ObjectEnd{}, nil
		case apierrors.IsConflict(err) && attempt < attempts:
		default:
			return model.ObjectEnd{}, failed(ctx, err, "delete the %s", ref)
		}
	}
}

// judge says what becomes of an object that leaves its pack; judged is false where it is to be
// deleted.
func (a *api) judge(
	ctx context.Context, have *unstructured.Unstructured, owner model.PackOwner, ref model.ObjectRef,
) (end model.ObjectEnd, judged bool, err error) {
	if why := notOwned(have, owner); why != "" {
		return model.ObjectEnd{Stays: why}, true, nil
	}
	if have.GetDeletionTimestamp() != nil {
		return model.ObjectEnd{Leaving: obstacles(have)}, true, nil
	}
	annotations := have.GetAnnotations()
	switch {
	case annotations[pruneAnnotation] == pruneDisabled:
		return model.ObjectEnd{Stays: fmt.Sprintf("it has the annotation %s: %s", pruneAnnotation, pruneDisabled)}, true, nil
	case annotations[pruneAnnotation] == pruneEnabled:
		return model.ObjectEnd{}, false, nil
	case annotations[keepAnnotation] == keep:
		return model.ObjectEnd{Stays: fmt.Sprintf("it has the annotation %s: %s", keepAnnotation, keep)}, true, nil
	case ref.Precious() && ref.Kind == "Namespace":
		return model.ObjectEnd{Stays: "a namespace goes with all that is in it"}, true, nil
	case ref.Precious():
		return model.ObjectEnd{Stays: "a volume may go with its data"}, true, nil
	case ref.Group == "apiextensions.k8s.io" && ref.Kind == "CustomResourceDefinition":
		used, err := a.hasInstances(ctx, have)
		if err != nil {
			return model.ObjectEnd{}, false, failed(ctx, err, "look for resources of the %s", ref)
		}
		if used {
			return model.ObjectEnd{Stays: "there are resources of its kind, which would go with it"}, true, nil
		}
	}
	return model.ObjectEnd{}, false, nil
}

// notOwned returns why an object is not its pack's to delete; empty: it is.
func notOwned(have *unstructured.Unstructured, owner model.PackOwner) string {
	switch whose := marked(have); {
	case whose == model.PackOwner{}:
		return fmt.Sprintf("it lacks the labels %s and %s", clusterLabel, packLabel)
	case whose.Cluster != owner.Cluster:
		return fmt.Sprintf("by its label %s it is another cluster's", clusterLabel)
	case whose.Pack != owner.Pack:
		return printable.Line(fmt.Sprintf("by its label %s it is the pack %s's", packLabel, whose.Pack), maxReason)
	}
	for _, other := range others {
		for _, of := range []map[string]string{have.GetAnnotations(), have.GetLabels()} {
			if name := of[other.key]; name != "" {
				return printable.Line(fmt.Sprintf("by %s it is of %s %s", other.key, other.tool, name), maxReason)
			}
		}
	}
	if controller := metav1.GetControllerOf(have); controller != nil {
		return printable.Line(fmt.Sprintf("it goes with the %s %s, which controls it", controller.Kind, controller.Name), maxReason)
	}
	return ""
}

// obstacles says what an object that is being deleted waits for.
func obstacles(have *unstructured.Unstructured) string {
	finalizers := have.GetFinalizers()
	if len(finalizers) == 0 {
		return "it is being deleted"
	}
	return printable.Line("it is being deleted, and waits for whoever has set its finalizers "+strings.Join(finalizers, ", "), maxReason)
}

// served finds the resource of a kind; nil where the API serves it no more, as relearn learns
// anew. That a part of the API does not answer is an error.
func (a *api) served(ref model.ObjectRef, relearn func()) (*meta.RESTMapping, error) {
	kind := schema.GroupKind{Group: ref.Group, Kind: ref.Kind}
	mapping, err := a.mapper.RESTMapping(kind)
	if !meta.IsNoMatchError(err) {
		return mapping, err
	}
	relearn()
	mapping, err = a.mapper.RESTMapping(kind)
	if !meta.IsNoMatchError(err) {
		return mapping, err
	}
	groups, err := a.clients.Discovery().ServerGroups()
	if err != nil {
		return nil, err
	}
	for _, group := range groups.Groups {
		if group.Name != ref.Group {
			continue
		}
		for _, version := range group.Versions { // each answers, or what is behind it is away
			if _, err := a.clients.Discovery().ServerResourcesForGroupVersion(version.GroupVersion); err != nil {
				return nil, err
			}
		}
	}
	return nil, nil
}

// hasInstances reports whether there are resources of the kind that a definition defines.
func (a *api) hasInstances(ctx context.Context, definition *unstructured.Unstructured) (bool, error) {
	group, _, _ := unstructured.NestedString(definition.Object, "spec", "group")
	plural, _, _ := unstructured.NestedString(definition.Object, "spec", "names", "plural")
	versions, _, _ := unstructured.NestedSlice(definition.Object, "spec", "versions")
	for _, v := range versions {
		version, _ := v.(map[string]any)
		name, _ := version["name"].(string)
		if served, _ := version["served"].(bool); !served {
			continue
		}
		resource := schema.GroupVersionResource{Group: group, Version: name, Resource: plural}
		list, err := a.dynamic.Resource(resource).List(ctx, metav1.ListOptions{Limit: 1})
		if apierrors.IsNotFound(err) {
			return false, nil // it has never been established
		}
		if err != nil {
			return false, err
		}
		return len(list.Items) > 0, nil
	}
	return false, nil
}
