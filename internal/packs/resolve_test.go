package packs_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	ociregistry "github.com/google/go-containerregistry/pkg/registry"
	helmregistry "helm.sh/helm/v4/pkg/registry"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/packs"
	"github.com/gantry/terraform-provider-gantry/internal/testing/testchart"
)

const kubernetesVersion = "1.37.2"

func digest(content []byte) string {
	sum := sha256.Sum256(content)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// repository is an HTTP repository with version 1.0.0 of the test's chart, and the version
// 2.0.0, of which the index has another digest.
type repository struct {
	url      string
	archive  []byte
	requests atomic.Int64
}

func newRepository(t *testing.T) *repository {
	t.Helper()
	r := &repository{archive: testchart.Archive(t, testchart.Files("1.0.0"))}
	other := testchart.Archive(t, testchart.Files("2.0.0"))
	index := fmt.Sprintf(`apiVersion: v1
entries:
  %s:
    - {name: demo, version: 2.0.0, digest: %s, urls: [demo-2.0.0.tgz]}
    - {name: demo, version: 1.0.0, digest: %s, urls: [charts/demo-1.0.0.tgz]}
`, testchart.Name, strings.Repeat("0", 64), strings.TrimPrefix(digest(r.archive), "sha256:"))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		r.requests.Add(1)
		switch req.URL.Path {
		case "/stable/index.yaml":
			_, _ = w.Write([]byte(index))
		case "/stable/charts/demo-1.0.0.tgz":
			_, _ = w.Write(r.archive)
		case "/stable/demo-2.0.0.tgz":
			_, _ = w.Write(other)
		default:
			http.NotFound(w, req)
		}
	}))
	t.Cleanup(server.Close)
	r.url = server.URL + "/stable"
	return r
}

func (r *repository) chart(version string) model.Chart {
	return model.Chart{Name: testchart.Name, Repository: r.url, Version: version, Namespace: "apps"}
}

// ofFolder is the digest of the test's chart as a folder: what is the same has the same digest,
// wherever it is from.
func ofFolder(t *testing.T, version string) string {
	t.Helper()
	chart := model.Chart{Path: testchart.Folder(t, testchart.Files(version))}
	return packs.New(packs.Options{}).Resolve(t.Context(), chart, kubernetesVersion).Digest
}

func TestResolveFromRepository(t *testing.T) {
	t.Parallel()
	r := newRepository(t)
	charts := packs.New(packs.Options{})
	want := model.ResolvedChart{Name: testchart.Name, Version: "1.0.0", Digest: ofFolder(t, "1.0.0")}
	for range 2 {
		if got := charts.Resolve(t.Context(), r.chart("1.0.0"), kubernetesVersion); got != want {
			t.Errorf("got %+v", got)
		}
	}
	if n := r.requests.Load(); n != 2 { // the index and the archive, once
		t.Errorf("%d requests", n)
	}
	pinned := r.chart("1.0.0")
	pinned.Digest = digest(r.archive)
	if got := charts.Resolve(t.Context(), pinned, kubernetesVersion); got != want {
		t.Errorf("pinned: %+v", got)
	}
}

