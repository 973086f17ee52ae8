// Package kubeapi is a Kubernetes API in memory: a store that plays etcd, the
// HTTP handler that plays the API server with authentication, RBAC, discovery,
// watches and patches, and the few controllers without which no client can
// tell that a cluster works.
package kubeapi

import (
	"sort"
	"strconv"
	"sync"
	"time"

	"github.com/google/uuid"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
)

// historyLimit is how many changes a watch may lag behind.
const historyLimit = 4096

// Object is any Kubernetes object. What the store hands out is shared: copy
// before changing it.
type Object = unstructured.Unstructured

type key struct{ namespace, name string }

type event struct {
	revision int64
	resource schema.GroupResource
	kind     watch.EventType
	object   *Object
}

// Store keeps the objects of one cluster.
type Store struct {
	now func() time.Time

	mu       sync.Mutex
	revision int64
	objects  map[schema.GroupResource]map[key]*Object
	history  []event
	dropped  int64 // revision of the last change that left the history
	changed  chan struct{}
	sealed   map[types.UID]string // the key that a Secret is written with
	keys     Keys                 // of what runs beside the API
}

// NewStore returns an empty store.
func NewStore(now func() time.Time) *Store {
	return &Store{
		now: now, changed: make(chan struct{}),
		objects: map[schema.GroupResource]map[key]*Object{},
		sealed:  map[types.UID]string{},
	}
}

// SetKeys has the phases of kubeadm, and what else runs beside the API, write Secrets by an
// API server that has the keys.
func (s *Store) SetKeys(keys Keys) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keys = keys
}

// Get returns an object.
func (s *Store) Get(r schema.GroupResource, namespace, name string) (*Object, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.get(r, namespace, name)
}

func (s *Store) get(r schema.GroupResource, namespace, name string) (*Object, error) {
	if o, ok := s.objects[r][key{namespace, name}]; ok {
		return o, nil
	}
	return nil, apierrors.NewNotFound(r, name)
}

// List returns all objects of a resource, of one namespace where one is given,
// sorted, and the revision that the list is of.
func (s *Store) List(r schema.GroupResource, namespace string) ([]*Object, int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []*Object
	for k, o := range s.objects[r] {
		if namespace == "" || k.namespace == namespace {
			all = append(all, o)
		}
	}
	sort.Slice(all, func(i, j int) bool {
		if a, b := all[i].GetNamespace(), all[j].GetNamespace(); a != b {
			return a < b
		}
		return all[i].GetName() < all[j].GetName()
	})
	return all, s.revision
}

// Create adds an object.
func (s *Store) Create(r schema.GroupResource, o *Object) (*Object, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.create(s.keys, r, o)
}

// create is that of an API server which has the keys; the lock is held.
func (s *Store) create(keys Keys, r schema.GroupResource, o *Object) (*Object, error) {
	k := key{o.GetNamespace(), o.GetName()}
	if _, taken := s.objects[r][k]; taken {
		return nil, apierrors.NewAlreadyExists(r, k.name)
	}
	o = o.DeepCopy()
	o.SetUID(types.UID(uuid.NewString()))
	o.SetCreationTimestamp(metav1.NewTime(s.now().UTC().Truncate(time.Second)))
	o.SetGeneration(1)
	o.SetDeletionTimestamp(nil)
	s.seal(keys, r, o)
	s.put(r, o, watch.Added)
	return o, nil
}

// Change replaces an object by what change makes of a copy of it, in one step.
// An object that change leaves as it was is not written.
func (s *Store) Change(r schema.GroupResource, namespace, name string, change func(o *Object) error) (*Object, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.change(s.keys, r, namespace, name, change)
}

