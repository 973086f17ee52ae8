package kube

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// hashKey is what values of objects are hashed with: whoever reads the hashes in the cluster, and
// has not its authorities, cannot try which value it is. Empty: there is none at hand.
type hashKey []byte

func newHashKey(authority []byte) hashKey {
	authority = []byte(strings.TrimSpace(string(authority)))
	if len(authority) == 0 {
		return nil
	}
	return hashKey(authority).sum("objects of packs")
}

func (k hashKey) sum(texts ...string) []byte {
	mac := hmac.New(sha256.New, k)
	for _, text := range texts {
		mac.Write([]byte(text))
		mac.Write([]byte{0})
	}
	return mac.Sum(nil)
}

// hashLength is that of a hash. It needs to tell values apart that follow upon each other.
const hashLength = 6

func (k hashKey) text(texts ...string) string {
	return base64.RawURLEncoding.EncodeToString(k.sum(texts...)[:hashLength])
}

// id tells keys apart.
func (k hashKey) id() string { return k.text("id") }

// setFields are the fields that an apply has set, as the API notes them, and a hash of what the
// API has answered to each; nil: there is no key. No value is in it: they may be secret.
func (k hashKey) setFields(applied, answer *unstructured.Unstructured) *model.SetFields {
	if k == nil {
		return nil
	}
	ours := ownersOf(answer).ours
	text, err := ours.ToJSON()
	if err != nil {
		return nil // what came as JSON goes as JSON
	}
	fields := &model.SetFields{Fields: string(text), Key: k.id(), Values: map[string]any{}}
	ours.Leaves().Iterate(func(p fieldpath.Path) {
		v := valueAt(answer.Object, p)
		// What others have put into a mapping that was applied empty is theirs.
		if wanted, isMap := valueAt(applied.Object, p).(map[string]any); isMap && len(wanted) == 0 && v != nil {
			v = wanted
		}
		fields.Values[p.String()] = k.form(answer, p, v)
	})
	return fields
}

// form is what a value is compared by.
func (k hashKey) form(object *unstructured.Unstructured, p fieldpath.Path, v any) any {
	f := former{hashKey: k, lenient: !model.BuiltIn(object.GroupVersionKind().Group), left: maxForms}
	f.at = written(object).String() + " " + p.String()
	if placeholder(object, p, v) {
		return noValue
	}
	return f.form(lastName(p), v)
}

// change is a field that an apply has set and that has another value by now.
type change struct {
	path fieldpath.Path
	// by are those who have it now, and ours says that it still counts as Gantry's.
	by   []string
	ours bool
	// left says that it is left to others, and applied that one of them has applied it as its own.
	left, applied bool
}

// drifts reports whether an apply is to set the field back.
func (c change) drifts() bool { return !c.ours && !c.left && !c.applied }

// changes are the fields of an object whose value is another one by now.
func (k hashKey) changes(set model.SetFields, live *unstructured.Unstructured) []change {
	was := fieldpath.NewSet()
	if was.FromJSON(strings.NewReader(set.Fields)) != nil {
		return nil // administrators may have damaged it
	}
	owners := ownersOf(live)
	var all []change
	was.Leaves().Iterate(func(p fieldpath.Path) {
		then, known := set.Values[p.String()]
		if !known {
			return
		}
		c := change{path: slices.Clone(p), ours: owners.ours.Has(p)}
		c.by, c.applied = owners.of(p)
		now := valueAt(live.Object, p)
		switch {
		case then == noValue:
			c.left = true // what others have filled in is theirs
			if now == nil {
				return
			}
		case k.same(live, p, then, now):
			return
		default:
			c.left = left(live, p) || owners.leave.Has(p) || scaledBy(p, c.by)
		}
		all = append(all, c)
	})
	return all
}

// same reports whether a field has the value that it had.
func (k hashKey) same(object *unstructured.Unstructured, p fieldpath.Path, then, now any) bool {
	f := former{hashKey: k, lenient: !model.BuiltIn(object.GroupVersionKind().Group), left: maxForms}
	f.at = written(object).String() + " " + p.String()
	return f.same(lastName(p), then, now)
}

func lastName(p fieldpath.Path) string {
	for _, element := range slices.Backward(p) {
		if element.FieldName != nil {
			return *element.FieldName
		}
	}
	return ""
}

// owners are who has set the fields of an object.
type owners struct {
	ours *fieldpath.Set // by applies of Gantry
	// leave are fields that an autoscaler has set, while people scale by kubectl, and what Gantry
	// itself has changed otherwise.
	leave  *fieldpath.Set
	others []otherOwner
}

type otherOwner struct {
	name    string
	applies bool
	fields  *fieldpath.Set
}

// of are the names of others that have a field, and whether one of them has applied it.
func (o owners) of(p fieldpath.Path) (names []string, applied bool) {
	for _, other := range o.others {
		if other.fields.Has(p) && !slices.Contains(names, other.name) {
			names = append(names, other.name)
			applied = applied || other.applies
		}
	}
	return names, applied
}

func ownersOf(object *unstructured.Unstructured) owners {
	return ownersBut(object, func(entry metav1.ManagedFieldsEntry) bool {
		return entry.Operation == metav1.ManagedFieldsOperationApply && entry.Manager == FieldManager && entry.Subresource == ""
	})
}

// ownersBut are who has set the fields of an object, of whom some count as its own.
func ownersBut(object *unstructured.Unstructured, own func(metav1.ManagedFieldsEntry) bool) owners {
	o := owners{ours: fieldpath.NewSet(), leave: fieldpath.NewSet()}
	for _, entry := range object.GetManagedFields() {
		set := fieldpath.NewSet()
		if entry.FieldsV1 == nil || set.FromJSON(entry.FieldsV1.GetRawReader()) != nil {
			continue
		}
		if own(entry) {
			o.ours = o.ours.Union(set)
			continue
		}
		if entry.Manager == FieldManager || entry.Subresource == "scale" && entry.Manager != "kubectl" {
			o.leave = o.leave.Union(set)
		}
		applies := entry.Operation == metav1.ManagedFieldsOperationApply
		o.others = append(o.others, otherOwner{name: entry.Manager, applies: applies, fields: set})
	}
	return o
}

// jsonOf is a value as text.
func jsonOf(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		return "" // what came as JSON goes as JSON
	}
	return string(text)
}
