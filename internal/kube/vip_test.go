package kube_test

import (
	"testing"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/fake"
	ktesting "k8s.io/client-go/testing"

	"github.com/gantry/terraform-provider-gantry/internal/kube"
)

// TestVIPIsHandedOverByItsLease names another holder in kube-vip's Lease: only where the old
// one still is it, and as it was renewed last, so that the next renewal is the new one's.
func TestVIPIsHandedOverByItsLease(t *testing.T) {
	t.Parallel()
	clients := fake.NewClientset()
	api := kube.NewForClients(clients)
	if vip, err := api.VIP(t.Context()); err != nil || vip.Holder != "" {
		t.Fatalf("without a Lease: %+v, %v", vip, err)
	}
	if vip, err := api.HandOverVIP(t.Context(), "c-cp-1", "c-cp-2"); err != nil || vip.Holder != "" {
		t.Fatalf("without a Lease: %+v, %v", vip, err)
	}

	holder := "c-cp-1"
	renewed := metav1.NewMicroTime(time.Now().UTC().Truncate(time.Microsecond))
	lease := &coordinationv1.Lease{
		ObjectMeta: metav1.ObjectMeta{Namespace: "kube-system", Name: "plndr-cp-lock"},
		Spec:       coordinationv1.LeaseSpec{HolderIdentity: &holder, RenewTime: &renewed},
	}
	leases := clients.CoordinationV1().Leases("kube-system")
	if _, err := leases.Create(t.Context(), lease, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	vip, err := api.HandOverVIP(t.Context(), "c-cp-3", "c-cp-2")
	if err != nil || vip.Holder != holder {
		t.Errorf("it was handed over by one that does not hold it: %+v, %v", vip, err)
	}
	conflict := true
	clients.PrependReactor("update", "leases", func(ktesting.Action) (bool, runtime.Object, error) {
		return conflict, nil, apierrors.NewConflict(schema.GroupResource{Resource: "leases"}, "plndr-cp-lock", nil)
	})
	vip, err = api.HandOverVIP(t.Context(), holder, "c-cp-2")
	if err != nil || vip.Holder != holder {
		t.Errorf("beside a renewal: %+v, %v", vip, err)
	}
	conflict = false
	vip, err = api.HandOverVIP(t.Context(), holder, "c-cp-2")
	if err != nil || vip.Holder != "c-cp-2" || !vip.Renewed.Equal(renewed.Time) {
		t.Errorf("handed over: %+v, %v", vip, err)
	}
	if vip, err = api.VIP(t.Context()); err != nil || vip.Holder != "c-cp-2" || !vip.Renewed.Equal(renewed.Time) {
		t.Errorf("read again: %+v, %v", vip, err)
	}
}
