package connection_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/provider/connection"
)

func TestParseServer(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"vcenter.example.com":              "vcenter.example.com",
		"VCenter.example.com\n":            "vcenter.example.com",
		"https://vcenter.example.com/sdk":  "vcenter.example.com",
		"https://vcenter.example.com/sdk/": "vcenter.example.com",
		"https://vcenter.example.com:443/": "vcenter.example.com",
		"vcenter.example.com:8443":         "vcenter.example.com:8443",
		"10.0.0.5":                         "10.0.0.5",
		"2001:db8::5":                      "[2001:db8::5]",
		"[2001:db8::5]:8443":               "[2001:db8::5]:8443",
	} {
		got, err := connection.ParseServer(in)
		if err != nil || got != want {
			t.Errorf("%q: got %q, %v; want %q", in, got, err, want)
		}
	}
	for _, in := range []string{"", "http://vc", "https://vc/ui/app", "https://", "a b"} {
		if got, err := connection.ParseServer(in); err == nil {
			t.Errorf("%q: got %q, want an error", in, got)
		}
	}
	_, err := connection.ParseServer("https://admin:secret@vc%")
	if err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("a password in the address: %v", err)
	}
}

func TestSameServer(t *testing.T) {
	t.Parallel()
	if !connection.SameServer("https://VC.example.com/sdk", "vc.example.com:443") {
		t.Error("two spellings of one server are different")
	}
	if connection.SameServer("vc.example.com", "vc.example.com:8443") || connection.SameServer("", "") {
		t.Error("two servers are one")
	}
}

func TestConnectionThatIsNotConfigured(t *testing.T) {
	t.Parallel()
	c := new(connection.Process).Unknown()
	if _, err := c.VCenter(t.Context()); !errors.Is(err, connection.ErrUnknownConfig) {
		t.Errorf("VCenter: %v", err)
	}
	if _, err := c.Ledger(t.Context()); !errors.Is(err, connection.ErrUnknownConfig) {
		t.Errorf("Ledger: %v", err)
	}
	if _, err := c.Account(t.Context(), "vc", "user", "password", "", false); !errors.Is(err, connection.ErrUnknownConfig) {
		t.Errorf("Account: %v", err)
	}
}

func TestSeen(t *testing.T) {
	t.Parallel()
	p := &connection.Process{}
	id := uuid.New()
	p.Unknown().MarkSeen(id)
	p.Unknown().MarkSeen(uuid.Nil)
	if !p.Unknown().Seen(id) || p.Unknown().Seen(uuid.New()) || new(connection.Process).Unknown().Seen(id) {
		t.Error("what is seen is the process's, and only what was marked")
	}
	if p.Unknown().Seen(uuid.Nil) {
		t.Error("no id counts as seen")
	}
}
