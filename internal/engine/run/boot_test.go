package run_test

import (
	"strings"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/engine/run"
)

// TestBootErrorsTellCausesApart: what is missing from the reports says which part of
// the image is at fault.
func TestBootErrorsTellCausesApart(t *testing.T) {
	t.Parallel()
	for want, err := range map[string]run.BootError{
		"open-vm-tools":               {Node: "n", Why: "did not join"},
		"network: {config: disabled}": {Node: "n", Why: "did not join", Started: true},
		"the last word":               {Node: "n", Why: "did not join", Started: true, Log: "the last word"},
	} {
		text := err.Error()
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in %q", want, text)
		}
		if err.Log != "" && strings.Contains(text, "config: disabled") {
			t.Errorf("%q blames the network of a node that reports", text)
		}
	}
}
