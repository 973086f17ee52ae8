package diagnostics_test

import (
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/provider/diagnostics"
)

// attributes are the paths of a resource's fields.
func attributes(field model.Field) path.Path {
	switch {
	case field.Name == model.FieldNetwork:
		return path.Root("worker_pools").AtMapKey(field.NodePool).AtName("placements").AtListIndex(0).AtName("network")
	case field.Name == model.FieldClusterName:
		return path.Root("name")
	}
	return path.Empty()
}

func TestProblemStandsOnTheTopLevelAttribute(t *testing.T) {
	t.Parallel()
	name := model.ClusterField(model.FieldClusterName)
	network := func(pool string) model.Field {
		return model.PlacementRef{NodePool: pool}.Field(model.FieldNetwork)
	}
	for test, c := range map[string]struct {
		fields []model.Field
		root   string
		detail string
	}{
		"no field":            {nil, "", "It broke."},
		"no attribute":        {[]model.Field{{}}, "", "It broke."},
		"top-level attribute": {[]model.Field{name}, "name", "It broke."},
		"nested attribute": {
			[]model.Field{network("a")}, "worker_pools",
			`worker_pools["a"].placements[0].network: It broke.`,
		},
		"several attributes": {
			[]model.Field{network("a"), name}, "worker_pools",
			"This concerns:\n  worker_pools[\"a\"].placements[0].network\n  name\n\nIt broke.",
		},
		"one attribute of several fields": {[]model.Field{name, name}, "name", "It broke."},
	} {
		finding := model.Finding{Fields: c.fields, Summary: "Unable to work", Detail: "It broke."}
		for severity, d := range map[diag.Severity]diag.Diagnostic{
			diag.SeverityError:   diagnostics.Problem(finding, attributes),
			diag.SeverityWarning: diagnostics.Warning(finding, attributes),
		} {
			if d.Severity() != severity || d.Summary() != finding.Summary || d.Detail() != c.detail {
				t.Errorf("%s: got the %s %q with %q, want %q", test, d.Severity(), d.Summary(), d.Detail(), c.detail)
			}
			root := ""
			if at, ok := d.(diag.DiagnosticWithPath); ok {
				root = at.Path().String()
			}
			if root != c.root {
				t.Errorf("%s: it stands on %q, want %q", test, root, c.root)
			}
		}
	}
}
