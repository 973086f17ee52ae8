package simulator

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// ParseFault reads a rule as people write it: the kind, then settings, e.g.
// "refuse,call=CloneVM_Task,nth=2,times=3,fault=HostCommunication" or
// "delay,call=POST tag,delay=2s".
func ParseFault(text string) (Fault, error) {
	kind, settings, _ := strings.Cut(text, ",")
	f := Fault{Kind: FaultKind(strings.TrimSpace(kind))}
	for setting := range strings.SplitSeq(settings, ",") {
		if strings.TrimSpace(setting) == "" {
			continue
		}
		key, value, ok := strings.Cut(setting, "=")
		if !ok {
			return Fault{}, fmt.Errorf("fault %q: %q is not key=value", text, setting)
		}
		var err error
		switch strings.TrimSpace(key) {
		case "call":
			f.Call = value
		case "nth":
			f.Nth, err = strconv.Atoi(value)
		case "times":
			f.Times, err = strconv.Atoi(value)
		case "fault":
			f.Fault = value
		case "privilege":
			f.Privilege = value
		case "delay":
			f.Delay, err = time.ParseDuration(value)
		default:
			err = fmt.Errorf("unknown setting %q", key)
		}
		if err != nil {
			return Fault{}, fmt.Errorf("fault %q: %w", text, err)
		}
	}
	if err := f.validate(); err != nil {
		return Fault{}, fmt.Errorf("fault %q: %w", text, err)
	}
	return f, nil
}
