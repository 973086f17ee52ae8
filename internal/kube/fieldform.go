package kube

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"
)

// noValue stands for a field that is not compared: the API has answered nothing to it, as to
// stringData of a Secret and to a null, or its manifest leaves it to others to fill in. zero stands
// for what clients leave out or write, as they like: false, 0, "" and nothing.
const (
	noValue = "."
	zero    = "0"
)

// maxForms bounds how many values of a list or mapping are compared one by one.
const maxForms = 500

// former makes the form of a value, by which it is compared and which does not tell it: a hash. Of
// custom resources, lists and mappings that the API replaces as a whole are compared value by
// value, and leniently: what runs in the cluster reads them into types of its own, completes them
// and writes them back in another notation. Kubernetes does so with its own kinds when they are
// applied.
type former struct {
	hashKey
	at      string // of the object and field
	lenient bool
	left    int
}

func (f *former) form(name string, v any) any {
	if v == nil {
		return noValue
	}
	if m, isMap := v.(map[string]any); isMap && len(m) == 0 {
		return m
	}
	if !f.lenient {
		return f.hash(v)
	}
	begin := f.left
	if form, ok := f.parts(name, v); ok {
		return form
	}
	f.left = begin
	return f.hash(v)
}

// parts is the form of a value of a custom resource; false: it has too many parts.
func (f *former) parts(name string, v any) (any, bool) {
	f.left--
	if f.left < 0 {
		return nil, false
	}
	switch v := v.(type) {
	case nil:
		return noValue, true
	case map[string]any:
		form := map[string]any{}
		for key, part := range v {
			var ok bool
			if form[key], ok = f.parts(key, part); !ok {
				return nil, false
			}
		}
		return form, true
	case []any:
		form := []any{}
		for _, part := range v {
			one, ok := f.parts(name, part)
			if !ok {
				return nil, false
			}
			form = append(form, one)
		}
		return form, true
	}
	if isZero(v) {
		return zero, true
	}
	return f.hash(canonical(name, v)), true
}

// same reports whether a value has a form.
func (f *former) same(name string, then, now any) bool {
	switch then := then.(type) {
	case map[string]any:
		fields, isMap := now.(map[string]any)
		if !isMap {
			return now == nil && f.lenient && len(then) == 0
		}
		for key, form := range then {
			if !f.same(key, form, fields[key]) {
				return false
			}
		}
		return true
	case []any:
		list, isList := now.([]any)
		if !isList && now != nil || len(list) != len(then) {
			return false
		}
		for i, form := range then {
			if !f.same(name, form, list[i]) {
				return false
			}
		}
		return true
	}
	switch then {
	case noValue:
		return true
	case zero:
		return isZero(now)
	}
	return then == f.hash(now) || f.lenient && then == f.hash(canonical(name, now))
}

func (f *former) hash(v any) string { return f.text(f.at, jsonOf(v)) }

func isZero(v any) bool {
	return v == nil || v == "" || v == false || v == int64(0) || v == float64(0)
}

// amounts are names of fields that hold quantities.
var amounts = []string{"cpu", "memory", "storage", "ephemeral-storage"}

// canonical is a value as clients write it that know its type. A duration has a unit, and so has
// a quantity wherever the name of the field does not say that it is one: 1.10 may be a version.
func canonical(name string, v any) any {
	text, isText := v.(string)
	amount := slices.Contains(amounts, name)
	if amount && !isText {
		text = fmt.Sprint(v)
	}
	if !amount && !isText || text == "" {
		return v
	}
	if d, err := time.ParseDuration(text); err == nil && !amount {
		return d.String()
	}
	if q, err := resource.ParseQuantity(text); err == nil && (amount || strings.ContainsAny(text[len(text)-1:], "numkMGTPEi")) {
		return q.String()
	}
	return v
}