// change is that of an API server which has the keys; the lock is held.
func (s *Store) change(keys Keys, r schema.GroupResource, namespace, name string, change func(o *Object) error) (*Object, error) {
	old, err := s.get(r, namespace, name)
	if err == nil {
		err = s.unseal(keys, r, old)
	}
	if err != nil {
		return nil, err
	}
	o := old.DeepCopy()
	if err := change(o); err != nil {
		return nil, err
	}
	// What belongs to the store stays as it was, whatever the client sent.
	o.SetUID(old.GetUID())
	o.SetCreationTimestamp(old.GetCreationTimestamp())
	o.SetResourceVersion(old.GetResourceVersion())
	o.SetGeneration(old.GetGeneration())
	if same(o.Object, old.Object) && !s.stale(keys, r, old) {
		return old, nil
	}
	if !same(o.Object["spec"], old.Object["spec"]) {
		o.SetGeneration(old.GetGeneration() + 1)
	}
	if o.GetDeletionTimestamp() != nil && len(o.GetFinalizers()) == 0 && len(old.GetFinalizers()) > 0 {
		s.remove(r, o)
		return o, nil
	}
	s.seal(keys, r, o)
	s.put(r, o, watch.Modified)
	return o, nil
}

// Delete removes an object that is as the preconditions have it, or marks it where finalizers
// or hold keep it.
func (s *Store) Delete(
	r schema.GroupResource, namespace, name string, must metav1.Preconditions, hold func(*Object) bool,
) (*Object, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	old, err := s.get(r, namespace, name)
	if err != nil {
		return nil, err
	}
	if must.UID != nil && *must.UID != old.GetUID() ||
		must.ResourceVersion != nil && *must.ResourceVersion != old.GetResourceVersion() {
		return nil, apierrors.NewConflict(r, name, errPrecondition)
	}
	definition := r == CustomResources
	if len(old.GetFinalizers()) == 0 && !definition && (hold == nil || !hold(old)) {
		s.remove(r, old)
		return old, nil
	}
	if old.GetDeletionTimestamp() != nil {
		return old, nil
	}
	o := old.DeepCopy()
	when := metav1.NewTime(s.now().UTC().Truncate(time.Second))
	o.SetDeletionTimestamp(&when)
	if definition {
		o.SetFinalizers(append(o.GetFinalizers(), cleanup))
	}
	s.put(r, o, watch.Modified)
	return o, nil
}

// put stores and announces an object; the lock is held.
func (s *Store) put(r schema.GroupResource, o *Object, kind watch.EventType) {
	s.revision++
	o.SetResourceVersion(strconv.FormatInt(s.revision, 10))
	if s.objects[r] == nil {
		s.objects[r] = map[key]*Object{}
	}
	s.objects[r][key{o.GetNamespace(), o.GetName()}] = o
	s.announce(event{s.revision, r, kind, o})
}

// remove deletes and announces; the lock is held.
func (s *Store) remove(r schema.GroupResource, o *Object) {
	delete(s.objects[r], key{o.GetNamespace(), o.GetName()})
	delete(s.sealed, o.GetUID())
	s.revision++
	last := o.DeepCopy()
	last.SetResourceVersion(strconv.FormatInt(s.revision, 10))
	s.announce(event{s.revision, r, watch.Deleted, last})
}

func (s *Store) announce(e event) {
	s.history = append(s.history, e)
	if excess := len(s.history) - historyLimit; excess >= historyLimit {
		s.dropped = s.history[excess-1].revision
		s.history = append([]event(nil), s.history[excess:]...)
	}
	close(s.changed)
	s.changed = make(chan struct{})
}

// since returns the changes of a resource after a revision and a channel that
// closes at the next change of anything.
func (s *Store) since(r schema.GroupResource, namespace string, revision int64) ([]event, int64, <-chan struct{}, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if revision < s.dropped || revision > s.revision {
		return nil, 0, nil, apierrors.NewResourceExpired("too old resource version: " + strconv.FormatInt(revision, 10))
	}
	first := sort.Search(len(s.history), func(i int) bool { return s.history[i].revision > revision })
	var news []event
	for _, e := range s.history[first:] {
		if e.resource == r && (namespace == "" || e.object.GetNamespace() == namespace) {
			news = append(news, e)
		}
	}
	return news, s.revision, s.changed, nil
}

// Changed returns a channel that closes at the next change.
func (s *Store) Changed() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.changed
}
