package kube_test

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"

	"github.com/gantry/terraform-provider-gantry/internal/kube"
)

func pod(name string, edit ...func(*corev1.Pod)) *corev1.Pod {
	p := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name},
		Spec:       corev1.PodSpec{NodeName: "w"},
	}
	for _, e := range edit {
		e(p)
	}
	return p
}

// evictions serves the eviction API over the fake: refuse says why a pod may
// not go, nil lets it go. It returns the grace periods that were asked for.
func evictions(clients *fake.Clientset, refuse func(pod string) error) map[string]*int64 {
	clients.Resources = []*metav1.APIResourceList{{
		GroupVersion: "v1",
		APIResources: []metav1.APIResource{{Name: "pods/eviction", Kind: "Eviction", Group: "policy", Version: "v1"}},
	}}
	graces := map[string]*int64{}
	clients.PrependReactor("create", "pods", func(action clienttesting.Action) (bool, runtime.Object, error) {
		if action.GetSubresource() != "eviction" {
			return false, nil, nil
		}
		e := action.(clienttesting.CreateAction).GetObject().(*policyv1.Eviction)
		if err := refuse(e.Name); err != nil {
			return true, nil, err
		}
		graces[e.Name] = e.DeleteOptions.GracePeriodSeconds
		gvr := corev1.SchemeGroupVersion.WithResource("pods")
		return true, nil, clients.Tracker().Delete(gvr, e.Namespace, e.Name)
	})
	return graces
}

func allow(string) error { return nil }

func budgetRefusal() error {
	err := apierrors.NewTooManyRequests("Cannot evict pod as it would violate the pod's disruption budget.", 0)
	err.ErrStatus.Details.Causes = []metav1.StatusCause{{
		Type: policyv1.DisruptionBudgetCause, Message: "The disruption budget web needs 2 healthy pods and has 2 currently",
	}}
	return err
}

func ownedByDaemonSet(p *corev1.Pod) {
	yes := true
	p.OwnerReferences = []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "DaemonSet", Name: "cni", Controller: &yes}}
}

func TestDrain(t *testing.T) {
	t.Parallel()
	clients := fake.NewClientset(node("w", corev1.ConditionTrue),
		&appsv1.DaemonSet{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "cni"}},
		pod("web"),
		pod("scratch", func(p *corev1.Pod) {
			p.Spec.Volumes = []corev1.Volume{{VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}}}
		}),
		pod("agent", ownedByDaemonSet),
		pod("static", func(p *corev1.Pod) { p.Annotations = map[string]string{corev1.MirrorPodAnnotationKey: "x"} }),
	)
	graces := evictions(clients, allow)
	if err := kube.NewForClients(clients).Drain(t.Context(), "w", "VirtualMachine:vm-7", time.Minute); err != nil {
		t.Fatal(err)
	}
	if len(graces) != 2 || graces["web"] != nil {
		t.Errorf("want web and scratch evicted with their own grace, got %v", graces)
	}
	n, err := clients.CoreV1().Nodes().Get(t.Context(), "w", metav1.GetOptions{})
	if err != nil || !n.Spec.Unschedulable {
		t.Errorf("the node is not cordoned (%v)", err)
	}
}

func TestDrainWaitsForADisruptionBudget(t *testing.T) {
	t.Parallel()
	clients := fake.NewClientset(node("w", corev1.ConditionTrue), pod("web"))
	var asked int
	evictions(clients, func(string) error {
		if asked++; asked < 4 {
			return budgetRefusal()
		}
		return nil
	})
	if err := kube.NewForClients(clients).Drain(t.Context(), "w", "VirtualMachine:vm-7", time.Minute); err != nil {
		t.Fatal(err)
	}
	if asked != 4 {
		t.Errorf("asked %d times, want 4", asked)
	}
}

func TestDrainTimeoutNamesWhatBlocks(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		clients := fake.NewClientset(node("w", corev1.ConditionTrue), pod("web"), pod("job"))
		evictions(clients, func(name string) error {
			if name == "web" {
				return budgetRefusal()
			}
			return nil
		})
		err := kube.NewForClients(clients).Drain(t.Context(), "w", "VirtualMachine:vm-7", 50*time.Millisecond)
		var blocked *kube.DrainError
		if !errors.As(err, &blocked) || !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("want a DrainError by deadline, got %v", err)
		}
		text := err.Error()
		if !strings.Contains(text, "shop/web") || !strings.Contains(text, "disruption budget web needs 2") {
			t.Errorf("want the blocking pod and its budget, got %s", text)
		}
	})
}

