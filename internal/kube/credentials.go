package kube

import (
	"context"
	"encoding/json"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// credentialsLabel is on the Secrets of credentials that this Gantry has written, with the
// name of their pack.
const credentialsLabel = "gantry.io/credentials-of"

// keepAnnotation has Helm leave a Secret that a chart had made before, under the same name.
const (
	keepAnnotation = "helm.sh/resource-policy"
	keep           = "keep"
)

// versionAnnotation has the pods of a workload be of the present version of a Secret that
// they mount.
const versionAnnotation = "gantry.io/credentials-version"

// PutCredentials implements model.API.
func (a *api) PutCredentials(ctx context.Context, pack model.Pack, data map[string][]byte) error {
	c := pack.Credentials
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: c.Namespace}}
	_, err := a.clients.CoreV1().Namespaces().Create(ctx, ns, metav1.CreateOptions{FieldManager: FieldManager})
	if err != nil && !apierrors.IsAlreadyExists(err) {
		return failed(ctx, err, "make the namespace %s", c.Namespace)
	}
	want := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{
			Name: c.Secret, Namespace: c.Namespace,
			Labels: map[string]string{credentialsLabel: pack.Name}, Annotations: map[string]string{keepAnnotation: keep},
		},
		Type: corev1.SecretTypeOpaque,
		Data: data,
	}
	err = put(ctx, a.clients.CoreV1().Secrets(c.Namespace), want, func(have *corev1.Secret) bool {
		same := equality.Semantic.DeepEqual(have.Data, data) && have.Labels[credentialsLabel] == pack.Name &&
			have.Annotations[keepAnnotation] == keep
		have.Data = data
		metav1.SetMetaDataLabel(&have.ObjectMeta, credentialsLabel, pack.Name)
		metav1.SetMetaDataAnnotation(&have.ObjectMeta, keepAnnotation, keep)
		return !same
	})
	return failed(ctx, err, "store the Secret %s", c.Target())
}

// DeleteCredentials implements model.API.
func (a *api) DeleteCredentials(ctx context.Context, pack string, c model.Credentials) error {
	secrets := a.clients.CoreV1().Secrets(c.Namespace)
	have, err := secrets.Get(ctx, c.Secret, metav1.GetOptions{})
	if apierrors.IsNotFound(err) || err == nil && have.Labels[credentialsLabel] != pack {
		return nil
	}
	if err == nil {
		err = secrets.Delete(ctx, c.Secret, metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &have.UID}})
	}
	if apierrors.IsNotFound(err) {
		return nil
	}
	return failed(ctx, err, "delete the Secret %s", c.Target())
}

// workload is one whose pods may mount a Secret.
type workload struct {
	kind string
	meta metav1.ObjectMeta
	pods corev1.PodTemplateSpec
}

// RestartMounting implements model.API.
func (a *api) RestartMounting(ctx context.Context, pack model.Pack) error {
	c := pack.Credentials
	secret, err := a.clients.CoreV1().Secrets(c.Namespace).Get(ctx, c.Secret, metav1.GetOptions{})
	if err != nil {
		return failed(ctx, err, "read the Secret %s", c.Target())
	}
	all, err := a.workloads(ctx, c.Namespace)
	if err != nil {
		return failed(ctx, err, "list the workloads of the namespace %s", c.Namespace)
	}
	owned, err := ownedBy(pack)
	if err != nil {
		return err
	}
	for _, w := range all {
		if !mounts(w.pods.Spec, c.Secret) || !owned(w) || w.pods.Annotations[versionAnnotation] == secret.ResourceVersion {
			continue
		}
		if err := a.restart(ctx, w, secret.ResourceVersion); err != nil && !apierrors.IsNotFound(err) {
			return failed(ctx, err, "restart the %s %s/%s", w.kind, c.Namespace, w.meta.Name)
		}
	}
	return nil
}

// restart has a workload make its pods anew.
func (a *api) restart(ctx context.Context, w workload, version string) error {
	patch, err := json.Marshal(map[string]any{"spec": map[string]any{"template": map[string]any{
		"metadata": map[string]any{"annotations": map[string]string{versionAnnotation: version}},
	}}})
	if err != nil {
		return err
	}
	apps := a.clients.AppsV1()
	options := metav1.PatchOptions{FieldManager: FieldManager}
	switch w.kind {
	case "Deployment":
		_, err = apps.Deployments(w.meta.Namespace).Patch(ctx, w.meta.Name, types.MergePatchType, patch, options)
	case "DaemonSet":
		_, err = apps.DaemonSets(w.meta.Namespace).Patch(ctx, w.meta.Name, types.MergePatchType, patch, options)
	default:
		_, err = apps.StatefulSets(w.meta.Namespace).Patch(ctx, w.meta.Name, types.MergePatchType, patch, options)
	}
	return err
}

// workloads lists those of a namespace; three calls.
func (a *api) workloads(ctx context.Context, namespace string) ([]workload, error) {
	var all []workload
	apps := a.clients.AppsV1()
	deployments, err := apps.Deployments(namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, err
	}
	for _, d := range deployments.Items {
		all = append(all, workload{"Deployment", d.ObjectMeta, d.Spec.Template})
	}
	daemons, err := apps.DaemonSets(namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, err
	}
	for _, d := range daemons.Items {
		all = append(all, workload{"DaemonSet", d.ObjectMeta, d.Spec.Template})
	}
	sets, err := apps.StatefulSets(namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, err
	}
	for _, s := range sets.Items {
		all = append(all, workload{"StatefulSet", s.ObjectMeta, s.Spec.Template})
	}
	return all, nil
}

// ownedBy reports of workloads whether they are a pack's: of its manifests, or of the release
// of its chart.
func ownedBy(pack model.Pack) (func(workload) bool, error) {
	if pack.Chart != nil {
		return func(w workload) bool {
			return w.meta.Annotations["meta.helm.sh/release-name"] == pack.Name &&
				w.meta.Annotations["meta.helm.sh/release-namespace"] == pack.Chart.Namespace
		}, nil
	}
	objects, err := parse(pack.Manifests)
	if err != nil {
		return nil, err
	}
	own := map[[3]string]bool{}
	for _, o := range objects {
		namespace := o.GetNamespace()
		if namespace == "" {
			namespace = metav1.NamespaceDefault
		}
		own[[3]string{o.GetKind(), namespace, o.GetName()}] = true
	}
	return func(w workload) bool { return own[[3]string{w.kind, w.meta.Namespace, w.meta.Name}] }, nil
}

// mounts reports whether pods read a Secret when they start.
func mounts(pods corev1.PodSpec, secret string) bool {
	if slices.ContainsFunc(pods.Volumes, func(v corev1.Volume) bool {
		return v.Secret != nil && v.Secret.SecretName == secret || v.Projected != nil &&
			slices.ContainsFunc(v.Projected.Sources, func(p corev1.VolumeProjection) bool { return p.Secret != nil && p.Secret.Name == secret })
	}) {
		return true
	}
	return slices.ContainsFunc(slices.Concat(pods.InitContainers, pods.Containers), func(c corev1.Container) bool {
		return slices.ContainsFunc(c.Env, func(e corev1.EnvVar) bool {
			return e.ValueFrom != nil && e.ValueFrom.SecretKeyRef != nil && e.ValueFrom.SecretKeyRef.Name == secret
		}) || slices.ContainsFunc(c.EnvFrom, func(e corev1.EnvFromSource) bool { return e.SecretRef != nil && e.SecretRef.Name == secret })
	})
}
