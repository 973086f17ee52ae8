package etcd

import (
	"fmt"
	"strconv"
	"strings"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
)

// Runs says of which release of etcd the machine's static pod is, such as 3.6.8. All members
// here are of the one release that is built in. Of others is played what a cluster judges
// them by: each announces its release, and the cluster goes on to the oldest one of its
// members and never back: no older member joins it then, or starts again.
func (d *Disk) Runs(release string) { d.runs = release }

// minorOf is the minor version of a release; 0 of none.
func minorOf(release string) int {
	parts := strings.Split(release, ".")
	if len(parts) < 2 {
		return 0
	}
	minor, _ := strconv.Atoi(parts[1])
	return minor
}

// mayStart returns why a member does not start: its cluster is past its release.
func (c *Cluster) mayStart(d *Disk) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if own := minorOf(d.runs); own > 0 && own < c.minor {
		return fmt.Errorf("etcd of %s: invalid downgrade; server version is lower than determined cluster version 3.%d", d.name, c.minor)
	}
	return nil
}

// settle determines the release of the cluster before its members change.
func (c *Cluster) settle(m *Member) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.determine(m)
}

// determine takes the cluster to the oldest release of its members, once all are known, as
// a member knows them. The lock of the cluster is held.
func (c *Cluster) determine(m *Member) {
	oldest := 0
	for _, member := range m.etcd.Server.Cluster().Members() {
		minor := c.minors[uint64(member.ID)]
		if minor == 0 {
			return
		}
		if oldest == 0 || minor < oldest {
			oldest = minor
		}
	}
	c.minor = max(c.minor, oldest)
}

// announces has a member say of which release it is.
func (m *Member) announces(response any) {
	if status, ok := response.(*etcdserverpb.StatusResponse); ok && m.disk.runs != "" {
		status.Version = m.disk.runs
	}
}
