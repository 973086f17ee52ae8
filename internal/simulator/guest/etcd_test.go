package guest_test

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/kube"
	"github.com/gantry/terraform-provider-gantry/internal/pki"
	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest"
)

// engine is the cluster's API as the engine has it.
func (s *site) engine() model.API {
	s.t.Helper()
	rest := s.restConfig(vip)
	kubeconfig, err := clientcmd.Write(clientcmdapi.Config{
		Clusters: map[string]*clientcmdapi.Cluster{"c": {Server: rest.Host, CertificateAuthorityData: rest.CAData}},
		AuthInfos: map[string]*clientcmdapi.AuthInfo{
			"u": {ClientCertificateData: rest.CertData, ClientKeyData: rest.KeyData},
		},
		Contexts:       map[string]*clientcmdapi.Context{"c": {Cluster: "c", AuthInfo: "u"}},
		CurrentContext: "c",
	})
	if err != nil {
		s.t.Fatal(err)
	}
	etcd := pki.KeyPair{Cert: []byte(s.ca.certPEM), Key: []byte(s.ca.keyPEM)}
	api, err := kube.New(kube.Options{ProxyURL: s.world.ProxyURL()}).Connect(kubeconfig, etcd)
	if err != nil {
		s.t.Fatal(err)
	}
	return api
}

