package model_test

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// filler gives every field of a value a value of its own that is not zero.
type filler struct {
	t *testing.T
	n int
}

func (f *filler) fill(v reflect.Value, path string) {
	f.n++
	switch v.Interface().(type) {
	case uuid.UUID:
		v.Set(reflect.ValueOf(uuid.NewSHA1(uuid.NameSpaceOID, []byte(path))))
		return
	case netip.Addr:
		v.Set(reflect.ValueOf(f.addr()))
		return
	case time.Time:
		v.Set(reflect.ValueOf(time.Unix(int64(f.n), 0).UTC()))
		return
	case netip.Prefix:
		v.Set(reflect.ValueOf(netip.PrefixFrom(f.addr(), 16)))
		return
	}
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int32, reflect.Int64:
		v.SetInt(int64(f.n))
	case reflect.String:
		v.SetString(fmt.Sprintf("text-%d", f.n))
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		f.fill(v.Elem(), path)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range v.Len() {
			f.fill(v.Index(i), fmt.Sprintf("%s[%d]", path, i))
		}
	case reflect.Map:
		key := reflect.New(v.Type().Key()).Elem()
		f.fill(key, path+" key")
		value := reflect.New(v.Type().Elem()).Elem()
		f.fill(value, path+"[]")
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(key, value)
	case reflect.Struct:
		for i := range v.NumField() {
			field := v.Type().Field(i)
			if !field.IsExported() {
				f.t.Fatalf("%s.%s is not exported: JSON leaves it out", path, field.Name)
			}
			f.fill(v.Field(i), path+"."+field.Name)
		}
	default:
		f.t.Fatalf("%s: a %s cannot be filled", path, v.Type())
	}
}

func (f *filler) addr() netip.Addr {
	return netip.AddrFrom4([4]byte{10, 0, byte(f.n >> 8), byte(f.n)})
}

func filled(t *testing.T) *model.Facts {
	t.Helper()
	facts := &model.Facts{}
	f := &filler{t: t}
	f.fill(reflect.ValueOf(facts).Elem(), "Facts")
	return facts
}

// differences are the paths of the fields in which two values differ.
func differences(a, b reflect.Value, path string) []string {
	if reflect.DeepEqual(a.Interface(), b.Interface()) {
		return nil
	}
	var paths []string
	switch {
	case a.Kind() == reflect.Struct && exported(a):
		for i := range a.NumField() {
			paths = append(paths, differences(a.Field(i), b.Field(i), path+"."+a.Type().Field(i).Name)...)
		}
	case a.Kind() == reflect.Slice && a.Len() == b.Len():
		for i := range a.Len() {
			paths = append(paths, differences(a.Index(i), b.Index(i), path+"[]")...)
		}
	case a.Kind() == reflect.Map && a.Len() == b.Len():
		for _, key := range a.MapKeys() {
			if !b.MapIndex(key).IsValid() {
				return append(paths, path)
			}
			paths = append(paths, differences(a.MapIndex(key), b.MapIndex(key), path+"[]")...)
		}
	}
	if len(paths) == 0 {
		paths = append(paths, path)
	}
	slices.Sort(paths)
	return slices.Compact(paths)
}

// exported reports whether all fields of a struct are exported.
func exported(v reflect.Value) bool {
	for i := range v.NumField() {
		if !v.Type().Field(i).IsExported() {
			return false
		}
	}
	return true
}

// A field that is added to the facts, or to what they consist of, and not
// remembered would lead to other steps in the plan of an apply.
func TestFactsAreRememberedInFull(t *testing.T) {
	t.Parallel()
	want := filled(t)
	raw, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	got := &model.Facts{}
	if err := json.Unmarshal(raw, got); err != nil {
		t.Fatal(err)
	}
	if lost := differences(reflect.ValueOf(*want), reflect.ValueOf(*got), "Facts"); len(lost) > 0 {
		t.Errorf("not remembered: %v\n%s", lost, raw)
	}
}

func TestFactsOfNothingAreRememberedAsNothing(t *testing.T) {
	t.Parallel()
	raw, err := json.Marshal(&model.Facts{})
	if err != nil {
		t.Fatal(err)
	}
	got := filled(t)
	if err := json.Unmarshal(raw, got); err != nil {
		t.Fatal(err)
	}
	if got.Record.Found || got.OwnIPPool.Registered || len(got.Machines) != 0 || got.API.Asked || len(got.API.Nodes) != 0 {
		t.Errorf("got %+v", got)
	}
}

func TestPlanInputsLeaveOutAddressesOfNodesAndMetadataOfOthers(t *testing.T) {
	t.Parallel()
	facts := filled(t)
	before := filled(t)
	inputs := facts.PlanInputs()
	want := []string{
		"Facts.API.Nodes[].Addresses",
		"Facts.API.Nodes[].NodeMeta.Annotations",
		"Facts.API.Nodes[].NodeMeta.Labels",
		"Facts.API.Nodes[].Problems",
		"Facts.SchemaVersion",
	}
	if got := differences(reflect.ValueOf(*facts), reflect.ValueOf(*inputs), "Facts"); !slices.Equal(got, want) {
		t.Errorf("reduced: %v", got)
	}
	if !reflect.DeepEqual(facts, before) {
		t.Error("the facts themselves were changed")
	}
	if inputs.SchemaVersion != model.FactsSchema {
		t.Errorf("schema version %d", inputs.SchemaVersion)
	}
}

func TestPlanInputsKeepLabelsAndAnnotationsThatGantryHasSet(t *testing.T) {
	t.Parallel()
	both := func(values ...string) map[string]string {
		return map[string]string{"mine": values[0], "other": values[1]}
	}
	node := model.KubeNode{Name: "n", Ready: true}
	node.Labels = both("a", "b")
	node.Annotations = both("c", "d")
	node.Managed.Labels = map[string]string{"mine": "before", "gone": "x"}
	node.Managed.Annotations = map[string]string{"mine": "c"}
	facts := &model.Facts{}
	facts.API.Nodes = map[string]model.KubeNode{"n": node}
	got := facts.PlanInputs().API.Nodes["n"]
	mine := func(value string) map[string]string { return map[string]string{"mine": value} }
	if !reflect.DeepEqual(got.Labels, mine("a")) || !reflect.DeepEqual(got.Annotations, mine("c")) {
		t.Errorf("labels %v, annotations %v", got.Labels, got.Annotations)
	}
	if (&model.Facts{}).PlanInputs().API.Nodes != nil {
		t.Error("an API that did not answer knows no nodes")
	}
}

func TestAPIWasReachedWhenTheRecordOrTheAPISaysSo(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*model.Facts)
		isNew  bool
		want   bool
	}{
		"the record says so": {change: func(f *model.Facts) {
			f.Record.Found = true
			f.Record.APIReached = true
		}, isNew: true, want: true},
		"the record says no":                     {change: func(f *model.Facts) { f.Record.Found = true }},
		"no record, and the API answers":         {want: true},
		"no record, new":                         {isNew: true},
		"no record, and the API does not answer": {change: func(f *model.Facts) { f.API.Error = "no route" }},
		"no record, and the API was not asked":   {change: func(f *model.Facts) { f.API.Asked = false }},
	} {
		f := &model.Facts{API: model.APIFacts{Asked: true}}
		if c.change != nil {
			c.change(f)
		}
		if got := f.APIReached(c.isNew); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
