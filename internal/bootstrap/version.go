package bootstrap

import (
	"fmt"
	"regexp"
	"strconv"
)

var releasePattern = regexp.MustCompile(`^(\d{1,3})\.(\d{1,3})\.(\d{1,3})(-[0-9A-Za-z.-]{1,32})?$`)

// oldestMinor is the first whose kubeadm reads v1beta4, the only format from 1.36 on.
const oldestMinor = 31

// checkRelease returns an error for what is no version of Kubernetes, or one that is too
// old.
func checkRelease(text string) error {
	parts := releasePattern.FindStringSubmatch(text)
	if parts == nil {
		return fmt.Errorf("%q is not a version such as 1.37.2", text)
	}
	if minor, err := strconv.Atoi(parts[2]); err != nil || parts[1] != "1" || minor < oldestMinor {
		return fmt.Errorf("%s is not supported: choose Kubernetes 1.%d or newer", text, oldestMinor)
	}
	return nil
}

// release returns the node's version as kubeadm writes it.
func (n Node) release() string { return "v" + n.KubernetesVersion }
