package guestos

import (
	"bufio"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// unit is a service as its unit file and drop-ins describe it, as far as the
// first process here acts upon it.
type unit struct {
	Name        string
	Description string
	Type        string
	// StartPre, Start and Stop are command lines before the expansion of
	// variables.
	StartPre, Start, StartPost, Stop []string
	Environment                      []string
	EnvironmentFiles                 []string
	Restart                          string
	RestartDelay                     time.Duration
	StartTimeout, StopTimeout        time.Duration
	KillMode                         string
	RemainAfterExit                  bool
	Console                          bool
	WorkingDirectory                 string
	Limits                           map[string]string
	OOMScoreAdjust                   *int
	WantedBy                         []string
	Aliases                          []string
	// Ignored are the directives that have no effect here.
	Ignored []string
}

func newUnit(name string) *unit {
	return &unit{
		Name:         name,
		Type:         "simple",
		Restart:      "no",
		RestartDelay: 100 * time.Millisecond,
		StartTimeout: 90 * time.Second,
		StopTimeout:  90 * time.Second,
		KillMode:     "control-group",
		Limits:       map[string]string{},
	}
}

// read takes in a unit file or a drop-in. Later ones win; lists grow until one
// gives an empty value.
func (u *unit) read(text string) error {
	section := ""
	lines := bufio.NewScanner(strings.NewReader(text))
	lines.Buffer(nil, 1<<20)
	var pending string
	for number := 1; lines.Scan(); number++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || line[0] == '#' || line[0] == ';' {
			continue // also between the parts of a continued line
		}
		if rest, ok := strings.CutSuffix(line, `\`); ok {
			pending += rest + " "
			continue
		}
		line, pending = pending+line, ""
		if strings.HasPrefix(line, "[") && strings.HasSuffix(line, "]") {
			section = line[1 : len(line)-1]
			continue
		}
		key, value, ok := strings.Cut(line, "=")
		if !ok || section == "" {
			return fmt.Errorf("%s: line %d: %q is no assignment in a section", u.Name, number, line)
		}
		if err := u.set(section, strings.TrimSpace(key), strings.TrimSpace(value)); err != nil {
			return fmt.Errorf("%s: line %d: %s: %w", u.Name, number, strings.TrimSpace(key), err)
		}
	}
	return lines.Err()
}

// without are directives that need no action: order and dependencies of units
// are in the boot sequence, texts are for users, and accounting and delegation of
// control groups apply to every service here.
var without = map[string]bool{
	"After": true, "Before": true, "Wants": true, "Requires": true, "Conflicts": true, "DefaultDependencies": true,
	"RequiresMountsFor": true, "Documentation": true, "Delegate": true, "TasksMax": true, "StartLimitInterval": true,
	"StartLimitIntervalSec": true, "StartLimitBurst": true, "CPUAccounting": true, "MemoryAccounting": true, "Slice": true,
}

func (u *unit) set(section, key, value string) error {
	switch section + "/" + key {
	case "Unit/Description":
		u.Description = value
	case "Install/WantedBy", "Install/RequiredBy":
		u.WantedBy = append(u.WantedBy, strings.Fields(value)...)
	case "Install/Alias":
		u.Aliases = append(u.Aliases, strings.Fields(value)...)
	default:
		if section == "Service" {
			return u.setService(key, value)
		}
		u.ignore(key)
	}
	return nil
}

func (u *unit) ignore(key string) {
	if !without[key] && !strings.HasPrefix(key, "X-") {
		u.Ignored = append(u.Ignored, key)
	}
}

func (u *unit) setService(key, value string) (err error) {
	switch key {
	case "Type":
		u.Type = value
	case "ExecStart":
		add(&u.Start, value)
	case "ExecStartPre":
		add(&u.StartPre, value)
	case "ExecStartPost":
		add(&u.StartPost, value)
	case "ExecStop":
		add(&u.Stop, value)
	case "EnvironmentFile":
		add(&u.EnvironmentFiles, value)
	case "Environment":
		if value == "" {
			u.Environment = nil
			return nil
		}
		var words []string
		words, err = splitWords(value, u.specifier)
		u.Environment = append(u.Environment, words...)
	case "Restart":
		u.Restart = value
	case "RestartSec":
		u.RestartDelay, err = seconds(value)
	case "TimeoutStartSec":
		u.StartTimeout, err = seconds(value)
	case "TimeoutStopSec":
		u.StopTimeout, err = seconds(value)
	case "TimeoutSec":
		u.StartTimeout, err = seconds(value)
		u.StopTimeout = u.StartTimeout
	case "KillMode":
		u.KillMode = value
	case "RemainAfterExit":
		u.RemainAfterExit, err = boolean(value)
	case "StandardOutput", "StandardError":
		u.Console = strings.Contains(value, "console")
	case "WorkingDirectory":
		u.WorkingDirectory = value
	case "OOMScoreAdjust":
		var score int
		score, err = strconv.Atoi(value)
		u.OOMScoreAdjust = &score
	default:
		if name, ok := strings.CutPrefix(key, "Limit"); ok {
			u.Limits[name] = value
		} else {
			u.ignore(key)
		}
	}
	return err
}

func add(list *[]string, value string) {
	if value == "" {
		*list = nil
		return
	}
	*list = append(*list, value)
}

func boolean(value string) (bool, error) {
	switch strings.ToLower(value) {
	case "1", "yes", "y", "true", "t", "on":
		return true, nil
	case "0", "no", "n", "false", "f", "off":
		return false, nil
	}
	return false, fmt.Errorf("%q is neither true nor false", value)
}

// seconds reads a time span: a number of seconds, or numbers with units. 0 and
// infinity are no bound at all.
func seconds(value string) (time.Duration, error) {
	if value == "infinity" {
		return 0, nil
	}
	if number, err := strconv.ParseFloat(value, 64); err == nil && number >= 0 {
		return time.Duration(number * float64(time.Second)), nil
	}
	text := strings.NewReplacer("min", "m", "sec", "s", " ", "").Replace(value)
	span, err := time.ParseDuration(text)
	if err != nil || span < 0 {
		return 0, fmt.Errorf("%q is no time span", value)
	}
	return span, nil
}

// after returns a timeout's channel; 0 is no timeout.
func after(span time.Duration) <-chan time.Time {
	if span <= 0 {
		return nil
	}
	return time.After(span)
}

// restarts reports whether a service that ended by itself is started again.
func (u *unit) restarts(clean bool) bool {
	switch u.Restart {
	case "always":
		return true
	case "on-success":
		return clean
	case "on-failure", "on-abnormal", "on-abort", "on-watchdog":
		return !clean
	}
	return false
}

// specifier resolves a percent sign and what follows it.
func (u *unit) specifier(letter byte) (string, bool) {
	base := strings.TrimSuffix(u.Name, ".service")
	switch letter {
	case '%':
		return "%", true
	case 'n':
		return u.Name, true
	case 'N', 'p':
		return base, true
	}
	return "", false
}
