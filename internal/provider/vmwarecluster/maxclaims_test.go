package vmwarecluster_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/gantry/terraform-provider-gantry/internal/provider/acctest"
	"github.com/gantry/terraform-provider-gantry/internal/provider/eventlog"
)

// TestAccMaxClaims stops at the provider's bound with words that name it, and
// goes on once there is room. The event log has both runs.
func TestAccMaxClaims(t *testing.T) {
	t.Parallel()
	e := acctest.New(t)
	events := filepath.Join(t.TempDir(), "events.jsonl")
	good := strings.Replace(config(e, shape{controlPlane: 1, workers: 1}), `provider "gantry" {`,
		fmt.Sprintf("provider \"gantry\" {\n  event_log = %q", events), 1)
	bounded := strings.Replace(good, `provider "gantry" {`, "provider \"gantry\" {\n  max_claims = 6", 1)
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: e.Factories(),
		CheckDestroy:             e.CheckDestroy,
		Steps: []resource.TestStep{
			{
				Config: bounded,
				ExpectError: acctest.Words("at most 6 are allowed: release addresses that are not needed, use another vCenter, or allow " +
					"more with the provider's max_claims"),
			},
			{
				Config: good,
				ConfigStateChecks: []statecheck.StateCheck{
					statecheck.ExpectKnownValue(cluster, tfjsonpath.New("state"), knownvalue.StringExact("Running")),
				},
			},
		},
	})
	logged := readEvents(t, events)
	want := []string{
		"apply prod started", "apply prod failed", "apply prod started", "create_node prod-cp-1 done",
		"create_node prod-general-1 done", "apply prod done", "destroy prod started", "delete_node prod-cp-1 done", "destroy prod done",
	}
	for _, line := range logged {
		if len(want) > 0 && want[0] == line.Action+" "+line.Target+" "+line.Status {
			want = want[1:]
		}
	}
	if len(want) > 0 {
		t.Errorf("the event log has no %q in %d lines", want, len(logged))
	}
}

// readEvents parses an event log, every line of which has to be whole.
func readEvents(t *testing.T, file string) []eventlog.Line {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var lines []eventlog.Line
	for text := range strings.Lines(string(raw)) {
		var line eventlog.Line
		if err := json.Unmarshal([]byte(text), &line); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		lines = append(lines, line)
	}
	return lines
}
