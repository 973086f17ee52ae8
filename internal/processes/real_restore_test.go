//go:build real

package processes_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// TestRealRestore takes two of three control-plane VMs away and restores the cluster from a
// snapshot: it has what was written before, behind the same address, and the worker and its
// pods have lived through it.
func TestRealRestore(t *testing.T) {
	const version = "1.37.2"
	d := newRealDatacenter(t, realOptions(t))
	w := newWorkspace(t, d.real(version, 3, 1, ""))
	w.patience = 2 * patience
	w.must(apply...)
	d.nodesReady(w, 4)
	vip, uid := d.vip(w), d.uid(w)

	d.writes(w, "before")
	url, sum := d.serveSnapshot(w)
	d.writes(w, "after")
	worker, boot := d.workerPods(w), d.boots(w)["prod-general-1"]
	for _, name := range []string{"prod-cp-1", "prod-cp-3"} {
		if err := d.DeleteVM(name); err != nil {
			t.Fatal(err)
		}
	}
	lost := time.Now()
	w.configure(strings.Replace(d.real(version, 3, 1, ""), "control_plane = {",
		fmt.Sprintf("restore_from_snapshot = { url = %q, sha256 = %q }\n  control_plane = {", url, sum), 1))
	w.must(apply...) // the worker was in the snapshot, and is not powered off
	t.Logf("restored %s after the loss", time.Since(lost).Round(time.Second))

	nodes := names(d.nodesReady(w, 4))
	if want := []string{"prod-cp-4", "prod-cp-5", "prod-cp-6", "prod-general-1"}; !slices.Equal(nodes, want) {
		t.Errorf("the nodes are %q, not %q", nodes, want)
	}
	if members := d.members("prod-cp-4"); !slices.Equal(slices.Sorted(slices.Values(members)), nodes[:3]) {
		t.Errorf("etcd has the members %q", members)
	}
	if d.vip(w) != vip || d.uid(w) != uid {
		t.Error("it is another cluster, or behind another address")
	}
	if !d.wrote(w, "before") || d.wrote(w, "after") {
		t.Error("it does not have the data of the snapshot")
	}
	if now := d.boots(w)["prod-general-1"]; now != boot {
		t.Error("the worker was restarted")
	}
	if now := d.workerPods(w); !slices.Equal(now, worker) {
		t.Errorf("the pods of the worker were %q and are %q", worker, now)
	}
	if log, err := d.inside("prod-cp-4", "sh", "-c", "cat /var/log/gantry-bootstrap.log; ls /etc/gantry /var/lib"); err != nil ||
		strings.Contains(log, "presigned") || strings.Contains(log, "gantry-restore\n") {
		t.Errorf("the node shows the URL, or keeps the snapshot (%v):\n%s", err, log)
	}
	d.podsTalk(w)
	w.nothingToDo()
	d.nothingRuns(w)
}

// serveSnapshot serves what etcd has now in the network of the machines.
func (d *datacenter) serveSnapshot(w *workspace) (url, sum string) {
	d.t.Helper()
	var content bytes.Buffer
	if _, err := d.administrator(w).EtcdSnapshot(d.t.Context(), &content); err != nil {
		d.t.Fatal(err)
	}
	listener, err := d.Machines().Listen()
	if err != nil {
		d.t.Fatal(err)
	}
	server := &http.Server{
		ReadHeaderTimeout: time.Minute,
		Handler:           http.HandlerFunc(func(out http.ResponseWriter, _ *http.Request) { _, _ = out.Write(content.Bytes()) }),
	}
	go func() { _ = server.Serve(listener) }()
	d.t.Cleanup(func() { _ = server.Close() })
	return "http://" + listener.Addr().String() + "/prod.db?presigned", fmt.Sprintf("%x", sha256.Sum256(content.Bytes()))
}

func (d *datacenter) writes(w *workspace, name string) {
	d.t.Helper()
	object := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: name}}
	if _, err := d.api(w).CoreV1().ConfigMaps("default").Create(d.t.Context(), object, metav1.CreateOptions{}); err != nil {
		d.t.Fatal(err)
	}
}

func (d *datacenter) wrote(w *workspace, name string) bool {
	d.t.Helper()
	_, err := d.api(w).CoreV1().ConfigMaps("default").Get(d.t.Context(), name, metav1.GetOptions{})
	if err != nil && !apierrors.IsNotFound(err) {
		d.t.Fatal(err)
	}
	return err == nil
}

// workerPods are the pods of DaemonSets on the worker.
func (d *datacenter) workerPods(w *workspace) []string {
	d.t.Helper()
	list, err := d.api(w).CoreV1().Pods("").List(d.t.Context(), metav1.ListOptions{FieldSelector: "spec.nodeName=prod-general-1"})
	if err != nil {
		d.t.Fatal(err)
	}
	var pods []string
	for _, pod := range list.Items {
		if owner := metav1.GetControllerOf(&pod); owner != nil && owner.Kind == "DaemonSet" {
			pods = append(pods, pod.Name)
		}
	}
	slices.Sort(pods)
	return pods
}