// etcdMembers returns the members by name.
func (s *site) etcdMembers() map[string]model.EtcdMember {
	s.t.Helper()
	members, err := s.engine().EtcdMembers(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	all := map[string]model.EtcdMember{}
	for _, m := range members {
		all[m.Name] = m
	}
	return all
}

func (s *site) removeMember(id uint64) {
	s.t.Helper()
	if err := s.engine().RemoveEtcdMember(s.t.Context(), id); err != nil {
		s.t.Fatal(err)
	}
}

// podsReady returns how many static pods of a node are Ready.
func (s *site) podsReady(node string) int {
	s.t.Helper()
	pods, err := s.engine().ControlPlanePods(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	ready := 0
	for _, p := range pods {
		if p.Node == node && p.Ready {
			ready++
		}
	}
	return ready
}

// healthyVoters reports whether the cluster has these members alone, and each votes and is
// healthy. A pod of etcd, through which a member is asked, is there a moment after its node
// has joined.
func (s *site) healthyVoters(nodes ...string) bool {
	s.t.Helper()
	all := s.etcdMembers()
	return len(all) == len(nodes) && !slices.ContainsFunc(nodes, func(n string) bool {
		return !all[n].Healthy() || all[n].Learner
	})
}

// TestEtcdOfAControlPlane kills one of three, which no node joins over, removes its
// member, and lets its machine boot again.
func TestEtcdOfAControlPlane(t *testing.T) {
	t.Parallel()
	s := newSite(t, guest.Options{})
	s.cluster(3, 0)
	eventually(t, "all members are healthy voters", func() bool { return s.healthyVoters("cp-1", "cp-2", "cp-3") })
	for _, node := range []string{"cp-1", "cp-2", "cp-3"} {
		eventually(t, "the static pods of "+node, func() bool { return s.podsReady(node) == 4 })
	}
	if code, _ := s.request(nil, "", "/api/v1/namespaces/kube-system/pods/etcd-cp-1/portforward"); code != http.StatusForbidden {
		t.Errorf("anyone may forward a port: %d", code)
	}

	s.world.PowerOff("vm-cp-2")
	dead := s.etcdMembers()["cp-2"]
	if dead.Healthy() || !strings.Contains(dead.Error, "no route to host") {
		t.Errorf("a member without power: %+v", dead)
	}
	eventually(t, "its static pods are not Ready", func() bool { return s.podsReady("cp-2") == 0 })
	eventually(t, "the others have a leader", func() bool {
		all := s.etcdMembers()
		return all["cp-1"].Healthy() && all["cp-3"].Healthy()
	})
	s.refuses(s.controlPlane("cp-4", address(14)), "etcd cluster is not healthy: failed to dial endpoint https://10.10.183.12:2379")

	s.removeMember(dead.ID)
	s.joins(s.controlPlane("cp-5", address(15)))
	if all := s.etcdMembers(); len(all) != 3 || !all["cp-5"].Healthy() || all["cp-5"].Learner {
		t.Errorf("members %+v", all)
	}
	s.boot(s.controlPlane("cp-2", address(12)))
	eventually(t, "the removed member ends", func() bool {
		for _, g := range s.world.Guests() {
			if g.Name == "cp-2" {
				return strings.Contains(g.Log, "permanently removed")
			}
		}
		return false
	})
	if s.ready(address(12)) || s.nodeReady("cp-2") != corev1.ConditionUnknown || len(s.etcdMembers()) != 3 {
		t.Error("a machine whose member was removed is back")
	}

	// The one that holds the VIP loses its member while it runs.
	s.removeMember(s.etcdMembers()["cp-1"].ID)
	eventually(t, "its API ends", func() bool { return !s.ready(address(11)) && s.ready(vip) })
	eventually(t, "its node is lost", func() bool { return s.nodeReady("cp-1") == corev1.ConditionUnknown })
	s.world.PowerOff("vm-cp-3")
	if s.ready(vip) || s.ready(address(15)) {
		t.Error("the API answers with one member of two")
	}
}

// TestJoinThatEndsHalfway leaves a learner behind, over which no other node joins.
func TestJoinThatEndsHalfway(t *testing.T) {
	t.Parallel()
	var world atomic.Pointer[guest.World]
	var cut atomic.Bool
	s := newSite(t, guest.Options{AtJoin: func(vm string, stage guest.JoinStage) error {
		switch {
		case vm == "cp-2" && stage == guest.JoinMemberAdded:
			return errors.New("the image cannot be pulled")
		case vm == "cp-4" && stage == guest.JoinMemberVotes && !cut.Swap(true):
			world.Load().PowerOff("vm-cp-4")
		}
		return nil
	}})
	world.Store(s.world)
	s.cluster(1, 0)
	s.refuses(s.controlPlane("cp-2", address(12)), "the image cannot be pulled")
	s.refuses(s.controlPlane("cp-3", address(13)), "too many learner members")
	unnamed := s.etcdMembers()[""]
	if !unnamed.Learner || unnamed.Healthy() || !s.ready(vip) {
		t.Errorf("a member that never started: %+v", unnamed)
	}
	s.removeMember(unnamed.ID)

	// The power is lost when the member votes already: without it there is no quorum.
	m := s.controlPlane("cp-4", address(14))
	s.boot(m)
	eventually(t, "the power is lost", func() bool { return cut.Load() && s.inPhase("cp-4", guest.PhaseOff)() })
	if s.ready(vip) {
		t.Error("the API answers with one member of two")
	}
	s.cycle(m)
	if g := s.settled("cp-4"); g.Phase != guest.PhaseJoined {
		t.Fatalf("guest %s", g.Log)
	}
	eventually(t, "both members are healthy voters", func() bool { return s.healthyVoters("cp-1", "cp-4") })
}

// TestAVoterThatJoinsAgainLosesNothing takes the power from both members of a control plane in
// the middle of the second join, when it votes already, and gives it back to the second one
// alone: no other one answers, and its data stays, since the first one has no quorum without it.
func TestAVoterThatJoinsAgainLosesNothing(t *testing.T) {
	t.Parallel()
	var s *site
	var cut atomic.Bool
	s = newSite(t, guest.Options{AtJoin: func(vm string, stage guest.JoinStage) error {
		if vm == "cp-2" && stage == guest.JoinMemberVotes && !cut.Load() {
			s.world.PowerOff("vm-cp-2")
			s.world.PowerOff("vm-cp-1")
			cut.Store(true)
		}
		return nil
	}})
	first := s.first("cp-1", address(11))
	s.joins(first)
	s.putToken(time.Now().Add(time.Hour))
	s.putCertificates(certificateKey, true)
	m := s.controlPlane("cp-2", address(12))
	s.boot(m)
	eventually(t, "the power is lost", func() bool { return cut.Load() && s.inPhase("cp-2", guest.PhaseOff)() })
	s.cycle(m)
	eventually(t, "it says what it waits for", func() bool {
		return slices.ContainsFunc(s.world.Guests(), func(g guest.State) bool {
			return g.Name == "cp-2" && (strings.Contains(g.Log, "keeps its data") || strings.Contains(g.Log, "Deleted contents of the etcd data"))
		})
	})
	s.cycle(first)
	if g := s.settled("cp-2"); g.Phase != guest.PhaseJoined {
		t.Fatalf("guest %s", g.Log)
	}
	eventually(t, "both members are healthy voters", func() bool { return s.healthyVoters("cp-1", "cp-2") })
}
