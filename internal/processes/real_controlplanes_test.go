//go:build real

package processes_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/kube"
	"github.com/gantry/terraform-provider-gantry/internal/pki"
	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest"
	"github.com/gantry/terraform-provider-gantry/internal/testing/sweep"
)

// TestRealControlPlanes builds a cluster with three control-plane nodes, and kills the
// provider twice on the way: while the first node runs kubeadm init and while the second joins
// etcd. One cluster comes of it, with a member of etcd for each control-plane node, and they
// renew their certificates in turn. Then the node that holds the VIP dies and comes back, and
// the next one that holds it is lost for good.
func TestRealControlPlanes(t *testing.T) {
	const version = "1.36.3"
	d := newRealDatacenter(t, realOptions(t))
	w := newWorkspace(t, d.real(version, 3, 1, ""))
	w.patience = patience
	w.killed(d, "the first node runs kubeadm", d.guestIn(guest.PhaseKubeadm, "prod-cp-1"), apply)
	w.killed(d, "the second node joins", d.guestIn(guest.PhaseKubeadm, "prod-cp-2"), apply)
	w.must(apply...)
	d.nodesReady(w, 4)
	d.allJoined()
	w.nothingToDo()

	controlPlanes := []string{"prod-cp-1", "prod-cp-2", "prod-cp-3"}
	for _, name := range controlPlanes {
		if got := d.members(name); !slices.Equal(slices.Sorted(slices.Values(got)), controlPlanes) {
			t.Errorf("etcd on %s has the members %q", name, got)
		}
	}
	d.engineReachesEtcd(w, controlPlanes)
	d.hardened(w, "prod-cp-2", true)
	var began []string
	for _, g := range d.Guests() {
		out, err := d.inside(g.Name, "ls", "/etc/gantry")
		if err != nil {
			t.Error(err)
		}
		if strings.Contains(out, "init-started") {
			began = append(began, g.Name)
		}
	}
	if len(began) != 1 {
		t.Errorf("kubeadm init has run on %q", began)
	}

	if sweep.Complete() || sweep.Offset()/4%2 == 0 { // two minutes
		d.certificatesTakeTurns(w, controlPlanes)
	}

	vip := d.vip(w)
	dead, err := d.holder(vip)
	if err != nil {
		t.Fatal(err)
	}
	before, boots := d.uid(w), d.boots(w)
	if err := d.PowerOffVM(dead); err != nil {
		t.Fatal(err)
	}
	took := d.eventually("the API behind the VIP, after its holder died", func(ctx context.Context) error {
		if _, err := d.api(w).CoreV1().Namespaces().Get(ctx, metav1.NamespaceSystem, metav1.GetOptions{}); err != nil {
			return err
		}
		next, err := d.holder(vip)
		if err == nil && next == dead {
			err = errors.New("the dead node holds the VIP")
		}
		return err
	})
	t.Logf("the API was back behind the VIP after %s", took.Round(100*time.Millisecond))
	if after := d.uid(w); after != before {
		t.Errorf("another cluster answers behind the VIP: %s and not %s", after, before)
	}
	d.powerOn(w, boots, dead)
	d.bootstrappedOnce(dead)
	d.nodesReady(w, 4)
	d.eventually("three members of etcd in health", func(context.Context) error {
		out, err := d.etcdctl(dead, "endpoint health --cluster --write-out simple 2>&1")
		if err == nil && strings.Count(out, "is healthy") != 3 {
			err = errors.New(out)
		}
		return err
	})
	w.nothingToDo()
	d.replacesTheHolder(w, controlPlanes, "prod-cp-4")
	d.nothingRuns(w)
}

