package main

import (
	"os"
	"runtime"
	"testing"
	"time"
)

// TestQuiet leaves the levels of logs alone where a user asks for logs.
func TestQuiet(t *testing.T) {
	for name, c := range map[string]struct {
		given map[string]string
		want  map[string]string
	}{
		"not asked for": {want: map[string]string{"TF_LOG_SDK": "OFF", "TF_LOG_PROVIDER_GANTRY": "OFF"}},
		"all":           {given: map[string]string{"TF_LOG": "debug"}, want: map[string]string{"TF_LOG_SDK": "", "TF_LOG_PROVIDER_GANTRY": ""}},
		"the providers'": {
			given: map[string]string{"TF_LOG_PROVIDER": "TRACE", "TF_LOG_CORE": "off"},
			want:  map[string]string{"TF_LOG_SDK": "", "TF_LOG_PROVIDER_GANTRY": ""},
		},
		"a level of its own": {
			given: map[string]string{"TF_LOG_SDK": "warn"},
			want:  map[string]string{"TF_LOG_SDK": "warn", "TF_LOG_PROVIDER_GANTRY": "OFF"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			for _, variable := range []string{"TF_LOG", "TF_LOG_CORE", "TF_LOG_PROVIDER", "TF_LOG_SDK", "TF_LOG_PROVIDER_GANTRY"} {
				t.Setenv(variable, c.given[variable])
			}
			quiet()
			for variable, want := range c.want {
				if got := os.Getenv(variable); got != want {
					t.Errorf("%s is %q, want %q", variable, got, want)
				}
			}
		})
	}
}

// TestSpareCollector allocates what would make the collector run several times.
func TestSpareCollector(t *testing.T) {
	spare := spareCollector()
	runtime.GC() // from now on the spare memory counts
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range spareMemory / 2 / 1024 {
		sink = make([]byte, 1024)
	}
	runtime.ReadMemStats(&after)
	runtime.KeepAlive(spare)
	if runs := after.NumGC - before.NumGC; runs > 0 {
		t.Errorf("the collector ran %d times", runs)
	}
}

// sink keeps what is allocated on the heap.
var sink []byte

func TestEndWithParent(t *testing.T) {
	parents := []int{7, 7, 7, 1}
	parent := func() int {
		next := parents[0]
		parents = parents[1:]
		return next
	}
	ticks := make(chan time.Time, 4)
	for range cap(ticks) {
		ticks <- time.Time{}
	}
	ended := 0
	endWithParent(parent, ticks, func() { ended++ })
	if ended != 1 || len(parents) != 0 {
		t.Errorf("ended %d times, with %v left to ask", ended, parents)
	}
}
