//go:build real && linux

package registry_test

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/gantry/terraform-provider-gantry/internal/agent"
	"github.com/gantry/terraform-provider-gantry/internal/simulator/machine/registry"
)

// binaries returns the output directory of internal/tools/build-kubernetes.
func binaries(t *testing.T) string {
	t.Helper()
	dir, err := registry.DefaultBinaries()
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func newReal(t *testing.T) *registry.Registry {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Fatal("containerd needs root")
	}
	guest := os.Getenv("GANTRY_TEST_GUEST")
	if guest == "" {
		guest = filepath.Join(t.TempDir(), "standin")
		build := exec.Command("go", "build", "-o", guest, "./testdata/standin")
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if said, err := build.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, said)
		}
	}
	served, err := registry.New(registry.Options{Binaries: binaries(t), Guest: guest})
	if err != nil {
		t.Fatal(err)
	}
	return served
}

// realImages returns all that the clusters of all versions here consist of, and what is
// deployed on them.
func realImages(t *testing.T) []string {
	t.Helper()
	images := []string{
		agent.FlannelImage, agent.FlannelCNIImage, agent.DefaultImage, "ghcr.io/kube-vip/kube-vip:" + newest(t, "kube-vip"),
		"registry.k8s.io/pause:3.8", "registry.k8s.io/pause:3.10", "docker.io/library/busybox:1",
	}
	kubernetes := versions(t, "kubelet")
	for _, version := range kubernetes {
		some, err := registry.KubeadmImages(t.Context(), binaries(t), version)
		if err != nil || len(some) != 7 {
			t.Fatalf("%v: kubeadm %s names %q", err, version, some)
		}
		images = append(images, some...)
	}
	slices.Sort(images)
	return slices.Compact(images)
}

func versions(t *testing.T, command string) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(binaries(t), command+"-v*"))
	if err != nil || len(found) == 0 {
		t.Fatalf("no %s in %s: %v", command, binaries(t), err)
	}
	for i, file := range found {
		found[i] = strings.TrimPrefix(filepath.Base(file), command+"-")
	}
	return found
}

func newest(t *testing.T, command string) string {
	t.Helper()
	found := versions(t, command)
	return found[len(found)-1]
}

// counting says how much a handler has sent.
type counting struct {
	http.Handler
	sent atomic.Int64
}

func (c *counting) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	c.Handler.ServeHTTP(&counted{w, &c.sent}, request)
}

type counted struct {
	http.ResponseWriter
	sent *atomic.Int64
}

func (c *counted) Write(data []byte) (int, error) {
	count, err := c.ResponseWriter.Write(data)
	c.sent.Add(int64(count))
	return count, err
}

// called is a program that is run in an image, and what it says.
type called struct {
	program []string
	says    string
}

var (
	iptables = []called{
		{[]string{"iptables", "--version"}, `iptables v1\.`},
		{[]string{"iptables", "-t", "nat", "-A", "POSTROUTING", "-m", "comment", "--comment", "x", "-j", "MASQUERADE"}, `^$`},
		{[]string{"ip6tables", "-A", "INPUT", "-p", "tcp", "-m", "conntrack", "--ctstate", "NEW", "-j", "ACCEPT"}, `^$`},
		{[]string{"iptables-save"}, ``},
		{[]string{"conntrack", "--version"}, `conntrack v`},
	}
	shell = []called{{[]string{"sh", "-c", "cp -f /bin/sh /tmp/copy && test -x /tmp/copy && echo copied"}, `^copied`}}
)

// calls returns the programs that the image of a reference has to run.
func calls(image string) []called {
	repository, tag, _ := strings.Cut(image[strings.LastIndex(image, "/")+1:], ":")
	version := regexp.QuoteMeta(strings.TrimSuffix(strings.TrimPrefix(tag, "v"), "-0"))
	switch repository {
	case "kube-apiserver", "kube-controller-manager", "kube-scheduler":
		return []called{{[]string{repository, "--version"}, "Kubernetes v" + version}}
	case "kube-proxy":
		return append(iptables, called{[]string{"kube-proxy", "--version"}, "Kubernetes v" + version})
	case "etcd":
		return []called{
			{[]string{"etcd", "--version"}, "etcd Version: " + version}, {[]string{"etcdctl", "version"}, "etcdctl version: " + version},
		}
	case "coredns":
		return []called{{[]string{"/coredns", "-version"}, "CoreDNS-" + version}}
	case "kube-vip":
		return []called{{[]string{"/kube-vip", "version"}, "Kube-VIP Release"}}
	case "flannel":
		return slices.Concat(iptables, shell, []called{
			{[]string{"/opt/bin/flanneld", "--version"}, version}, {[]string{"ip", "-brief", "link"}, `lo .*`},
		})
	case "flannel-cni-plugin":
		return append(shell, called{[]string{"/flannel"}, "stand-in for the CNI plug-in"})
	case "busybox":
		return shell
	}
	return nil
}