// replacesTheHolder takes the VM of the control-plane node that holds the VIP away for good. The
// next apply builds another one, and the cluster is the same, with three members of etcd.
func (d *datacenter) replacesTheHolder(w *workspace, controlPlanes []string, successor string) {
	d.t.Helper()
	vip, before := d.vip(w), d.uid(w)
	lost, err := d.holder(vip)
	if err != nil {
		d.t.Fatal(err)
	}
	if err := d.DeleteVM(lost); err != nil {
		d.t.Fatal(err)
	}
	d.eventually("the end of the node whose VM is gone", func(ctx context.Context) error {
		node, err := d.api(w).CoreV1().Nodes().Get(ctx, lost, metav1.GetOptions{})
		if err == nil && isReady(node) {
			err = fmt.Errorf("%s is Ready", lost)
		}
		return err
	})
	started := time.Now()
	w.must(apply...)
	d.t.Logf("%s, whose VM was gone, was replaced in %s", lost, time.Since(started).Round(time.Second))
	want := slices.DeleteFunc(append(slices.Clone(controlPlanes), successor), func(name string) bool { return name == lost })
	if nodes := names(d.nodesReady(w, 4)); !slices.Equal(nodes[:3], want) {
		d.t.Errorf("the nodes are %q, and the control plane is to be %q", nodes, want)
	}
	for _, name := range want {
		if members := d.members(name); !slices.Equal(slices.Sorted(slices.Values(members)), want) {
			d.t.Errorf("etcd on %s has the members %q", name, members)
		}
	}
	if d.vip(w) != vip || d.uid(w) != before {
		d.t.Error("it is another cluster, or behind another address")
	}
	w.nothingToDo()
}

// administrator is the cluster's API as the engine has it, with its etcd.
func (d *datacenter) administrator(w *workspace) model.API {
	d.t.Helper()
	kubeconfig, err := os.ReadFile(w.kubeconfig())
	if err != nil {
		d.t.Fatal(err)
	}
	stored, err := d.api(w).CoreV1().Secrets(metav1.NamespaceSystem).Get(d.t.Context(), model.SecretPKI, metav1.GetOptions{})
	if err != nil {
		d.t.Fatal(err)
	}
	var secrets struct{ Authorities pki.Authorities }
	if err := json.Unmarshal(stored.Data[model.StoredAuthoritiesKey], &secrets); err != nil {
		d.t.Fatal(err)
	}
	api, err := kube.New(kube.Options{ProxyURL: d.ProxyURL()}).Connect(kubeconfig, secrets.Authorities.Etcd)
	if err != nil {
		d.t.Fatal(err)
	}
	return api
}

// engineReachesEtcd lists the members and takes a snapshot as the engine does, through
// the port-forward of the API.
func (d *datacenter) engineReachesEtcd(w *workspace, controlPlanes []string) {
	d.t.Helper()
	api := d.administrator(w)
	members, err := api.EtcdMembers(d.t.Context())
	if err != nil {
		d.t.Fatal(err)
	}
	var healthy []string
	for _, m := range members {
		if !m.Healthy() || m.Learner {
			d.t.Errorf("etcd member %+v", m)
			continue
		}
		healthy = append(healthy, m.Name)
	}
	if !slices.Equal(healthy, controlPlanes) {
		d.t.Errorf("members of etcd in health: %q", healthy)
	}
	if size, err := api.EtcdSnapshot(d.t.Context(), io.Discard); err != nil || size < 1<<20 {
		d.t.Errorf("snapshot of etcd: %d bytes, %v", size, err)
	}
	pods, err := api.ControlPlanePods(d.t.Context())
	if err != nil || len(pods) != 4*len(controlPlanes) {
		d.t.Errorf("pods of the control plane: %+v, %v", pods, err)
	}
}

// vip is the address of the cluster's endpoint.
func (d *datacenter) vip(w *workspace) netip.Addr {
	d.t.Helper()
	var got struct{ Endpoint string }
	w.outputs(&got)
	at, err := netip.ParseAddrPort(got.Endpoint)
	if err != nil {
		d.t.Fatal(err)
	}
	return at.Addr()
}

// holder is the one machine that has an address.
func (d *datacenter) holder(addr netip.Addr) (string, error) {
	holders := d.Machines().Holders(addr)
	if len(holders) != 1 {
		return "", fmt.Errorf("%d machines have %s: %q", len(holders), addr, holders)
	}
	return holders[0], nil
}

// uid tells clusters apart.
func (d *datacenter) uid(w *workspace) string {
	d.t.Helper()
	namespace, err := d.api(w).CoreV1().Namespaces().Get(d.t.Context(), metav1.NamespaceSystem, metav1.GetOptions{})
	if err != nil {
		d.t.Fatal(err)
	}
	return string(namespace.UID)
}
