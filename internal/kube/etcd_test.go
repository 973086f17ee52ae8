package kube_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.etcd.io/etcd/etcdutl/v3/snapshot"
	"go.uber.org/zap"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/kube"
	"github.com/gantry/terraform-provider-gantry/internal/pki"
	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest/kubeapi"
)

// TestEtcdLife takes three members through what a control plane's replacement does to
// them: leader moved, one removed through another, a dead one seen and removed.
func TestEtcdLife(t *testing.T) {
	t.Parallel()
	c := newEtcdCluster(t, "cp-1", "cp-2", "cp-3")
	ctx := t.Context()

	all := c.list()
	var leaders, others []string // a busy machine elects another one than the first at times
	for _, name := range slices.Sorted(maps.Keys(all)) {
		m := all[name]
		if !m.Healthy() || m.Learner || m.Version != "3.7.0" || m.ID == 0 {
			t.Errorf("%s: %+v", name, m)
		}
		list := &others
		if m.Leader {
			list = &leaders
		}
		*list = append(*list, name)
	}
	if len(leaders) != 1 || len(others) != 2 {
		t.Fatalf("members %+v", all)
	}
	leader, dead, left := leaders[0], others[0], others[1]
	if c.upgrades.taken("websocket") != 3 || c.upgrades.taken("spdy/3.1") != 0 {
		t.Errorf("port-forwards: %v; want one a member", c.upgrades.by)
	}

	c.agree(func() error { return c.MoveEtcdLeader(ctx, dead) }) // which does not lead
	if !c.list()[leader].Leader {
		t.Error("the leader was moved from where it is not")
	}
	c.agree(func() error { return c.MoveEtcdLeader(ctx, leader) })
	if moved := c.list(); moved[leader].Leader || !moved[dead].Leader && !moved[left].Leader {
		t.Errorf("the leader stays: %+v", moved)
	}
	c.agree(func() error { return c.RemoveEtcdMember(ctx, all[leader].ID) })
	c.agree(func() error { return c.RemoveEtcdMember(ctx, all[leader].ID) })
	c.eventually("the removed member ends", func() bool {
		select {
		case <-c.member(leader).Stopped():
			return true
		default:
			return false
		}
	})
	if n := len(c.list()); n != 2 {
		t.Errorf("%d members are left", n)
	}
	c.agree(func() error { return c.MoveEtcdLeader(ctx, dead) })
	c.cut(dead) // and with it the quorum of two
	_, err := c.connect(kube.Options{Timeout: time.Second}).EtcdMembers(ctx)
	if !model.Transient(err) || !strings.Contains(err.Error(), left) {
		t.Errorf("without a quorum: %v", err)
	}
}

// TestEtcdMembersWithADeadOne has one of three without power.
func TestEtcdMembersWithADeadOne(t *testing.T) {
	t.Parallel()
	c := newEtcdCluster(t, "cp-1", "cp-2", "cp-3")
	c.cut("cp-3")
	if found, err := c.ControlPlane(t.Context()); err != nil || len(found.Pods) != 12 || !found.Etcd.Asked || len(found.Etcd.Members) != 3 {
		t.Errorf("the control plane is %+v, %v", found, err)
	}
	var dead model.EtcdMember
	eventually(t, func() error { // a connection that was being made ends otherwise
		dead = c.list()["cp-3"]
		if dead.Healthy() || !strings.Contains(dead.Error, "cp-3") || !strings.Contains(dead.Error, "connection refused") {
			return fmt.Errorf("a member without power: %+v", dead)
		}
		return nil
	})
	living := c.list()["cp-2"].ID
	eventually(t, func() error { // beside many tests, the other one does not always answer in time
		err := c.RemoveEtcdMember(t.Context(), living)
		if err == nil || !model.Transient(err) || !strings.Contains(err.Error(), "unhealthy cluster") {
			return fmt.Errorf("one of two that are left may not go: %w", err)
		}
		return nil
	})
	c.agree(func() error { return c.RemoveEtcdMember(t.Context(), dead.ID) })
	if left := c.list(); len(left) != 2 || !left["cp-1"].Healthy() || !left["cp-2"].Healthy() {
		t.Errorf("left %+v", left)
	}

	// A join that ended after the member was announced.
	c.must(c.etcd.AddLearner(t.Context(), c.disk("cp-4")))
	unnamed := c.list()[""]
	if !unnamed.Learner || unnamed.Healthy() || unnamed.ID == 0 {
		t.Errorf("a member that never started: %+v", unnamed)
	}
	c.agree(func() error { return c.RemoveEtcdMember(t.Context(), unnamed.ID) })
	if left := c.list(); len(left) != 2 {
		t.Errorf("left %+v", left)
	}
}

