package machine_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/simulator/machine"
)

func TestConsoleKeepsItsEnd(t *testing.T) {
	t.Parallel()
	console := machine.NewConsole()
	fmt.Fprintln(console, "first")
	if got := console.String(); got != "first\n" {
		t.Errorf("console %q", got)
	}
	for i := range 20000 {
		fmt.Fprintf(console, "line %d\n", i)
	}
	got := console.String()
	if len(got) > machine.ConsoleLimit || len(got) < machine.ConsoleLimit-100 {
		t.Errorf("%d bytes are kept of a limit of %d", len(got), machine.ConsoleLimit)
	}
	if !strings.HasPrefix(got, "line ") || !strings.HasSuffix(got, "\nline 19999\n") {
		t.Errorf("from %q to %q", got[:20], got[len(got)-20:])
	}
	fmt.Fprintln(console, "one more")
	if !strings.HasSuffix(console.String(), "one more\n") {
		t.Error("what was shown once stays")
	}
}

func TestLastLine(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{"": "", "one": "one", "one\ntwo": "two", "one\n two \n\n": "two", "\n": ""} {
		if got := machine.LastLine(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
