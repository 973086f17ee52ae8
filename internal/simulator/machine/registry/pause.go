package registry

import (
	"fmt"
	"strings"
)

// pauseTags are the tags of pause by the minor version of Kubernetes whose kubeadm names
// them: `kubeadm config images list` of a release tells.
var pauseTags = map[string]string{
	"1.30": "3.9",
	"1.34": "3.10.1",
}

// PauseImage is the image of a pod's sandbox that belongs to a version of Kubernetes,
// such as 1.34.2 or v1.34.2. It fails for a minor version that the simulator has no
// binaries of.
func PauseImage(kubernetesVersion string) (string, error) {
	parts := strings.Split(strings.TrimPrefix(kubernetesVersion, "v"), ".")
	if len(parts) >= 2 {
		if tag, known := pauseTags[parts[0]+"."+parts[1]]; known {
			return "registry.k8s.io/pause:" + tag, nil
		}
	}
	return "", fmt.Errorf("no pause image is known for Kubernetes %q", kubernetesVersion)
}