// idlers are the images whose entry point runs until it is told to end.
var idlers = regexp.MustCompile(`^(registry\.k8s\.io/pause|docker\.io/hashicorp/tfc-agent):`)

func TestRealContainerdPullsAndRuns(t *testing.T) {
	served := &counting{Handler: newReal(t)}
	d := startContainerd(t, served)
	started := 0
	for _, image := range realImages(t) {
		sent, since := served.sent.Load(), time.Now()
		if said, err := d.pull(image); err != nil {
			t.Errorf("pull %s: %v: %s", image, err, said)
			continue
		}
		t.Logf("%-52s %7.1f MB in %5.2f s", image, float64(served.sent.Load()-sent)/1e6, time.Since(since).Seconds())
		for _, call := range calls(image) {
			started++
			said, err := d.run(image, fmt.Sprintf("c%d", started), call.program...)
			if err != nil || !regexp.MustCompile(call.says).MatchString(said) {
				t.Errorf("%s: %q: %v: %s, want %q", image, call.program, err, said, call.says)
			}
		}
		if idlers.MatchString(image) {
			started++
			runUntilTold(t, d, image, fmt.Sprintf("c%d", started))
		} else if len(calls(image)) == 0 {
			t.Errorf("nothing is run in %s", image)
		}
	}
	// One that there is elsewhere, under the name of one that there is.
	if said, err := d.pull("quay.io/coredns/coredns:v1.14.6"); err == nil || !strings.Contains(said, "not found") {
		t.Errorf("an image that there is not: %v: %s", err, said)
	}
}

// runUntilTold runs an image's entry point, which has to be there after a while and to end
// well on SIGTERM.
func runUntilTold(t *testing.T, d *daemon, image, id string) {
	t.Helper()
	var said string
	var err error
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		said, err = d.run(image, id)
	}()
	select {
	case <-ended:
		t.Errorf("%s ended unasked: %v: %s", image, err, said)
		return
	case <-time.After(time.Second):
	}
	if err := d.stop(id, ended); err != nil {
		t.Error(err)
		return
	}
	if err != nil || !strings.Contains(said, "on terminated") {
		t.Errorf("%s on SIGTERM: %v: %s", image, err, said)
	}
}

// Three machines that pull everything at once cost the simulator no memory to speak of.
func TestRealImagesAreNotHeldInMemory(t *testing.T) {
	const machines, most = 3, 32 << 20
	h := newHostOf(t, newReal(t))
	images := realImages(t)
	heap := func() uint64 {
		var stats runtime.MemStats
		runtime.ReadMemStats(&stats)
		return stats.HeapAlloc
	}
	runtime.GC()
	before := heap()
	highest := uint64(0)
	done, sampled := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(sampled)
		for ticker := time.NewTicker(20 * time.Millisecond); ; {
			select {
			case <-done:
				return
			case <-ticker.C:
				highest = max(highest, heap())
			}
		}
	}()
	var sent atomic.Int64
	var group errgroup.Group
	since := time.Now()
	for range machines {
		group.Go(func() error {
			for _, image := range images {
				count, err := drain(h, image)
				if err != nil {
					return fmt.Errorf("%s: %w", image, err)
				}
				sent.Add(count)
			}
			return nil
		})
	}
	err := group.Wait()
	close(done)
	<-sampled
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d images, %d times: %d MB in %.1f s, heap %.1f MB before, at most %.1f MB", len(images), machines, sent.Load()/1e6,
		time.Since(since).Seconds(), float64(before)/1e6, float64(highest)/1e6)
	if highest > before+most {
		t.Errorf("the heap grew from %d to %d bytes", before, highest)
	}
}

// drain reads all layers of an image and checks their digests, as remote does.
func drain(h *host, image string) (int64, error) {
	_, path, _ := strings.Cut(image, "/")
	pulled, err := h.pull(path)
	if err != nil {
		return 0, err
	}
	layers, err := pulled.Layers()
	if err != nil {
		return 0, err
	}
	var total int64
	for _, layer := range layers {
		stream, err := layer.Compressed()
		if err != nil {
			return 0, err
		}
		count, err := io.Copy(io.Discard, stream)
		_ = stream.Close()
		if err != nil {
			return 0, err
		}
		total += count
	}
	return total, nil
}
