package guestos

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sys/unix"

	"github.com/gantry/terraform-provider-gantry/internal/simulator/machine/wire"
)

// buildWhole makes the root file system of a machine with a system of its own on
// config.Root: that system as the lower layer of an overlay whose upper one is the
// disk, and what the kernel provides.
func buildWhole(config wire.Config) error {
	if err := mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return err
	}
	root := config.Root
	// What containerd keeps are the layers of overlays, which can't be on another.
	images := filepath.Join(config.Disk, "containerd")
	if err := os.MkdirAll(images, 0o711); err != nil {
		return err
	}
	for _, step := range []func() error{
		func() error { return lay(config.System, filepath.Join(config.Disk, wholeChanges), root) },
		func() error { return bind(images, filepath.Join(root, "var/lib/containerd")) },
		func() error { return mountPrograms(config) },
		func() error { return installWhole(config) },
		func() error { return mountRun(config) },
		func() error { return mountDevices(root) },
		func() error { return mountKernel(root, Whole) },
	} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// installWhole puts what depends on the machine on a disk that has none of it.
func installWhole(config wire.Config) error {
	stamp := filepath.Join(config.Disk, installed)
	if exists(stamp) {
		return installFirmware(config)
	}
	if err := installFiles(config); err != nil {
		return err
	}
	return write(stamp, config.KubernetesVersion+"\n", 0o644)
}

// wholeChanges is the directory on a disk with what a whole system has changed.
const wholeChanges = "system"

// installFirmware gives a machine whose disk is a copy a firmware of its own.
func installFirmware(config wire.Config) error {
	file := filepath.Join(config.Root, firmwareID)
	if exists(file) {
		return nil
	}
	return write(file, uuid.NewString()+"\n", 0o444)
}

// Renew takes from the copy of a whole system's disk what its hardware would have said.
func Renew(disk string) error {
	err := os.Remove(filepath.Join(disk, wholeChanges, firmwareID))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// mountRun makes /run, which systemd takes as it is, with what the host has put there.
func mountRun(config wire.Config) error {
	run := filepath.Join(config.Root, "run")
	if err := mount("tmpfs", run, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=755"); err != nil {
		return err
	}
	for _, e := range exceptionsOf(File, Whole) {
		if err := write(filepath.Join(config.Root, e.Name), e.Value+"\n", 0o444); err != nil {
			return err
		}
	}
	return lend(config.Tools, filepath.Join(config.Root, toolsDirectory))
}

// systemd is the system's first process.
const systemd = "/lib/systemd/systemd"

// becomeSystemd hands the machine over. It returns only if it can't.
func becomeSystemd() error {
	if unix.Gettid() != unix.Getpid() {
		return errors.New("only the main thread may become systemd: no other dies with the simulator")
	}
	terminal, err := openConsole()
	if err != nil {
		return fmt.Errorf("console: %w", err)
	}
	watch := exec.Command(guestProgram, watchCommand)
	watch.Stdout = os.Stdout
	watch.Stderr = os.Stderr
	watch.ExtraFiles = []*os.File{terminal}
	if err := watch.Start(); err != nil {
		return err
	}
	environment := []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
	for _, e := range exceptionsOf(Variable, Whole) {
		environment = append(environment, e.Name+"="+e.Value)
	}
	return fmt.Errorf("%s: %w", systemd, unix.Exec(systemd, []string{systemd}, environment))
}

// openConsole makes /dev/console, and returns its other end.
func openConsole() (*os.File, error) {
	terminal, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, err
	}
	if err := unix.IoctlSetPointerInt(int(terminal.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		return nil, err
	}
	number, err := unix.IoctlGetInt(int(terminal.Fd()), unix.TIOCGPTN)
	if err != nil {
		return nil, err
	}
	return terminal, bind(fmt.Sprintf("/dev/pts/%d", number), "/dev/console")
}

// watchCommand is this program as what a machine has beside its system: the screen
// that its console is shown on, and the guest tools' report about the network.
const watchCommand = "watch"

// terminalFile is the number of the file that watch reads the console from.
const terminalFile = 3

// cursorUp is what a terminal takes for the order to go back by a line.
const cursorUp = "\x1bM"

func runWatch([]string) int {
	console := newConsole(os.Stdout)
	screen, err := lines(func(line string) {
		// systemd draws the progress of what takes long over and over.
		if !strings.Contains(line, cursorUp) {
			console.printf("%s", strings.TrimRight(line, "\r"))
		}
	})
	if err != nil {
		console.printf("gantry-guest: %v", err)
		return 1
	}
	go reportNetwork(newBackdoor(filepath.Join(toolsDirectory, wire.Socket)), console, wire.UnnamedInterface)
	go console.follow("bootstrap", "/var/log/gantry-bootstrap.log")
	terminal := os.NewFile(terminalFile, "console")
	for {
		// It ends each time that the last program has closed the console.
		_, _ = io.Copy(screen, terminal)
		time.Sleep(100 * time.Millisecond)
	}
}
