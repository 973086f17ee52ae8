//go:build real

package processes_test

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// longestGap bounds how long a client gets no answer: two requests that run into their limit,
// as the VIP moves, and less than a Lease of kube-vip lasts.
const longestGap = 8 * time.Second

// TestRealUpgrade upgrades a cluster of three control-plane nodes and two workers by a
// minor version, which replaces all five, while a client reads and writes behind the VIP.
func TestRealUpgrade(t *testing.T) {
	const from, to = "1.36.3", "1.37.2"
	d := newRealDatacenter(t, realOptions(t))
	w := newWorkspace(t, d.real(from, 3, 2, ""))
	w.patience = 4 * patience
	w.must(apply...)
	d.nodesReady(w, 5)
	d.etcdVersions("prod-cp-1", "3.6.8", 3)

	client := d.client(w)
	w.configure(d.real(to, 3, 2, ""))
	started := time.Now()
	w.must(apply...)
	t.Logf("the upgrade took %s", time.Since(started).Round(time.Second))
	client.stop()
	t.Logf("%d requests, %d errors %v, the longest time without an answer %s, the longest without a write %s",
		client.requests, client.failed, client.errors, client.longest[read].Round(100*time.Millisecond),
		client.longest[write].Round(100*time.Millisecond))
	for what, longest := range client.longest {
		if longest > longestGap {
			t.Errorf("no %s worked for %s", what, longest)
		}
	}
	if client.lost {
		t.Error("a write that was acknowledged is gone")
	}

	nodes := d.nodesReady(w, 5)
	want := []string{"prod-cp-4", "prod-cp-5", "prod-cp-6", "prod-general-3", "prod-general-4"}
	if got := names(nodes); !slices.Equal(got, want) {
		t.Errorf("after the upgrade there are the nodes %q, and not %q", got, want)
	}
	for _, node := range nodes {
		if got := node.Status.NodeInfo.KubeletVersion; got != "v"+to {
			t.Errorf("the kubelet of %s is %s", node.Name, got)
		}
	}
	d.etcdVersions("prod-cp-4", "3.7.0", 3)
	d.addonsAre(w, map[string]string{"kube-proxy": "v" + to, "coredns": "v1.14.6"})
	d.podsTalk(w)
	w.nothingToDo()
	d.nothingRuns(w)
}

// etcdVersions expects so many members of etcd, all of one version.
func (d *datacenter) etcdVersions(node, version string, members int) {
	d.t.Helper()
	out, err := d.etcdctl(node, "endpoint status --cluster --write-out simple 2>&1")
	if err != nil || strings.Count(out, ", "+version+",") < members {
		d.t.Errorf("not %d members of etcd %s (%v):\n%s", members, version, err, out)
	}
}

// addonsAre expects the tags of the images of kubeadm's add-ons.
func (d *datacenter) addonsAre(w *workspace, tags map[string]string) {
	d.t.Helper()
	api, ctx := d.api(w), d.t.Context()
	got := map[string]string{}
	tag := func(pods corev1.PodSpec) string {
		image := pods.Containers[0].Image
		return image[strings.LastIndex(image, ":")+1:]
	}
	proxy, err := api.AppsV1().DaemonSets(metav1.NamespaceSystem).Get(ctx, "kube-proxy", metav1.GetOptions{})
	if err != nil {
		d.t.Fatal(err)
	}
	got[proxy.Name] = tag(proxy.Spec.Template.Spec)
	dns, err := api.AppsV1().Deployments(metav1.NamespaceSystem).Get(ctx, "coredns", metav1.GetOptions{})
	if err != nil {
		d.t.Fatal(err)
	}
	got[dns.Name] = tag(dns.Spec.Template.Spec)
	if !maps.Equal(got, tags) {
		d.t.Errorf("the add-ons are %v, and not %v", got, tags)
	}
}

const (
	read  = "read"
	write = "write"
)

// client reads and writes a ConfigMap behind the endpoint, again and again.
type client struct {
	end  context.CancelFunc
	done chan struct{}

	requests, failed int
	errors           map[string]int
	longest          map[string]time.Duration // without success, by what was tried
	lost             bool
}

func (d *datacenter) client(w *workspace) *client {
	d.t.Helper()
	// One that soon gives up a request, with its connection: one of HTTP/2 outlives its requests.
	api := d.clientWithin(w, 3*time.Second, "http/1.1")
	stored := api.CoreV1().ConfigMaps("default")
	empty := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "count"}}
	if _, err := stored.Create(d.t.Context(), empty, metav1.CreateOptions{}); err != nil {
		d.t.Fatal(err)
	}
	c := &client{done: make(chan struct{}), errors: map[string]int{}, longest: map[string]time.Duration{}}
	var ctx context.Context
	ctx, c.end = context.WithCancel(d.t.Context())
	go func() {
		defer close(c.done)
		last := map[string]time.Time{read: time.Now(), write: time.Now()}
		note := func(what string, err error) bool {
			if ctx.Err() != nil {
				return false
			}
			c.requests++
			if err != nil {
				c.failed++
				c.errors[brief(err)]++
				return false
			}
			c.longest[what] = max(c.longest[what], time.Since(last[what]))
			last[what] = time.Now()
			return true
		}
		defer func() {
			for what := range last {
				c.longest[what] = max(c.longest[what], time.Since(last[what]))
			}
		}()
		acknowledged := 0
		for n := 1; ctx.Err() == nil; n++ {
			object, err := stored.Get(ctx, "count", metav1.GetOptions{})
			if note(read, err) {
				has, _ := strconv.Atoi(object.Data["n"])
				c.lost = c.lost || has < acknowledged
				object.Data = map[string]string{"n": strconv.Itoa(n)}
				if _, err := stored.Update(ctx, object, metav1.UpdateOptions{}); note(write, err) {
					acknowledged = n
				}
			}
			select {
			case <-ctx.Done():
			case <-time.After(200 * time.Millisecond):
			}
		}
	}()
	return c
}

func (c *client) stop() {
	c.end()
	<-c.done
}

// brief is the end of an error, which says what happened.
func brief(err error) string {
	text := err.Error()
	return text[max(0, len(text)-60):]
}
