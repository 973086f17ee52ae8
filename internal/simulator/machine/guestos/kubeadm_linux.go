package guestos

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// runKubeadm becomes the real kubeadm, with the exceptions of the table.
func runKubeadm(arguments []string) int {
	arguments = kubeadmFlags(arguments)
	if len(arguments) > 0 && arguments[0] == "init" && len(ofKind(KubeProxySetting, exceptions)) > 0 {
		changed, err := changeConfig(arguments)
		if err != nil {
			fmt.Fprintln(os.Stderr, "kubeadm (stand-in):", err)
			return 1
		}
		arguments = changed
	}
	program := filepath.Join(commandDirectory, "kubeadm")
	if !exists(program) {
		program = filepath.Join(programDirectory(Whole), "kubeadm") // of a package
	}
	if !exists(program) {
		fmt.Fprintln(os.Stderr, "kubeadm: command not found")
		return 127
	}
	err := unix.Exec(program, append([]string{"kubeadm"}, arguments...), os.Environ())
	fmt.Fprintln(os.Stderr, "kubeadm (stand-in):", err)
	return 1
}

// changeConfig points kubeadm at a changed copy of its configuration.
func changeConfig(arguments []string) ([]string, error) {
	path, at := configPath(arguments)
	if at < 0 {
		return arguments, nil
	}
	config, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return arguments, nil // kubeadm reports it
	}
	if err != nil {
		return nil, err
	}
	changed, err := withKubeProxy(config)
	if err != nil {
		return arguments, nil //nolint:nilerr // kubeadm reports that better too
	}
	// Private: it may hold tokens. /run is gone with the next boot.
	copied := filepath.Join("/run/gantry", "kubeadm.yaml")
	if err := write(copied, string(changed), 0o600); err != nil {
		return nil, err
	}
	return withConfig(arguments, at, copied), nil
}
