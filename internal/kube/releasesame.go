package kube

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// selectors are mappings of which one more key makes another one.
var selectors = []string{"selector", "matchLabels", "nodeSelector"}

// quantities are fields of Kubernetes' own kinds that have quantities in them.
var quantities = []string{"resources", "limits", "requests", "capacity", "storage", "sizeLimit", "hard", "divisor", "averageValue"}

// meaning is how values are compared. Custom resources are read by programs into types of their own
// and written in another notation; of Kubernetes' own kinds, quantities alone are.
type meaning struct{ custom, quantity bool }

// meaningOf is that of what is at a path.
func meaningOf(live *unstructured.Unstructured, p fieldpath.Path) meaning {
	m := meaning{custom: !model.BuiltIn(live.GroupVersionKind().Group)}
	if !isField(p[0], "spec") {
		return m
	}
	for _, element := range p {
		m.quantity = m.quantity || element.FieldName != nil && slices.Contains(quantities, *element.FieldName)
	}
	return m
}

// same reports whether a value means what a manifest has: it may have more where the API has
// defaults, and be in another notation.
func (m meaning) same(name string, wanted, have any) bool {
	switch w := wanted.(type) {
	case nil:
		return true
	case map[string]any:
		return m.sameMapping(name, w, have)
	case []any:
		list, isList := have.([]any)
		if !isList || len(list) != len(w) {
			return have == nil && isNothing(w)
		}
		for i := range w {
			if !m.same(name, w[i], list[i]) {
				return false
			}
		}
		return true
	}
	if jsonOf(wanted) == jsonOf(have) {
		return true
	}
	if m.custom {
		return jsonOf(canonical(name, wanted)) == jsonOf(canonical(name, have)) || hasUnit(wanted, have) && sameAmount(wanted, have)
	}
	return m.quantity && sameAmount(wanted, have)
}

func (m meaning) sameMapping(name string, wanted map[string]any, have any) bool {
	fields, isMap := have.(map[string]any)
	if !isMap {
		return have == nil && isNothing(wanted)
	}
	if !m.custom && slices.Contains(selectors, name) && len(wanted) != len(fields) {
		return false
	}
	for key, part := range wanted {
		of := m
		of.quantity = m.quantity || slices.Contains(quantities, key)
		if !of.same(key, part, fields[key]) && !(isNothing(part) && fields[key] == nil) {
			return false
		}
	}
	return true
}

func hasUnit(a, b any) bool { return strings.ContainsAny(fmt.Sprint(a, b), "numkMGTPEi") }

// sameAmount reports whether two values are the same quantity.
func sameAmount(a, b any) bool {
	one, errOne := resource.ParseQuantity(fmt.Sprint(a))
	other, errOther := resource.ParseQuantity(fmt.Sprint(b))
	return errOne == nil && errOther == nil && one.Cmp(other) == 0
}

// isNothing reports whether a value is zero or empty, as is all that is in it.
func isNothing(v any) bool {
	switch v := v.(type) {
	case map[string]any:
		for _, part := range v {
			if !isNothing(part) {
				return false
			}
		}
		return true
	case []any:
		return !slices.ContainsFunc(v, func(part any) bool { return !isNothing(part) })
	}
	return isZero(v)
}
