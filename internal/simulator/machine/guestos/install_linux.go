package guestos

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/simulator/machine/wire"
)

// installed is the file on the disk that says that the image is whole.
const installed = "installed"

// install puts the image on a disk that has none. Root is the machine's root,
// this process still in the host's.
func install(config wire.Config) error {
	stamp := filepath.Join(config.Disk, installed)
	if exists(stamp) {
		return nil
	}
	root := config.Root
	for _, name := range copied {
		if err := copyTree(filepath.Join("/etc", name), filepath.Join(root, "etc", name)); err != nil {
			return err
		}
	}
	for _, dir := range directories {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			return err
		}
	}
	if err := installAccounts(root); err != nil {
		return err
	}
	if err := installFiles(config, file{"/etc/machine-id", machineID() + "\n", 0o444}); err != nil {
		return err
	}
	for _, name := range enabled {
		u, err := loadUnit(root, name)
		if err != nil {
			return err
		}
		if _, err := enable(root, u); err != nil {
			return err
		}
	}
	return write(stamp, config.KubernetesVersion+"\n", 0o644)
}

// installFiles writes what the image has beyond its distribution's, and more.
func installFiles(config wire.Config, more ...file) error {
	more = append(more, file{firmwareID, uuid.NewString() + "\n", 0o444})
	for _, f := range append(files(config), more...) {
		if err := write(filepath.Join(config.Root, f.path), f.content, f.mode); err != nil {
			return err
		}
	}
	return nil
}

func installAccounts(root string) error {
	for name, shadow := range map[string]string{"passwd": "shadow", "group": "gshadow"} {
		text, err := os.ReadFile(filepath.Join("/etc", name))
		if err != nil {
			return err
		}
		kept := systemAccounts(string(text))
		if err := write(filepath.Join(root, "etc", name), kept, 0o644); err != nil {
			return err
		}
		if err := write(filepath.Join(root, "etc", shadow), locked(kept), 0o640); err != nil {
			return err
		}
	}
	return nil
}

// copyTree copies files, directories and links; what is not there and what is
// neither of these it leaves out.
func copyTree(source, target string) error {
	return filepath.WalkDir(source, func(path string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) && path == source {
			return nil
		}
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(source, path)
		if err != nil {
			return err
		}
		at := filepath.Join(target, relative)
		info, err := entry.Info()
		if err != nil {
			return err
		}
		switch {
		case info.IsDir():
			if err := os.MkdirAll(at, 0o755); err != nil {
				return err
			}
			return os.Chmod(at, info.Mode().Perm())
		case info.Mode()&fs.ModeSymlink != 0:
			to, err := os.Readlink(path)
			if err != nil {
				return err
			}
			return link(to, at)
		case info.Mode().IsRegular():
			content, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			return write(at, string(content), info.Mode().Perm())
		}
		return nil
	})
}
