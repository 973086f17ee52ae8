package diagnostics_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/diag"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/provider/connection"
	"github.com/gantry/terraform-provider-gantry/internal/provider/diagnostics"
	"github.com/gantry/terraform-provider-gantry/internal/vsphere"
)

func TestFromError(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		err  error
		want string
	}{
		"login":         {fmt.Errorf("log in: %w", vsphere.ErrLogin), "Check the user name and password"},
		"permission":    {fmt.Errorf("clone: %w", model.ErrPermission), "Ask a vSphere administrator"},
		"timeout":       {fmt.Errorf("wait: %w", context.DeadlineExceeded), "The operation timed out"},
		"interrupt":     {fmt.Errorf("wait: %w", context.Canceled), "The run was stopped"},
		"unknown":       {connection.ErrUnknownConfig, "with -target"},
		"anything else": {fmt.Errorf("it broke"), "It broke."},
	} {
		d := diagnostics.FromError("create", `IP pool "nodes"`, test.err)
		if d.Summary() != `Unable to create IP pool "nodes"` || d.Severity() != diag.SeverityError {
			t.Errorf("%s: summary %q", name, d.Summary())
		}
		if !strings.Contains(d.Detail(), test.want) {
			t.Errorf("%s: detail %q lacks %q", name, d.Detail(), test.want)
		}
	}
}

func TestSentence(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"it broke":            "It broke.",
		"kube-vip broke":      "kube-vip broke.",
		`"x" is no address`:   `"x" is no address.`,
		"Done. ":              "Done.",
		"":                    "",
		"which one? (a or b)": "Which one? (a or b).",
	} {
		if got := diagnostics.Sentence(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}
