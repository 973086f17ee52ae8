//go:build real

package processes_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gantry/terraform-provider-gantry/internal/simulator/machine"
)

// TestRealCluster takes a cluster through its life: Terraform creates it with a
// worker in each of two zones, replaces them by larger ones while they serve,
// removes one and destroys it all, with settings of every kind. In between machines lose
// their power. Nodes reach no registry but a site's mirror, which has a private CA and lets one
// user in.
func TestRealCluster(t *testing.T) {
	const version = "1.37.2"
	const pool = `
      labels = { tier = "general", "example.com/owner" = "platform" }
      taints = [{ key = "example.com/dedicated", value = "general", effect = "PreferNoSchedule" }]`
	options := realOptions(t)
	options.Mirror = &machine.Mirror{Username: "robot$nodes", Password: "pull: #1"}
	d := newRealDatacenter(t, options)
	config := d.behindMirror(withSettings(d.real(version, 1, 2, pool)), options.Mirror)
	w := newWorkspace(t, config)
	w.patience = patience

	watcher := watchUserdata(t, d)
	w.must(apply...)
	if watcher.stop() == "" {
		t.Error("no VM ever had userdata, so that nothing can be said about it")
	}
	for name := range watcher.left() {
		t.Errorf("the VM %s still has userdata", name)
	}
	d.healthy(w, 2)
	w.nothingToDo()

	nodes := d.nodesReady(w, 3)
	d.neverWithoutVIP(w, "prod-cp-1")
	d.pullsWhatIsListed(w, "prod-cp-1", "flannel")
	d.isSet(w, "prod-cp-1")
	zones := map[string]string{"prod-cp-1": "zone-a", "prod-general-1": "zone-a", "prod-general-2": "zone-b"}
	for _, node := range nodes {
		if got := node.Status.NodeInfo.KubeletVersion; got != "v"+version {
			t.Errorf("the kubelet of %s is %s", node.Name, got)
		}
		want := map[string]string{corev1.LabelTopologyRegion: "region-1", corev1.LabelTopologyZone: zones[node.Name]}
		if strings.HasPrefix(node.Name, "prod-general-") {
			maps.Copy(want, map[string]string{"tier": "general", "example.com/owner": "platform"})
			taint := corev1.Taint{Key: "example.com/dedicated", Value: "general", Effect: corev1.TaintEffectPreferNoSchedule}
			if !slices.Contains(node.Spec.Taints, taint) {
				t.Errorf("%s has the taints %v", node.Name, node.Spec.Taints)
			}
		}
		for key, value := range want {
			if got, there := node.Labels[key]; got != value || !there {
				t.Errorf("the label %s of %s is %q, and not %q", key, node.Name, got, value)
			}
		}
	}
	d.signedByBootstrap(w, 3)
	d.hasEvents(w, "prod-cp-1", "prod-general-1", "prod-general-2")
	d.podsTalk(w)
	if out := d.kubectl(w, version, "get", "nodes", "-o", "name"); strings.Count(out, "node/") != 3 {
		t.Errorf("kubectl get nodes: %s", out)
	}

	d.powerCycle(w, "prod-cp-1", "prod-general-1")
	d.bootstrappedOnce("prod-cp-1", "prod-general-1")
	w.nothingToDo()

	serving := d.serve(w)
	config = strings.Replace(config, "memory_gb  = 4", "memory_gb  = 6", 1)
	w.configure(config)
	w.must(apply...)
	if least := serving.stop(); least < 1 {
		t.Errorf("%d pods were ready while workers were replaced, and the budget says 1", least)
	}
	if got, want := names(d.nodesReady(w, 3)), []string{"prod-cp-1", "prod-general-3", "prod-general-4"}; !slices.Equal(got, want) {
		t.Errorf("after rolling there are the nodes %q, and not %q", got, want)
	}
	w.nothingToDo()

	w.configure(strings.Replace(config, "node_count = 2", "node_count = 1", 1))
	w.must(apply...)
	d.nodesReady(w, 2)
	w.nothingToDo()
	d.nothingRuns(w)
}

