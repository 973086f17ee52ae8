package vmwarecluster_test

import (
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/gantry/terraform-provider-gantry/internal/provider/vmwarecluster"
)

func overridesAttribute(t *testing.T) schema.MapAttribute {
	t.Helper()
	a, ok := vmwarecluster.NewSchema(t.Context()).Attributes["pack_overrides"].(schema.MapAttribute)
	if !ok {
		t.Fatal("pack_overrides is no map of texts")
	}
	return a
}

// overridesOf is a map of alternating names and texts; "?" is an unknown text.
func overridesOf(pairs ...string) types.Map {
	values := map[string]attr.Value{}
	for i := 0; i < len(pairs); i += 2 {
		values[pairs[i]] = types.StringValue(pairs[i+1])
		if pairs[i+1] == "?" {
			values[pairs[i]] = types.StringUnknown()
		}
	}
	return types.MapValueMust(types.StringType, values)
}

// TestOverridesSpelledOtherwise keeps the state where all overrides mean the same, and else plans
// what is configured: nothing else is a plan that Terraform takes.
func TestOverridesSpelledOtherwise(t *testing.T) {
	t.Parallel()
	state := overridesOf("a", "x: 1\nw: {z: b}", "b", "x: 2")
	for name, c := range map[string]struct {
		state, config types.Map
		keeps         bool
	}{
		"one is":         {state, overridesOf("a", "# so\n'w': {z: \"b\"}\nx: 1\n", "b", "x: 2"), true},
		"and one is new": {state, overridesOf("a", "# so\n'w': {z: \"b\"}\nx: 1\n", "b", "x: 3"), false},
		"of another":     {state, overridesOf("a", "x: 1\nw: {z: b}", "c", "x: 2"), false},
		"fewer":          {state, overridesOf("a", "x: 1\nw: {z: b}"), false},
		"unknown":        {state, overridesOf("a", "x: 1\nw: {z: b}", "b", "?"), false},
		"none":           {state, types.MapNull(types.StringType), false},
		"not known":      {state, types.MapUnknown(types.StringType), false},
		"of a creation":  {types.MapNull(types.StringType), overridesOf(), false},
	} {
		resp := planmodifier.MapResponse{PlanValue: c.config}
		for _, modifier := range overridesAttribute(t).PlanModifiers {
			modifier.PlanModifyMap(t.Context(), planmodifier.MapRequest{StateValue: c.state, ConfigValue: c.config, PlanValue: c.config}, &resp)
		}
		want := c.config
		if c.keeps {
			want = c.state
		}
		if !resp.PlanValue.Equal(want) {
			t.Errorf("%s: planned %v", name, resp.PlanValue)
		}
	}
}

// TestOverridesAreMappings refuses other texts on their element, and repeats nothing of them.
func TestOverridesAreMappings(t *testing.T) {
	t.Parallel()
	at := path.Root("pack_overrides")
	for text, want := range map[string]string{
		"a: {b: 1}":          "",
		"# none yet\n":       "",
		"?":                  "",
		"hunter2":            "not YAML of one mapping",
		"a: hunter2\na: 1\n": "a key twice",
		"a: 1\n---\nb: 2\n":  "several documents",
	} {
		var resp validator.MapResponse
		for _, v := range overridesAttribute(t).Validators {
			v.ValidateMap(t.Context(), validator.MapRequest{Path: at, ConfigValue: overridesOf("app", text)}, &resp)
		}
		if len(resp.Diagnostics) == 0 {
			if want != "" {
				t.Errorf("%q is taken", text)
			}
			continue
		}
		said := resp.Diagnostics[0].Detail()
		if len(resp.Diagnostics) > 1 || want == "" || !strings.HasPrefix(said, `pack_overrides["app"]: `) || !strings.Contains(said, want) ||
			strings.Contains(said, "hunter2") {
			t.Errorf("%q: %v", text, resp.Diagnostics)
		}
	}
}
