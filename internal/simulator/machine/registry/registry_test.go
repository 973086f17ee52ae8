package registry_test

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/v1/validate"

	"github.com/gantry/terraform-provider-gantry/internal/simulator/machine/registry"
)

// plain are the images that need nothing of the machine that the test runs on.
var plain = []string{
	"kube-apiserver:v1.34.2", "kube-controller-manager:v1.34.2", "kube-scheduler:v1.34.2", "etcd:3.6.5-0", "coredns/coredns:v1.12.1",
	"pause:3.8", "pause:3.9", "pause:3.10", "pause:3.10.1", "pause:3.10.2", "kube-vip/kube-vip:v1.0.0",
	"hashicorp/tfc-agent:1.28.7", "hashicorp/tfc-agent:latest",
}

// tooled are those that have programs of the machine in them.
var tooled = []string{"kube-proxy:v1.34.2", "flannel-io/flannel:v0.27.4",
	"flannel-io/flannel-cni-plugin:v1.8.0-flannel1", "library/busybox:1"}

func needTools(t *testing.T) {
	t.Helper()
	for _, tool := range []string{"/usr/sbin/iptables", "/usr/sbin/conntrack", "/bin/busybox", "/usr/bin/ldd"} {
		if _, err := os.Stat(tool); err != nil {
			if os.Getenv("CI") == "true" {
				t.Fatal(err) // a check that silently does not run is a check that is lost
			}
			t.Skipf("no tools for images here: %v", err)
		}
	}
}

func TestImagesAreValid(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	for _, image := range slices.Concat(plain, tooled) {
		t.Run(image, func(t *testing.T) {
			t.Parallel()
			if slices.Contains(tooled, image) {
				needTools(t)
			}
			pulled := h.mustPull(image)
			// In full it takes every layer for a compressed one; checkLayers does the rest.
			if err := validate.Image(pulled, validate.Fast); err != nil {
				t.Error(err)
			}
			checkLayers(t, pulled)
		})
	}
}

func TestImagesHold(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	for _, c := range []struct {
		image, entrypoint, user string
		want                    map[string]string
	}{
		{image: "kube-apiserver:v1.34.2", want: map[string]string{
			"/usr/local/bin/kube-apiserver": "755 kube-apiserver-v1.34.2",
			"/tmp":                          "1777 directory", "/lib64": "-> usr/lib64", "/usr/lib64": "755 directory",
		}},
		{image: "etcd:3.6.5-0", want: map[string]string{
			"/usr/local/bin/etcd": "755 etcd-v3.6.5", "/usr/local/bin/etcdctl": "755 etcdctl-v3.6.5",
		}},
		{image: "coredns/coredns:v1.12.1", entrypoint: "/coredns", want: map[string]string{"/coredns": "755 coredns-v1.12.1"}},
		{image: "pause:3.10.1", entrypoint: "/pause", user: "65535:65535", want: map[string]string{"/pause": "755 guest"}},
		{image: "kube-vip/kube-vip:v1.0.0", entrypoint: "/kube-vip", want: map[string]string{"/kube-vip": "755 kube-vip-v1.0.0"}},
		{image: "hashicorp/tfc-agent:1.28.7", entrypoint: "/home/tfc-agent/bin/idle", user: "tfc-agent", want: map[string]string{
			"/home/tfc-agent/bin/idle": "755 guest",
		}},
	} {
		t.Run(c.image, func(t *testing.T) {
			t.Parallel()
			image := h.mustPull(c.image)
			found := files(t, image)
			for file, want := range c.want {
				if found[file] != want {
					t.Errorf("%s is %q, want %q", file, found[file], want)
				}
			}
			config, err := image.ConfigFile()
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(config.Config.Entrypoint, " "); got != c.entrypoint || config.Config.User != c.user {
				t.Errorf("runs %q as %q", got, config.Config.User)
			}
		})
	}
}

func TestImagesHoldTools(t *testing.T) {
	t.Parallel()
	needTools(t)
	h := newHost(t)
	for image, want := range map[string][]string{
		"kube-proxy:v1.34.2": {"/usr/local/bin/kube-proxy", "/usr/sbin/iptables", "/usr/sbin/ip6tables-restore", "/usr/sbin/conntrack"},
		"flannel-io/flannel:v0.27.4": {
			"/opt/bin/flanneld", "/usr/sbin/iptables-save", "/usr/sbin/ip", "/usr/bin/sh", "/usr/bin/cp",
		},
		"flannel-io/flannel-cni-plugin:v1.8.0-flannel1": {"/flannel", "/usr/bin/cp"},
		"library/busybox:1":                             {"/usr/bin/sh", "/usr/bin/wget"},
	} {
		t.Run(image, func(t *testing.T) {
			t.Parallel()
			found := files(t, h.mustPull(image))
			for _, file := range want {
				target, there := found[file]
				if to, link := strings.CutPrefix(target, "-> "); there && link {
					if !filepath.IsAbs(to) {
						to = filepath.Join(filepath.Dir(file), to)
					}
					_, there = found[to]
				}
				if !there {
					t.Errorf("%s is missing or points nowhere", file)
				}
			}
		})
	}
}

func TestMirrorsAreAskedByHost(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	for _, c := range []struct {
		target string
		status int
	}{
		{"/v2/etcd/manifests/3.6.5-0?ns=registry.k8s.io", http.StatusOK},
		{"/v2/etcd/manifests/3.6.5-0?ns=docker.io", http.StatusNotFound},
		{"/v2/hashicorp/tfc-agent/manifests/1.28.7?ns=docker.io", http.StatusOK},
		{"/v2/hashicorp/tfc-agent/manifests/1.28.7?ns=registry.example.com", http.StatusNotFound},
		{"/v2/kube-vip/kube-vip/manifests/v1.0.0?ns=ghcr.io", http.StatusOK},
		{"/v2/", http.StatusOK},
	} {
		if got := h.request(http.MethodGet, c.target).StatusCode; got != c.status {
			t.Errorf("%s: %d, want %d", c.target, got, c.status)
		}
	}
}

