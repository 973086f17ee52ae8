package kube

import (
	"context"
	"slices"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gantry/terraform-provider-gantry/internal/bootstrap"
	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// VIP reads the Lease of kube-vip.
func (a *api) VIP(ctx context.Context) (model.VIP, error) {
	lease, err := a.vipLease(ctx)
	return vipOf(lease), err
}

// KubeVIPRuns looks at kubelet's mirror of the static pod.
func (a *api) KubeVIPRuns(ctx context.Context, node string) (bool, error) {
	name := "kube-vip-" + node
	pod, err := a.clients.CoreV1().Pods(metav1.NamespaceSystem).Get(ctx, name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return false, nil
	}
	if err != nil {
		return false, failed(ctx, err, "read the pod %s", name)
	}
	mirror := pod.Annotations[corev1.MirrorPodAnnotationKey] != ""
	ready := slices.ContainsFunc(pod.Status.Conditions, func(c corev1.PodCondition) bool {
		return c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue
	})
	return mirror && ready, nil
}

// NameVIPHolder writes another holder into the Lease. When that was renewed stays as it was: the
// next one to renew it is the new holder.
func (a *api) NameVIPHolder(ctx context.Context, vip model.VIP, holder string) error {
	lease, err := a.vipLease(ctx)
	if err != nil || lease == nil {
		return err
	}
	lease.ResourceVersion = vip.Version
	lease.Spec.HolderIdentity = &holder
	_, err = a.clients.CoordinationV1().Leases(metav1.NamespaceSystem).Update(ctx, lease, metav1.UpdateOptions{FieldManager: FieldManager})
	return failed(ctx, err, "name %s the holder of the VIP", holder)
}

// vipLease is nil where kube-vip has not taken it yet, or there is none.
func (a *api) vipLease(ctx context.Context) (*coordinationv1.Lease, error) {
	lease, err := a.clients.CoordinationV1().Leases(metav1.NamespaceSystem).Get(ctx, bootstrap.VIPLease, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	return lease, failed(ctx, err, "read the Lease %s", bootstrap.VIPLease)
}

func vipOf(lease *coordinationv1.Lease) model.VIP {
	if lease == nil {
		return model.VIP{}
	}
	vip := model.VIP{Holder: holderOf(lease), Version: lease.ResourceVersion}
	if lease.Spec.RenewTime != nil {
		vip.Renewed = lease.Spec.RenewTime.Time
	}
	return vip
}
