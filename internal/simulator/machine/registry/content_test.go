package registry_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"golang.org/x/sync/errgroup"

	"github.com/gantry/terraform-provider-gantry/internal/simulator/machine/registry"
)

// lastLayer returns the layer with the programs.
func lastLayer(t *testing.T, image v1.Image) string {
	t.Helper()
	manifest, err := image.Manifest()
	if err != nil {
		t.Fatal(err)
	}
	return "/v2/etcd/blobs/" + manifest.Layers[len(manifest.Layers)-1].Digest.String()
}

func TestRanges(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	layer := lastLayer(t, h.mustPull("etcd:3.6.5-0"))
	whole, err := io.ReadAll(h.request(http.MethodGet, layer).Body)
	if err != nil {
		t.Fatal(err)
	}
	// Each range begins or ends in another part: a header, a file, padding.
	at := bytes.Index(whole, []byte("etcd-v3.6.5"))
	for _, r := range [][2]int{{0, 10}, {at - 1, at + 3}, {at + 2, at + 600}, {at + 5, len(whole) - 1}} {
		response := h.request(http.MethodGet, layer, "Range", fmt.Sprintf("bytes=%d-%d", r[0], r[1]))
		got, err := io.ReadAll(response.Body)
		if err != nil || response.StatusCode != http.StatusPartialContent || !bytes.Equal(got, whole[r[0]:r[1]+1]) {
			t.Errorf("%v: %v: %d, %d bytes", r, err, response.StatusCode, len(got))
		}
	}
}

// Machines that boot together pull together: one makes the image, none gets half of it.
func TestPullsAtOnce(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	var mu sync.Mutex
	digests := map[string]map[v1.Hash]bool{}
	var group errgroup.Group
	for i := range 48 {
		image := plain[i%len(plain)]
		group.Go(func() error {
			pulled, err := h.pull(image)
			if err != nil {
				return err
			}
			layers, err := pulled.Layers()
			if err != nil {
				return err
			}
			for _, layer := range layers {
				stream, err := layer.Compressed()
				if err != nil {
					return err
				}
				if _, err := io.Copy(io.Discard, stream); err != nil {
					return err
				}
				_ = stream.Close()
			}
			digest, err := pulled.Digest()
			mu.Lock()
			defer mu.Unlock()
			if digests[image] == nil {
				digests[image] = map[v1.Hash]bool{}
			}
			digests[image][digest] = true
			return err
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	for image, seen := range digests {
		if len(seen) != 1 {
			t.Errorf("%s has %d digests", image, len(seen))
		}
	}
}

// A rebuilt program gets a new image, and no bytes are served that don't match their
// digest.
func TestProgramThatChanges(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	before := h.mustPull("etcd:3.6.5-0")
	layer := lastLayer(t, before)
	program := filepath.Join(h.options.Binaries, "etcd-v3.6.5")
	h.write(program, "etcd, built again")
	if status := h.request(http.MethodGet, layer).StatusCode; status != http.StatusInternalServerError {
		t.Errorf("the layer of the old program: %d", status)
	}
	if got := files(t, h.mustPull("etcd:3.6.5-0"))["/usr/local/bin/etcd"]; got != "755 etcd, built again" {
		t.Errorf("the image has %q", got)
	}
	if err := os.Remove(program); err != nil {
		t.Fatal(err)
	}
	if _, err := h.pull("etcd:3.6.5-0"); err == nil || !strings.Contains(err.Error(), "MANIFEST_UNKNOWN") {
		t.Errorf("the image of a program that is gone: %v", err)
	}
}

// The same programs make the same image, wherever and whenever: a machine that has it need
// not pull it again after the simulator was restarted.
func TestDigestsAreReproducible(t *testing.T) {
	t.Parallel()
	one, two := newHost(t), newHost(t)
	later := time.Now().Add(time.Hour)
	if err := os.Chtimes(filepath.Join(two.options.Binaries, "etcd-v3.6.5"), later, later); err != nil {
		t.Fatal(err)
	}
	first, err := one.mustPull("etcd:3.6.5-0").Digest()
	if err != nil {
		t.Fatal(err)
	}
	second, err := two.mustPull("etcd:3.6.5-0").Digest()
	if err != nil || first != second {
		t.Errorf("%v: %s and %s", err, first, second)
	}
}

// discarding is a client that keeps nothing, so that what is measured is the registry's.
type discarding struct {
	header http.Header
	count  int64
}

func (d *discarding) Header() http.Header { return d.header }
func (d *discarding) WriteHeader(int)     {}
func (d *discarding) Write(data []byte) (int, error) {
	d.count += int64(len(data))
	return len(data), nil
}

// Not parallel: what is allocated is counted for the whole process.
func TestProgramsAreNotHeldInMemory(t *testing.T) {
	const size, most = 64 << 20, 8 << 20
	directory := t.TempDir()
	guest := filepath.Join(directory, "guest")
	if err := os.WriteFile(guest, nil, 0o755); err != nil {
		t.Fatal(err)
	}
	served, err := registry.New(registry.Options{Binaries: directory, Guest: guest})
	if err != nil {
		t.Fatal(err)
	}
	get := func(target string) int64 {
		to := &discarding{header: http.Header{}}
		served.ServeHTTP(to, httptest.NewRequest(http.MethodGet, target, http.NoBody))
		return to.count
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	var sent int64
	for _, component := range []string{"kube-apiserver", "kube-controller-manager", "kube-scheduler"} {
		// A file with a hole is as long as it says, and takes no space.
		program := filepath.Join(directory, component+"-v1.34.2")
		if err := os.WriteFile(program, nil, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(program, size); err != nil {
			t.Fatal(err)
		}
		manifest := httptest.NewRecorder()
		served.ServeHTTP(manifest, httptest.NewRequest(http.MethodGet, "/v2/"+component+"/manifests/v1.34.2", http.NoBody))
		parsed, err := v1.ParseManifest(manifest.Body)
		if err != nil {
			t.Fatal(err)
		}
		for _, layer := range parsed.Layers {
			sent += get("/v2/" + component + "/blobs/" + layer.Digest.String())
		}
	}
	runtime.ReadMemStats(&after)
	if sent < 3*size {
		t.Fatalf("only %d bytes were sent", sent)
	}
	if allocated := after.TotalAlloc - before.TotalAlloc; allocated > most {
		t.Errorf("%d bytes were allocated to send %d", allocated, sent)
	}
}
