package kube

import (
	"encoding/base64"
	"fmt"
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
	"sigs.k8s.io/structured-merge-diff/v6/value"
)

// releaseFields compares an object with the manifest of its release. A field that still counts as
// Helm's was changed by no one: the API has a default or another notation for it, or a
// webhook has changed it as it was applied. One that someone else changes or takes out is theirs
// from then on, or no one's.
type releaseFields struct {
	live   *unstructured.Unstructured
	owners owners
	leaves *fieldpath.Set // of Helm's fields
	all    *fieldpath.Set // fields of whomever, by which the keys of lists are known
	// applied says that Helm's fields are exactly those of its manifest.
	applied bool
	found   []change
}

// releaseChanges are the fields of an object that others have changed since its release was applied.
func releaseChanges(wanted, live *unstructured.Unstructured) []change {
	f := &releaseFields{live: live, owners: helmOwners(live), applied: appliedByHelm(live)}
	f.leaves = f.owners.ours.Leaves()
	f.all = f.owners.ours
	for _, other := range f.owners.others {
		f.all = f.all.Union(other.fields)
	}
	f.secretTexts(wanted)
	for _, name := range slices.Sorted(maps.Keys(wanted.Object)) {
		switch name {
		case "apiVersion", "kind", "status", "stringData":
		case "metadata":
			for _, of := range []string{"labels", "annotations"} {
				path := fieldpath.MakePathOrDie(name, of)
				f.walk(path, valueAt(wanted.Object, path), valueAt(live.Object, path))
			}
		default:
			f.walk(fieldpath.MakePathOrDie(name), wanted.Object[name], live.Object[name])
		}
	}
	return f.found
}

// walk compares what is at a path. What is nothing may go: who writes an object by types of Go leaves
// it out, and it is what there is without.
func (f *releaseFields) walk(p fieldpath.Path, wanted, have any) {
	if have == nil && isNothing(wanted) {
		return
	}
	switch w := wanted.(type) {
	case nil:
	case map[string]any:
		f.mapping(p, w, have)
	case []any:
		f.list(p, w, have)
	default:
		if placeholder(f.live, p, w) || meaningOf(f.live, p).same(lastName(p), w, have) {
			return
		}
		f.add(p)
	}
}

func (f *releaseFields) mapping(p fieldpath.Path, wanted map[string]any, have any) {
	fields, isMap := have.(map[string]any)
	switch {
	case len(wanted) == 0:
	case f.whole(p):
		if !meaningOf(f.live, p).same(lastName(p), wanted, have) {
			f.add(p)
		}
	case !isMap && !under(f.owners.ours, p).Empty():
		// The API takes it and returns something else.
	case !isMap:
		if !meaningOf(f.live, p).same(lastName(p), wanted, have) {
			f.add(p)
		}
	default:
		for _, name := range slices.Sorted(maps.Keys(wanted)) {
			f.walk(with(p, fieldpath.FieldNameElement(name)), wanted[name], fields[name])
		}
	}
}

// whole reports whether what is at a path is replaced as a whole.
func (f *releaseFields) whole(p fieldpath.Path) bool {
	if f.leaves.Has(p) && !f.applied {
		return false // it may be what is left of it
	}
	return f.all.Has(p) && under(f.all, p).Empty()
}

func (f *releaseFields) list(p fieldpath.Path, wanted []any, have any) {
	if len(wanted) == 0 {
		return
	}
	list, _ := have.([]any)
	keyed, values := items(under(f.all, p))
	if len(keyed) == 0 && !values {
		if !meaningOf(f.live, p).same(lastName(p), wanted, have) {
			f.add(p)
		}
		return
	}
	own, _ := items(under(f.owners.ours, p))
	for _, item := range wanted {
		fields, isMap := item.(map[string]any)
		if !isMap {
			v := value.NewValueInterface(item)
			if !slices.ContainsFunc(list, func(has any) bool { return meaningOf(f.live, p).same(lastName(p), item, has) }) {
				f.add(with(p, fieldpath.PathElement{Value: &v}))
			}
			continue
		}
		if len(keyed) == 0 {
			continue
		}
		element, there := matching(append(own, keyed...), fields, wanted)
		at := with(p, element)
		if has := itemAt(list, element); there && has != nil {
			f.walk(at, item, has)
		} else {
			f.add(at)
		}
	}
}

