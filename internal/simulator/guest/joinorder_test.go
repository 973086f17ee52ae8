package guest_test

import (
	"sync/atomic"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest"
)

// TestJoinCutShortWhereTheKubeletRegisters takes the power from joins around the moment at
// which the node appears: before etcd is joined up to Kubernetes 1.32, and after it from
// then on. In either case it has no role yet, and the next boot joins again.
func TestJoinCutShortWhereTheKubeletRegisters(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		version string
		ends    guest.JoinStage
		appears bool
	}{
		{"1.32.9", guest.JoinNodeRegistered, true},
		{"1.32.9", guest.JoinMemberAdded, true},
		{"1.37.2", guest.JoinMemberVotes, false},
		{"1.37.2", guest.JoinNodeRegistered, true},
	} {
		t.Run(c.version+" "+string(c.ends), func(t *testing.T) {
			t.Parallel()
			var s *site
			node := func() (appears, role bool) {
				n, err := s.clientset(vip).CoreV1().Nodes().Get(t.Context(), "cp-2", metav1.GetOptions{})
				if err != nil && !apierrors.IsNotFound(err) {
					t.Error(err)
				}
				_, role = n.Labels["node-role.kubernetes.io/control-plane"]
				return err == nil, role
			}
			var cut atomic.Bool
			s = newSite(t, guest.Options{AtJoin: func(_ string, stage guest.JoinStage) error {
				if stage == c.ends && !cut.Load() {
					if appears, role := node(); appears != c.appears || role {
						t.Errorf("the node appears: %t, with its role: %t", appears, role)
					}
					s.world.PowerOff("vm-cp-2")
					cut.Store(true)
				}
				return nil
			}})
			first := s.first("cp-1", address(11))
			first.kubeadm[0]["kubernetesVersion"] = "v" + c.version
			first.vm.KubernetesVersion = c.version
			s.joins(first)
			s.putToken(time.Now().Add(time.Hour))
			s.putCertificates(certificateKey, true)
			m := s.controlPlane("cp-2", address(12))
			m.vm.KubernetesVersion = c.version
			s.boot(m)
			eventually(t, "the power is lost", func() bool { return cut.Load() && s.inPhase("cp-2", guest.PhaseOff)() })
			s.cycle(m)
			if g := s.settled("cp-2"); g.Phase != guest.PhaseJoined {
				t.Fatalf("guest %s", g.Log)
			}
			if appears, role := node(); !appears || !role || len(s.etcdMembers()) != 2 {
				t.Errorf("the node appears: %t, with its role: %t, and the members are %v", appears, role, s.etcdMembers())
			}
		})
	}
}
