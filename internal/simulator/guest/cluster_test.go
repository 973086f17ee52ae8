package guest_test

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest"
)

// cluster boots control planes cp-1... and workers w-1...
func (s *site) cluster(controlPlanes, workers int) {
	s.t.Helper()
	s.joins(s.first("cp-1", address(11)))
	s.putToken(time.Now().Add(time.Hour))
	s.putCertificates(certificateKey, true)
	for i := 2; i <= controlPlanes; i++ {
		s.joins(s.controlPlane("cp-"+string(rune('0'+i)), address(10+i)))
	}
	for i := 1; i <= workers; i++ {
		s.boot(s.worker("w-"+string(rune('0'+i)), address(20+i)))
	}
	for i := 1; i <= workers; i++ {
		if g := s.settled("w-" + string(rune('0'+i))); g.Phase != guest.PhaseJoined {
			s.t.Fatalf("guest %s: %s", g.Name, g.Log)
		}
	}
}

func TestClusterForms(t *testing.T) {
	t.Parallel()
	s := newSite(t, guest.Options{})
	s.cluster(3, 2)
	nodes, err := s.clientset(vip).CoreV1().Nodes().List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if len(nodes.Items) != 5 {
		t.Fatalf("%d nodes, want 5", len(nodes.Items))
	}
	for _, n := range nodes.Items {
		if n.Status.NodeInfo.KubeletVersion != "v"+version || n.Labels["topology.kubernetes.io/zone"] != "zone-a" {
			t.Errorf("node %s: version %s, labels %v", n.Name, n.Status.NodeInfo.KubeletVersion, n.Labels)
		}
		for _, c := range n.Status.Conditions {
			if c.Type == corev1.NodeReady && c.Status == corev1.ConditionTrue {
				t.Errorf("node %s is ready without a CNI", n.Name)
			}
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if got := s.phases["cp-1"]; len(got) != 3 || got[0] != "booting" || got[1] != "kubeadm" || got[2] != "joined" {
		t.Errorf("phases %v", got)
	}
	if r := s.reports["w-1"]; r["guestinfo.userdata"] != "---" || r["guestinfo.userdata.encoding"] != " " {
		t.Errorf("userdata after boot: %q %q", r["guestinfo.userdata"], r["guestinfo.userdata.encoding"])
	}
}
