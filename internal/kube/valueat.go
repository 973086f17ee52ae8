package kube

import (
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
	"sigs.k8s.io/structured-merge-diff/v6/value"
)

// valueAt is what an object has at a path; nil: nothing.
func valueAt(at any, p fieldpath.Path) any {
	for _, element := range p {
		fields, _ := at.(map[string]any)
		list, _ := at.([]any)
		switch {
		case element.FieldName != nil:
			at = fields[*element.FieldName]
		case element.Index == nil:
			at = itemAt(list, element)
		case *element.Index < len(list):
			at = list[*element.Index]
		default:
			return nil
		}
	}
	return at
}

// itemAt is the item of a list that has the keys, or is the value, of an element of a path. A key
// that an item leaves out has its default, which the API need not have written.
func itemAt(list []any, element fieldpath.PathElement) any {
	for _, lenient := range []bool{false, true} {
		for _, item := range list {
			if element.Value != nil && value.Equals(value.NewValueInterface(item), *element.Value) {
				return item
			}
			fields, isMap := item.(map[string]any)
			if element.Key != nil && isMap && hasKeys(fields, *element.Key, lenient) {
				return item
			}
		}
	}
	return nil
}

func hasKeys(fields map[string]any, keys value.FieldList, lenient bool) bool {
	found := false
	for _, key := range keys {
		have, there := fields[key.Name]
		if !there && lenient {
			continue
		}
		if !there || !value.Equals(value.NewValueInterface(have), key.Value) {
			return false
		}
		found = true
	}
	return found
}

// removeAt takes a field out of an object.
func removeAt(object map[string]any, p fieldpath.Path) {
	last := p[len(p)-1]
	parent, isMap := valueAt(object, p[:len(p)-1]).(map[string]any)
	if isMap && last.FieldName != nil {
		delete(parent, *last.FieldName)
	}
}
