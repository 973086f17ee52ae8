package enginecrud_test

import (
	"context"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/diag"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/provider/enginecrud"
)

// private is a private state.
type private map[string][]byte

func (p private) GetKey(_ context.Context, key string) ([]byte, diag.Diagnostics) { return p[key], nil }

func (p private) SetKey(_ context.Context, key string, value []byte) diag.Diagnostics {
	p[key] = value
	return nil
}

func TestFactsAreRemembered(t *testing.T) {
	t.Parallel()
	p := private{}
	facts := &model.Facts{SchemaVersion: model.FactsSchema, Unreadable: []string{"vm"}}
	if diags := enginecrud.WriteFacts(t.Context(), p, facts); diags.HasError() {
		t.Fatal(diags)
	}
	got, diags := enginecrud.ReadFacts(t.Context(), p)
	if diags.HasError() || got == nil || len(got.Unreadable) != 1 {
		t.Errorf("got %+v, %v", got, diags)
	}

	if diags := enginecrud.WriteFacts(t.Context(), p, nil); diags.HasError() {
		t.Fatal(diags)
	}
	if got, diags := enginecrud.ReadFacts(t.Context(), p); got != nil || diags.HasError() {
		t.Errorf("cleared: got %+v, %v", got, diags)
	}
}

func TestFactsOfOtherVersions(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		raw  string
		want string // of an error; empty: they are ignored
	}{
		"newer":           {`{"schema": 2, "Machines": "in another form"}`, "made by a newer Gantry"},
		"without version": {`{"Machines": []}`, ""},
		"not JSON":        {`{`, ""},
		"another form":    {`{"schema": 1, "Machines": "in another form"}`, ""},
	} {
		p := private{"facts": []byte(c.raw)}
		facts, diags := enginecrud.ReadFacts(t.Context(), p)
		if facts != nil || diags.HasError() != (c.want != "") {
			t.Errorf("%s: got %+v, %v", name, facts, diags)
		}
		if diags.HasError() && !strings.Contains(diags[0].Detail(), c.want) {
			t.Errorf("%s: got %q, want %q", name, diags[0].Detail(), c.want)
		}
	}
}

func TestSecretsThatCannotBeRead(t *testing.T) {
	t.Parallel()
	if secrets, diags := enginecrud.ReadSecrets(t.Context(), private{}); secrets != nil || diags.HasError() {
		t.Errorf("none: got %+v, %v", secrets, diags)
	}
	if _, diags := enginecrud.ReadSecrets(t.Context(), private{"secrets": []byte("{")}); !diags.HasError() {
		t.Error("authorities that cannot be read were ignored")
	}
}
