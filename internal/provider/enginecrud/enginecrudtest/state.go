package enginecrudtest

import (
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"

	"github.com/gantry/terraform-provider-gantry/internal/provider/importdata"
)

// State is a state with these values, as JSON; attributes that it leaves out are
// null.
func State(t *testing.T, s schema.Schema, values string) tfsdk.State {
	t.Helper()
	raw, err := importdata.DecodeConfig([]byte(values), s.Type().TerraformType(t.Context()))
	if err != nil {
		t.Fatal(err)
	}
	return tfsdk.State{Schema: s, Raw: raw}
}
