package guest

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest/cloudinit"
)

// unit is a service of systemd that runs the bootstrap script.
type unit struct {
	verb    string // init, join, balance or build
	enabled bool   // it runs at later boots, too
}

const unitDirectory = "/etc/systemd/system/"

// startedUnit carries out the systemctl commands of runcmd. One of them has to start
// the unit that runs the bootstrap script.
func startedUnit(inst *cloudinit.Instance) (*unit, error) {
	if err := errors.Join(checkDropIns(inst), checkRegistries(inst)); err != nil {
		return nil, err
	}
	var started *unit
	enabled, begun := map[string]bool{}, map[string]bool{}
	for _, command := range inst.RunCommands {
		if command[0] == bootstrapScript {
			return nil, fmt.Errorf("runcmd runs %s itself, once in the machine's life: nothing resumes it when the power is lost", bootstrapScript)
		}
		if command[0] != "systemctl" {
			continue
		}
		if len(command) == 2 && command[1] == "daemon-reload" {
			continue
		}
		if len(command) != 3 || command[1] != "enable" && command[1] != "start" {
			return nil, fmt.Errorf("runcmd: %s: not understood here", strings.Join(command, " "))
		}
		if check := sideUnits[command[2]]; check != nil {
			if err := check(inst); err != nil {
				return nil, fmt.Errorf("systemctl %s %s: %w", command[1], command[2], err)
			}
			enabled[command[2]] = enabled[command[2]] || command[1] == "enable"
			begun[command[2]] = begun[command[2]] || command[1] == "start"
			continue
		}
		verb, err := parseUnit(inst, command[2])
		if err != nil {
			return nil, fmt.Errorf("systemctl %s %s: %w", command[1], command[2], err)
		}
		switch {
		case command[1] == "enable":
			enabled[command[2]] = true
		case started != nil:
			return nil, fmt.Errorf("runcmd starts %s twice", bootstrapScript)
		default:
			// Only what was enabled before it is there after a loss of power.
			started = &unit{verb: verb, enabled: enabled[command[2]]}
		}
	}
	if started == nil {
		return nil, fmt.Errorf("runcmd does not start %s: nothing would bootstrap this node", bootstrapScript)
	}
	if started.verb == "balance" || started.verb == buildVerb {
		return started, nil
	}
	return started, errors.Join(renewalIsOn(inst, enabled, begun), leaseIsWatched(inst, enabled, begun))
}

// unitKeys are the settings that are understood, by section.
var unitKeys = map[string][]string{
	"[Unit]":    {"Description", "Wants", "After", "StartLimitIntervalSec"},
	"[Service]": {"Type", "ExecStart", "TimeoutStartSec", "Restart", "RestartSec"},
	"[Timer]":   {"OnCalendar", "RandomizedDelaySec", "AccuracySec", "Persistent", "OnBootSec", "OnUnitActiveSec"},
	"[Install]": {"WantedBy"},
}

// parseUnit returns the argument with which a unit runs the bootstrap script.
func parseUnit(inst *cloudinit.Instance, name string) (string, error) {
	settings, err := unitSettings(inst, name)
	if err != nil {
		return "", err
	}
	return checkUnit(inst, name, settings)
}

// unitSettings reads the file of a unit.
func unitSettings(inst *cloudinit.Instance, name string) (map[string]string, error) {
	file, ok := inst.Files[unitDirectory+name]
	if !ok {
		return nil, fmt.Errorf("unit file %s does not exist", name)
	}
	settings := map[string]string{}
	section := ""
	for line := range strings.Lines(string(file.Content)) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' || line[0] == ';' {
			continue
		}
		if _, ok := unitKeys[line]; ok {
			section = line
			continue
		}
		key, value, _ := strings.Cut(line, "=")
		if !slices.Contains(unitKeys[section], key) {
			return nil, fmt.Errorf("%s: unknown key '%s' in section '%s', ignoring", name, key, strings.Trim(section, "[]"))
		}
		settings[key] = value
	}
	return settings, nil
}

// needs expects words in the settings of a unit that runs at boot.
func needs(name string, settings, words map[string]string) error {
	for key, needed := range words {
		for word := range strings.FieldsSeq(needed) {
			if !slices.Contains(strings.Fields(settings[key]), word) {
				return fmt.Errorf("%s: %s= lacks %s: at a later boot it would not run, or too early", name, key, word)
			}
		}
	}
	return nil
}