// hasEvents expects that the API has taken the events of nodes, and of the cluster.
func (d *datacenter) hasEvents(w *workspace, nodes ...string) {
	d.t.Helper()
	list, err := d.api(w).EventsV1().Events("").List(d.t.Context(), metav1.ListOptions{})
	if err != nil {
		d.t.Fatal(err)
	}
	have := map[string]bool{}
	for _, e := range list.Items {
		if e.ReportingController == "gantry.io/terraform-provider" {
			have[e.Regarding.Kind+" "+e.Regarding.Name+" "+e.Reason] = true
		}
	}
	want := []string{"Secret gantry-cluster CreateRecordDone"}
	for _, node := range nodes {
		want = append(want, "Node "+node+" CreateNodeDone")
	}
	for _, event := range want {
		if !have[event] {
			d.t.Errorf("the cluster has no event %q, but %v", event, slices.Sorted(maps.Keys(have)))
		}
	}
}

// signedByBootstrap expects that each kubelet's client certificate came from a
// certificate signing request that the cluster approved and signed.
func (d *datacenter) signedByBootstrap(w *workspace, nodes int) {
	d.t.Helper()
	requests, err := d.api(w).CertificatesV1().CertificateSigningRequests().List(d.t.Context(), metav1.ListOptions{})
	if err != nil {
		d.t.Fatal(err)
	}
	signed := map[string]bool{}
	for _, r := range requests.Items {
		if strings.HasPrefix(r.Spec.Username, "system:bootstrap:") && len(r.Status.Certificate) > 0 {
			signed[r.Name] = true
		}
	}
	// kubeadm itself signs that of the first.
	if len(signed) != nodes-1 {
		d.t.Errorf("%d nodes have got a certificate by a bootstrap token, and not %d: %+v", len(signed), nodes-1, requests.Items)
	}
}

// neverWithoutVIP expects that kube-vip runs since before its node had joined: a
// later start means that the VIP was gone when others had begun to use it.
func (d *datacenter) neverWithoutVIP(w *workspace, node string) {
	d.t.Helper()
	out, err := d.inside(node, "stat", "-c", "%Y", "/etc/gantry/bootstrapped")
	if err != nil {
		d.t.Fatal(err)
	}
	joined, err := strconv.ParseInt(strings.TrimSpace(out), 10, 64)
	if err != nil {
		d.t.Fatal(err)
	}
	d.eventually("kube-vip's pod", func(ctx context.Context) error {
		pod, err := d.api(w).CoreV1().Pods(metav1.NamespaceSystem).Get(ctx, "kube-vip-"+node, metav1.GetOptions{})
		if err != nil {
			return err
		}
		for _, c := range pod.Status.ContainerStatuses {
			if running := c.State.Running; running != nil {
				if after := running.StartedAt.Sub(time.Unix(joined, 0)); after > 0 || c.RestartCount > 0 {
					d.t.Errorf("kube-vip was started %s after its node had joined, and restarted %d times", after, c.RestartCount)
				}
				return nil
			}
		}
		return errors.New("it does not run")
	})
	link, err := d.inside(node, "readlink", "/etc/gantry/kube-vip.conf")
	if err != nil || strings.TrimSpace(link) != "/etc/kubernetes/admin.conf" {
		d.t.Errorf("kube-vip will start with %q (%v)", link, err)
	}
}

// podsTalk expects that the pod network works: every node runs its pods, and
// one of a worker reaches the API by its service, over kube-proxy.
func (d *datacenter) podsTalk(w *workspace) {
	d.t.Helper()
	api := d.api(w)
	d.eventually("the daemon sets and deployments of kube-system", func(ctx context.Context) error {
		deployments, err := api.AppsV1().Deployments("").List(ctx, metav1.ListOptions{})
		if err != nil {
			return err
		}
		for _, deployment := range deployments.Items {
			if !available(&deployment) {
				return fmt.Errorf("deployment %s is not available: %+v", deployment.Name, deployment.Status)
			}
		}
		sets, err := api.AppsV1().DaemonSets("").List(ctx, metav1.ListOptions{})
		if err != nil {
			return err
		}
		if len(sets.Items) < 2 || len(deployments.Items) == 0 {
			return fmt.Errorf("%d daemon sets and %d deployments", len(sets.Items), len(deployments.Items))
		}
		for _, set := range sets.Items {
			if set.Status.NumberReady != set.Status.DesiredNumberScheduled || set.Status.NumberReady == 0 {
				return fmt.Errorf("daemon set %s: %d of %d pods are ready", set.Name, set.Status.NumberReady, set.Status.DesiredNumberScheduled)
			}
		}
		return nil
	})
}

