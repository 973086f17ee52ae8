package kubeapi

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
)

// saved is what a store has, for a snapshot.
type saved struct {
	Revision int64
	Objects  []savedObject
	Sealed   map[types.UID]string
}

type savedObject struct {
	Group, Resource string
	Object          map[string]any
}

// restoredRevisions is how far beyond its own the revision of a restored store is.
const restoredRevisions = 1_000_000_000

// Save returns all that the store has.
func (s *Store) Save() ([]byte, error) {
	s.mu.Lock()
	all := saved{Revision: s.revision, Sealed: s.sealed}
	for r, objects := range s.objects {
		for _, o := range objects {
			all.Objects = append(all.Objects, savedObject{Group: r.Group, Resource: r.Resource, Object: o.Object})
		}
	}
	raw, err := json.Marshal(all)
	s.mu.Unlock()
	if err != nil {
		return nil, err
	}
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	if _, err := w.Write(raw); err != nil {
		return nil, err
	}
	err = w.Close()
	return packed.Bytes(), err
}

// Restore fills an empty store with what another one has saved. Its revision is far beyond
// what any client of that has seen, and what came before counts as compacted.
func (s *Store) Restore(packed []byte) error {
	var all saved
	r, err := gzip.NewReader(bytes.NewReader(packed))
	if err == nil {
		err = json.NewDecoder(r).Decode(&all)
	}
	if err != nil {
		return fmt.Errorf("the snapshot has no objects of an API: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, o := range all.Objects {
		object := &Object{Object: integers(o.Object).(map[string]any)}
		resource := schema.GroupResource{Group: o.Group, Resource: o.Resource}
		if s.objects[resource] == nil {
			s.objects[resource] = map[key]*Object{}
		}
		s.objects[resource][key{object.GetNamespace(), object.GetName()}] = object
	}
	if all.Sealed != nil {
		s.sealed = all.Sealed
	}
	s.revision = all.Revision + restoredRevisions
	s.dropped = s.revision
	return nil
}

// integers makes whole numbers what they are in an object: JSON knows one kind of numbers.
func integers(value any) any {
	switch v := value.(type) {
	case map[string]any:
		for name, part := range v {
			v[name] = integers(part)
		}
	case []any:
		for i, part := range v {
			v[i] = integers(part)
		}
	case float64:
		if v == float64(int64(v)) {
			return int64(v)
		}
	}
	return value
}
