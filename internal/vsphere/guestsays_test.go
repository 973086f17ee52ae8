package vsphere_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/vsphere"
)

// TestGuestSaysWhatItLikes has a guest, in which an intruder may be root, report
// what would change a terminal, be no UTF-8 or never end.
func TestGuestSaysWhatItLikes(t *testing.T) {
	t.Parallel()
	log := strings.Repeat("x", 100_000) + "\n\x1b]0;title\x07\x1b[31mError\x1b[0m: \xff no\u202e etcd\r\n"
	got := vsphere.GuestSays(strings.Repeat("failed\x1b[2J\n", 1000), log)
	if len(got.Phase) > 40 || strings.ContainsAny(got.Phase, "\x1b\n") {
		t.Errorf("phase %q", got.Phase)
	}
	if len(got.LogTail) > 8<<10 || !strings.HasSuffix(got.LogTail, "\nError: \ufffd no etcd\n") || !utf8.ValidString(got.LogTail) {
		t.Errorf("log %q", got.LogTail)
	}
	if got := vsphere.GuestSays(model.PhaseFailed, "a\nb"); got.Phase != model.PhaseFailed || got.LogTail != "a\nb" {
		t.Errorf("got %+v", got)
	}
}

// TestLeasesCountOnceTheyAreReported takes no lease of a guest that is off or has not reported
// one since it boots, nor what is no address of IPv4.
func TestLeasesCountOnceTheyAreReported(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		on                                bool
		phase, address, lease, want, then string
	}{
		"a node":            {true, model.PhaseKubeadm, "10.0.0.1", "", "10.0.0.1", "invalid IP"},
		"a load balancer":   {true, model.PhaseServing, "10.0.0.1", "10.0.0.2", "10.0.0.1", "10.0.0.2"},
		"init has failed":   {true, model.PhaseInitFailed, "10.0.0.1", "", "10.0.0.1", "invalid IP"},
		"it boots again":    {true, model.PhaseResuming, "10.0.0.1", "10.0.0.2", "10.0.0.1", "10.0.0.2"},
		"off":               {false, model.PhaseServing, "10.0.0.1", "10.0.0.2", "invalid IP", "invalid IP"},
		"before its report": {true, "off", "10.0.0.1", "10.0.0.2", "invalid IP", "invalid IP"},
		"itself":            {true, model.PhaseJoined, "127.0.0.1", "0.0.0.0", "invalid IP", "invalid IP"},
		"no host":           {true, model.PhaseJoined, "224.0.0.1", "169.254.1.1", "invalid IP", "invalid IP"},
		"no address":        {true, model.PhaseJoined, "10.0.0.1; rm", "fe80::1", "invalid IP", "invalid IP"},
	} {
		if address, lease := vsphere.GuestLeases(c.on, c.phase, c.address, c.lease); address.String() != c.want || lease.String() != c.then {
			t.Errorf("%s: %s and %s", name, address, lease)
		}
	}
}

func FuzzMarker(f *testing.F) {
	f.Add(`{"schema":1,"cluster":"5a1f7f3e-1df6-4d53-9f7a-6f8b0d6d3a11","node":"a","ordinal":9223372036854775807}`)
	f.Add(`{"schema":2,"cluster":[],"address":"10.0.0.1/99","disks":{}}`)
	f.Fuzz(func(t *testing.T, raw string) {
		m, ok := vsphere.DecodeMarker(raw)
		if ok && m.Understood() && (m.Ordinal < 0 || m.Ordinal > model.MaxOrdinal) {
			t.Errorf("%q is understood: %+v", raw, m)
		}
	})
}
