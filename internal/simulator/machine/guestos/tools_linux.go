package guestos

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/gantry/terraform-provider-gantry/internal/simulator/machine/standin"
	"github.com/gantry/terraform-provider-gantry/internal/simulator/machine/wire"
)

// tools are the stand-ins of the table's tools.
var tools = map[string]func(arguments []string) int{
	"kubeadm":   runKubeadm,
	"kubelet":   runKubelet,
	"systemctl": runSystemctl,
	"netplan":   runNetplan,
	"vmware-rpctool": func(arguments []string) int {
		return newBackdoor(filepath.Join(toolsDirectory, wire.Socket)).rpctool(arguments, os.Stdout, os.Stderr)
	},
	"dmidecode": func(arguments []string) int {
		facts, err := readFirmware("/")
		if err != nil {
			fmt.Fprintln(os.Stderr, "dmidecode:", err)
			return 1
		}
		return facts.dmidecode(arguments, os.Stdout, os.Stderr)
	},
	"systemd-detect-virt": detectVirtualization,
	"udevadm":             func([]string) int { return 0 },
	"swapoff":             func([]string) int { return 0 },
	"systemd-timesyncd":   func([]string) int { return standin.RunIdle(nil) },
}

// places are where a stand-in has to be beside /usr/local/bin, for those who look
// only there.
var places = map[string][]string{
	"kubelet":           {"/usr/bin"},         // the unit of a whole system
	"netplan":           {"/usr/sbin"},        // cloud-init
	"systemd-timesyncd": {"/usr/lib/systemd"}, // cloud-init and the unit
	"swapoff":           {"/usr/local/sbin"},  // likewise
	"dmidecode":         {"/usr/local/sbin"},  // likewise
}

// standIns returns the links that make this program go by the names of the table's
// tools, with their directories.
func standIns(d Distribution) map[string][]string {
	links := map[string][]string{}
	for _, e := range exceptionsOf(Tool, d) {
		links[e.Name] = append([]string{"/usr/local/bin"}, places[e.Name]...)
	}
	return links
}

// Main runs what this program is called as: a tool or a container's program by
// its name, else what the first argument says. It returns the exit status.
func Main(arguments []string) int {
	name := filepath.Base(arguments[0])
	if run := program(name); run != nil {
		return run(arguments[1:])
	}
	if len(arguments) > 1 {
		if run := program(arguments[1]); run != nil {
			return run(arguments[2:])
		}
	}
	fmt.Fprintln(os.Stderr, "usage: gantry-guest init <config.json> | exceptions | <name of a stand-in> <arguments>")
	return 2
}

func program(name string) func([]string) int {
	switch name {
	case "init":
		return runInit
	case "execute":
		return runExecute
	case watchCommand:
		return runWatch
	case "exceptions":
		return func([]string) int {
			PrintExceptions(os.Stdout)
			return 0
		}
	}
	if run, ok := tools[name]; ok {
		return run
	}
	return standin.Applets[name]
}

// detectVirtualization is the program systemd-detect-virt.
func detectVirtualization(arguments []string) int {
	quiet, container := false, false
	for _, argument := range arguments {
		quiet = quiet || argument == "-q" || argument == "--quiet"
		container = container || argument == "-c" || argument == "--container"
	}
	kind, status := "vmware", 0
	if container {
		kind, status = "none", 1
	}
	if !quiet {
		fmt.Println(kind)
	}
	return status
}
