package machine_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/simulator/machine"
)

func TestAbandoned(t *testing.T) {
	t.Parallel()
	base := t.TempDir()
	open, err := machine.OwnerName(base)
	if err != nil {
		t.Fatal(err)
	}
	closed, err := machine.OwnerName(base)
	if err != nil || open == closed {
		t.Fatalf("%s and %s, %v", open, closed, err)
	}
	machine.Disown(closed)
	defer machine.Disown(open)
	parts := strings.Split(open, "-") // gantry-machines-<namespace>-<pid>-<start>-<serial>
	with := func(index int, value string) string {
		other := slices.Clone(parts)
		other[index] = value
		return strings.Join(other, "-")
	}
	names := map[string]bool{
		open:                       false,
		closed:                     true,
		with(3, "4194305"):         true,  // no such process
		with(4, "1"):               true,  // its number was given to another
		with(3, "1"):               true,  // likewise
		with(2, "1"):               false, // of another container: who knows
		"gantry-machines-x":        false,
		"gantry-simulator-1-2-3-4": false,
	}
	for name, want := range names {
		if got := machine.Abandoned(name); got != want {
			t.Errorf("%s abandoned: %t", name, got)
		}
		if err := os.MkdirAll(filepath.Join(base, name, "vm-1", "disk"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	left := strings.Join(machine.Leftovers(base), "\n")
	for name, want := range names {
		got := strings.Contains(left, "directory "+filepath.Join(base, name)+"\n") ||
			strings.HasSuffix(left, filepath.Join(base, name))
		if got != want {
			t.Errorf("%s left over: %t", name, got)
		}
	}
	machine.Sweep(base)
	for name, want := range names {
		if _, err := os.Stat(filepath.Join(base, name)); os.IsNotExist(err) != want {
			t.Errorf("%s swept: %t", name, os.IsNotExist(err))
		}
	}
}

// What a dead simulator left in the usual place is swept by one whose disks are elsewhere.
func TestSweepOfTheUsualPlace(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	name, err := machine.OwnerName(os.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	machine.Disown(name)
	left := filepath.Join(os.TempDir(), name)
	if err := os.Mkdir(left, 0o700); err != nil {
		t.Fatal(err)
	}
	machine.Sweep(t.TempDir())
	if _, err := os.Stat(left); !os.IsNotExist(err) {
		t.Errorf("%s is still there", left)
	}
}
