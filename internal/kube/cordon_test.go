package kube_test

import (
	"context"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"

	"github.com/gantry/terraform-provider-gantry/internal/kube"
)

// A node that is drained to be restarted is not taken for one that was begun to be deleted,
// whoever cordoned it before; and one that was is not taken for one that is whole.
func TestDrainToRestartIsNoDeletion(t *testing.T) {
	t.Parallel()
	other := node("admins", corev1.ConditionTrue)
	other.Spec.Unschedulable = true
	clients := fake.NewClientset(node("w", corev1.ConditionTrue), other)
	evictions(clients, allow)
	api := kube.NewForClients(clients)
	drained := func(drain func(context.Context, string, time.Duration) error, restarts, cordoned bool) {
		t.Helper()
		for _, name := range []string{"w", "admins"} {
			if err := drain(t.Context(), name, time.Minute); err != nil {
				t.Fatal(err)
			}
		}
		nodes, err := api.Nodes(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range nodes {
			if !n.Unschedulable || n.Restarts != restarts || n.Cordoned != cordoned {
				t.Errorf("got %+v", n)
			}
		}
	}
	drained(api.DrainToRestart, true, false)
	drained(api.DrainToRestart, true, false)
	drained(func(ctx context.Context, name string, timeout time.Duration) error {
		return api.Drain(ctx, name, "VirtualMachine:vm-7", timeout)
	}, false, true)
	drained(api.DrainToRestart, false, true)
	for name, unschedulable := range map[string]bool{"w": false, "admins": true} {
		if err := api.Uncordon(t.Context(), name); err != nil {
			t.Fatal(err)
		}
		n, err := clients.CoreV1().Nodes().Get(t.Context(), name, metav1.GetOptions{})
		if err != nil || n.Spec.Unschedulable != unschedulable || len(n.Annotations) > 0 {
			t.Errorf("got %+v (%v)", n, err)
		}
	}
}

// Users can write what they like into the annotation of the VM: what is none is not asked for, and
// of a node that Gantry does not delete there is nothing to ask.
func TestVMsOfNodesThatAreDeleted(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ mark, vm, want string }{
		"as Gantry writes it":  {"true", "VirtualMachine:vm-7", "VirtualMachine:vm-7"},
		"of a node that stays": {"", "VirtualMachine:vm-7", ""},
		"to be restarted":      {"restart", "VirtualMachine:vm-7", ""},
		"another object":       {"true", "Datastore:datastore-1", ""},
		"no reference":         {"true", "VirtualMachine:vm-7\nvm-8", ""},
	} {
		marked := node("w", corev1.ConditionTrue)
		marked.Annotations = map[string]string{kube.CordonedAnnotation: c.mark, kube.VMAnnotation: c.vm}
		nodes, err := kube.NewForClients(fake.NewClientset(marked)).Nodes(t.Context())
		if err != nil || len(nodes) != 1 || nodes[0].VM != c.want {
			t.Errorf("%s: %+v, %v", name, nodes, err)
		}
	}
}

// What Gantry has not cordoned is not for it to uncordon.
func TestUncordonLeavesACordonOfOthers(t *testing.T) {
	t.Parallel()
	other := node("admins", corev1.ConditionTrue)
	other.Spec.Unschedulable = true
	clients := fake.NewClientset(other)
	if err := kube.NewForClients(clients).Uncordon(t.Context(), "admins"); err != nil {
		t.Fatal(err)
	}
	n, err := clients.CoreV1().Nodes().Get(t.Context(), "admins", metav1.GetOptions{})
	if err != nil || !n.Spec.Unschedulable {
		t.Errorf("got %+v (%v)", n, err)
	}
}
