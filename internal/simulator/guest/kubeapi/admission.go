package kubeapi

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/validate/content"
	metav1validation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/rand"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/client-go/kubernetes/scheme"
	strictjson "sigs.k8s.io/json"
)

// admit completes and checks an object that is about to be written. It asks
// the store nothing, since some callers hold it.
func (r *request) admit(o *Object) error {
	if got := o.GroupVersionKind(); got != r.kind.GroupVersionKind {
		return apierrors.NewBadRequest(fmt.Sprintf("%s in the body does not match the kind %s of the URL", got, r.kind.GroupVersionKind))
	}
	switch ns := o.GetNamespace(); {
	case !r.kind.Namespaced:
		if ns != "" {
			return apierrors.NewBadRequest("namespace specified on a cluster-scoped object")
		}
	case ns == "":
		o.SetNamespace(r.namespace)
	case ns != r.namespace:
		return apierrors.NewBadRequest("the namespace of the provided object does not match the namespace sent on the request")
	}
	if r.kind.Namespaced && r.namespace == "" {
		return apierrors.NewBadRequest("an empty namespace may not be set during creation")
	}
	if o.GetName() == "" && o.GetGenerateName() != "" {
		o.SetName(o.GetGenerateName() + rand.String(5))
	}
	if problems := r.problems(o); len(problems) > 0 {
		return apierrors.NewInvalid(r.kind.GroupKind(), o.GetName(), problems)
	}
	if err := r.decodes(o); err != nil {
		return err
	}
	r.defaults(o)
	return nil
}

// problems validates metadata and what clients of this project get wrong first.
func (r *request) problems(o *Object) field.ErrorList {
	meta := field.NewPath("metadata")
	var all field.ErrorList
	name := o.GetName()
	var wrong []string
	switch {
	case name == "":
		return append(all, field.Required(meta.Child("name"), "name or generateName is required"))
	case r.kind.Group == Roles.Group:
		wrong = content.IsPathSegmentName(name)
	case r.kind.Resource() == Namespaces || r.kind.Resource() == Services:
		wrong = validation.IsDNS1123Label(name)
	default:
		wrong = validation.IsDNS1123Subdomain(name)
	}
	for _, problem := range wrong {
		all = append(all, field.Invalid(meta.Child("name"), name, problem))
	}
	all = append(all, metav1validation.ValidateLabels(o.GetLabels(), meta.Child("labels"))...)
	for k := range o.GetAnnotations() {
		for _, problem := range validation.IsQualifiedName(strings.ToLower(k)) {
			all = append(all, field.Invalid(meta.Child("annotations"), k, problem))
		}
	}
	switch r.kind.Resource() {
	case Nodes:
		all = append(all, taintProblems(o)...)
	case Deployments, DaemonSets, StatefulSets:
		all = append(all, workloadProblems(o)...)
	case Events:
		all = append(all, eventProblems(o)...)
	case Secrets, ConfigMaps:
		all = append(all, sizeProblems(o)...)
	case CustomResources:
		spec, _ := o.Object["spec"].(map[string]any)
		names, _ := spec["names"].(map[string]any)
		if want := fmt.Sprintf("%v.%v", names["plural"], spec["group"]); name != want {
			all = append(all, field.Invalid(meta.Child("name"), name, "must be spec.names.plural+\".\"+spec.group"))
		}
	}
	return all
}

// taintProblems checks the taints of a node.
func taintProblems(o *Object) field.ErrorList {
	var all field.ErrorList
	var n corev1.Node
	if !convert(o, &n) {
		return nil
	}
	seen := map[string]bool{}
	for i, t := range n.Spec.Taints {
		at := field.NewPath("spec", "taints").Index(i)
		for _, problem := range validation.IsQualifiedName(t.Key) {
			all = append(all, field.Invalid(at.Child("key"), t.Key, problem))
		}
		for _, problem := range validation.IsValidLabelValue(t.Value) {
			all = append(all, field.Invalid(at.Child("value"), t.Value, problem))
		}
		if !contains([]string{"NoSchedule", "PreferNoSchedule", "NoExecute"}, string(t.Effect)) {
			all = append(all, field.NotSupported(at.Child("effect"), t.Effect, []string{"NoSchedule", "PreferNoSchedule", "NoExecute"}))
		}
		if id := t.Key + ":" + string(t.Effect); seen[id] {
			all = append(all, field.Duplicate(at, id))
		} else {
			seen[id] = true
		}
	}
	return all
}

