package kube

import (
	"context"

	coordinationv1 "k8s.io/api/coordination/v1"
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

// HandOverVIP names another holder in the Lease. When that was renewed stays as it was: the
// next one to renew it is the new holder.
func (a *api) HandOverVIP(ctx context.Context, from, to string) (model.VIP, error) {
	lease, err := a.vipLease(ctx)
	if err != nil || lease == nil || holderOf(lease) != from {
		return vipOf(lease), err
	}
	before := vipOf(lease)
	lease.Spec.HolderIdentity = &to
	after, err := a.clients.CoordinationV1().Leases(metav1.NamespaceSystem).Update(ctx, lease, metav1.UpdateOptions{FieldManager: FieldManager})
	if apierrors.IsConflict(err) {
		return before, nil // the holder has renewed it in between
	}
	return vipOf(after), failed(ctx, err, "hand the VIP over to %s", to)
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
	vip := model.VIP{Holder: holderOf(lease)}
	if lease.Spec.RenewTime != nil {
		vip.Renewed = lease.Spec.RenewTime.Time
	}
	return vip
}
