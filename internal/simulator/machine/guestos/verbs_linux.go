package guestos

import (
	"errors"
	"fmt"
	"strings"
)

// verbs are those of systemctl that are about units. Texts and exit statuses are
// systemctl's where programs read them.
var verbs = map[string]func(m *manager, a *answer, o order, name string){
	"start":                 start,
	"stop":                  stop,
	"restart":               restart,
	"reload-or-restart":     restart,
	"try-restart":           tryRestart,
	"try-reload-or-restart": tryRestart,
	"reload-or-try-restart": tryRestart,
	"enable":                enableUnit,
	"disable":               disableUnit,
	"is-active":             isActive,
	"is-failed":             isFailed,
	"is-enabled":            isEnabled,
	"status":                showStatus,
	"show":                  showProperties,
}

// job runs a change of a service, and reports its failure.
func (m *manager) job(a *answer, o order, verb, name string, run func(*service) error) {
	if _, err := m.unit(name); err != nil {
		a.complain(5, "Failed to %s %s: %v", verb, name, err)
		return
	}
	if isTimer(name) {
		return // an exception: its time never comes
	}
	s := m.service(name)
	if o.noBlock {
		go func() { _ = run(s) }() // the console shows it
		return
	}
	if err := run(s); err != nil {
		a.complain(1, "Job for %s failed: %v. See /var/log/%s.log.", name, err, strings.TrimSuffix(name, ".service"))
	}
}

func start(m *manager, a *answer, o order, name string) { m.job(a, o, "start", name, (*service).start) }

func restart(m *manager, a *answer, o order, name string) {
	m.job(a, o, "restart", name, (*service).restart)
}

func tryRestart(m *manager, a *answer, o order, name string) {
	if state, _, _ := m.service(name).status(); state == active {
		restart(m, a, o, name)
	}
}

func stop(m *manager, a *answer, o order, name string) {
	m.job(a, o, "stop", name, func(s *service) error {
		s.stop()
		return nil
	})
}

func enableUnit(m *manager, a *answer, o order, name string) {
	u, err := m.unit(name)
	if err != nil {
		a.complain(1, "Failed to enable unit: Unit file %s does not exist.", name)
		return
	}
	made, err := enable(m.root, u)
	for _, line := range made {
		a.Stderr += line + "\n"
	}
	if err != nil {
		a.complain(1, "Failed to enable unit: %v", err)
		return
	}
	if o.now {
		start(m, a, o, name)
	}
}

func disableUnit(m *manager, a *answer, o order, name string) {
	if _, err := m.unit(name); err != nil {
		a.complain(1, "Failed to disable unit: Unit file %s does not exist.", name)
		return
	}
	removed, err := disable(m.root, name)
	for _, line := range removed {
		a.Stderr += line + "\n"
	}
	if err != nil {
		a.complain(1, "Failed to disable unit: %v", err)
		return
	}
	if o.now {
		stop(m, a, o, name)
	}
}

func isActive(m *manager, a *answer, o order, name string) {
	state, _, _ := m.service(name).status()
	if !o.quiet {
		a.printf("%s", state)
	}
	if state != active {
		a.Status = 3
	}
}

func isFailed(m *manager, a *answer, o order, name string) {
	state, _, _ := m.service(name).status()
	if !o.quiet {
		a.printf("%s", state)
	}
	if state != failed {
		a.Status = 1
	}
}

func isEnabled(m *manager, a *answer, o order, name string) {
	u, err := m.unit(name)
	if err != nil {
		a.complain(1, "Failed to get unit file state for %s: No such file or directory", name)
		return
	}
	state := enablement(m.root, u)
	if !o.quiet {
		a.printf("%s", state)
	}
	if state == "disabled" {
		a.Status = 1
	}
}

func showStatus(m *manager, a *answer, _ order, name string) {
	u, err := m.unit(name)
	if missing := (*noUnitError)(nil); errors.As(err, &missing) {
		a.complain(4, "Unit %s could not be found.", name)
		return
	}
	if err != nil {
		a.complain(4, "%v", err)
		return
	}
	file, _ := unitFile(m.root, name)
	state, pid, since := m.service(name).status()
	a.printf("● %s - %s", name, u.Description)
	a.printf("     Loaded: loaded (%s; %s)", file, enablement(m.root, u))
	a.printf("     Active: %s since %s", state, since.UTC().Format("Mon 2006-01-02 15:04:05 MST"))
	if pid != 0 {
		a.printf("   Main PID: %d", pid)
	}
	m.mu.Lock()
	log := m.logs[name]
	m.mu.Unlock()
	if log != nil {
		a.printf("\n%s", strings.Join(log.last(), "\n"))
	}
	if state != active {
		a.Status = 3
	}
}

func showProperties(m *manager, a *answer, o order, name string) {
	u, err := m.unit(name)
	state, pid, _ := m.service(name).status()
	values := map[string]string{
		"Id": name, "LoadState": "loaded", "ActiveState": state, "MainPID": fmt.Sprint(pid), "SubState": subState(state),
	}
	if err != nil {
		values["LoadState"] = "not-found"
	} else {
		values["Description"] = u.Description
		values["Type"] = u.Type
		values["UnitFileState"] = enablement(m.root, u)
	}
	properties := o.properties
	if len(properties) == 0 {
		properties = []string{"Id", "LoadState", "ActiveState", "SubState", "MainPID", "UnitFileState"}
	}
	for _, property := range properties {
		if o.value {
			a.printf("%s", values[property])
		} else if value, ok := values[property]; ok {
			a.printf("%s=%s", property, value)
		}
	}
}

func subState(state string) string {
	switch state {
	case active:
		return "running"
	case activating:
		return "start"
	case deactivating:
		return "stop"
	case inactive:
		return "dead"
	}
	return state
}