func checkUnit(inst *cloudinit.Instance, name string, settings map[string]string) (string, error) {
	if err := needs(name, settings, map[string]string{
		"Wants": "network-online.target", "After": "network-online.target containerd.service", "WantedBy": "multi-user.target",
	}); err != nil {
		return "", err
	}
	if name == balancerService {
		return "balance", checkBalancerUnit(inst, settings)
	}
	if settings["Type"] != "oneshot" || settings["TimeoutStartSec"] != "infinity" {
		return "", fmt.Errorf("%s: not a oneshot without a bound: systemd would end it while it waits", name)
	}
	command := strings.Fields(settings["ExecStart"])
	if len(command) == 0 || command[0] != bootstrapScript {
		return "", fmt.Errorf("%s does not run %s", name, bootstrapScript)
	}
	if len(command) == 2 && command[1] == buildVerb {
		return buildVerb, errors.Join(checkScript(inst, bootstrapScript), checkCleanUnit(inst))
	}
	if len(command) != 2 || (command[1] != "init" && command[1] != "join") {
		return "", fmt.Errorf("usage: %s init|join|build", bootstrapScript)
	}
	return command[1], checkScript(inst, bootstrapScript)
}

// sideUnits check those that run beside the one that bootstraps.
var sideUnits = map[string]func(*cloudinit.Instance) error{
	renewalService: checkRenewalService,
	renewalTimer:   checkRenewalTimer,
	leaseTimer:     checkLeaseTimer,
}

// checkBalancerUnit wants one that follows its backends for as long as the machine runs.
func checkBalancerUnit(inst *cloudinit.Instance, settings map[string]string) error {
	if settings["Type"] != "simple" || settings["Restart"] != "always" {
		return fmt.Errorf("%s: not one that runs on and is started again: nothing would follow the backends", balancerService)
	}
	if settings["ExecStart"] != bootstrapScript+" balance" {
		return fmt.Errorf("%s: usage: %s balance", balancerService, bootstrapScript)
	}
	return checkScript(inst, bootstrapScript)
}

// checkLeaseTimer wants a change of the lease to be told while the machine runs.
func checkLeaseTimer(inst *cloudinit.Instance) error {
	settings, err := unitSettings(inst, leaseTimer)
	if err != nil {
		return err
	}
	if err := needs(leaseTimer, settings, map[string]string{"WantedBy": "timers.target"}); err != nil {
		return err
	}
	if settings["OnBootSec"] == "" || settings["OnUnitActiveSec"] == "" {
		return fmt.Errorf("%s: timer unit lacks value setting. Refusing", leaseTimer)
	}
	service, err := unitSettings(inst, leaseService)
	if err != nil {
		return err
	}
	if service["ExecStart"] != bootstrapScript+" lease" {
		return fmt.Errorf("%s does not look for a change of the lease", leaseService)
	}
	return nil
}

// leaseIsWatched wants that of every node with a lease.
func leaseIsWatched(inst *cloudinit.Instance, enabled, begun map[string]bool) error {
	if inst.Network.DHCP4 && (!enabled[leaseTimer] || !begun[leaseTimer]) {
		return fmt.Errorf("%s is not enabled and started: a change of the lease is told at the next boot only", leaseTimer)
	}
	return nil
}

// checkScript expects a script that can be run.
func checkScript(inst *cloudinit.Instance, path string) error {
	script, ok := inst.Files[path]
	switch {
	case !ok:
		return fmt.Errorf("%s: not found", path)
	case script.Mode&0o100 == 0:
		return fmt.Errorf("%s: Permission denied (mode %#o)", path, script.Mode)
	case len(script.Content) < 2 || string(script.Content[:2]) != "#!":
		return fmt.Errorf("%s: Exec format error", path)
	}
	return nil
}

// checkDropIns checks what is added to other units: a service whose environment file
// is missing does not start, and any user may read what a unit itself sets.
func checkDropIns(inst *cloudinit.Instance) error {
	for path, file := range inst.Files {
		if !strings.HasPrefix(path, unitDirectory) || !strings.Contains(path, ".service.d/") {
			continue
		}
		for line := range strings.Lines(string(file.Content)) {
			key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
			if key == "Environment" && strings.Contains(value, "@") {
				return fmt.Errorf("%s: Environment= shows a password to every user of the machine", path)
			}
			if key != "EnvironmentFile" || strings.HasPrefix(value, "-") {
				continue
			}
			if variables, ok := inst.Files[value]; !ok {
				return fmt.Errorf("%s: failed to load environment files: %s: No such file or directory", path, value)
			} else if variables.Mode&0o077 != 0 {
				return fmt.Errorf("%s: mode %#o: a password in it can be read by every user of the machine", value, variables.Mode)
			}
		}
	}
	return nil
}