func available(d *appsv1.Deployment) bool {
	return slices.ContainsFunc(d.Status.Conditions, func(c appsv1.DeploymentCondition) bool {
		return c.Type == appsv1.DeploymentAvailable && c.Status == corev1.ConditionTrue
	})
}

// powerCycle takes the machines' power and gives it back: their nodes become Ready in
// another boot.
func (d *datacenter) powerCycle(w *workspace, names ...string) {
	d.t.Helper()
	before := d.boots(w)
	for _, name := range names {
		if err := d.PowerOffVM(name); err != nil {
			d.t.Fatal(err)
		}
	}
	d.powerOn(w, before, names...)
}

// powerOn gives machines power again.
func (d *datacenter) powerOn(w *workspace, before map[string]string, names ...string) {
	d.t.Helper()
	since := time.Now().Truncate(time.Second) // as the API tells times
	for _, name := range names {
		if err := d.PowerOnVM(name); err != nil {
			d.t.Fatal(err)
		}
	}
	took := d.eventually("the nodes whose power was off", func(ctx context.Context) error {
		nodes, err := d.api(w).CoreV1().Nodes().List(ctx, metav1.ListOptions{})
		if err != nil {
			return err
		}
		for _, node := range nodes.Items {
			if slices.Contains(names, node.Name) && (!isReady(&node) || node.Status.NodeInfo.BootID == before[node.Name]) {
				return fmt.Errorf("%s is not Ready after its boot", node.Name)
			}
		}
		return nil
	})
	d.t.Logf("%q were Ready %s after their power was back", names, took.Round(100*time.Millisecond))
	d.eventually("the static pods of the control plane", func(ctx context.Context) error { return d.startedSince(ctx, w, since, names) })
}

// startedSince says which static pods of the control plane on nodes do not serve, or are as
// they were before a moment, as the API shows them until kubelet has told what became of
// them.
func (d *datacenter) startedSince(ctx context.Context, w *workspace, since time.Time, nodes []string) error {
	pods, err := d.api(w).CoreV1().Pods(metav1.NamespaceSystem).List(ctx, metav1.ListOptions{LabelSelector: "tier=control-plane"})
	if err != nil {
		return err
	}
	for _, pod := range pods.Items {
		if !slices.Contains(nodes, pod.Spec.NodeName) {
			continue
		}
		for _, c := range pod.Status.ContainerStatuses {
			if !c.Ready || c.State.Running == nil || c.State.Running.StartedAt.Time.Before(since) {
				return fmt.Errorf("%s has not started again", pod.Name)
			}
		}
	}
	return nil
}

// bootstrappedOnce expects that a boot after the first has not run the script again.
func (d *datacenter) bootstrappedOnce(names ...string) {
	d.t.Helper()
	for _, name := range names {
		log, err := d.inside(name, "cat", "/var/log/gantry-bootstrap.log")
		if ran := strings.Count(log, " bootstrap init\n") + strings.Count(log, " bootstrap join\n"); err != nil || ran != 1 {
			d.t.Errorf("the bootstrap script ran %d times on %s (%v)", ran, name, err)
		}
	}
}

// boots are the ids of the nodes' present boots.
func (d *datacenter) boots(w *workspace) map[string]string {
	d.t.Helper()
	nodes, err := d.api(w).CoreV1().Nodes().List(d.t.Context(), metav1.ListOptions{})
	if err != nil {
		d.t.Fatal(err)
	}
	ids := map[string]string{}
	for _, node := range nodes.Items {
		ids[node.Name] = node.Status.NodeInfo.BootID
	}
	return ids
}
