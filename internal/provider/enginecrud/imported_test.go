package enginecrud_test

import (
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
	"github.com/gantry/terraform-provider-gantry/internal/provider/enginecrud"
)

// TestImportedStateLacksSecrets compares an imported state with a plan: what is secret
// is missing in it, and giving it again is no change. Everything else is compared.
func TestImportedStateLacksSecrets(t *testing.T) {
	t.Parallel()
	s := schema.Schema{Attributes: map[string]schema.Attribute{
		"proxy": schema.SingleNestedAttribute{Optional: true, Attributes: map[string]schema.Attribute{
			"http":     schema.StringAttribute{Optional: true, Sensitive: true},
			"no_proxy": schema.StringAttribute{Optional: true},
		}},
		"servers": schema.ListAttribute{Optional: true, ElementType: types.StringType},
	}}
	typ := s.Type().TerraformType(t.Context()).(tftypes.Object)
	value := func(http, noProxy any) tftypes.Value {
		proxy := typ.AttributeTypes["proxy"]
		list := typ.AttributeTypes["servers"]
		return tftypes.NewValue(typ, map[string]tftypes.Value{
			"proxy": tftypes.NewValue(proxy, map[string]tftypes.Value{
				"http":     tftypes.NewValue(tftypes.String, http),
				"no_proxy": tftypes.NewValue(tftypes.String, noProxy),
			}),
			"servers": tftypes.NewValue(list, []tftypes.Value{tftypes.NewValue(tftypes.String, "a")}),
		})
	}
	rules := enginecrud.Rules{Refused: []enginecrud.Refusal{{Reason: "No.", Attributes: []string{"proxy"}}}}
	for name, c := range map[string]struct {
		state, plan tftypes.Value
		refused     bool
	}{
		"the secret again":         {value(nil, "local"), value("http://p", "local"), false},
		"none":                     {value(nil, "local"), value(nil, "local"), false},
		"another public value":     {value(nil, "local"), value("http://p", "other"), true},
		"a public value was added": {value(nil, nil), value("http://p", "local"), true},
		"another secret":           {value("http://q", "local"), value("http://p", "local"), true},
	} {
		before, diags := enginecrud.WithoutOmitted(t.Context(), tfsdk.State{Schema: s, Raw: c.state}, tfsdk.Plan{Schema: s, Raw: c.plan})
		if diags.HasError() {
			t.Fatal(diags)
		}
		if _, diags = rules.Check(record.KindCluster, before, c.plan, nil); diags.HasError() != c.refused {
			t.Errorf("%s: %v", name, diags)
		}
	}
}
