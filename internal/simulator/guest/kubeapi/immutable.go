package kubeapi

import (
	"reflect"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// immutable are the fields of an object that are never another one once it is made.
func immutable(of schema.GroupResource, old, next *Object) field.ErrorList {
	var all field.ErrorList
	switch of {
	case Secrets, ConfigMaps:
		if at(old, "immutable") != true {
			return nil
		}
		for _, name := range []string{"data", "binaryData", "immutable", "type"} {
			if !reflect.DeepEqual(at(old, name), at(next, name)) {
				all = append(all, field.Forbidden(field.NewPath(name), "field is immutable when `immutable` is set"))
			}
		}
	case Jobs:
		if template := at(next, "spec", "template"); !reflect.DeepEqual(at(old, "spec", "template"), template) {
			all = append(all, field.Invalid(field.NewPath("spec", "template"), template, "field is immutable"))
		}
	case Deployments, DaemonSets, StatefulSets:
		if selector := at(next, "spec", "selector"); !reflect.DeepEqual(at(old, "spec", "selector"), selector) {
			all = append(all, field.Invalid(field.NewPath("spec", "selector"), selector, "field is immutable"))
		}
	}
	return all
}