// TestEtcdMemberThatHangs accepts connections and says nothing.
func TestEtcdMemberThatHangs(t *testing.T) {
	t.Parallel()
	c := newEtcdCluster(t, "cp-1", "cp-2", "cp-3")
	c.member("cp-3").Hang(true)
	defer c.member("cp-3").Hang(false)
	c.API = c.connect(kube.Options{Timeout: 3 * time.Second})
	started := time.Now()
	m := c.list()["cp-3"]
	if m.Healthy() || !strings.Contains(m.Error, "no answer within 3s") {
		t.Errorf("a member that hangs: %+v", m)
	}
	if took := time.Since(started); took > 30*time.Second {
		t.Errorf("it held up the others for %s", took)
	}
}

// TestEtcdOfOneMember cannot lose its only member, or move its leader.
func TestEtcdOfOneMember(t *testing.T) {
	t.Parallel()
	c := newEtcdCluster(t, "cp-1")
	ctx := t.Context()
	only := c.list()["cp-1"]
	if err := c.RemoveEtcdMember(ctx, only.ID); err == nil || model.Transient(err) {
		t.Errorf("the last member is removed: %v", err)
	}
	if err := c.MoveEtcdLeader(ctx, "cp-1"); err == nil || model.Transient(err) {
		t.Errorf("the leader is moved where no other member is: %v", err)
	}
	c.agree(func() error { return c.MoveEtcdLeader(ctx, "cp-2") })

	c.must(c.member("cp-1").RaiseAlarm(ctx))
	if m := c.list()["cp-1"]; m.Error != "alarm NOSPACE" {
		t.Errorf("a member that is full: %+v", m)
	}

	// What is on the way lets no WebSocket through.
	c.upgrades.refuse("websocket")
	if m := c.list()["cp-1"]; m.Version == "" || c.upgrades.taken("spdy/3.1") == 0 {
		t.Errorf("without WebSockets: %+v, port-forwards %v", m, c.upgrades.by)
	}
	c.upgrades.refuse("")

	other, err := pki.NewAuthorities(rand.Reader, time.Now())
	c.must(err)
	c.authorities.Etcd = other.Etcd
	if _, err := c.connect(kube.Options{}).EtcdMembers(ctx); err == nil || model.Transient(err) {
		t.Errorf("with another authority of etcd: %v", err)
	}
	c.authorities.Etcd = pki.KeyPair{}
	if _, err := c.connect(kube.Options{}).EtcdMembers(ctx); err == nil || !strings.Contains(err.Error(), "authority of etcd is not at hand") {
		t.Errorf("without the authority of etcd: %v", err)
	}
}

// TestEtcdSnapshot restores what was taken.
func TestEtcdSnapshot(t *testing.T) {
	t.Parallel()
	c := newEtcdCluster(t, "cp-1")
	var taken bytes.Buffer
	size, err := c.EtcdSnapshot(t.Context(), &taken)
	c.must(err)
	if size != int64(taken.Len()) || size < 1024 {
		t.Errorf("%d bytes of %d", size, taken.Len())
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "snapshot.db")
	c.must(os.WriteFile(file, taken.Bytes(), 0o600))
	manager := snapshot.NewV3(zap.NewNop())
	if status, err := manager.Status(file); err != nil || status.TotalSize == 0 {
		t.Errorf("etcdutl: %+v, %v", status, err)
	}
	err = manager.Restore(snapshot.RestoreConfig{
		SnapshotPath:        file,
		Name:                "cp-1",
		OutputDataDir:       filepath.Join(dir, "restored"),
		PeerURLs:            []string{"https://10.0.0.1:2380"},
		InitialCluster:      "cp-1=https://10.0.0.1:2380",
		InitialClusterToken: "etcd-cluster",
	})
	if err != nil {
		t.Errorf("etcdutl does not restore it: %v", err)
	}

	ctx, cancel := context.WithCancel(t.Context())
	_, err = c.EtcdSnapshot(ctx, writer(func(p []byte) (int, error) { cancel(); return len(p), nil }))
	if err == nil || model.Transient(err) {
		t.Errorf("its caller has given up: %v", err)
	}
	full := errors.New("no space left on device")
	if _, err := c.EtcdSnapshot(t.Context(), writer(func([]byte) (int, error) { return 0, full })); !errors.Is(err, full) {
		t.Errorf("what it is written to is full: %v", err)
	}
}

