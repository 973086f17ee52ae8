package standin_test

import (
	"os"
	"os/exec"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/simulator/machine/standin"
)

// applet is the variable that makes the test's own binary one of the applets, so that
// they run as the processes they are.
const applet = "GANTRY_TEST_APPLET"

func TestMain(m *testing.M) {
	if name := os.Getenv(applet); name != "" {
		os.Exit(standin.Applets[name](os.Args[1:]))
	}
	os.Exit(m.Run())
}

func command(t *testing.T, name string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	run := exec.CommandContext(t.Context(), self)
	run.Env = []string{applet + "=" + name, "PATH=" + os.Getenv("PATH")}
	return run
}
