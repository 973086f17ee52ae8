package machine

import (
	"net"
	"os"
	"path/filepath"
	"strings"
)

// Remains lists what the World's machines have on this host: directories with
// their disks, control groups, processes and network cards. It is empty before the
// first machine and after the last was destroyed.
func (w *World) Remains() []string {
	var found []string
	entries, err := os.ReadDir(w.home)
	if err != nil {
		found = append(found, err.Error())
	}
	for _, entry := range entries {
		if !entry.IsDir() {
			continue // what a server of a network remembers of its leases
		}
		found = append(found, "directory "+filepath.Join(w.home, entry.Name()))
	}
	for _, name := range w.groups.list(w.name) {
		found = append(found, "control group "+name)
	}
	found = append(found, w.groups.programs(w.name)...)
	if err := w.fabric.do(func() error {
		cards, err := net.Interfaces()
		for _, card := range cards {
			if strings.HasPrefix(card.Name, wirePrefix) {
				found = append(found, "network card "+card.Name)
			}
		}
		return err
	}); err != nil {
		found = append(found, err.Error())
	}
	return found
}