// The deadline mostly falls into a call, whose failure says nothing about the
// pod.
func TestDrainTimeoutKeepsTheLastReason(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const timeout = 300 * time.Millisecond
		clients := fake.NewClientset(node("w", corev1.ConditionTrue), pod("web"))
		var asked int
		evictions(clients, func(string) error {
			if asked++; asked == 1 {
				return budgetRefusal()
			}
			time.Sleep(timeout)
			return &url.Error{Op: "Post", Err: context.DeadlineExceeded}
		})
		err := kube.NewForClients(clients).Drain(t.Context(), "w", "VirtualMachine:vm-7", timeout)
		if err == nil || !strings.Contains(err.Error(), "disruption budget web needs 2") {
			t.Errorf("want the budget as the reason, got %v", err)
		}
	})
}

func TestDrainStopsOnARefusalForGood(t *testing.T) {
	t.Parallel()
	clients := fake.NewClientset(node("w", corev1.ConditionTrue), pod("web"))
	evictions(clients, func(string) error {
		return apierrors.NewForbidden(corev1.Resource("pods"), "web", errors.New("no"))
	})
	start := time.Now()
	err := kube.NewForClients(clients).Drain(t.Context(), "w", "VirtualMachine:vm-7", time.Minute)
	if !apierrors.IsForbidden(err) || time.Since(start) > 10*time.Second {
		t.Fatalf("want the refusal at once, got %v", err)
	}
}

func TestDrainOfAnUnreachableNode(t *testing.T) {
	t.Parallel()
	longGone := metav1.NewTime(time.Now().Add(-time.Hour))
	clients := fake.NewClientset(node("w", corev1.ConditionUnknown), pod("web"),
		pod("stuck", func(p *corev1.Pod) {
			p.DeletionTimestamp = &longGone
			p.Finalizers = []string{"keep"}
		}),
		attachment("w", "pv-1"))
	graces := evictions(clients, allow)
	if err := kube.NewForClients(clients).Drain(t.Context(), "w", "VirtualMachine:vm-7", 5*time.Second); err != nil {
		t.Fatal(err)
	}
	if g := graces["web"]; g == nil || *g != 1 {
		t.Errorf("want a grace of one second, got %v", g)
	}
}

// terminating is a pod that only its kubelet could confirm to have stopped.
func terminating(since time.Time) func(*corev1.Pod) {
	return func(p *corev1.Pod) {
		deleted := metav1.NewTime(since)
		p.DeletionTimestamp = &deleted
		p.Finalizers = []string{"keep"}
	}
}

// TestDrainDoesNotTrustTheClockOfTheCluster has a pod on an unreachable node that ends in
// an hour, by the clock of the cluster.
func TestDrainDoesNotTrustTheClockOfTheCluster(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		clients := fake.NewClientset(node("w", corev1.ConditionUnknown), pod("web", terminating(time.Now().Add(time.Hour))))
		evictions(clients, allow)
		start := time.Now()
		if err := kube.NewForClients(clients).Drain(t.Context(), "w", "VirtualMachine:vm-7", time.Minute); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(start); took < 20*time.Second || took > 30*time.Second {
			t.Errorf("took %s", took)
		}
	})
}

// TestDrainOfANodeThatBecomesUnreachable has the kubelet stop while it ends a pod with a long
// grace, and in
// the second case come back.
func TestDrainOfANodeThatBecomesUnreachable(t *testing.T) {
	t.Parallel()
	for name, back := range map[string]bool{"for good": false, "for a moment": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				clients := fake.NewClientset(node("w", corev1.ConditionTrue), pod("web", terminating(time.Now().Add(5*time.Minute))))
				evictions(clients, allow)
				become := func(after time.Duration, status corev1.ConditionStatus) {
					time.AfterFunc(after, func() {
						if _, err := clients.CoreV1().Nodes().Update(t.Context(), node("w", status), metav1.UpdateOptions{}); err != nil {
							t.Error(err)
						}
					})
				}
				become(2*time.Second, corev1.ConditionUnknown)
				if back {
					become(4*time.Second, corev1.ConditionTrue)
				}
				start := time.Now()
				err := kube.NewForClients(clients).Drain(t.Context(), "w", "VirtualMachine:vm-7", 26*time.Second)
				if took := time.Since(start); (err != nil) != back || !back && (took < 22*time.Second || took > 25*time.Second) {
					t.Errorf("%v after %s", err, took)
				}
			})
		})
	}
}