// TestChartsThatCannotBeUsed has what a plan says of each.
func TestChartsThatCannotBeUsed(t *testing.T) {
	t.Parallel()
	r := newRepository(t)
	folder := func(change func(map[string]string)) model.Chart {
		files := testchart.Files("1.0.0")
		change(files)
		return model.Chart{Path: testchart.Folder(t, files)}
	}
	pinned := r.chart("1.0.0")
	pinned.Digest = digest(nil)
	elsewhere := r.chart("1.0.0")
	elsewhere.Name = "other"
	nowhere := r.chart("1.0.0")
	nowhere.Repository += "/no"
	badValues := r.chart("1.0.0")
	badValues.Values = []string{"replicas: many"}
	badOverride := r.chart("1.0.0")
	badOverride.Values = []string{"replicas: 1"}
	badOverride.Override = "replicas: many"
	secretValues := folder(func(f map[string]string) {
		f["values.schema.json"] = `{"properties": {"password": {"pattern": "^[0-9]+$"}, "other": {"$ref": "https://192.0.2.1/no.json"}}}`
	})
	secretValues.Values = []string{"password: hunter2"}
	for name, c := range map[string]struct {
		chart model.Chart
		want  []string
	}{
		"another version":    {r.chart("1.0.1"), []string{"has no version 1.0.1", "Its newest are 2.0.0, 1.0.0"}},
		"another chart":      {elsewhere, []string{`has no chart "other"`}},
		"another repository": {nowhere, []string{"/no cannot be read", "nothing there"}},
		"another content":    {r.chart("2.0.0"), []string{"its index says"}},
		"another digest":     {pinned, []string{"holds it to " + digest(nil), "other content was published"}},
		"values":             {badValues, []string{"The values do not fit the chart demo 1.0.0", "replicas"}},
		"an override":        {badOverride, []string{"The values do not fit the chart demo 1.0.0", "replicas"}},
		"secret values":      {secretValues, []string{"The values do not fit", "password"}},
		"no folder":          {model.Chart{Path: filepath.Join(t.TempDir(), "no")}, []string{"cannot be read"}},
		"a library": {folder(func(f map[string]string) { f["Chart.yaml"] += "type: library\n" }),
			[]string{"is a library for other charts"}},
		"another Kubernetes": {folder(func(f map[string]string) {
			f["Chart.yaml"] = strings.ReplaceAll(f["Chart.yaml"], ">=1.31.0-0", "<1.20.0")
		}), []string{"is for Kubernetes <1.20.0", "1.37.2"}},
		"a missing dependency": {folder(func(f map[string]string) {
			f["Chart.yaml"] += "dependencies: [{name: base, version: 1.0.0, repository: 'https://charts.example.com'}]\n"
		}), []string{"base", "helm dependency build"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := packs.New(packs.Options{}).Resolve(t.Context(), c.chart, kubernetesVersion)
			for _, want := range c.want {
				if !strings.Contains(got.Problem, want) {
					t.Errorf("%q is not in %q", want, got.Problem)
				}
			}
			if got.Unreachable || strings.Contains(got.Problem, "hunter2") {
				t.Errorf("it is unreachable, or a value is repeated: %+v", got)
			}
		})
	}
}

