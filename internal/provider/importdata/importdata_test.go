package importdata_test

import (
	"encoding/json"
	"math/big"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/gantry/terraform-provider-gantry/internal/provider/importdata"
)

// pools is a schema with attributes of every kind, with secrets at any depth.
var pools = schema.Schema{Attributes: map[string]schema.Attribute{
	"id":       schema.StringAttribute{Computed: true},
	"name":     schema.StringAttribute{Required: true},
	"delay":    schema.StringAttribute{Optional: true, Computed: true},
	"size":     schema.Int64Attribute{Optional: true},
	"ready":    schema.BoolAttribute{Optional: true},
	"token_wo": schema.StringAttribute{Optional: true, WriteOnly: true},
	"tags":     schema.MapAttribute{Optional: true, ElementType: types.StringType},
	"ranges":   schema.SetAttribute{Optional: true, ElementType: types.StringType},
	"account": schema.SingleNestedAttribute{Optional: true, Attributes: map[string]schema.Attribute{
		"user":     schema.StringAttribute{Required: true},
		"password": schema.StringAttribute{Optional: true, Sensitive: true},
	}},
	"parts": schema.MapNestedAttribute{Optional: true, NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
		"items": schema.ListNestedAttribute{Optional: true, NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
			"key":    schema.StringAttribute{Required: true},
			"secret": schema.StringAttribute{Optional: true, Sensitive: true},
		}}},
	}}},
}}

func typeOf(t *testing.T) tftypes.Object {
	t.Helper()
	typ, ok := pools.Type().TerraformType(t.Context()).(tftypes.Object)
	if !ok {
		t.Fatal("the type of a schema is no object")
	}
	return typ
}

func text(s string) tftypes.Value { return tftypes.NewValue(tftypes.String, s) }

// full is a value with everything set, where secret stands for every secret.
func full(t *testing.T, secret tftypes.Value, id tftypes.Value) tftypes.Value {
	t.Helper()
	typ := typeOf(t)
	part, ok := typ.AttributeTypes["parts"].(tftypes.Map).ElementType.(tftypes.Object)
	if !ok {
		t.Fatal("a part is no object")
	}
	items := part.AttributeTypes["items"].(tftypes.List)
	item := tftypes.NewValue(items.ElementType, map[string]tftypes.Value{"key": text("k"), "secret": secret})
	return tftypes.NewValue(typ, map[string]tftypes.Value{
		"id":       id,
		"name":     text("nodes"),
		"delay":    tftypes.NewValue(tftypes.String, nil),
		"size":     tftypes.NewValue(tftypes.Number, big.NewFloat(1<<40)),
		"ready":    tftypes.NewValue(tftypes.Bool, true),
		"token_wo": secret,
		"tags":     tftypes.NewValue(typ.AttributeTypes["tags"], map[string]tftypes.Value{"a.b/c": text(`d"e`)}),
		"ranges":   tftypes.NewValue(typ.AttributeTypes["ranges"], []tftypes.Value{text("10.0.0.1"), text("10.0.0.2")}),
		"account":  tftypes.NewValue(typ.AttributeTypes["account"], map[string]tftypes.Value{"user": text("u"), "password": secret}),
		"parts": tftypes.NewValue(typ.AttributeTypes["parts"], map[string]tftypes.Value{
			"one": tftypes.NewValue(part, map[string]tftypes.Value{"items": tftypes.NewValue(items, []tftypes.Value{item})}),
		}),
	})
}

func TestConfigRoundTrip(t *testing.T) {
	t.Parallel()
	raw, err := importdata.EncodeConfig(pools.Attributes, full(t, text("hunter2"), text("an id")))
	if err != nil {
		t.Fatal(err)
	}
	for _, omitted := range []string{"hunter2", "an id"} {
		if strings.Contains(string(raw), omitted) {
			t.Errorf("%q is in %s", omitted, raw)
		}
	}

	got, err := importdata.DecodeConfig(raw, typeOf(t))
	if err != nil {
		t.Fatal(err)
	}
	null := tftypes.NewValue(tftypes.String, nil)
	if want := full(t, null, null); !got.Equal(want) {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestUnknownIsNull(t *testing.T) {
	t.Parallel()
	unknown := tftypes.NewValue(tftypes.String, tftypes.UnknownValue)
	raw, err := importdata.EncodeConfig(map[string]schema.Attribute{"name": schema.StringAttribute{Required: true}},
		tftypes.NewValue(tftypes.Object{AttributeTypes: map[string]tftypes.Type{"name": tftypes.String}},
			map[string]tftypes.Value{"name": unknown}))
	if err != nil || string(raw) != `{"name":null}` {
		t.Errorf("got %s, %v", raw, err)
	}
}

// TestDecodeConfigOfAnotherVersion reads what a provider with other attributes
// wrote.
func TestDecodeConfigOfAnotherVersion(t *testing.T) {
	t.Parallel()
	typ := tftypes.Object{AttributeTypes: map[string]tftypes.Type{"name": tftypes.String, "added": tftypes.String}}
	raw, err := json.Marshal(map[string]any{"name": "nodes", "removed": "x", "added": nil})
	if err != nil {
		t.Fatal(err)
	}
	got, err := importdata.DecodeConfig(raw, typ)
	want := tftypes.NewValue(typ, map[string]tftypes.Value{"name": text("nodes"), "added": tftypes.NewValue(tftypes.String, nil)})
	if err != nil || !got.Equal(want) {
		t.Errorf("got %s, %v; want %s", got, err, want)
	}
	if _, err := importdata.DecodeConfig([]byte("not JSON"), typ); err == nil {
		t.Error("what is not JSON was decoded")
	}
}

// FuzzDecodeConfig reads what the administrators of a cluster may store there.
func FuzzDecodeConfig(f *testing.F) {
	f.Add([]byte(`{"name":"a","size":1e600000000,"tags":{"a":null}}`))
	f.Add([]byte(`{"ranges":{"a":1},"account":[],"parts":{"x":{"items":[{}]}}}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		typ := pools.Type().TerraformType(t.Context())
		if value, err := importdata.DecodeConfig(raw, typ); err == nil && !value.Type().Equal(typ) {
			t.Errorf("%q is of the type %s", raw, value.Type())
		}
	})
}
