package machine

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// Instances of inotify that root may have are counted for the whole host. A
// control-plane node was measured to hold 22 (7 of them kubelet, 7 and 6 the
// controller manager and the API server), and Debian's limit is 128.
const (
	inotifyLimit     = "/proc/sys/fs/inotify/max_user_instances"
	inotifyOfMachine = 22
)

// crowded warns when so many machines may not find what they need, which they
// would put as "too many open files".
func crowded(machines int) (warning string) {
	text, err := os.ReadFile(inotifyLimit)
	if err != nil {
		return ""
	}
	limit, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil || machines*inotifyOfMachine <= limit {
		return ""
	}
	return fmt.Sprintf("fs.inotify.max_user_instances is %d, which %d machines may exceed (\"too many open files\"): "+
		"sysctl -w fs.inotify.max_user_instances=1024", limit, machines)
}
