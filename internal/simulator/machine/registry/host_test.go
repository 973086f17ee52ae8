package registry_test

import (
	"archive/tar"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/gantry/terraform-provider-gantry/internal/simulator/machine/registry"
)

// present are programs that a test has in place of real ones: their content is their name.
var present = []string{
	"kube-apiserver-v1.34.2", "kube-controller-manager-v1.34.2", "kube-scheduler-v1.34.2", "kube-proxy-v1.34.2",
	"etcd-v3.6.5", "etcdctl-v3.6.5", "etcd-v3.5.12", "coredns-v1.12.1", "kube-vip-v1.0.0", "flanneld-v0.27.4",
}

// host is a registry that is served, and what it is made from.
type host struct {
	t       *testing.T
	options registry.Options
	server  *httptest.Server
}

func newHost(t *testing.T) *host {
	t.Helper()
	directory := t.TempDir()
	h := &host{t: t, options: registry.Options{Binaries: filepath.Join(directory, "bin"), Guest: filepath.Join(directory, "guest")}}
	if err := os.Mkdir(h.options.Binaries, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, program := range present {
		h.write(filepath.Join(h.options.Binaries, program), program)
	}
	h.write(h.options.Guest, "guest")
	served, err := registry.New(h.options)
	if err != nil {
		t.Fatal(err)
	}
	h.server = newHostOf(t, served).server
	return h
}

// newHostOf serves a registry that was made elsewhere.
func newHostOf(t *testing.T, served http.Handler) *host {
	t.Helper()
	h := &host{t: t, server: httptest.NewServer(served)}
	t.Cleanup(h.server.Close)
	return h
}

func (h *host) write(file, text string) {
	h.t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o755); err != nil {
		h.t.Fatal(err)
	}
}

// pull asks as a client does that knows of no mirror.
func (h *host) pull(image string) (v1.Image, error) {
	reference, err := name.ParseReference(strings.TrimPrefix(h.server.URL, "http://")+"/"+image, name.Insecure)
	if err != nil {
		return nil, err
	}
	return remote.Image(reference)
}

func (h *host) mustPull(image string) v1.Image {
	h.t.Helper()
	pulled, err := h.pull(image)
	if err != nil {
		h.t.Fatalf("pull %s: %v", image, err)
	}
	return pulled
}

func (h *host) request(method, target string, headers ...string) *http.Response {
	h.t.Helper()
	request, err := http.NewRequestWithContext(h.t.Context(), method, h.server.URL+target, http.NoBody)
	if err != nil {
		h.t.Fatal(err)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	response, err := h.server.Client().Do(request)
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { _ = response.Body.Close() })
	return response
}

// refused says the code and the message of an error as the distribution specification
// has it.
func refused(t *testing.T, response *http.Response) (code, message string) {
	t.Helper()
	var body struct {
		Errors []struct{ Code, Message string }
	}
	if err := json.NewDecoder(response.Body).Decode(&body); err != nil || len(body.Errors) != 1 {
		t.Fatalf("not an error by the specification: %v: %+v", err, body)
	}
	return body.Errors[0].Code, body.Errors[0].Message
}

// files returns the content of all layers of an image, later ones over earlier ones. A file is told
// by its mode and its content (its digest where it is long), a link by what it points to.
// It fails where something comes before its directory: extraction would need it.
func files(t *testing.T, image v1.Image) map[string]string {
	t.Helper()
	layers, err := image.Layers()
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for _, layer := range layers {
		stream, err := layer.Uncompressed()
		if err != nil {
			t.Fatal(err)
		}
		directories := map[string]bool{".": true}
		seen := map[string]bool{}
		for archive := tar.NewReader(stream); ; {
			header, err := archive.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			entry := path.Clean(header.Name)
			if seen[entry] {
				t.Errorf("%s is twice in a layer", header.Name)
			}
			seen[entry] = true
			if header.ModTime.Unix() != 0 || header.Uid != 0 || header.Gid != 0 {
				t.Errorf("%s is of %s and of %d:%d", header.Name, header.ModTime, header.Uid, header.Gid)
			}
			if !directories[path.Dir(entry)] || path.IsAbs(entry) {
				t.Errorf("%s comes before its directory", header.Name)
			}
			switch header.Typeflag {
			case tar.TypeDir:
				directories[entry] = true
				found["/"+entry] = fmt.Sprintf("%o directory", header.Mode)
			case tar.TypeSymlink:
				found["/"+entry] = "-> " + header.Linkname
			default:
				found["/"+entry] = fmt.Sprintf("%o %s", header.Mode, content(t, archive, header.Size))
			}
		}
		_ = stream.Close()
	}
	return found
}

// checkLayers holds every layer against what the manifest and the configuration say of it.
func checkLayers(t *testing.T, image v1.Image) {
	t.Helper()
	manifest, err := image.Manifest()
	if err != nil {
		t.Fatal(err)
	}
	config, err := image.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	layers, err := image.Layers()
	if err != nil || len(layers) == 0 || len(layers) != len(manifest.Layers) || len(layers) != len(config.RootFS.DiffIDs) {
		t.Fatalf("%v: %d layers, %d in the manifest, %d in the configuration", err, len(layers), len(manifest.Layers), len(config.RootFS.DiffIDs))
	}
	for i, layer := range layers {
		stream, err := layer.Compressed()
		if err != nil {
			t.Fatal(err)
		}
		got, size, err := v1.SHA256(stream)
		_ = stream.Close()
		if err != nil || got != manifest.Layers[i].Digest || got != config.RootFS.DiffIDs[i] || size != manifest.Layers[i].Size {
			t.Errorf("layer %d: %v: %d bytes of %s, said to be %+v and %s", i, err, size, got, manifest.Layers[i], config.RootFS.DiffIDs[i])
		}
	}
	files(t, image)
}

func content(t *testing.T, from io.Reader, size int64) string {
	t.Helper()
	hash := sha256.New()
	var head strings.Builder
	if _, err := io.Copy(io.MultiWriter(hash, &head), from); err != nil {
		t.Fatal(err)
	}
	if size > 256 {
		return fmt.Sprintf("%x", hash.Sum(nil))
	}
	return head.String()
}