// TestSnapshotWithoutItsHash was cut off, or changed on its way.
func TestSnapshotWithoutItsHash(t *testing.T) {
	t.Parallel()
	data := bytes.Repeat([]byte("snapshot"), 1000)
	sum := sha256.Sum256(data)
	whole := slices.Concat(data, sum[:])
	changed := bytes.Clone(whole)
	changed[17]++
	for name, tc := range map[string]struct {
		snapshot []byte
		want     bool
	}{
		"whole":         {whole, true},
		"cut off":       {whole[:len(whole)-1], false},
		"without hash":  {data, false},
		"changed":       {changed, false},
		"nothing":       {nil, false},
		"the hash only": {sum[:], false},
	} {
		for _, size := range []int{1, 7, 31, 32, 33, 4096, 1 << 20} {
			if got := kube.WholeSnapshot(slices.Collect(slices.Chunk(tc.snapshot, size))); got != tc.want {
				t.Errorf("%s in parts of %d: %v", name, size, got)
			}
		}
	}
}

type writer func([]byte) (int, error)

func (w writer) Write(p []byte) (int, error) { return w(p) }

// TestControlPlaneOfOne does not ask the single member of etcd.
func TestControlPlaneOfOne(t *testing.T) {
	t.Parallel()
	c := newEtcdCluster(t, "cp-1")
	found, err := c.ControlPlane(t.Context())
	if err != nil || len(found.Pods) != 4 || found.Etcd.Asked || c.upgrades.taken("websocket") > 0 {
		t.Errorf("the control plane is %+v, %v", found, err)
	}
}

// TestControlPlaneSaysWhyEtcdCannotBeAsked is without the authority of etcd, and where no
// member runs.
func TestControlPlaneSaysWhyEtcdCannotBeAsked(t *testing.T) {
	t.Parallel()
	c := newEtcdCluster(t, "cp-1", "cp-2")
	kubeconfig, err := c.authorities.SuperAdminKubeconfig(rand.Reader, "prod", c.url, time.Now())
	c.must(err)
	without, err := kube.New(kube.Options{}).Connect(kubeconfig, pki.KeyPair{})
	c.must(err)
	c.cut("cp-1")
	c.cut("cp-2")
	for says, api := range map[string]model.API{"authority of etcd": without, "connection refused": c} {
		found, err := api.ControlPlane(t.Context())
		why := found.Etcd.Error
		if err != nil || len(found.Pods) != 8 || !found.Etcd.Asked || why == nil || !strings.Contains(why.Error(), says) {
			t.Errorf("%s: %+v, %v", says, found, err)
		}
	}
}

// TestControlPlanePods has one component that does not run, and a pod that merely bears
// the labels of another.
func TestControlPlanePods(t *testing.T) {
	t.Parallel()
	c := newEtcdCluster(t, "cp-1", "cp-2")
	c.mu.Lock()
	c.failing = map[string]string{"kube-scheduler": "it ends again and again"}
	c.mu.Unlock()
	c.store.Put(&corev1.Pod{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"},
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "kube-system", Name: "etcd-cp-9", Labels: map[string]string{"component": "etcd", "tier": "control-plane"},
		},
		Spec: corev1.PodSpec{NodeName: "cp-9", Containers: []corev1.Container{{Name: "etcd"}}},
	}, kubeapi.Pods)
	c.eventually("a component fails", func() bool {
		pods, err := c.ControlPlanePods(t.Context())
		c.must(err)
		if len(pods) != 8 {
			t.Fatalf("pods %+v", pods)
		}
		if !slices.IsSortedFunc(pods, func(a, b model.ControlPlanePod) int {
			return strings.Compare(a.Node+a.Component, b.Node+b.Component)
		}) {
			t.Errorf("not in order: %+v", pods)
		}
		i := slices.IndexFunc(pods, func(p model.ControlPlanePod) bool { return !p.Ready })
		return i >= 0 && pods[i].Node == "cp-1" && pods[i].Component == "kube-scheduler" &&
			strings.Contains(pods[i].Message, "CrashLoopBackOff: it ends again and again")
	})
}
