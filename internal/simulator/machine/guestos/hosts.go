package guestos

import "strings"

// ownAddress is where Debian has a machine find itself.
const ownAddress = "127.0.1.1"

// withOwnName puts a machine's name into its hosts file, in place of the one it
// had before.
func withOwnName(hosts, name string) string {
	var changed strings.Builder
	for line := range strings.Lines(hosts) {
		if fields := strings.Fields(line); len(fields) == 0 || fields[0] != ownAddress {
			changed.WriteString(line)
		}
	}
	changed.WriteString(ownAddress + "\t" + name + "\n")
	return changed.String()
}
