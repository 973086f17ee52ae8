package enginecrud_test

import (
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
	"github.com/gantry/terraform-provider-gantry/internal/provider/enginecrud"
	"github.com/gantry/terraform-provider-gantry/internal/provider/enginecrud/enginecrudtest"
)

// pools is a schema with a rule of each kind.
var pools = schema.Schema{Attributes: map[string]schema.Attribute{
	"name":  schema.StringAttribute{Required: true},
	"image": schema.StringAttribute{Required: true},
	"state": schema.StringAttribute{Computed: true},
	"where": schema.StringAttribute{Optional: true},
	"cidr":  schema.StringAttribute{Optional: true},
	"proxy": schema.SingleNestedAttribute{Optional: true, Attributes: map[string]schema.Attribute{
		"http": schema.StringAttribute{Optional: true},
	}},
	"late": schema.BoolAttribute{Optional: true},
	"spots": schema.ListNestedAttribute{Optional: true, NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
		"host": schema.StringAttribute{Required: true},
		"pool": schema.StringAttribute{Required: true},
	}}},
	"workers": schema.MapNestedAttribute{Optional: true, NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
		"count":  schema.Int64Attribute{Required: true},
		"labels": schema.MapAttribute{Optional: true, ElementType: types.StringType},
		"places": schema.ListAttribute{Optional: true, ElementType: types.StringType},
	}}},
}}

var rules = enginecrud.Rules{
	Replace:    []string{"name", "cidr"},
	Datacenter: "where",
	Same:       map[string]func(a, b string) bool{"cidr": strings.EqualFold},
	InPlace:    []string{"workers.*.count", "workers.*.labels", "spots.*.host", "late"},
	Flags:      []string{"late"},
	Refused: []enginecrud.Refusal{
		{Reason: "Images stay.", Attributes: []string{"image"}},
		{Reason: "Proxies stay.", Attributes: []string{"proxy.http"}},
		{Reason: "Places stay.", Attributes: []string{"workers.*.places"}},
		{Reason: "The pool stays.", Attributes: []string{"spots.*.pool"}},
	},
	Keyed: []string{"workers", "spots"},
}

func TestRules(t *testing.T) {
	t.Parallel()
	const before = `{"name":"a","image":"1","state":"x","where":"dc","cidr":"fd00::/56","spots":[{"host":"h","pool":"p"}],` +
		`"workers":{"one":{"count":1,"labels":{"a.b/c":"d"},"places":["x"]}}}`
	for name, c := range map[string]struct {
		after    string
		replaces bool
		on       string // attribute of the error; empty: none
		want     string
	}{
		"nothing":              {after: before},
		"a computed attribute": {after: strings.Replace(before, `"x"`, `"y"`, 1)},
		"a replacement":        {after: strings.Replace(before, `"a"`, `"b"`, 1), replaces: true},
		"another spelling":     {after: strings.Replace(before, "fd00", "FD00", 1)},
		"another network":      {after: strings.Replace(before, "fd00", "fd01", 1), replaces: true},
		"a network that goes":  {after: strings.Replace(before, `"fd00::/56"`, "null", 1), replaces: true},
		"a datacenter":         {after: strings.Replace(before, `"dc"`, `"dc-2"`, 1)}, // only vCenter tells
		"in place":             {after: strings.Replace(before, `"count":1`, `"count":2`, 1)},
		"a label":              {after: strings.Replace(before, `"d"`, `"e"`, 1)},
		"a label removed":      {after: strings.Replace(before, `"a.b/c":"d"`, ``, 1)},
		"an element removed":   {after: `{"name":"a","image":"1","state":"x","where":"dc","cidr":"fd00::/56","spots":[{"host":"h","pool":"p"}]}`},
		"of a list's element":  {after: strings.Replace(before, `"h"`, `"i"`, 1)},
		"a list's element added": {
			after: strings.Replace(before, `"spots":[`, `"spots":[{"host":"i","pool":"p"},`, 1),
		},
		"a list's element removed": {after: strings.Replace(before, `{"host":"h","pool":"p"}`, ``, 1)},
		"refused in a list": {
			after: strings.Replace(before, `"p"`, `"q"`, 1),
			on:    "spots",
			want:  "A change of spots[0].pool on a running gateway is not supported. The pool stays.",
		},
		"refused": {
			after: strings.Replace(before, `"1"`, `"2"`, 1),
			on:    "image",
			want:  "A change of image on a running gateway is not supported. Images stay.",
		},
		"refused in a map": {
			after: strings.Replace(before, `["x"]`, `["x","y"]`, 1),
			on:    "workers",
			want:  `A change of workers["one"].places on a running gateway is not supported. Places stay.`,
		},
		"an object without rule": {
			after: strings.Replace(before, `"state"`, `"proxy":{"http":"h"},"state"`, 1),
			on:    "proxy",
			want:  "It cannot be added or removed as a whole.",
		},
	} {
		state := enginecrudtest.State(t, pools, before).Raw
		plan := enginecrudtest.State(t, pools, c.after).Raw
		replaces, diags := rules.Check(record.KindGateway, state, plan, enginecrud.ComputedAttributes(pools))
		if replaces != c.replaces || diags.HasError() != (c.on != "") {
			t.Errorf("%s: replaces: %t, %v", name, replaces, diags)
			continue
		}
		for _, d := range diags {
			at, ok := d.(diag.DiagnosticWithPath)
			if !ok || at.Path().String() != c.on || !strings.Contains(d.Detail(), c.want) {
				t.Errorf("%s: got %v, want %q on %s", name, d, c.want, c.on)
			}
		}
	}
}

// A flag that changes together with what is added had the addition forgotten.
func TestFlagsOnly(t *testing.T) {
	t.Parallel()
	const before = `{"name":"a","image":"1","spots":[{"host":"h","pool":"p"}],"workers":{"one":{"count":1}}}`
	late := strings.Replace(before, `"image"`, `"late":true,"image"`, 1)
	for name, c := range map[string]struct {
		after string
		want  bool
	}{
		"nothing":                      {before, false},
		"a flag":                       {late, true},
		"a flag and a count":           {strings.Replace(late, `"count":1`, `"count":2`, 1), false},
		"a flag and an element":        {strings.Replace(late, `"workers":{`, `"workers":{"two":{"count":1},`, 1), false},
		"a flag and an element less":   {strings.Replace(late, `"one":{"count":1}`, ``, 1), false},
		"a flag and a list's element":  {strings.Replace(late, `"spots":[`, `"spots":[{"host":"i","pool":"p"},`, 1), false},
		"a flag and another in a list": {strings.Replace(late, `"h"`, `"i"`, 1), false},
	} {
		state := enginecrudtest.State(t, pools, before).Raw
		plan := enginecrudtest.State(t, pools, c.after).Raw
		if got := enginecrud.FlagsOnly(rules, state, plan, enginecrud.ComputedAttributes(pools)); got != c.want {
			t.Errorf("%s: got %t", name, got)
		}
	}
}

func TestComputedAttributes(t *testing.T) {
	t.Parallel()
	got := enginecrud.ComputedAttributes(pools)
	if len(got) != 1 || !got["state"] {
		t.Errorf("got %v, want state alone", got)
	}
}
