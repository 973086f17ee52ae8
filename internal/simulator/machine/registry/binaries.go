package registry

import (
	"fmt"
	"os"
	"path/filepath"
)

// DefaultBinaries returns the directory that internal/tools/build-kubernetes builds into.
func DefaultBinaries() (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("where programs of Kubernetes are: %w", err)
	}
	return filepath.Join(cache, "gantry", "bin"), nil
}
