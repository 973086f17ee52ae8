package sweep_test

import (
	"slices"
	"strconv"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"github.com/gantry/terraform-provider-gantry/internal/testing/sweep"
)

func TestPoints(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		env                map[string]string
		first, last, every int
		variants           []string
		want               []string
	}{
		"from the first call": {
			first: 3, last: 12, every: 4,
			want: []string{"call 3, offset 0", "call 7, offset 0", "call 11, offset 0"},
		},
		"from an offset": {
			env:   map[string]string{"GANTRY_SWEEP_OFFSET": "6"},
			first: 3, last: 12, every: 4,
			want: []string{"call 5, offset 2", "call 9, offset 2"},
		},
		"variants in turn": {
			env:   map[string]string{"GANTRY_SWEEP_OFFSET": "1"},
			first: 1, last: 8, every: 2, variants: []string{"refused", "lost", "dropped"},
			want: []string{"call 2, refused, offset 1", "call 4, lost, offset 1", "call 6, dropped, offset 1", "call 8, refused, offset 1"},
		},
		"the next variants once around": {
			env:   map[string]string{"GANTRY_SWEEP_OFFSET": "2"},
			first: 1, last: 4, every: 2, variants: []string{"refused", "lost"},
			want: []string{"call 1, lost, offset 2", "call 3, refused, offset 2"},
		},
		"fewer calls than are left out": {
			env:   map[string]string{"GANTRY_SWEEP_OFFSET": "11"},
			first: 5, last: 6, every: 12,
			want: []string{"call 6, offset 1"},
		},
		"all": {
			env:   map[string]string{"GANTRY_SWEEP_ALL": "1", "GANTRY_SWEEP_OFFSET": "5"},
			first: 1, last: 2, every: 9, variants: []string{"refused", "lost"},
			want: []string{"call 1, refused", "call 1, lost", "call 2, refused", "call 2, lost"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			chosen, err := sweep.Points(test.env, test.first, test.last, test.every, test.variants...)
			if err != nil {
				t.Fatal(err)
			}
			var names []string
			for _, p := range chosen {
				names = append(names, p.Name)
			}
			if !slices.Equal(names, test.want) {
				t.Errorf("got %q, want %q", names, test.want)
			}
		})
	}
}

func TestSettingsAreChecked(t *testing.T) {
	t.Parallel()
	for _, env := range []map[string]string{
		{"GANTRY_SWEEP_ALL": "every"}, {"GANTRY_SWEEP_OFFSET": "-1"}, {"GANTRY_SWEEP_OFFSET": "f00"},
	} {
		if _, err := sweep.Points(env, 1, 2, 1); err == nil {
			t.Errorf("%v is accepted", env)
		}
	}
}

// TestOffsetsCoverEverything takes consecutive offsets: each pair of call and variant
// is in exactly one of the samples.
func TestOffsetsCoverEverything(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		first := rapid.IntRange(1, 50).Draw(t, "first")
		last := first + rapid.IntRange(0, 60).Draw(t, "more")
		every := rapid.IntRange(0, 80).Draw(t, "every")
		variants := []string{"refused", "lost", "dropped"}[:rapid.IntRange(1, 3).Draw(t, "variants")]
		offset := rapid.IntRange(0, 1<<28).Draw(t, "offset")
		period := min(max(every, 1), last-first+1) * len(variants)
		seen := map[sweep.Point]int{}
		for o := offset; o < offset+period; o++ {
			sample, err := sweep.Points(map[string]string{"GANTRY_SWEEP_OFFSET": strconv.Itoa(o)}, first, last, every, variants...)
			if err != nil || len(sample) == 0 {
				t.Fatalf("offset %d has the sample %v (%v)", o, sample, err)
			}
			for _, p := range sample {
				p.Name = ""
				seen[p]++
			}
		}
		if want := (last - first + 1) * len(variants); len(seen) != want {
			t.Fatalf("%d of %d points are covered", len(seen), want)
		}
		for p, times := range seen {
			if times != 1 {
				t.Fatalf("%+v is in %d samples", p, times)
			}
		}
	})
}

func TestRun(t *testing.T) {
	if testing.Short() {
		t.Skip("a sweep is skipped with -short")
	}
	t.Setenv("GANTRY_SWEEP_ALL", "")
	t.Setenv("GANTRY_SWEEP_OFFSET", "1")
	var mu sync.Mutex
	var got []string
	t.Run("sweep", func(t *testing.T) {
		sweep.Sweep[string]{
			Every: 3, Variants: []string{"refused", "lost"},
			Calls: func(*testing.T) (int, int) { return 2, 8 },
			Test: func(_ *testing.T, call int, variant string) {
				mu.Lock()
				defer mu.Unlock()
				got = append(got, strconv.Itoa(call)+" "+variant)
			},
		}.Run(t)
	})
	slices.Sort(got)
	if sweep.Complete() {
		t.Error("a sample is taken for the whole")
	}
	if want := []string{"3 refused", "6 lost"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
