package printable_test

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/gantry/terraform-provider-gantry/internal/printable"
)

func TestLine(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"kubelet is not ready":                       "kubelet is not ready",
		"a\n\tb\r\nc":                                "a  b  c",
		"\x1b[31mred\x1b[0m":                         "red",
		"\x1b]0;title\x07x":                          "x",
		"\x1b]8;;https://evil.example.com\x1b\\link": "link",
		"\x1b]52;c;cm0gLXJm\x07y":                    "y",
		"\x1bPq#0\x1b\\z":                            "z",
		"\x1bcreset":                                 "reset",
		"back\b\b\b\bspace":                          "backspace",
		"\u009b31mC1":                                "31mC1",
		"right\u202eleft\u2066x\u2069":               "rightleftx",
		"broken \xff\xfe":                            "broken \ufffd",
		"nul\x00":                                    "nul",
		"größe 日本":                                   "größe 日本",
	} {
		if got := printable.Line(text, 100); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

func TestTextKeepsLinesAndTailTheEnd(t *testing.T) {
	t.Parallel()
	log := strings.Repeat("x", 500) + "\r\nError: \x1b[1mno\x1b[0m\n\tetcd\n"
	if got := printable.Tail(log, 30); got != "…"+strings.Repeat("x", 10)+"\nError: no\n etcd\n" {
		t.Errorf("got %q", got)
	}
	if got := printable.Text("a\n"+strings.Repeat("ö", 100), 20); got != "a\n"+strings.Repeat("ö", 7)+"…" {
		t.Errorf("got %q", got)
	}
}

func FuzzPrintable(f *testing.F) {
	f.Add("\x1b[", 10)
	f.Add("\x1b\x1b[31m]", 3)
	f.Fuzz(func(t *testing.T, text string, limit int) {
		if limit < 3 || limit > 1<<16 {
			return
		}
		for name, got := range map[string]string{
			"line": printable.Line(text, limit), "text": printable.Text(text, limit), "tail": printable.Tail(text, limit),
		} {
			if len(got) > limit || !utf8.ValidString(got) {
				t.Errorf("%s of %q: %q", name, text, got)
			}
			bad := func(r rune) bool {
				return unicode.IsControl(r) && (r != '\n' || name == "line") || unicode.Is(unicode.Bidi_Control, r)
			}
			if strings.ContainsFunc(got, bad) {
				t.Errorf("%s of %q: %q", name, text, got)
			}
		}
	})
}