// secretTexts compares what a Secret's manifest has as text, which the API stores as data. Of that,
// only what someone else has set, or taken out, has changed.
func (f *releaseFields) secretTexts(wanted *unstructured.Unstructured) {
	texts, _ := wanted.Object["stringData"].(map[string]any)
	if kind := wanted.GroupVersionKind(); kind.Group != "" || kind.Kind != "Secret" {
		return
	}
	data, _ := wanted.Object["data"].(map[string]any)
	for _, name := range slices.Sorted(maps.Keys(texts)) {
		delete(data, name)
		p := fieldpath.MakePathOrDie("data", name)
		have := valueAt(f.live.Object, p)
		by, _ := f.owners.of(p)
		encoded := base64.StdEncoding.EncodeToString(fmt.Append(nil, texts[name]))
		if isEmpty(texts[name]) || have == encoded || have != nil && len(by) == 0 {
			continue
		}
		f.add(p)
	}
}

// add notes a field that is not as it is to be, unless it is Helm's, or left to others. What a program
// has set is its work, whatever the chart begins with: it rotates a certificate, turns the selector of
// a Service to a canary, or has a webhook count once it answers.
func (f *releaseFields) add(p fieldpath.Path) {
	if f.owners.ours.Has(p) {
		return
	}
	c := change{path: slices.Clone(p)}
	c.by, c.applied = f.owners.of(p)
	if programs(c.by) || left(f.live, p) || f.owners.leave.Has(p) {
		return
	}
	f.found = append(f.found, c)
}

// with is a path with one more element.
func with(p fieldpath.Path, element fieldpath.PathElement) fieldpath.Path {
	return append(slices.Clip(p), element)
}

// under are the fields under a path.
func under(set *fieldpath.Set, p fieldpath.Path) *fieldpath.Set {
	for _, element := range p {
		set = set.WithPrefix(element)
	}
	return set
}

// items are the keys of a list's items, and whether it is one of values, each of which is a field.
func items(set *fieldpath.Set) (keyed []fieldpath.PathElement, values bool) {
	add := func(element fieldpath.PathElement) {
		if element.Key != nil {
			keyed = append(keyed, element)
		}
		values = values || element.Value != nil
	}
	set.Members.Iterate(add)
	set.Children.Iterate(add)
	return keyed, values
}

// matching is the key of an item, also where its manifest leaves out what has a default, but never
// that which another item has; false: none has it, and the key is as far as the manifest has it.
func matching(keyed []fieldpath.PathElement, item map[string]any, items []any) (fieldpath.PathElement, bool) {
	for _, lenient := range []bool{false, true} {
		for _, element := range keyed {
			if hasKeys(item, *element.Key, lenient) && (!lenient || byDefault(item, *element.Key) || !anyHas(items, *element.Key)) {
				return element, true
			}
		}
	}
	var key value.FieldList
	for _, of := range *keyed[0].Key {
		if v, there := item[of.Name]; there {
			key = append(key, value.Field{Name: of.Name, Value: value.NewValueInterface(v)})
		}
	}
	return fieldpath.PathElement{Key: &key}, false
}

// byDefault reports whether what an item leaves out of a key is the default of Kubernetes' own kinds.
func byDefault(item map[string]any, key value.FieldList) bool {
	for _, of := range key {
		if _, there := item[of.Name]; !there && (of.Name != "protocol" || !value.Equals(of.Value, value.NewValueInterface("TCP"))) {
			return false
		}
	}
	return true
}

func anyHas(items []any, key value.FieldList) bool {
	return slices.ContainsFunc(items, func(item any) bool {
		fields, isMap := item.(map[string]any)
		return isMap && hasKeys(fields, key, false)
	})
}
