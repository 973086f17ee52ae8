package guestos

import "io"

// Answer is what systemctl says.
type Answer = answer

// Systemctl asks a manager of the unit files below a root, none of whose
// services runs.
type Systemctl struct{ m *manager }

// NewSystemctl makes one that writes to a console.
func NewSystemctl(root string, out io.Writer) Systemctl {
	return Systemctl{newManager(root, newConsole(out), newReaper())}
}

// Run is a call of systemctl.
func (s Systemctl) Run(arguments ...string) Answer { return s.m.systemctl(arguments) }

// Has reports whether a tool of the table has a program.
func Has(tool string) bool { return tools[tool] != nil }

// Knows reports whether a capability has a number.
func Knows(capability string) bool { _, ok := capabilities[capability]; return ok }

// Hierarchies returns where the trees of /proc/self/cgroup are mounted.
func Hierarchies(text string) []string {
	var directories []string
	for _, h := range parseHierarchies(text) {
		directories = append(directories, h.controllers+" at "+h.directory)
	}
	return directories
}

// Detect is systemd-detect-virt, Program what the binary does under a name.
var (
	Detect  = detectVirtualization
	Program = program
)