func attachment(node, volume string) *storagev1.VolumeAttachment {
	return &storagev1.VolumeAttachment{
		ObjectMeta: metav1.ObjectMeta{Name: "csi-" + volume},
		Spec:       storagev1.VolumeAttachmentSpec{NodeName: node, Source: storagev1.VolumeAttachmentSource{PersistentVolumeName: &volume}},
	}
}

func TestDrainWaitsForVolumes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		claim := &corev1.PersistentVolumeClaim{
			ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "logs"},
			Spec:       corev1.PersistentVolumeClaimSpec{VolumeName: "pv-daemon"},
		}
		clients := fake.NewClientset(node("w", corev1.ConditionTrue), claim,
			&appsv1.DaemonSet{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "cni"}},
			pod("agent", ownedByDaemonSet, func(p *corev1.Pod) {
				p.Spec.Volumes = []corev1.Volume{{VolumeSource: corev1.VolumeSource{
					PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "logs"},
				}}}
			}),
			attachment("w", "pv-db"), attachment("w", "pv-daemon"), attachment("other", "pv-other"))
		evictions(clients, allow)
		api := kube.NewForClients(clients)

		err := api.Drain(t.Context(), "w", "VirtualMachine:vm-7", 50*time.Millisecond)
		var blocked *kube.DrainError
		if !errors.As(err, &blocked) || len(blocked.Volumes) != 1 || blocked.Volumes[0] != "pv-db" {
			t.Fatalf("want pv-db to block, got %v", err)
		}
		if err := clients.StorageV1().VolumeAttachments().Delete(t.Context(), "csi-pv-db", metav1.DeleteOptions{}); err != nil {
			t.Fatal(err)
		}
		if err := api.Drain(t.Context(), "w", "VirtualMachine:vm-7", time.Minute); err != nil {
			t.Fatal(err)
		}
	})
}

func TestDrainOfANodeThatIsGone(t *testing.T) {
	t.Parallel()
	if err := kube.NewForClients(fake.NewClientset()).Drain(t.Context(), "w", "VirtualMachine:vm-7", time.Second); err != nil {
		t.Fatal(err)
	}
}

// TestDrainCanBeTakenBack takes back a drain: a node that it has cordoned takes pods again,
// and one that was cordoned before does not. Both are marked meanwhile, which is how a run
// knows that another one has begun to delete them.
func TestDrainCanBeTakenBack(t *testing.T) {
	t.Parallel()
	other := node("admins", corev1.ConditionTrue)
	other.Spec.Unschedulable = true
	clients := fake.NewClientset(node("w", corev1.ConditionTrue), other)
	evictions(clients, allow)
	api := kube.NewForClients(clients)
	cordoned := func() map[string]bool {
		t.Helper()
		nodes, err := api.Nodes(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		found := map[string]bool{}
		for _, n := range nodes {
			if found[n.Name] = n.Cordoned; n.Cordoned && (!n.Unschedulable || n.VM != "VirtualMachine:vm-7") {
				t.Errorf("%s is marked and takes pods, or lacks its VM: %+v", n.Name, n)
			}
		}
		return found
	}
	for range 2 { // the second time, the node is cordoned
		for _, name := range []string{"w", "admins"} {
			if err := api.Drain(t.Context(), name, "VirtualMachine:vm-7", time.Minute); err != nil {
				t.Fatal(err)
			}
		}
	}
	if found := cordoned(); !found["w"] || !found["admins"] {
		t.Errorf("marked by Drain: %v", found)
	}
	for _, name := range []string{"w", "admins", "gone"} {
		if err := api.Uncordon(t.Context(), name); err != nil {
			t.Fatal(err)
		}
	}
	n, err := clients.CoreV1().Nodes().Get(t.Context(), "w", metav1.GetOptions{})
	if err != nil || n.Spec.Unschedulable || len(n.Annotations) > 0 || cordoned()["w"] {
		t.Errorf("got %+v (%v)", n, err)
	}
	n, err = clients.CoreV1().Nodes().Get(t.Context(), "admins", metav1.GetOptions{})
	if err != nil || !n.Spec.Unschedulable || len(n.Annotations) > 0 {
		t.Errorf("cordoned before: %+v (%v)", n, err)
	}
}
