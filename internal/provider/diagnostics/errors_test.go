package diagnostics_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"

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

// TestWhatOthersWroteIsShownAsText has what a guest, an API or an inventory may hold
// in an error: a terminal would obey it, and Terraform refuses what is not UTF-8.
func TestWhatOthersWroteIsShownAsText(t *testing.T) {
	t.Parallel()
	evil := "no\x1b]52;c;cm0=\x07 \x1b[2Jnode \xff\u202e\r\n" + strings.Repeat("x", 1<<20)
	for name, d := range map[string]diag.Diagnostic{
		"an error":     diagnostics.FromError("read", evil, fmt.Errorf("%s", evil)),
		"an attribute": diagnostics.AttributeError(path.Root("name"), evil, evil),
		"a finding":    diagnostics.Warning(model.Finding{Summary: evil, Detail: evil}, attributes),
	} {
		for _, text := range []string{d.Summary(), d.Detail()} {
			if strings.ContainsAny(text, "\x1b\x07\r\u202e") || !utf8.ValidString(text) || len(text) > 64<<10 {
				t.Errorf("%s: %d bytes that begin with %.60q", name, len(text), text)
			}
		}
	}
}
