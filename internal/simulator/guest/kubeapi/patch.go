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
		if err := r.admit(n); err != nil {
			return nil, err
		}
		return r.noteFields(old, n)
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

// apply is server-side apply, by the API server's own code.
func (r *request) apply(w http.ResponseWriter, raw []byte) error {
	patch, err := r.readApply(r.http.URL.Query().Get("fieldManager"), raw)
	if err != nil {
		return err
	}

	_, err = r.store.Get(r.kind.Resource(), r.namespace, r.name)
	if apierrors.IsNotFound(err) && r.sub == "" {
		err := r.createApplied(w, patch)
		if !apierrors.IsAlreadyExists(err) {
			return err
		}
	}

	return r.answer(w, http.StatusOK)(r.change(func(old *Object) (*Object, error) {
		n, err := r.applyFields(old, patch)
		if err != nil {
			return nil, err
		}
		return n, r.admit(n)
	}))
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
func (r *request) createApplied(w http.ResponseWriter, patch *Object) error {
	o, err := r.applyFields(untyped(r.kind.GroupVersionKind), patch)
	if err != nil {
		return err
	}
	if err := r.admit(o); err != nil {
		return err
	}
	if err := r.namespaceExists(); err != nil {
		return err
	}
	if r.dryRun() {
		return r.answer(w, http.StatusCreated)(o, nil)
	}
	return r.answer(w, http.StatusCreated)(r.store.createBy(r.keys, r.kind.Resource(), o))
}
