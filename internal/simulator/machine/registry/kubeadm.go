package registry

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// KubeadmImages returns the images that a cluster of a version of Kubernetes, such as 1.34.2
// or v1.34.2, is made of: what kubeadm of that version, which has to be among the
// binaries of Options, says, with the etcd, coredns and pause that belong to it.
func KubeadmImages(ctx context.Context, binaries, kubernetesVersion string) ([]string, error) {
	version := "v" + strings.TrimPrefix(kubernetesVersion, "v")
	if !released.MatchString(version) {
		return nil, fmt.Errorf("%q is not a version of Kubernetes", kubernetesVersion)
	}
	kubeadm := filepath.Join(binaries, "kubeadm-"+version)
	// With its own version as an argument, it does not query the internet for one.
	listing, err := exec.CommandContext(ctx, kubeadm, "config", "images", "list", "--kubernetes-version", version).Output()
	if err != nil {
		var failed *exec.ExitError
		if errors.As(err, &failed) {
			err = fmt.Errorf("%w: %s", err, strings.TrimSpace(string(failed.Stderr)))
		}
		return nil, fmt.Errorf("ask kubeadm %s for its images: %w", version, err)
	}
	images := strings.Fields(string(listing))
	if len(images) == 0 {
		return nil, fmt.Errorf("kubeadm %s names no images", version)
	}
	return images, nil
}

// PauseImage returns the image of a pod's sandbox that belongs to a version of Kubernetes.
func PauseImage(ctx context.Context, binaries, kubernetesVersion string) (string, error) {
	images, err := KubeadmImages(ctx, binaries, kubernetesVersion)
	if err != nil {
		return "", err
	}
	isPause := func(image string) bool { return strings.HasPrefix(image, "registry.k8s.io/pause:") }
	if at := slices.IndexFunc(images, isPause); at >= 0 {
		return images[at], nil
	}
	return "", fmt.Errorf("kubeadm %s names no image of a sandbox", kubernetesVersion)
}
