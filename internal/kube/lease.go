package kube

import (
	"context"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/printable"
)

const (
	// renewalLease is what control-plane nodes take before they renew their certificates and
	// restart their static pods, one at a time. Their script has the same name and life.
	renewalLease     = "gantry-certificates"
	renewalLeaseLife = 900 // s
	// renewalHolder is the engine among the holders, which are else names of nodes.
	renewalHolder = "gantry"
)

// TakeRenewalLease takes the Lease, or renews it, unless another one holds it whose version
// is not over. Where a node was faster, it is the holder.
func (a *api) TakeRenewalLease(ctx context.Context, over string) (model.LeaseHolder, error) {
	leases := a.clients.CoordinationV1().Leases(metav1.NamespaceSystem)
	lease, err := leases.Get(ctx, renewalLease, metav1.GetOptions{})
	missing := apierrors.IsNotFound(err)
	switch {
	case missing:
		lease = &coordinationv1.Lease{ObjectMeta: systemMeta(renewalLease)}
	case err != nil:
		return model.LeaseHolder{}, failed(ctx, err, "read the Lease %s", renewalLease)
	}
	if holder := holderOf(lease); holder != "" && holder != renewalHolder && lease.ResourceVersion != over {
		return model.LeaseHolder{Name: holder, Version: lease.ResourceVersion}, nil
	}
	life := int32(renewalLeaseLife)
	lease.Spec.LeaseDurationSeconds = &life
	lease.Spec.RenewTime = &metav1.MicroTime{Time: time.Now()}
	us := renewalHolder
	lease.Spec.HolderIdentity = &us
	if missing {
		_, err = leases.Create(ctx, lease, metav1.CreateOptions{FieldManager: FieldManager})
	} else {
		_, err = leases.Update(ctx, lease, metav1.UpdateOptions{FieldManager: FieldManager})
	}
	if apierrors.IsConflict(err) || apierrors.IsAlreadyExists(err) {
		return model.LeaseHolder{Name: "another one"}, nil
	}
	return model.LeaseHolder{}, failed(ctx, err, "take the Lease %s", renewalLease)
}

// ReleaseRenewalLease gives the Lease back, where the engine holds it.
func (a *api) ReleaseRenewalLease(ctx context.Context) error {
	leases := a.clients.CoordinationV1().Leases(metav1.NamespaceSystem)
	lease, err := leases.Get(ctx, renewalLease, metav1.GetOptions{})
	if err == nil && holderOf(lease) == renewalHolder {
		lease.Spec.HolderIdentity = nil
		_, err = leases.Update(ctx, lease, metav1.UpdateOptions{FieldManager: FieldManager})
	}
	if apierrors.IsNotFound(err) || apierrors.IsConflict(err) {
		return nil // a node has taken it: the engine's was over
	}
	return failed(ctx, err, "release the Lease %s", renewalLease)
}

func holderOf(lease *coordinationv1.Lease) string {
	if lease.Spec.HolderIdentity == nil {
		return ""
	}
	return printable.Line(*lease.Spec.HolderIdentity, maxWord)
}
