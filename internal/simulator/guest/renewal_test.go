package guest_test

import (
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest"
)

const (
	renewalScript  = "/etc/gantry/certificates.sh"
	renewalService = "/etc/systemd/system/gantry-certificates.service"
	renewalTimer   = "/etc/systemd/system/gantry-certificates.timer"
)

// renewing adds what renews the certificates of a control-plane node.
func (m *machine) renewing() {
	m.files[renewalScript] = "#!/bin/sh\n"
	m.modes[renewalScript] = "0755"
	m.files[renewalService] = "[Unit]\nWants=network-online.target\n" +
		"After=network-online.target containerd.service gantry-bootstrap.service\n\n" +
		"[Service]\nType=simple\nExecStart=/etc/gantry/certificates.sh\n\n[Install]\nWantedBy=multi-user.target\n"
	m.files[renewalTimer] = "[Timer]\nOnCalendar=daily\nRandomizedDelaySec=12h\nPersistent=true\n\n[Install]\nWantedBy=timers.target\n"
}

// commands are what a machine runs once in its life.
func (m *machine) commands() []any {
	commands := []any{systemctl("daemon-reload"), systemctl("enable", "gantry-bootstrap.service")}
	if m.vip != nil {
		commands = append(commands, systemctl("enable", "gantry-certificates.service"),
			systemctl("enable", "gantry-certificates.timer"), systemctl("start", "gantry-certificates.timer"))
	}
	return append(commands, systemctl("start", "gantry-bootstrap.service"))
}

// TestRenewalRefusals bends one thing at a time of what renews the certificates of a good
// first node.
func TestRenewalRefusals(t *testing.T) {
	t.Parallel()
	commands := func(commands ...any) func(*machine) {
		return func(m *machine) {
			m.config["runcmd"] = append(commands, systemctl("start", "gantry-bootstrap.service"))
		}
	}
	bent := func(path, from, to string) func(*machine) {
		return func(m *machine) {
			spoiled := strings.Replace(m.files[path], from, to, 1)
			if spoiled == m.files[path] {
				panic(from + " is not in " + path)
			}
			m.files[path] = spoiled
		}
	}
	service, timer := "gantry-certificates.service", "gantry-certificates.timer"
	for name, c := range map[string]struct {
		bend func(*machine)
		want string
	}{
		"none at all": {commands(), "nothing renews the certificates"},
		"service not enabled": {commands(systemctl("enable", timer), systemctl("start", timer)),
			"nothing renews the certificates"},
		"timer not started": {commands(systemctl("enable", service), systemctl("enable", timer)),
			"nothing renews the certificates"},
		"no unit":              {func(m *machine) { delete(m.files, renewalTimer) }, "does not exist"},
		"no script":            {func(m *machine) { delete(m.files, renewalScript) }, "not found"},
		"not executable":       {func(m *machine) { m.modes[renewalScript] = "0644" }, "Permission denied"},
		"holds up a boot":      {bent(renewalService, "simple", "oneshot"), "a boot would wait"},
		"before the bootstrap": {bent(renewalService, " gantry-bootstrap.service", ""), "lacks gantry-bootstrap.service"},
		"of another script":    {bent(renewalService, "certificates.sh", "other.sh"), "does not run"},
		"of unknown keys":      {bent(renewalTimer, "Persistent", "Insistent"), "unknown key"},
		"timer at no boot":     {bent(renewalTimer, "timers.target", "multi-user.target"), "lacks timers.target"},
		"timer at no time":     {bent(renewalTimer, "=daily", "=someday"), "not understood"},
		"timer that misses it": {bent(renewalTimer, "Persistent=true", ""), "would miss it"},
		"timer for all at once": {bent(renewalTimer, "RandomizedDelaySec=12h", ""),
			"at the same time"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, guest.Options{})
			m := s.first("n-0", "10.10.129.10")
			c.bend(m)
			s.refuses(m, c.want)
		})
	}
}

// A control-plane node tells when its certificates end: when it has joined, and when it
// is powered on, where it renews those that are due.
func TestRenewalIsTold(t *testing.T) {
	t.Parallel()
	const month = 30 * 24 * time.Hour
	const year = 365 * 24 * time.Hour
	start := time.Now()
	var passed atomic.Int64
	s := newSite(t, guest.Options{Now: func() time.Time { return start.Add(time.Duration(passed.Load())) }})
	m := s.first("cp-1", address(11))
	s.joins(m)
	s.putToken(time.Now().Add(time.Hour))
	s.joins(s.worker("w-1", address(21)))
	told := func(node string) string { return s.node(node).Annotations["gantry.io/certificates-expire"] }
	want := start.Add(year).UTC().Format(time.RFC3339)
	if told("cp-1") != want || told("w-1") != "" {
		t.Errorf("the control plane tells %q, and not %s, and the worker %q", told("cp-1"), want, told("w-1"))
	}
	for _, after := range []time.Duration{5 * month, 7 * month} {
		passed.Store(int64(after))
		s.cycle(m)
		s.settled("cp-1")
		if after == 7*month {
			want = start.Add(7*month + year).UTC().Format(time.RFC3339)
		}
		eventually(t, "the node tells "+want, func() bool { return s.ready(vip) && told("cp-1") == want })
	}
}
