package kubeapi

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
)

// request is a request for objects of one kind.
type request struct {
	*Server
	http      *http.Request
	user      User
	kind      Kind
	namespace string
	name      string
	sub       string
	keys      Keys // of the server
}

// verb returns the request's verb in RBAC's words.
func (r *request) verb() string {
	switch r.http.Method {
	case http.MethodPost:
		return "create"
	case http.MethodPut:
		return "update"
	case http.MethodPatch:
		return "patch"
	case http.MethodDelete:
		if r.name == "" {
			return "deletecollection"
		}
		return "delete"
	}
	switch watch := r.http.URL.Query().Get("watch"); {
	case watch == "1" || watch == "true":
		return "watch"
	case r.name == "":
		return "list"
	}
	return "get"
}

func (r *request) serve(w http.ResponseWriter) error {
	if r.sub != "" && !(r.sub == "status" && r.kind.Status) {
		if r.sub == "eviction" && r.kind.Resource() == Pods && r.verb() == "create" {
			return r.evict(w)
		}
		if r.sub == "portforward" && r.kind.Resource() == Pods {
			return r.portForward(w)
		}
		if r.sub == "log" && r.kind.Resource() == Pods && r.verb() == "get" {
			return r.log(w)
		}
		return noSuchPath()
	}
	switch r.verb() {
	case "get":
		return r.answer(w, http.StatusOK)(r.get())
	case "list":
		return r.list(w)
	case "watch":
		return r.watch(w)
	case "create":
		return r.create(w)
	case "update":
		return r.update(w)
	case "patch":
		return r.patch(w)
	case "delete":
		return r.delete(w)
	}
	return r.deleteAll(w)
}

// answer writes the object that a store call returned, in the version that was
// asked for.
func (r *request) answer(w http.ResponseWriter, code int) func(*Object, error) error {
	return func(o *Object, err error) error {
		if err != nil {
			return err
		}
		reply(w, code, r.versioned(o))
		return nil
	}
}

func (r *request) versioned(o *Object) *Object {
	if o.GetAPIVersion() == r.kind.GroupVersion().String() {
		return o
	}
	o = o.DeepCopy()
	o.SetAPIVersion(r.kind.GroupVersion().String())
	return o
}

// selected returns a filter for the request's selectors.
func (r *request) selected() (func(*Object) bool, error) {
	query := r.http.URL.Query()
	byLabel, err := labels.Parse(query.Get("labelSelector"))
	if err != nil {
		return nil, apierrors.NewBadRequest(err.Error())
	}
	byField, err := fields.ParseSelector(query.Get("fieldSelector"))
	if err != nil {
		return nil, apierrors.NewBadRequest(err.Error())
	}
	for _, f := range byField.Requirements() {
		if !contains([]string{"metadata.name", "metadata.namespace", "spec.nodeName", "status.phase", "type", "spec.unschedulable"}, f.Field) &&
			!strings.HasPrefix(f.Field, "involvedObject.") {
			return nil, apierrors.NewBadRequest(fmt.Sprintf("field label not supported: %s", f.Field))
		}
	}
	return func(o *Object) bool {
		if r.name != "" && o.GetName() != r.name {
			return false
		}
		return byLabel.Matches(labels.Set(o.GetLabels())) && byField.Matches(fieldsOf{o})
	}, nil
}

// fieldsOf reads an object's fields by path.
type fieldsOf struct{ o *Object }

// Has is part of fields.Fields: an unknown path reads as empty.
func (f fieldsOf) Has(string) bool { return true }

// Get reads the field at a path.
func (f fieldsOf) Get(path string) string {
	var at any = f.o.Object
	for word := range strings.SplitSeq(path, ".") {
		m, _ := at.(map[string]any)
		at = m[word]
	}
	if at == nil {
		return ""
	}
	return fmt.Sprint(at)
}

func (r *request) list(w http.ResponseWriter) error {
	selected, err := r.selected()
	if err != nil {
		return err
	}
	all, revision := r.store.List(r.kind.Resource(), r.namespace)
	if err := r.store.readable(r.keys, r.kind.Resource(), all...); err != nil {
		return err
	}
	items := []*Object{}
	for _, o := range all {
		if selected(o) {
			items = append(items, r.versioned(o))
		}
	}
	query := r.http.URL.Query()
	items, next, err := page(items, query.Get("limit"), query.Get("continue"))
	if err != nil {
		return err
	}
	metadata := map[string]any{"resourceVersion": strconv.FormatInt(revision, 10)}
	if next != "" {
		metadata["continue"] = next
	}
	reply(w, http.StatusOK, map[string]any{
		"kind": r.kind.Kind + "List", "apiVersion": r.kind.GroupVersion().String(), "metadata": metadata, "items": items,
	})
	return nil
}

func (r *request) create(w http.ResponseWriter) error {
	if r.name != "" {
		return apierrors.NewMethodNotSupported(r.kind.Resource(), "create")
	}
	o, err := r.body()
	if err != nil {
		return err
	}
	if err := r.admit(o); err != nil {
		return err
	}
	if err := r.namespaceExists(); err != nil {
		return err
	}
	if o, err = r.noteFields(nil, o); err != nil {
		return err
	}
	if r.http.URL.Query().Get("dryRun") != "" {
		return r.answer(w, http.StatusCreated)(o, nil)
	}
	return r.answer(w, http.StatusCreated)(r.store.createBy(r.keys, r.kind.Resource(), o))
}

