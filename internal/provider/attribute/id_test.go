package attribute_test

import (
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
	"github.com/gantry/terraform-provider-gantry/internal/provider/attribute"
)

const id = "0b7c7a52-3f0a-5c11-8d0f-1c4f8f1b2a33"

func TestParseID(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		value types.String
		want  uuid.UUID
		fails bool
	}{
		{value: types.StringNull()},
		{value: types.StringUnknown()},
		{value: types.StringValue(id), want: uuid.MustParse(id)},
		{value: types.StringValue(strings.ToUpper(id)), fails: true},
		{value: types.StringValue("{" + id + "}"), fails: true},
		{value: types.StringValue(uuid.Nil.String()), fails: true},
		{value: types.StringValue(""), fails: true},
		{value: types.StringValue("nodes"), fails: true},
	} {
		got, diags := attribute.ParseID(c.value, path.Root("id"))
		if got != c.want || diags.HasError() != c.fails {
			t.Errorf("%s: got %s, %v", c.value, got, diags)
		}
		var resp validator.StringResponse
		attribute.IDOf("gantry_ip_pool").ValidateString(t.Context(), validator.StringRequest{ConfigValue: c.value}, &resp)
		if resp.Diagnostics.HasError() != c.fails {
			t.Errorf("%s: the validator says %v", c.value, resp.Diagnostics)
		}
		if c.fails && !strings.Contains(resp.Diagnostics[0].Detail(), "reference the id of a gantry_ip_pool") {
			t.Errorf("%s: the validator does not say what to do: %v", c.value, resp.Diagnostics)
		}
	}
}

func TestImportID(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]record.Ref{
		"nodes":       {Kind: record.KindIPPool, Name: "nodes"},
		id + "/nodes": {Kind: record.KindIPPool, GatewayID: uuid.MustParse(id), Name: "nodes"},
		"dc1/nodes":   {},
		id + "/":      {},
		"/nodes":      {},
		"a/" + id:     {},
	} {
		got, err := attribute.ParseImportID(record.KindIPPool, text)
		if (err != nil) != (want == record.Ref{}) {
			t.Errorf("%q: %v", text, err)
			continue
		}
		if err == nil && (got != want || attribute.FormatImportID(got) != text) {
			t.Errorf("%q: got %+v, formatted as %q", text, got, attribute.FormatImportID(got))
		}
	}
}
