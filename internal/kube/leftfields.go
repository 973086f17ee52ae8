package kube

import (
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// controllers are the beginnings of annotations that Kubernetes' own controllers write, and
// kubectl where it has them make pods anew: manifests that were exported have them, too.
var controllers = []string{
	"autoscaling.alpha.kubernetes.io/", "batch.kubernetes.io/", "control-plane.alpha.kubernetes.io/", "deployment.kubernetes.io/",
	"deprecated.daemonset.template.generation", "endpoints.kubernetes.io/", "kubectl.kubernetes.io/", "kubernetes.io/created-by",
	"pv.kubernetes.io/", "volume.beta.kubernetes.io/", "volume.kubernetes.io/",
}

// volumes are the fields of volumes and claims that belong to what provides them.
var volumes = map[string][]string{
	"PersistentVolume":      {"claimRef", "capacity"},
	"PersistentVolumeClaim": {"volumeName", "resources"},
}

// left reports whether a field is left to what runs in the cluster, although manifests often have
// something in its place.
func left(live *unstructured.Unstructured, p fieldpath.Path) bool {
	kind := live.GroupVersionKind()
	switch kind.Group {
	case "admissionregistration.k8s.io", "apiextensions.k8s.io", "apiregistration.k8s.io":
		// Whoever answers for the webhook, or who makes its certificate, writes the authority.
		if isField(p[len(p)-1], "caBundle") {
			return true
		}
	case "rbac.authorization.k8s.io":
		// Kubernetes gathers the rules of such a role.
		if live.Object["aggregationRule"] != nil && isField(p[0], "rules") {
			return true
		}
	case "":
		// What binds a volume to its claim writes both, and what enlarges it its size, which
		// never shrinks.
		if isField(p[0], "spec") && len(p) > 1 && p[1].FieldName != nil && slices.Contains(volumes[kind.Kind], *p[1].FieldName) {
			return true
		}
	}
	return isField(p[0], "status") || leftMetadata(p)
}

// leftMetadata reports whether a field is one of metadata, also of a template, that controllers
// write.
func leftMetadata(p fieldpath.Path) bool {
	if isField(p[0], "metadata") && len(p) > 1 && (isField(p[1], "finalizers") || isField(p[1], "ownerReferences")) {
		return true
	}
	for i := range p[:len(p)-1] {
		annotation := p[i+1].FieldName
		if annotation == nil || i == 0 || !isField(p[i], "annotations") || !isField(p[i-1], "metadata") {
			continue
		}
		for _, begin := range controllers {
			if strings.HasPrefix(*annotation, begin) {
				return true
			}
		}
	}
	return false
}

// placeholder reports whether a value is an empty one that a manifest has for a program to fill in.
func placeholder(object *unstructured.Unstructured, p fieldpath.Path, v any) bool {
	return isEmpty(v) && keepsData(object) && (isField(p[0], "data") || isField(p[0], "binaryData") || isField(p[0], "stringData"))
}

// isEmpty reports whether a value is an empty text, or none at all, as YAML has it of nothing.
func isEmpty(v any) bool { return v == nil || v == "" }

// onlyCopy reports whether a field is of the data of a Secret, and has some: who has put it there,
// as what rotates a password, may have it nowhere else.
func onlyCopy(live *unstructured.Unstructured, p fieldpath.Path) bool {
	kind := live.GroupVersionKind()
	return kind.Group == "" && kind.Kind == "Secret" && isField(p[0], "data") && !isEmpty(valueAt(live.Object, p))
}

// keepsData reports whether an object is a Secret or a ConfigMap.
func keepsData(object *unstructured.Unstructured) bool {
	kind := object.GroupVersionKind()
	return kind.Group == "" && (kind.Kind == "Secret" || kind.Kind == "ConfigMap")
}

// hasPlaceholder reports whether an object has an empty value that may be filled in.
func hasPlaceholder(object *unstructured.Unstructured) bool {
	if !keepsData(object) {
		return false
	}
	for _, field := range []string{"data", "binaryData", "stringData"} {
		values, _ := object.Object[field].(map[string]any)
		for _, v := range values {
			if isEmpty(v) {
				return true
			}
		}
	}
	return false
}

// withoutFilled takes the empty values out of an object that others have filled in since.
func withoutFilled(object, live *unstructured.Unstructured) {
	owners := ownersOf(live)
	for _, field := range []string{"data", "binaryData", "stringData"} {
		values, _ := object.Object[field].(map[string]any)
		stored := field
		if field == "stringData" {
			stored = "data"
		}
		for key, v := range values {
			p := fieldpath.MakePathOrDie(stored, key)
			if have, _ := valueAt(live.Object, p).(string); isEmpty(v) && have != "" && !owners.ours.Has(p) {
				delete(values, key)
			}
		}
	}
}

// scaledBy reports whether a field is how many pods there are to be, and is of a program: most that
// scale do so by the field itself.
func scaledBy(p fieldpath.Path, by []string) bool {
	return len(p) == 2 && isField(p[0], "spec") && isField(p[1], "replicas") && programs(by)
}

// programs reports whether programs alone have a field: people set it by kubectl.
func programs(by []string) bool {
	return len(by) > 0 && !slices.ContainsFunc(by, func(name string) bool { return strings.HasPrefix(name, "kubectl") })
}

func isField(element fieldpath.PathElement, name string) bool {
	return element.FieldName != nil && *element.FieldName == name
}

// compared are the objects of which it is looked whether they have changed: what is made to go
// away, or changes by itself, is not.
func compared(objects []model.PackObject) []model.PackObject {
	var all []model.PackObject
	for _, o := range objects {
		if o.Set != nil && !o.Fleeting() && !o.AddOn() {
			all = append(all, o)
		}
	}
	return all
}
