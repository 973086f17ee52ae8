// Package sweep runs a test once for each call at which a run can go wrong.
//
// A sweep is long: hundreds of calls, each with several ways to fail. A test run
// therefore takes a sample, every n-th call with one of the ways in turn, that
// begins at an offset. Where the offset moves with each commit, as in CI, a few
// commits cover everything:
//
//	GANTRY_SWEEP_OFFSET=3   begins there; 0 if it is not set
//	GANTRY_SWEEP_ALL=1      takes every call in every way
//
// The name of each subtest ends with the offset that repeats it.
package sweep

import (
	"fmt"
	"os"
	"strconv"
	"testing"
)

// Sweep is a test that disturbs a run at one of its calls, and how it is sampled.
type Sweep[V ~string] struct {
	// Every samples one call of so many; 0 and 1 are all of them.
	Every int
	// Variants are the ways to disturb a call, none where there is only one.
	Variants []V
	// Calls measures an undisturbed run: its first and last call, counted from 1.
	Calls func(t *testing.T) (first, last int)
	// Test disturbs one call. Tests of several calls run in parallel.
	Test func(t *testing.T, call int, variant V)
}

// Run runs the test for all or some of the calls, each as a subtest. With -short
// it skips t and measures nothing.
func (s Sweep[V]) Run(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("sweeps over the calls of a run are not run with -short")
	}
	chosen, err := fromEnvironment(os.Getenv)
	if err != nil {
		t.Fatal(err)
	}
	first, last := s.Calls(t)
	if last < first {
		t.Fatal("the run that was measured makes no call")
	}
	for _, p := range points(chosen, first, last, s.Every, s.Variants) {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			s.Test(t, p.call, p.variant)
		})
	}
}

// Complete reports whether sweeps take every call in every way, so that what
// only some of them show must have been seen.
func Complete() bool {
	chosen, err := fromEnvironment(os.Getenv)
	return err == nil && chosen.all && !testing.Short()
}

// Offset is where samples begin, and moves with the commit: tests that choose at random
// begin there, too.
func Offset() int {
	chosen, err := fromEnvironment(os.Getenv)
	if err != nil {
		return 0
	}
	return chosen.offset
}

// sample is which part of a sweep is run.
type sample struct {
	all    bool
	offset int // not negative
}

func fromEnvironment(getenv func(string) string) (sample, error) {
	var s sample
	if text := getenv("GANTRY_SWEEP_ALL"); text != "" {
		all, err := strconv.ParseBool(text)
		if err != nil {
			return s, fmt.Errorf("GANTRY_SWEEP_ALL=%q is not a boolean value", text)
		}
		s.all = all
	}
	if text := getenv("GANTRY_SWEEP_OFFSET"); text != "" {
		offset, err := strconv.Atoi(text)
		if err != nil || offset < 0 {
			return s, fmt.Errorf("GANTRY_SWEEP_OFFSET=%q is not a number from 0", text)
		}
		s.offset = offset
	}
	return s, nil
}

// point is one call with one way to disturb it.
type point[V ~string] struct {
	name    string
	call    int
	variant V
}

// points are those of a sample: never none. One offset more moves all sampled calls
// by one; once they have come around, each gets its next variant.
func points[V ~string](from sample, first, last, every int, variants []V) []point[V] {
	if len(variants) == 0 {
		variants = []V{""}
	}
	var chosen []point[V]
	if from.all {
		for call := first; call <= last; call++ {
			for _, v := range variants {
				chosen = append(chosen, point[V]{name(call, v), call, v})
			}
		}
		return chosen
	}
	every = min(max(every, 1), last-first+1)
	// A larger offset repeats a smaller one.
	offset := from.offset % (every * len(variants))
	turn := offset / every
	for call := first + offset%every; call <= last; call += every {
		v := variants[turn%len(variants)]
		chosen = append(chosen, point[V]{fmt.Sprintf("%s, offset %d", name(call, v), offset), call, v})
		turn++
	}
	return chosen
}

func name[V ~string](call int, variant V) string {
	if variant == "" {
		return fmt.Sprintf("call %d", call)
	}
	return fmt.Sprintf("call %d, %s", call, variant)
}
