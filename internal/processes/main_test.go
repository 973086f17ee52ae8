package processes_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// scratch is removed at the end of the tests; the provider is built into it.
var scratch string

func TestMain(m *testing.M) {
	if settings := os.Getenv(claimerVariable); settings != "" {
		os.Exit(claimer(settings))
	}
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "gantry-processes-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	// Processes are recognised by this path, which /proc tells without symbolic links.
	if scratch, err = filepath.EvalSymlinks(dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// installation is the provider, built once, and a CLI that uses it.
type installation struct {
	cli      string // path of Terraform or OpenTofu
	provider string // path of the provider
	settings string // path of the CLI's configuration
}

var install = sync.OnceValues(func() (installation, error) {
	in := installation{provider: filepath.Join(scratch, "bin", "terraform-provider-gantry"), settings: filepath.Join(scratch, "cli.rc")}
	var err error
	if in.cli, err = findCLI(); err != nil {
		return in, err
	}
	build := exec.Command("go", "build", "-o", in.provider, "../..")
	if out, err := build.CombinedOutput(); err != nil {
		return in, fmt.Errorf("build the provider: %w\n%s", err, out)
	}
	overrides := fmt.Sprintf(`provider_installation {
  dev_overrides { "gantry/gantry" = %q }
  direct {}
}
`, filepath.Dir(in.provider))
	return in, os.WriteFile(in.settings, []byte(overrides), 0o600)
})

func findCLI() (string, error) {
	names := []string{"terraform", "tofu"}
	if path := os.Getenv("TF_ACC_TERRAFORM_PATH"); path != "" {
		names = []string{path}
	}
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("none of %q is there: set TF_ACC_TERRAFORM_PATH", names)
}
