package kube_test

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"

	"github.com/gantry/terraform-provider-gantry/internal/bootstrap"
	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/kube"
)

func node(name string, status corev1.ConditionStatus) *corev1.Node {
	return &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: name, ResourceVersion: "7"},
		Status: corev1.NodeStatus{Conditions: []corev1.NodeCondition{{
			Type: corev1.NodeReady, Status: status, Reason: "KubeletNotReady", Message: "cni plugin not initialized",
		}}},
	}
}

func TestNodes(t *testing.T) {
	t.Parallel()
	ready := node("prod-cp-1", corev1.ConditionTrue)
	ready.Spec = corev1.NodeSpec{
		ProviderID:    "vsphere://42",
		Unschedulable: true,
		Taints:        []corev1.Taint{{Key: "dedicated", Value: "db", Effect: "NoSchedule"}},
	}
	ready.Labels = map[string]string{"zone": "a"}
	ready.Annotations = map[string]string{
		kube.ManagedAnnotation:       `{"labels":["zone","gone"],"taints":["dedicated:NoSchedule"]}`,
		bootstrap.CertificatesExpire: "2027-11-29T01:02:03Z",
	}
	ready.Status.NodeInfo.KubeletVersion = "v1.37.2"
	ready.Status.Conditions = append(ready.Status.Conditions,
		corev1.NodeCondition{Type: corev1.NodeNetworkUnavailable, Status: corev1.ConditionTrue, Message: "no route\nwas made"},
		corev1.NodeCondition{Type: corev1.NodeDiskPressure, Status: corev1.ConditionTrue},
		corev1.NodeCondition{Type: corev1.NodeMemoryPressure, Status: corev1.ConditionFalse, Message: "sufficient"},
		corev1.NodeCondition{Type: corev1.NodePIDPressure, Status: corev1.ConditionUnknown},
		corev1.NodeCondition{Type: "ExampleProblem", Status: corev1.ConditionTrue},
	)
	ready.Status.Addresses = []corev1.NodeAddress{
		{Type: corev1.NodeHostName, Address: "10.0.0.9"},
		{Type: corev1.NodeInternalIP, Address: "10.0.0.1"},
		{Type: corev1.NodeInternalIP, Address: "fd00::1"},
	}
	fresh := node("prod-b-1", corev1.ConditionTrue)
	fresh.Annotations = map[string]string{bootstrap.CertificatesExpire: "never"}
	fresh.Status.Conditions = nil
	api := kube.NewForClients(fake.NewClientset(ready, node("prod-a-1", corev1.ConditionFalse), fresh))

	nodes, err := api.Nodes(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	by := map[string]model.KubeNode{}
	for _, n := range nodes {
		by[n.Name] = n
	}
	got := by["prod-cp-1"]
	taint := model.Taint{Key: "dedicated", Value: "db", Effect: "NoSchedule"}
	switch {
	case !got.Ready, got.Reason != "", got.Version != "v1.37.2", got.ProviderID != "vsphere://42", !got.Unschedulable:
		t.Errorf("unexpected node: %+v", got)
	case len(got.Addresses) != 2 || got.Addresses[0] != netip.MustParseAddr("10.0.0.1") || got.Addresses[1] != netip.MustParseAddr("fd00::1"):
		t.Errorf("want the two internal addresses, got %v", got.Addresses)
	case got.Labels["zone"] != "a", len(got.Taints) != 1, got.Taints[0] != taint:
		t.Errorf("labels or taints are missing: %+v", got.NodeMeta)
	case len(got.Managed.Labels) != 1, got.Managed.Labels["zone"] != "a", len(got.Managed.Taints) != 1, got.Managed.Taints[0] != taint:
		t.Errorf("want the label and taint that are there as managed, got %+v", got.Managed)
	}
	if want := []string{"DiskPressure", "NetworkUnavailable: no route was made"}; !slices.Equal(got.Problems, want) {
		t.Errorf("the problems are %q", got.Problems)
	}
	if got := by["prod-a-1"]; got.Ready || got.Reason != "KubeletNotReady: cni plugin not initialized" {
		t.Errorf("want the reason of the condition, got %+v", got)
	}
	if !got.CertificatesExpire.Equal(time.Date(2027, 11, 29, 1, 2, 3, 0, time.UTC)) || !by["prod-b-1"].CertificatesExpire.IsZero() {
		t.Errorf("the certificates end at %s, and %s", got.CertificatesExpire, by["prod-b-1"].CertificatesExpire)
	}
	if got := by["prod-b-1"]; got.Ready || got.Reason == "" {
		t.Errorf("a node that never reported is not ready, and says so: %+v", got)
	}
}

func TestDeleteNodeThatIsGone(t *testing.T) {
	t.Parallel()
	api := kube.NewForClients(fake.NewClientset(node("there", corev1.ConditionTrue)))
	for range 2 {
		if err := api.DeleteNode(t.Context(), "there"); err != nil {
			t.Fatal(err)
		}
	}
}

func TestLabelNode(t *testing.T) {
	t.Parallel()
	n := node("w", corev1.ConditionTrue)
	n.Labels = map[string]string{"kubernetes.io/hostname": "w", "theirs": "1"}
	n.Spec.Taints = []corev1.Taint{
		{Key: "node.kubernetes.io/not-ready", Effect: "NoExecute"},
		{Key: "dedicated", Value: "old", Effect: "NoSchedule"},
	}
	clients := fake.NewClientset(n)
	api := kube.NewForClients(clients)
	want := model.NodeMeta{
		Labels:      map[string]string{"team": "a", "tier": "db"},
		Annotations: map[string]string{"note": "x"},
		Taints: []model.Taint{
			{Key: "dedicated", Value: "db", Effect: "NoSchedule"},
			{Key: "dedicated", Value: "db", Effect: "NoExecute"},
		},
	}
	label := func(want model.NodeMeta) *corev1.Node {
		t.Helper()
		if err := api.SetNodeMeta(t.Context(), "w", want); err != nil {
			t.Fatal(err)
		}
		got, err := clients.CoreV1().Nodes().Get(t.Context(), "w", metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		return got
	}

	got := label(want)
	if got.Labels["team"] != "a" || got.Labels["tier"] != "db" || got.Labels["theirs"] != "1" || got.Annotations["note"] != "x" {
		t.Errorf("labels %v, annotations %v", got.Labels, got.Annotations)
	}
	if len(got.Spec.Taints) != 3 || got.Spec.Taints[0].Key != "node.kubernetes.io/not-ready" || got.Spec.Taints[1].Value != "db" {
		t.Errorf("taints %v", got.Spec.Taints)
	}

	before := writes(clients)
	label(want)
	if after := writes(clients); after != before {
		t.Errorf("a node in the desired state was written: %d more writes", after-before)
	}

	got = label(model.NodeMeta{Labels: map[string]string{"team": "b"}})
	if _, left := got.Labels["tier"]; left || got.Labels["team"] != "b" || got.Labels["theirs"] != "1" || got.Annotations["note"] != "" {
		t.Errorf("labels %v, annotations %v", got.Labels, got.Annotations)
	}
	if len(got.Spec.Taints) != 1 {
		t.Errorf("Gantry's taints are still there: %v", got.Spec.Taints)
	}

	got = label(model.NodeMeta{})
	if _, left := got.Annotations[kube.ManagedAnnotation]; left || len(got.Labels) != 2 {
		t.Errorf("something of Gantry is left: %v %v", got.Labels, got.Annotations)
	}
}

func TestLabelNodeRetriesConflicts(t *testing.T) {
	t.Parallel()
	clients := fake.NewClientset(node("w", corev1.ConditionTrue))
	var tries int
	clients.PrependReactor("patch", "nodes", func(action clienttesting.Action) (bool, runtime.Object, error) {
		tries++
		// Without it the API could not detect a concurrent write.
		if patch := string(action.(clienttesting.PatchAction).GetPatch()); !strings.Contains(patch, `"resourceVersion":"7"`) {
			t.Errorf("the patch names no resource version: %s", patch)
		}
		if tries == 1 {
			return true, nil, apierrors.NewConflict(corev1.Resource("nodes"), "w", nil)
		}
		return false, nil, nil
	})
	err := kube.NewForClients(clients).SetNodeMeta(t.Context(), "w", model.NodeMeta{Labels: map[string]string{"a": "b"}})
	if err != nil || tries != 2 {
		t.Fatalf("want one retry, got %d tries and %v", tries, err)
	}
}

func TestLabelNodeRefusesItsOwnAnnotation(t *testing.T) {
	t.Parallel()
	api := kube.NewForClients(fake.NewClientset(node("w", corev1.ConditionTrue)))
	err := api.SetNodeMeta(t.Context(), "w", model.NodeMeta{Annotations: map[string]string{kube.ManagedAnnotation: "x"}})
	if err == nil {
		t.Fatal("want an error")
	}
}

// writes counts the calls that changed something.
func writes(clients *fake.Clientset) int {
	var n int
	for _, action := range clients.Actions() {
		switch action.GetVerb() {
		case "get", "list":
		default:
			n++
		}
	}
	return n
}
