package kubeapi

import (
	"net/http"
	"strings"
	"sync"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/managedfields"
	"k8s.io/client-go/applyconfigurations"
	"k8s.io/client-go/kubernetes/scheme"
)

// fieldManagers keep of each field who has set it: they are the API server's own, one for
// each kind and subresource, made when they are first needed.
var fieldManagers sync.Map

type managed struct {
	kind schema.GroupVersionKind
	sub  string
}

// typedFields know which lists of the built-in kinds have keys. Parsing them takes long.
var typedFields = sync.OnceValue(func() managedfields.TypeConverter {
	return applyconfigurations.NewTypeConverter(scheme.Scheme)
})

// fieldManager is that of a request.
func (r *request) fieldManager() (*managedfields.FieldManager, error) {
	at := managed{kind: r.kind.GroupVersionKind, sub: r.sub}
	if made, ok := fieldManagers.Load(at); ok {
		return made.(*managedfields.FieldManager), nil
	}
	create := managedfields.NewDefaultFieldManager
	types := typedFields()
	if _, err := types.ObjectToTyped(untyped(at.kind)); err != nil {
		// A custom resource, whose lists are replaced as a whole.
		create = managedfields.NewDefaultCRDFieldManager
		types = managedfields.NewDeducedTypeConverter()
	}
	made, err := create(types, oneVersion{}, noDefaults{}, untypedObjects{}, at.kind, at.kind.GroupVersion(), at.sub, nil)
	if err != nil {
		return nil, err
	}
	fieldManagers.Store(at, made)
	return made, nil
}

// manager is who makes a request, as the API server names it.
func (r *request) manager() string {
	if name := r.http.URL.Query().Get("fieldManager"); name != "" {
		return name
	}
	name, _, _ := strings.Cut(r.http.Header.Get("User-Agent"), "/")
	return name
}

// noteFields notes which fields of a new object, or of a changed one, a client has set that
// does not apply it.
func (r *request) noteFields(old, next *Object) (*Object, error) {
	fields, err := r.fieldManager()
	if err != nil {
		return nil, err
	}
	if old == nil {
		old = untyped(r.kind.GroupVersionKind)
	}
	object, ok := fields.UpdateNoErrors(r.versioned(old), next, r.manager()).(*Object)
	if !ok {
		return next, nil
	}
	return object, nil
}

// applyFields merges an apply patch into an object. It is a conflict where another
// manager has set a field to another value, unless the request takes it by force.
func (r *request) applyFields(old, patch *Object) (*Object, error) {
	fields, err := r.fieldManager()
	if err != nil {
		return nil, err
	}
	force := r.http.URL.Query().Get("force")
	object, err := fields.Apply(r.versioned(old).DeepCopy(), patch.DeepCopy(), r.manager(), force == "true" || force == "1")
	if err != nil {
		return nil, err
	}
	merged, ok := object.(*Object)
	if !ok {
		return nil, unsupported(http.MethodPatch)
	}
	return merged, nil
}

func untyped(kind schema.GroupVersionKind) *Object {
	o := &Object{Object: map[string]any{}}
	o.SetGroupVersionKind(kind)
	return o
}

// untypedObjects makes new objects.
type untypedObjects struct{}

// New implements runtime.ObjectCreater.
func (untypedObjects) New(kind schema.GroupVersionKind) (runtime.Object, error) {
	return untyped(kind), nil
}

// noDefaults leaves defaults to admission.
type noDefaults struct{}

// Default implements runtime.ObjectDefaulter.
func (noDefaults) Default(runtime.Object) {}

// oneVersion converts between versions that have the same fields.
type oneVersion struct{}

// Convert implements runtime.ObjectConvertor.
func (oneVersion) Convert(in, out, _ any) error {
	from, isFrom := in.(*Object)
	to, isTo := out.(*Object)
	if isFrom && isTo {
		to.Object = from.DeepCopy().Object
	}
	return nil
}

// ConvertToVersion implements runtime.ObjectConvertor.
func (oneVersion) ConvertToVersion(in runtime.Object, version runtime.GroupVersioner) (runtime.Object, error) {
	kind, ok := version.KindForGroupVersionKinds([]schema.GroupVersionKind{in.GetObjectKind().GroupVersionKind()})
	if !ok || kind == in.GetObjectKind().GroupVersionKind() {
		return in, nil
	}
	out := in.DeepCopyObject()
	out.GetObjectKind().SetGroupVersionKind(kind)
	return out, nil
}

// ConvertFieldLabel implements runtime.ObjectConvertor.
func (oneVersion) ConvertFieldLabel(_ schema.GroupVersionKind, label, value string) (string, string, error) {
	return label, value, nil
}