func TestUnknown(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	absent := "sha256:" + strings.Repeat("0", 64)
	for _, c := range []struct{ target, code, message string }{
		{"/v2/nginx/manifests/latest", "NAME_UNKNOWN", "no images are made for nginx"},
		{"/v2/kube-apiserver/manifests/v1.33.0", "MANIFEST_UNKNOWN", "kube-apiserver-v1.33.0"},
		{"/v2/kube-apiserver/manifests/latest", "MANIFEST_UNKNOWN", "no such tag"},
		// Its etcd is there, its etcdctl is not.
		{"/v2/etcd/manifests/3.5.12-0", "MANIFEST_UNKNOWN", "etcdctl-v3.5.12"},
		{"/v2/etcd/manifests/3.6.5", "MANIFEST_UNKNOWN", "no such tag"},
		{"/v2/etcd/manifests/../../3.6.5-0", "NAME_UNKNOWN", ""},
		{"/v2/pause/manifests/3.11", "MANIFEST_UNKNOWN", "no such tag"},
		{"/v2/kube-apiserver/manifests/" + absent, "MANIFEST_UNKNOWN", "pull by tag"},
		{"/v2/kube-apiserver/blobs/" + absent, "BLOB_UNKNOWN", absent},
		{"/v2/kube-apiserver/tags/list", "UNSUPPORTED", "manifests and blobs"},
		{"/v2/_catalog", "NAME_UNKNOWN", ""},
		{"/v1/", "UNSUPPORTED", "/v2/"},
	} {
		response := h.request(http.MethodGet, c.target)
		code, message := refused(t, response)
		if response.StatusCode != http.StatusNotFound || code != c.code || !strings.Contains(message, c.message) {
			t.Errorf("%s: %d %s %q, want 404 %s %q", c.target, response.StatusCode, code, message, c.code, c.message)
		}
	}
	response := h.request(http.MethodGet, "/v2/kube-apiserver/blobs/sha256:short")
	if code, _ := refused(t, response); response.StatusCode != http.StatusBadRequest || code != "DIGEST_INVALID" {
		t.Errorf("a digest that is none: %d %s", response.StatusCode, code)
	}
}

// A manifest is not a blob and the other way round, though both go by digests.
func TestDigests(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	image := h.mustPull("etcd:3.6.5-0")
	digest, err := image.Digest()
	if err != nil {
		t.Fatal(err)
	}
	config, err := image.ConfigName()
	if err != nil {
		t.Fatal(err)
	}
	for target, want := range map[string]int{
		"/v2/etcd/manifests/" + digest.String(): http.StatusOK,
		"/v2/etcd/blobs/" + config.String():     http.StatusOK,
		"/v2/etcd/blobs/" + digest.String():     http.StatusNotFound,
		"/v2/etcd/manifests/" + config.String(): http.StatusNotFound,
	} {
		if got := h.request(http.MethodGet, target).StatusCode; got != want {
			t.Errorf("%s: %d, want %d", target, got, want)
		}
	}
}

func TestHead(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	asked := h.request(http.MethodHead, "/v2/etcd/manifests/3.6.5-0")
	body, err := io.ReadAll(asked.Body)
	if err != nil || len(body) > 0 || asked.StatusCode != http.StatusOK || asked.ContentLength <= 0 {
		t.Fatalf("%v: %d, %d bytes, said to be %d", err, asked.StatusCode, len(body), asked.ContentLength)
	}
	image := h.mustPull("etcd:3.6.5-0")
	manifest, err := image.RawManifest()
	if err != nil {
		t.Fatal(err)
	}
	digest, err := image.Digest()
	if err != nil {
		t.Fatal(err)
	}
	if asked.ContentLength != int64(len(manifest)) || asked.Header.Get("Docker-Content-Digest") != digest.String() ||
		asked.Header.Get("Content-Type") != "application/vnd.oci.image.manifest.v1+json" {
		t.Errorf("%d bytes, %v; the manifest has %d and %s", asked.ContentLength, asked.Header, len(manifest), digest)
	}
	if status := h.request(http.MethodHead, "/v2/nginx/manifests/latest").StatusCode; status != http.StatusNotFound {
		t.Errorf("what is not there: %d", status)
	}
}

func TestNothingIsWritten(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
		for _, target := range []string{"/v2/", "/v2/etcd/manifests/3.6.5-0", "/v2/etcd/blobs/uploads/"} {
			response := h.request(method, target)
			code, _ := refused(t, response)
			if response.StatusCode != http.StatusMethodNotAllowed || code != "UNSUPPORTED" || response.Header.Get("Allow") != "GET, HEAD" {
				t.Errorf("%s %s: %d %s", method, target, response.StatusCode, code)
			}
		}
	}
}

func TestNewNeedsItsSources(t *testing.T) {
	t.Parallel()
	good := newHost(t).options
	for name, options := range map[string]registry.Options{
		"no binaries":     {Binaries: good.Binaries + "x", Guest: good.Guest},
		"binaries a file": {Binaries: good.Guest, Guest: good.Guest},
		"no guest":        {Binaries: good.Binaries, Guest: good.Guest + "x"},
		"guest a folder":  {Binaries: good.Binaries, Guest: good.Binaries},
	} {
		if _, err := registry.New(options); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
