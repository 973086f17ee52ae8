package kubeapi

import (
	"context"
	"fmt"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Keys are those by which an API server reads Secrets, each by a name that no other key
// has; an empty one stands for clear text. It writes them with the first. None: clear text.
type Keys []string

// Reads reports whether the server reads what was written with a key.
func (k Keys) Reads(name string) bool { return slices.Contains(k, name) || len(k) == 0 && name == "" }

// Writes is the key that the server writes with.
func (k Keys) Writes() string {
	if len(k) == 0 {
		return ""
	}
	return k[0]
}

type keysOfServer struct{}

// WithKeys has the requests of a context served by an API server that has the keys.
func WithKeys(ctx context.Context, keys Keys) context.Context {
	return context.WithValue(ctx, keysOfServer{}, keys)
}

func keysOf(ctx context.Context) Keys {
	keys, _ := ctx.Value(keysOfServer{}).(Keys)
	return keys
}

// Sealed are the keys that Secrets are written with now, and how many are.
func (s *Store) Sealed() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	counts := map[string]int{}
	for _, o := range s.objects[Secrets] {
		counts[s.sealed[o.GetUID()]]++
	}
	return counts
}

// Readable returns why a server with the keys cannot read Secrets that there are; nil: it
// can.
func (s *Store) Readable(keys Keys) error {
	all, _ := s.List(Secrets, "")
	return s.readable(keys, Secrets, all...)
}

// readable returns why a server cannot read an object; nil: it can.
func (s *Store) readable(keys Keys, r schema.GroupResource, objects ...*Object) error {
	if r != Secrets {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, o := range objects {
		if err := s.unseal(keys, r, o); err != nil {
			return err
		}
	}
	return nil
}

// unseal returns why a server cannot read an object; the lock is held.
func (s *Store) unseal(keys Keys, r schema.GroupResource, o *Object) error {
	name, there := s.sealed[o.GetUID()]
	if r != Secrets || !there || keys.Reads(name) {
		return nil
	}
	why := "no matching key was found for the provided Secretbox transformer"
	switch {
	case name == "":
		why = "no matching prefix found"
	case !slices.ContainsFunc(keys, func(key string) bool { return key != "" }):
		why = "identity transformer tried to read encrypted data"
	}
	return apierrors.NewInternalError(fmt.Errorf("StorageError: corrupt object, Code: 7, Key: /secrets/%s/%s, ResourceVersion: 0, "+
		"AdditionalErrorMsg: data from the storage is not transformable revision=0: %s", o.GetNamespace(), o.GetName(), why))
}

// seal notes which key an object was written with; the lock is held.
func (s *Store) seal(keys Keys, r schema.GroupResource, o *Object) {
	if r == Secrets {
		s.sealed[o.GetUID()] = keys.Writes()
	}
}

// stale reports whether a server writes an object although it is as it was: it was written
// with another key than the server's first. The lock is held.
func (s *Store) stale(keys Keys, r schema.GroupResource, o *Object) bool {
	return r == Secrets && s.sealed[o.GetUID()] != keys.Writes()
}

// createBy is Create by a server that has the keys.
func (s *Store) createBy(keys Keys, r schema.GroupResource, o *Object) (*Object, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.create(keys, r, o)
}

// changeBy is Change by a server that has the keys.
func (s *Store) changeBy(
	keys Keys, r schema.GroupResource, namespace, name string, change func(o *Object) error,
) (*Object, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.change(keys, r, namespace, name, change)
}
