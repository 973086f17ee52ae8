package kube_test

import (
	"testing"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/fake"
	ktesting "k8s.io/client-go/testing"

	"github.com/gantry/terraform-provider-gantry/internal/kube"
)

// TestAnotherHolderIsNamedInTheLeaseOfTheVIP names another holder in kube-vip's Lease: only where
// nothing has changed since it was read, and as it was renewed last, so that the next renewal is
// the new one's.
func TestAnotherHolderIsNamedInTheLeaseOfTheVIP(t *testing.T) {
	t.Parallel()
	clients := fake.NewClientset()
	api := kube.NewForClients(clients)
	vip, err := api.VIP(t.Context())
	if err != nil || vip.Holder != "" {
		t.Fatalf("without a Lease: %+v, %v", vip, err)
	}
	if err := api.NameVIPHolder(t.Context(), vip, "c-cp-2"); err != nil {
		t.Fatalf("without a Lease: %v", err)
	}

	holder := "c-cp-1"
	renewed := metav1.NewMicroTime(time.Now().UTC().Truncate(time.Microsecond))
	lease := &coordinationv1.Lease{
		ObjectMeta: metav1.ObjectMeta{Namespace: "kube-system", Name: "plndr-cp-lock", ResourceVersion: "7"},
		Spec:       coordinationv1.LeaseSpec{HolderIdentity: &holder, RenewTime: &renewed},
	}
	leases := clients.CoordinationV1().Leases("kube-system")
	if _, err := leases.Create(t.Context(), lease, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	if vip, err = api.VIP(t.Context()); err != nil || vip.Holder != holder || !vip.Renewed.Equal(renewed.Time) || vip.Version != "7" {
		t.Errorf("read: %+v, %v", vip, err)
	}
	// As the API has it: an update of another version conflicts.
	clients.PrependReactor("update", "leases", func(action ktesting.Action) (bool, runtime.Object, error) {
		sent := action.(ktesting.UpdateAction).GetObject().(*coordinationv1.Lease)
		if sent.ResourceVersion != "7" {
			return true, nil, apierrors.NewConflict(schema.GroupResource{Resource: "leases"}, "plndr-cp-lock", nil)
		}
		return false, nil, nil
	})
	stale := vip
	stale.Version = "6"
	if err := api.NameVIPHolder(t.Context(), stale, "c-cp-2"); err == nil {
		t.Error("a Lease that was renewed meanwhile is written over")
	}
	if err := api.NameVIPHolder(t.Context(), vip, "c-cp-2"); err != nil {
		t.Fatal(err)
	}
	if vip, err = api.VIP(t.Context()); err != nil || vip.Holder != "c-cp-2" || !vip.Renewed.Equal(renewed.Time) {
		t.Errorf("read again: %+v, %v", vip, err)
	}
}

// TestKubeVIPRuns looks at the mirror of a static pod: another pod of that
// name is none.
func TestKubeVIPRuns(t *testing.T) {
	t.Parallel()
	pod := func(node string, mirror bool, ready corev1.ConditionStatus) *corev1.Pod {
		p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "kube-system", Name: "kube-vip-" + node}}
		if mirror {
			p.Annotations = map[string]string{corev1.MirrorPodAnnotationKey: "1"}
		}
		p.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: ready}}
		return p
	}
	api := kube.NewForClients(fake.NewClientset(
		pod("runs", true, corev1.ConditionTrue), pod("crashes", true, corev1.ConditionFalse), pod("other", false, corev1.ConditionTrue),
	))
	for node, want := range map[string]bool{"runs": true, "crashes": false, "other": false, "missing": false} {
		if runs, err := api.KubeVIPRuns(t.Context(), node); err != nil || runs != want {
			t.Errorf("on %s it runs: %t, %v", node, runs, err)
		}
	}
}
