package diagnostics_test

import (
	"context"
	"errors"
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

// A run that was stopped says so once, and what comes next where that is not said
// otherwise.
func TestStoppedRunDoesNotContradictItself(t *testing.T) {
	t.Parallel()
	stopped := errors.Join(errors.Join(fmt.Errorf("create_node n: %w", context.Canceled), context.Canceled), context.Canceled)
	want := "create_node n: context canceled.\n\nThe run was stopped."
	if got := diagnostics.Cause(stopped); got != want {
		t.Errorf("got %q", got)
	}
	if got := diagnostics.Detail(stopped); got != want+" Completed steps are kept; apply again to resume." {
		t.Errorf("got %q", got)
	}
	if got := diagnostics.FromError("delete", "it", stopped).Detail(); got != want+" Completed steps are kept; destroy again to resume." {
		t.Errorf("got %q", got)
	}
	own := errors.Join(errors.New("a"), fmt.Errorf("b: %w and %w", errors.New("c"), errors.New("d")), errors.New("e"))
	if got := diagnostics.Cause(own); got != "a\nb: c and d\ne." {
		t.Errorf("got %q", got)
	}
}

func TestRefreshSaysHowToDestroy(t *testing.T) {
	t.Parallel()
	if got := diagnostics.FromRefresh("it", errors.New("newer")).Detail(); !strings.Contains(got, "terraform destroy -refresh=false") {
		t.Errorf("got %q", got)
	}
	at := diagnostics.AttributeError(path.Root("name"), "bad", "It is bad.")
	warnings := diagnostics.Warnings(diag.Diagnostics{at, diagnostics.FromError("read", "it", errors.New("x"))}, "More.")
	if warnings.HasError() || len(warnings) != 2 || warnings[0].Detail() != "It is bad. More." {
		t.Errorf("got %v", warnings)
	}
	if on, ok := warnings[0].(diag.DiagnosticWithPath); !ok || !on.Path().Equal(path.Root("name")) {
		t.Errorf("got %v", warnings[0])
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