// sizeProblems checks that an object that keeps data has no more than the API takes.
func sizeProblems(o *Object) field.ErrorList {
	size := 0
	data, _ := o.Object["data"].(map[string]any)
	for _, value := range data {
		text, _ := value.(string)
		if o.GetKind() == "Secret" {
			size += base64.StdEncoding.DecodedLen(len(text))
		} else {
			size += len(text)
		}
	}
	if size > corev1.MaxSecretSize {
		return field.ErrorList{field.TooLong(field.NewPath("data"), "", corev1.MaxSecretSize)}
	}
	return nil
}

// workloadProblems checks that a workload's selector selects its own pods.
func workloadProblems(o *Object) field.ErrorList {
	w, ok := readWorkload(o)
	spec := field.NewPath("spec")
	switch {
	case !ok:
		return nil // decodes says why
	case w.selector == nil || w.selector.Empty():
		return field.ErrorList{field.Required(spec.Child("selector"), "")}
	case !w.selector.Matches(labelSet(w.template.Labels)):
		return field.ErrorList{field.Invalid(spec.Child("template", "metadata", "labels"),
			w.template.Labels, "`selector` does not match template `labels`")}
	case len(w.template.Spec.Containers) == 0:
		return field.ErrorList{field.Required(spec.Child("template", "spec", "containers"), "")}
	}
	return nil
}

// decodes checks a built-in kind against its Go type: wrong types always,
// unknown fields where the client requested strict validation.
func (r *request) decodes(o *Object) error {
	typed, err := scheme.Scheme.New(r.kind.GroupVersionKind)
	if err != nil {
		return nil //nolint:nilerr // a custom resource, or a kind that client-go has no type for
	}
	raw, err := json.Marshal(o.Object)
	if err != nil {
		return apierrors.NewInternalError(err)
	}
	strict, err := strictjson.UnmarshalStrict(raw, typed)
	if err != nil {
		return apierrors.NewBadRequest(fmt.Sprintf("%s in version %q cannot be handled as a %s: %v",
			r.kind.Kind, r.kind.Version, r.kind.Kind, err))
	}
	if len(strict) > 0 && r.http.URL.Query().Get("fieldValidation") == "Strict" {
		words := make([]string, len(strict))
		for i, e := range strict {
			words[i] = e.Error()
		}
		return apierrors.NewBadRequest("strict decoding error: " + strings.Join(words, ", "))
	}
	return nil
}

// defaults sets what the API server sets and others read.
func (r *request) defaults(o *Object) {
	switch r.kind.Resource() {
	case Secrets:
		if text, ok := o.Object["stringData"].(map[string]any); ok {
			data, _ := o.Object["data"].(map[string]any)
			if data == nil {
				data = map[string]any{}
			}
			for name, value := range text {
				data[name] = base64.StdEncoding.EncodeToString([]byte(fmt.Sprint(value)))
			}
			o.Object["data"] = data
			delete(o.Object, "stringData")
		}
		if o.Object["type"] == nil {
			o.Object["type"] = "Opaque"
		}
	case Namespaces:
		o.Object["status"] = map[string]any{"phase": "Active"}
	case Deployments, StatefulSets:
		if spec, ok := o.Object["spec"].(map[string]any); ok && spec["replicas"] == nil {
			spec["replicas"] = int64(1)
		}
	case Pods:
		if o.Object["status"] == nil {
			o.Object["status"] = map[string]any{"phase": "Pending"}
		}
	}
}
