package diagnostics_test

import (
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/path"

	"github.com/gantry/terraform-provider-gantry/internal/engine"
	"github.com/gantry/terraform-provider-gantry/internal/provider/diagnostics"
)

func TestPath(t *testing.T) {
	t.Parallel()
	for field, want := range map[engine.Field]path.Path{
		"name":                              path.Root("name"),
		"control_plane.placement.datastore": path.Root("control_plane").AtName("placement").AtName("datastore"),
		`worker_pools["general"].placements[0].network`: path.Root("worker_pools").AtMapKey("general").
			AtName("placements").AtListIndex(0).AtName("network"),
		`labels["a.b/c[\"0\"]"]`: path.Root("labels").AtMapKey(`a.b/c["0"]`),
	} {
		got, err := diagnostics.Path(field)
		if err != nil {
			t.Errorf("%s: %v", field, err)
			continue
		}
		if !got.Equal(want) {
			t.Errorf("%s: got %s, want %s", field, got, want)
		}
	}
}

func TestPathRefusesWhatIsNoField(t *testing.T) {
	t.Parallel()
	for _, field := range []engine.Field{"", ".a", "a.", "a[", "a[x]", "a[-1]", `a["b`, `a["b"`, "a[0]b"} {
		if p, err := diagnostics.Path(field); err == nil {
			t.Errorf("%q: got %s, want an error", field, p)
		}
	}
}
