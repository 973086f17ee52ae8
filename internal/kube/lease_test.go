package kube_test

import (
	"testing"

	coordinationv1 "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"

	"github.com/gantry/terraform-provider-gantry/internal/kube"
)

// TestRenewalLeaseIsTakenInTurn takes the Lease of renewals beside a node: neither takes it
// from the other while it is held, and what is over is taken.
func TestRenewalLeaseIsTakenInTurn(t *testing.T) {
	t.Parallel()
	clients := fake.NewClientset()
	api := kube.NewForClients(clients)
	holder := func() string {
		t.Helper()
		lease, err := clients.CoordinationV1().Leases("kube-system").Get(t.Context(), "gantry-certificates", metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if lease.Spec.HolderIdentity == nil {
			return ""
		}
		return *lease.Spec.HolderIdentity
	}
	for range 2 { // made, and renewed
		if other, err := api.TakeRenewalLease(t.Context(), ""); err != nil || other.Name != "" || holder() != "gantry" {
			t.Fatalf("taken: %+v, %v, held by %q", other, err, holder())
		}
	}
	if err := api.ReleaseRenewalLease(t.Context()); err != nil || holder() != "" {
		t.Fatalf("released: %v, held by %q", err, holder())
	}
	node := "prod-cp-1"
	held := &coordinationv1.Lease{
		ObjectMeta: metav1.ObjectMeta{Namespace: "kube-system", Name: "gantry-certificates", ResourceVersion: "7"},
		Spec:       coordinationv1.LeaseSpec{HolderIdentity: &node},
	}
	if _, err := clients.CoordinationV1().Leases("kube-system").Update(t.Context(), held, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	other, err := api.TakeRenewalLease(t.Context(), "6")
	if err != nil || other.Name != node || other.Version == "" || holder() != node {
		t.Fatalf("held by a node: %+v, %v", other, err)
	}
	if err := api.ReleaseRenewalLease(t.Context()); err != nil || holder() != node {
		t.Fatalf("released what is a node's: %v", err)
	}
	if other, err = api.TakeRenewalLease(t.Context(), other.Version); err != nil || other.Name != "" || holder() != "gantry" {
		t.Fatalf("taken when it was over: %+v, %v", other, err)
	}
}
