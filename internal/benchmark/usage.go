package main

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// usage is what the processes that run a binary have used. It is zero where the
// system has no /proc.
type usage struct {
	peakKB int           // the most resident memory that any of them has ever had, in KiB
	cpu    time.Duration // of all of them together, as last seen before they ended
}

// watchUsage watches the processes that run a binary until ctx ends.
func watchUsage(ctx context.Context, binary string) usage {
	var u usage
	seen := map[string]time.Duration{}
	for {
		for _, exe := range must(filepath.Glob("/proc/[0-9]*/exe")) {
			if target, err := os.Readlink(exe); err == nil && target == binary {
				process := filepath.Dir(exe)
				u.peakKB = max(u.peakKB, highWater(filepath.Join(process, "status")))
				seen[process] = max(seen[process], cpuTime(filepath.Join(process, "stat")))
			}
		}
		select {
		case <-ctx.Done():
			for _, cpu := range seen {
				u.cpu += cpu
			}
			return u
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func must(paths []string, _ error) []string { return paths } // the pattern is constant

// highWater reads VmHWM, the peak of the resident set.
func highWater(status string) int {
	raw, err := os.ReadFile(status)
	if err != nil {
		return 0 // it has ended
	}
	for line := range strings.Lines(string(raw)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kb, err := strconv.Atoi(strings.TrimSuffix(strings.TrimSpace(rest), " kB"))
			if err != nil {
				return 0
			}
			return kb
		}
	}
	return 0
}

// tick is the unit of times in /proc, which Linux fixes at 1/100 s for programs.
const tick = 10 * time.Millisecond

// cpuTime reads user and system time of a process, the fields 14 and 15. Before them
// comes its name, in parentheses.
func cpuTime(stat string) time.Duration {
	raw, err := os.ReadFile(stat)
	if err != nil {
		return 0 // it has ended
	}
	_, rest, _ := strings.Cut(string(raw), ") ")
	fields := strings.Fields(rest)
	const user = 14 - 3 // fields are counted from 1, and two are cut off
	if len(fields) <= user+1 {
		return 0
	}
	var total time.Duration
	for _, field := range fields[user : user+2] {
		ticks, err := strconv.Atoi(field)
		if err != nil {
			return 0
		}
		total += time.Duration(ticks) * tick
	}
	return total
}
