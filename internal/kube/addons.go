package kube

import (
	"context"
	"path"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/retry"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/kubeversion"
)

// UpdateKubeProxy sets kube-proxy's image.
func (a *api) UpdateKubeProxy(ctx context.Context, image model.AddonImage) error {
	err := retry.RetryOnConflict(retry.DefaultBackoff, func() error {
		set, err := a.kubeProxy(ctx)
		if err != nil || set == nil {
			return err
		}
		container := kubeProxyContainer(set)
		updated := withImage(container.Image, image)
		if updated == container.Image {
			return nil
		}
		container.Image = updated
		_, err = a.clients.AppsV1().DaemonSets(metav1.NamespaceSystem).Update(ctx, set, metav1.UpdateOptions{FieldManager: FieldManager})
		return err
	})
	return failed(ctx, err, "update the DaemonSet kube-system/%s", model.AddonKubeProxy)
}

// kubeProxy reads the DaemonSet as kubeadm makes it; nil where there is none.
func (a *api) kubeProxy(ctx context.Context) (*appsv1.DaemonSet, error) {
	return addon(ctx, "DaemonSet", model.AddonKubeProxy, a.clients.AppsV1().DaemonSets(metav1.NamespaceSystem).Get, kubeProxyContainer)
}

// addon reads a workload of kube-system that kubeadm makes, with a container of its name;
// none where it is not there, or is another's.
func addon[T metav1.Object](
	ctx context.Context, kind, name string,
	get func(context.Context, string, metav1.GetOptions) (T, error), container func(T) *corev1.Container,
) (T, error) {
	var none T
	found, err := get(ctx, name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return none, nil
	}
	if err != nil {
		return none, failed(ctx, err, "read the %s kube-system/%s", kind, name)
	}
	if container(found) == nil || managedByOthers(found) {
		return none, nil
	}
	return found, nil
}

func kubeProxyContainer(set *appsv1.DaemonSet) *corev1.Container {
	return containerNamed(&set.Spec.Template.Spec, model.AddonKubeProxy)
}

func containerNamed(pod *corev1.PodSpec, name string) *corev1.Container {
	for i := range pod.Containers {
		if pod.Containers[i].Name == name {
			return &pod.Containers[i]
		}
	}
	return nil
}

// managedByOthers reports whether a chart, a tool or a pack of the cluster's owns an
// object that kubeadm has made otherwise: what they say of its image holds.
func managedByOthers(object metav1.Object) bool {
	if object.GetLabels()["app.kubernetes.io/managed-by"] != "" {
		return true
	}
	for _, entry := range object.GetManagedFields() {
		// kubeadm, and what is here, do not apply.
		applied := entry.Operation == metav1.ManagedFieldsOperationApply && entry.FieldsV1 != nil
		if applied && strings.Contains(entry.FieldsV1.GetRawString(), `"f:image"`) {
			return true
		}
	}
	return false
}

// tagOf is the tag of an image; empty where it has none, or a digest, which holds
// whatever the tag says.
func tagOf(image string) string {
	if strings.Contains(image, "@") {
		return ""
	}
	name := image[strings.LastIndex(image, "/")+1:]
	_, tag, _ := strings.Cut(name, ":")
	return tag
}

// from is where an image that has a version comes from; empty for one that has none.
func from(image string) string {
	if versionOf(tagOf(image)) == "" {
		return ""
	}
	return path.Dir(image)
}

// withImage is the image of an add-on as it is to be: one of no version stays as it is.
func withImage(have string, want model.AddonImage) string {
	image := have
	if olderTag(image, want.Version) {
		image = withTag(image, "v"+want.Version)
	}
	if at := from(image); at != "" && want.From != "" {
		image = want.From + strings.TrimPrefix(image, at)
	}
	return image
}

// withTag is an image that has a tag with another one.
func withTag(image, tag string) string { return strings.TrimSuffix(image, tagOf(image)) + tag }

// olderTag reports whether an image is of an older version. One of no version is not.
func olderTag(image, version string) bool {
	have, err := kubeversion.Parse(tagOf(image))
	if err != nil {
		return false
	}
	want, err := kubeversion.Parse(version)
	return err == nil && have.Compare(want) < 0
}
