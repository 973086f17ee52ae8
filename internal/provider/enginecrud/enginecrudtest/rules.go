// Package enginecrudtest holds what the tests of every resource of enginecrud check:
// that its rules cover its schema, and that its fields are attributes of it.
package enginecrudtest

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"

	"github.com/gantry/terraform-provider-gantry/internal/provider/attribute"
	"github.com/gantry/terraform-provider-gantry/internal/provider/enginecrud"
)

// Schema returns the schema of a resource.
func Schema(t *testing.T, r resource.Resource) schema.Schema {
	t.Helper()
	var resp resource.SchemaResponse
	r.Schema(t.Context(), resource.SchemaRequest{}, &resp)
	if resp.Diagnostics.HasError() {
		t.Fatal(resp.Diagnostics)
	}
	return resp.Schema
}

// RulesCover fails unless every attribute that a user can write is covered by
// exactly one pattern of the rules, every pattern is an attribute, and what the rules
// replace is what the schema replaces.
func RulesCover(t *testing.T, s schema.Schema, rules enginecrud.Rules) {
	t.Helper()
	lists := map[string][]string{"Replace": rules.Replace, "InPlace": rules.InPlace, "Datacenter": {rules.Datacenter}}
	for _, refusal := range rules.Refused {
		if !strings.HasSuffix(refusal.Reason, ".") {
			t.Errorf("the reason %q is not a sentence", refusal.Reason)
		}
		lists["Refused"] = append(lists["Refused"], refusal.Attributes...)
	}

	known := map[string]bool{}
	attribute.Walk(s.Attributes, func(at string, a schema.Attribute) bool {
		if attribute.ComputedOnly(a) {
			return false
		}
		known[at] = true
		switch a.(type) {
		case schema.SingleNestedAttribute, schema.MapNestedAttribute:
			return true
		case schema.ListNestedAttribute: // another one is compared as a whole
			if slices.Contains(rules.Keyed, at) {
				return true
			}
		}
		covered := coveredBy(lists, at)
		if len(covered) != 1 {
			t.Errorf("%s is covered by %q, want exactly one rule", at, covered)
			return false
		}
		if replaces := strings.HasPrefix(covered[0], "Replace "); replaces != requiresReplace(t.Context(), a) {
			t.Errorf("%s: the rules replace: %t, and the schema says otherwise", at, replaces)
		}
		return false
	})

	for name, patterns := range lists {
		for _, pattern := range patterns {
			if !known[pattern] {
				t.Errorf("%s of %s is no attribute that a user can write", pattern, name)
			}
		}
	}
	for same := range rules.Same {
		if !known[same] {
			t.Errorf("%s of Same is no attribute", same)
		}
	}
	for _, keyed := range rules.Keyed {
		if !known[keyed] {
			t.Errorf("%s of Keyed is no attribute", keyed)
		}
	}
}

// coveredBy lists the rules that cover an attribute, each with its list.
func coveredBy(lists map[string][]string, at string) []string {
	var found []string
	for name, patterns := range lists {
		for _, pattern := range patterns {
			if at == pattern || strings.HasPrefix(at, pattern+".") {
				found = append(found, name+" "+pattern)
			}
		}
	}
	slices.Sort(found)
	return found
}

// requiresReplace reports whether a change of an attribute always replaces its
// resource, by the schema.
func requiresReplace(ctx context.Context, a schema.Attribute) bool {
	text, ok := a.(schema.StringAttribute)
	if !ok {
		return false
	}
	for _, modifier := range text.PlanModifiers {
		if strings.Contains(modifier.Description(ctx), "destroy and recreate") {
			return true
		}
	}
	return false
}