// TestDigestOfFolder is of the files alone: not of when they were written, and of each.
func TestDigestOfFolder(t *testing.T) {
	t.Parallel()
	charts := packs.New(packs.Options{})
	resolve := func(files map[string]string) string {
		got := charts.Resolve(t.Context(), model.Chart{Path: testchart.Folder(t, files)}, kubernetesVersion)
		if got.Problem != "" || got.Version != "1.0.0" {
			t.Fatalf("%+v", got)
		}
		return got.Digest
	}
	files := testchart.Files("1.0.0")
	first := resolve(files)
	if again := resolve(files); again != first {
		t.Errorf("%s and %s", first, again)
	}
	packed := filepath.Join(t.TempDir(), "demo.tgz")
	if err := os.WriteFile(packed, testchart.Archive(t, files), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := charts.Resolve(t.Context(), model.Chart{Path: packed}, kubernetesVersion); got.Digest != first {
		t.Errorf("packed, it has the digest %s", got.Digest)
	}
	dependency := testchart.Files("1.0.0")
	for _, made := range []time.Time{{}, time.Now()} {
		files["charts/demo-1.0.0.tgz"] = string(testchart.ArchiveOf(t, dependency, made))
		files["Chart.yaml"] = testchart.Files("1.0.0")["Chart.yaml"] + "dependencies: [{name: demo, version: 1.0.0}]\n"
		if again := resolve(files); made.IsZero() {
			first = again
		} else if again != first {
			t.Error("a dependency that was packed at another time makes another digest")
		}
	}
	files["templates/config.yaml"] += "# a word\n"
	if resolve(files) == first {
		t.Error("another template has the same digest")
	}
}

// inRegistry pushes a version of the test's chart by Helm's own client, and returns where it
// is, the archive and the digest of its manifest.
func inRegistry(t *testing.T, handler http.Handler) (at string, archive []byte, manifest string) {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	at = strings.TrimPrefix(server.URL, "http://") + "/charts/" + testchart.Name
	client, err := helmregistry.NewClient(helmregistry.ClientOptPlainHTTP())
	if err != nil {
		t.Fatal(err)
	}
	archive = testchart.Archive(t, testchart.Files("1.0.0+build.1"))
	pushed, err := client.Push(archive, at+":1.0.0_build.1", helmregistry.PushOptStrictMode(false))
	if err != nil {
		t.Fatal(err)
	}
	return at, archive, pushed.Manifest.Digest
}

func newRegistry() http.Handler {
	return ociregistry.New(ociregistry.Logger(log.New(io.Discard, "", 0)))
}

// TestResolveFromRegistry pulls what Helm's own client has pushed.
func TestResolveFromRegistry(t *testing.T) {
	t.Parallel()
	at, _, manifest := inRegistry(t, newRegistry())
	charts := packs.New(packs.Options{})
	chart := model.Chart{OCI: "oci://" + at, Version: "1.0.0+build.1"}
	want := model.ResolvedChart{Name: testchart.Name, Version: "1.0.0+build.1", Digest: ofFolder(t, "1.0.0+build.1")}
	if got := charts.Resolve(t.Context(), chart, kubernetesVersion); got != want {
		t.Errorf("got %+v, not %+v", got, want)
	}
	chart.Digest = manifest
	if got := charts.Resolve(t.Context(), chart, kubernetesVersion); got != want {
		t.Errorf("pinned: %+v", got)
	}
	chart.Digest = ""
	chart.Version = "3.0.0"
	if got := charts.Resolve(t.Context(), chart, kubernetesVersion); !strings.Contains(got.Problem, ":3.0.0 cannot be pulled") {
		t.Errorf("got %+v", got)
	}
}

// TestResolveFromRegistryWithTokens has a registry as the public ones are: it answers no request
// without a token, hands out one without a login, and is now and then too busy.
func TestResolveFromRegistryWithTokens(t *testing.T) {
	t.Parallel()
	registry := newRegistry()
	at, _, _ := inRegistry(t, registry)
	var tokens atomic.Int64
	var busy atomic.Bool
	public := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/token" && busy.CompareAndSwap(false, true):
			w.WriteHeader(http.StatusServiceUnavailable)
		case r.URL.Path == "/token":
			tokens.Add(1)
			_, _ = w.Write([]byte(`{"token": "a public token"}`))
		case r.Header.Get("Authorization") != "Bearer a public token":
			w.Header().Set("Www-Authenticate",
				fmt.Sprintf(`Bearer realm="http://%s/token",service="registry",scope="repository:charts/demo:pull"`, r.Host))
			w.WriteHeader(http.StatusUnauthorized)
		default:
			registry.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(public.Close)
	_, name, _ := strings.Cut(at, "/")
	chart := model.Chart{OCI: "oci://" + strings.TrimPrefix(public.URL, "http://") + "/" + name, Version: "1.0.0+build.1"}
	want := model.ResolvedChart{Name: testchart.Name, Version: "1.0.0+build.1", Digest: ofFolder(t, "1.0.0+build.1")}
	if got := packs.New(packs.Options{}).Resolve(t.Context(), chart, kubernetesVersion); got != want || tokens.Load() != 1 {
		t.Errorf("got %+v by %d tokens", got, tokens.Load())
	}
}

// TestResolveFromIndexOfRegistry has a repository that is an index of what a registry has.
func TestResolveFromIndexOfRegistry(t *testing.T) {
	t.Parallel()
	at, archive, _ := inRegistry(t, newRegistry())
	index := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		const entry = "{name: demo, version: 1.0.0+build.1, digest: %q, urls: ['oci://%s:1.0.0_build.1']}"
		fmt.Fprintf(w, "entries: {demo: ["+entry+"]}", digest(archive), at)
	}))
	t.Cleanup(index.Close)
	chart := model.Chart{Name: testchart.Name, Repository: index.URL, Version: "1.0.0+build.1"}
	want := model.ResolvedChart{Name: testchart.Name, Version: "1.0.0+build.1", Digest: ofFolder(t, "1.0.0+build.1")}
	if got := packs.New(packs.Options{}).Resolve(t.Context(), chart, kubernetesVersion); got != want {
		t.Errorf("got %+v, not %+v", got, want)
	}
}

// TestResolveEndsWithItsTimeout has a repository that never answers.
func TestResolveEndsWithItsTimeout(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-release:
		case <-r.Context().Done():
		}
	}))
	t.Cleanup(server.Close)
	t.Cleanup(func() { close(release) })
	charts := packs.New(packs.Options{Timeout: 100 * time.Millisecond})
	for _, chart := range []model.Chart{
		{Name: "demo", Repository: server.URL, Version: "1.0.0"},
		{OCI: "oci://" + strings.TrimPrefix(server.URL, "http://") + "/demo", Version: "1.0.0"},
	} {
		if got := charts.Resolve(context.WithoutCancel(t.Context()), chart, kubernetesVersion); !strings.Contains(got.Problem, "deadline") ||
			!got.Unreachable {
			t.Errorf("got %+v", got)
		}
	}
}
