package kubeapi

import (
	"net/http"

	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/strategicpatch"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/yaml"
)

func (r *request) patch(w http.ResponseWriter) error {
	raw, err := r.read()
	if err != nil {
		return err
	}
	media := r.media()
	if types.PatchType(media) == types.ApplyPatchType {
		return r.apply(w, raw)
	}
	patched := func(old *Object) (*Object, error) {
		doc, err := old.MarshalJSON()
		if err != nil {
			return nil, apierrors.NewInternalError(err)
		}
		if doc, err = r.merged(types.PatchType(media), doc, raw); err != nil {
			return nil, err
		}
		n := &Object{}
		if err := n.UnmarshalJSON(doc); err != nil {
			return nil, apierrors.NewBadRequest(err.Error())
		}
		return n, r.admit(n)
	}
	return r.answer(w, http.StatusOK)(r.change(patched))
}

// merged applies one of the three patch formats.
func (r *request) merged(media types.PatchType, doc, patch []byte) ([]byte, error) {
	var err error
	switch media {
	case types.MergePatchType:
		doc, err = jsonpatch.MergePatch(doc, patch)
	case types.JSONPatchType:
		var operations jsonpatch.Patch
		if operations, err = jsonpatch.DecodePatch(patch); err == nil {
			doc, err = operations.Apply(doc)
		}
	case types.StrategicMergePatchType:
		var typed runtime.Object
		if typed, err = scheme.Scheme.New(r.kind.GroupVersionKind); err != nil {
			return nil, unsupported(string(media)) // custom resources have no strategic merge
		}
		doc, err = strategicpatch.StrategicMergePatch(doc, patch, typed)
	default:
		return nil, unsupported(string(media))
	}
	if err != nil {
		return nil, apierrors.NewBadRequest(err.Error())
	}
	return doc, nil
}

// apply is server-side apply without conflicts: fields of the manager's last
// apply that are left out now are removed, the others merged, lists replaced.
func (r *request) apply(w http.ResponseWriter, raw []byte) error {
	manager := r.http.URL.Query().Get("fieldManager")
	patch, err := r.readApply(manager, raw)
	if err != nil {
		return err
	}

	_, err = r.store.Get(r.kind.Resource(), r.namespace, r.name)
	if apierrors.IsNotFound(err) && r.sub == "" {
		err := r.createApplied(w, manager, patch)
		if !apierrors.IsAlreadyExists(err) {
			return err
		}
	}

	before := map[string]any{}
	o, err := r.change(func(old *Object) (*Object, error) {
		if last := r.store.applied[old.GetUID()][manager]; last != nil { // the store is locked here
			before = last
		}
		n := old.DeepCopy()
		prune(n.Object, before, patch.Object)
		overlay(n.Object, patch.DeepCopy().Object)
		return n, r.admit(n)
	})
	if err != nil {
		return err
	}
	if !r.dryRun() {
		r.store.setApplied(o.GetUID(), manager, patch.Object)
	}
	return r.answer(w, http.StatusOK)(o, nil)
}

func (r *request) dryRun() bool { return r.http.URL.Query().Get("dryRun") != "" }

// readApply decodes and validates an apply patch.
func (r *request) readApply(manager string, raw []byte) (*Object, error) {
	if manager == "" {
		return nil, apierrors.NewBadRequest(
			"PatchOptions.meta.k8s.io \"\" is invalid: fieldManager: Required value: is required for apply patch")
	}
	raw, err := yaml.YAMLToJSONStrict(raw)
	if err != nil {
		return nil, apierrors.NewBadRequest("error decoding YAML: " + err.Error())
	}
	patch := &Object{}
	if err := patch.UnmarshalJSON(raw); err != nil {
		return nil, apierrors.NewBadRequest(err.Error())
	}
	if patch.GetName() == "" {
		patch.SetName(r.name)
	}
	if err := r.admit(patch.DeepCopy()); err != nil {
		return nil, err
	}
	if patch.GetName() != r.name {
		return nil, apierrors.NewBadRequest("the name of the object does not match the name on the URL")
	}
	return patch, nil
}

// createApplied creates the object of an apply patch.
func (r *request) createApplied(w http.ResponseWriter, manager string, patch *Object) error {
	o := patch.DeepCopy()
	if err := r.admit(o); err != nil {
		return err
	}
	if err := r.namespaceExists(); err != nil {
		return err
	}
	if r.dryRun() {
		return r.answer(w, http.StatusCreated)(o, nil)
	}
	o, err := r.store.createBy(r.keys, r.kind.Resource(), o)
	if err != nil {
		return err
	}
	r.store.setApplied(o.GetUID(), manager, patch.Object)
	return r.answer(w, http.StatusCreated)(o, nil)
}

// prune removes from target what the last apply set and this one leaves out.
func prune(target, last, patch map[string]any) {
	for name, was := range last {
		now, still := patch[name]
		if !still {
			if inner, ok := was.(map[string]any); ok {
				if t, ok := target[name].(map[string]any); ok {
					prune(t, inner, map[string]any{})
					if len(t) == 0 {
						delete(target, name)
					}
				}
				continue
			}
			delete(target, name)
			continue
		}
		wasMap, a := was.(map[string]any)
		nowMap, b := now.(map[string]any)
		t, c := target[name].(map[string]any)
		if a && b && c {
			prune(t, wasMap, nowMap)
		}
	}
}

// overlay merges a patch into target, maps deeply.
func overlay(target, patch map[string]any) {
	for name, value := range patch {
		inner, isMap := value.(map[string]any)
		t, hasMap := target[name].(map[string]any)
		if isMap && hasMap {
			overlay(t, inner)
			continue
		}
		target[name] = value
	}
}