// get returns the request's object.
func (r *request) get() (*Object, error) {
	o, err := r.store.Get(r.kind.Resource(), r.namespace, r.name)
	if err == nil {
		err = r.store.readable(r.keys, r.kind.Resource(), o)
	}
	return o, err
}

// namespaceExists refuses to create an object in a namespace that is not there
// or on its way out.
func (r *request) namespaceExists() error {
	if !r.kind.Namespaced {
		return nil
	}
	ns, err := r.store.Get(Namespaces, "", r.namespace)
	if err != nil {
		return err
	}
	if ns.GetDeletionTimestamp() != nil {
		return apierrors.NewForbidden(r.kind.Resource(), r.name, fmt.Errorf("namespace %s is being terminated", r.namespace))
	}
	return nil
}

func (r *request) update(w http.ResponseWriter) error {
	o, err := r.body()
	if err != nil {
		return err
	}
	if o.GetName() == "" {
		o.SetName(r.name)
	}
	if err := r.admit(o); err != nil {
		return err
	}
	return r.answer(w, http.StatusOK)(r.change(func(old *Object) (*Object, error) { return r.noteFields(old, o) }))
}

// change replaces the request's object, respecting its resource version and
// what the main resource and the status subresource may touch.
func (r *request) change(next func(old *Object) (*Object, error)) (*Object, error) {
	dry := r.http.URL.Query().Get("dryRun") != ""
	var would *Object
	o, err := r.store.changeBy(r.keys, r.kind.Resource(), r.namespace, r.name, func(o *Object) error {
		n, err := next(o.DeepCopy())
		if err != nil {
			return err
		}
		if v := n.GetResourceVersion(); v != "" && v != o.GetResourceVersion() {
			return apierrors.NewConflict(r.kind.Resource(), r.name,
				fmt.Errorf("the object has been modified; please apply your changes to the latest version and try again"))
		}
		if u := n.GetUID(); u != "" && u != o.GetUID() {
			return apierrors.NewConflict(r.kind.Resource(), r.name, errPrecondition)
		}
		if n.GetName() != r.name {
			return apierrors.NewBadRequest("the name of the object does not match the name on the URL")
		}
		if problems := immutable(r.kind.Resource(), o, n); r.sub == "" && len(problems) > 0 {
			return apierrors.NewInvalid(r.kind.GroupKind(), r.name, problems)
		}
		n = n.DeepCopy()
		switch {
		case r.sub == "status":
			keepOnly(o, n, "status")
			o.SetManagedFields(n.GetManagedFields())
		case r.kind.Status:
			restore(n, o, "status")
			o.Object = n.Object
		default:
			o.Object = n.Object
		}
		if dry {
			would = o.DeepCopy()
			return errDryRun
		}
		return nil
	})
	if would != nil {
		return would, nil
	}
	return o, err
}

var errDryRun = apierrors.NewInternalError(fmt.Errorf("dry run"))

// keepOnly takes one field of n over into o.
func keepOnly(o, n *Object, field string) {
	if value, ok := n.Object[field]; ok {
		o.Object[field] = value
	} else {
		delete(o.Object, field)
	}
}

// restore puts a field of n back to what it was in o.
func restore(n, o *Object, field string) { keepOnly(n, o, field) }

func (r *request) delete(w http.ResponseWriter) error {
	options, err := r.deleteOptions()
	if err != nil {
		return err
	}
	if len(options.DryRun) > 0 {
		return r.answer(w, http.StatusOK)(r.get())
	}
	o, err := r.remove(r.namespace, r.name, options)
	return r.answer(w, http.StatusOK)(o, err)
}

func (r *request) remove(namespace, name string, options metav1.DeleteOptions) (*Object, error) {
	if o, err := r.store.Get(r.kind.Resource(), namespace, name); err == nil {
		if err := r.store.readable(r.keys, r.kind.Resource(), o); err != nil {
			return nil, err
		}
	}
	forced := options.GracePeriodSeconds != nil && *options.GracePeriodSeconds == 0
	return r.store.Delete(r.kind.Resource(), namespace, name, *options.Preconditions, func(o *Object) bool {
		return r.kind.Resource() == Pods && !forced && r.store.stuck(o)
	})
}

func (r *request) deleteAll(w http.ResponseWriter) error {
	selected, err := r.selected()
	if err != nil {
		return err
	}
	options, err := r.deleteOptions()
	if err != nil {
		return err
	}
	all, _ := r.store.List(r.kind.Resource(), r.namespace)
	for _, o := range all {
		if !selected(o) {
			continue
		}
		if _, err := r.remove(o.GetNamespace(), o.GetName(), options); err != nil && !apierrors.IsNotFound(err) {
			return err
		}
	}
	reply(w, http.StatusOK, success())
	return nil
}
