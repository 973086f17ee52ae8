package machine

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest"
	"github.com/gantry/terraform-provider-gantry/internal/simulator/machine/guestos"
)

// copyDisk makes the disk of a clone at its first boot, where the machine that it was cloned from
// has one: that was built on it. One that has never run has what its template says.
func (m *machine) copyDisk(c *cycle, vm guest.VM, disk string) error {
	if !safeID.MatchString(vm.ClonedFrom) {
		return nil
	}
	source := filepath.Join(m.world.home, vm.ClonedFrom, "disk")
	for path, there := range map[string]bool{disk: false, source: true} {
		if _, err := os.Stat(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		} else if (err == nil) != there {
			return nil
		}
	}
	if err := os.MkdirAll(filepath.Dir(disk), 0o755); err != nil {
		return err
	}
	unfinished := disk + ".unfinished"
	if err := removeTree(unfinished); err != nil { // of a boot that was interrupted
		return err
	}
	var said bytes.Buffer
	// Of an overlay, the marks of what was removed are devices and extended attributes.
	cp := exec.CommandContext(c.ctx, "cp", "--archive", "--reflink=auto", source, unfinished)
	cp.Stderr = &said
	if err := cp.Run(); err != nil {
		return fmt.Errorf("%w: %s", err, said.String())
	}
	if err := guestos.Renew(unfinished); err != nil {
		return err
	}
	return os.Rename(unfinished, disk)
}
