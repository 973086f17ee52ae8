package ova_test

import (
	"bytes"
	"encoding/pem"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/ova"
	"github.com/gantry/terraform-provider-gantry/internal/ova/ovatest"
)

// impatient retries a few times, at once.
var impatient = ova.Source{Retries: 2, Pause: time.Millisecond, Stall: 100 * time.Millisecond}

// read reads an OVA to its end and returns the names and contents of its files.
func read(t *testing.T, source ova.Source, image model.OVA, proxy *model.Proxy) (map[string][]byte, error) {
	t.Helper()
	archive, err := source.Open(t.Context(), image, proxy)
	if err != nil {
		return nil, err
	}
	defer archive.Close()
	files := map[string][]byte{"": archive.Descriptor()}
	for {
		name, size, content, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return files, nil
		}
		if err != nil {
			return files, err
		}
		raw, err := io.ReadAll(content)
		if err != nil {
			return files, err
		}
		if int64(len(raw)) != size {
			t.Errorf("%s has %d bytes, not %d", name, len(raw), size)
		}
		files[name] = raw
	}
}

func served(t *testing.T, i ovatest.Image) (*ovatest.Server, model.OVA, []byte) {
	t.Helper()
	content, digest := ovatest.Build(i)
	server := ovatest.Serve(content, false)
	t.Cleanup(server.Close)
	return server, model.OVA{URL: server.Location("node.ova"), SHA256: digest}, content
}

func TestReadsEveryManifest(t *testing.T) {
	t.Parallel()
	for _, algorithm := range []string{"SHA1", "SHA256", "SHA512", "none"} {
		for _, last := range []bool{false, true} {
			_, image, _ := served(t, ovatest.Image{Algorithm: algorithm, ManifestLast: last, DiskBytes: 100_003})
			files, err := read(t, impatient, image, nil)
			if err != nil || len(files) != 2 || len(files["node-disk1.vmdk"]) != 100_003 || !bytes.Contains(files[""], []byte("<Envelope")) {
				t.Errorf("%s, last %t: %d files, %v", algorithm, last, len(files), err)
			}
			_, image, _ = served(t, ovatest.Image{Algorithm: algorithm, ManifestLast: last, WrongDigest: true})
			var wrong *ova.WrongError
			if _, err := read(t, impatient, image, nil); algorithm != "none" && !errors.As(err, &wrong) {
				t.Errorf("%s, last %t, wrong: %v", algorithm, last, err)
			}
		}
	}
}

func TestBytesBehindTheLastFileCount(t *testing.T) {
	t.Parallel()
	server, image, content := served(t, ovatest.Image{})
	server.Replace(append(content, make([]byte, 512)...), `"padded"`)
	if _, err := read(t, impatient, image, nil); err == nil || !strings.Contains(err.Error(), "SHA-256") {
		t.Errorf("with padding: %v", err)
	}
}

func TestTruncatedAtAnyPlace(t *testing.T) {
	t.Parallel()
	server, image, content := served(t, ovatest.Image{DiskBytes: 4000})
	for at := 0; at < len(content); at += 700 {
		server.Replace(content[:at], `"short"`)
		var wrong *ova.WrongError
		if _, err := read(t, impatient, image, nil); !errors.As(err, &wrong) {
			t.Errorf("after %d of %d bytes: %v", at, len(content), err)
		}
	}
}

func TestPackedArchiveIsRefused(t *testing.T) {
	t.Parallel()
	server, image, _ := served(t, ovatest.Image{})
	server.Replace([]byte{0x1f, 0x8b, 8, 0, 0, 0, 0, 0}, `"gz"`)
	if _, err := read(t, impatient, image, nil); err == nil || !strings.Contains(err.Error(), "packed with gzip") {
		t.Errorf("gzip: %v", err)
	}
}

func TestResumesWhereItBroke(t *testing.T) {
	t.Parallel()
	for _, ranges := range []bool{true, false} {
		server, image, _ := served(t, ovatest.Image{DiskBytes: 1 << 20})
		server.BreakOff(100_000, 900_000)
		if !ranges {
			server.IgnoreRanges()
		}
		if _, err := read(t, impatient, image, nil); err != nil {
			t.Errorf("ranges %t: %v", ranges, err)
		}
		requests := server.Requests()
		if len(requests) != 3 || requests[1].RangeFrom() != 100_000 || requests[1].IfRange != `"first"` {
			t.Errorf("ranges %t: the requests are %+v", ranges, requests)
		}
	}
}

// Breaks that bring something are no reason to give up, and those that bring nothing are.
func TestGivesUpWithoutProgressAlone(t *testing.T) {
	t.Parallel()
	server, image, _ := served(t, ovatest.Image{DiskBytes: 1 << 20})
	for range 8 {
		server.BreakOff(50_000)
	}
	if _, err := read(t, impatient, image, nil); err != nil {
		t.Errorf("with progress: %v", err)
	}
	server, image, _ = served(t, ovatest.Image{DiskBytes: 1 << 20})
	server.BreakOff(50_000, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
	if _, err := read(t, impatient, image, nil); err == nil || !strings.Contains(err.Error(), "cannot be downloaded") {
		t.Errorf("without progress: %v", err)
	}
}

func TestFileThatChangesDuringTheDownload(t *testing.T) {
	t.Parallel()
	server, image, content := served(t, ovatest.Image{DiskBytes: 1 << 20})
	server.BreakOff(100_000)
	first := true
	server.Hold(func() {
		if !first {
			server.Replace(content, `"second"`)
		}
		first = false
	})
	// The answer that is under way has the tag of before; the next one begins anew.
	server.BreakOff(0)
	if _, err := read(t, impatient, image, nil); err == nil || !strings.Contains(err.Error(), "changed on the server") {
		t.Errorf("changed: %v", err)
	}
}

func TestServerThatStallsIsAskedAgain(t *testing.T) {
	t.Parallel()
	content, digest := ovatest.Build(ovatest.Image{DiskBytes: 1 << 20})
	release := make(chan struct{})
	asked := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked++
		if asked == 1 {
			w.Header().Set("Content-Length", strconv.Itoa(len(content)))
			_, _ = w.Write(content[:30_000])
			w.(http.Flusher).Flush()
			<-release
			return
		}
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
	}))
	defer server.Close()
	defer close(release)
	image := model.OVA{URL: server.URL + "/node.ova", SHA256: digest}
	if _, err := read(t, impatient, image, nil); err != nil || asked != 2 {
		t.Errorf("asked %d times: %v", asked, err)
	}
}

// A server that does not resume stalls while what was read before passes by.
func TestServerThatStallsBeforeWhatIsMissingIsAskedAgain(t *testing.T) {
	t.Parallel()
	content, digest := ovatest.Build(ovatest.Image{DiskBytes: 1 << 20})
	release := make(chan struct{})
	asked := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked++
		w.Header().Set("Content-Length", strconv.Itoa(len(content)))
		if asked == 3 {
			_, _ = w.Write(content)
			return
		}
		_, _ = w.Write(content[:60_000/asked])
		w.(http.Flusher).Flush()
		<-release
	}))
	defer server.Close()
	defer close(release)
	image := model.OVA{URL: server.URL + "/node.ova", SHA256: digest}
	ended := make(chan error, 1)
	go func() {
		_, err := read(t, ova.Source{Retries: 2, Pause: time.Millisecond, Stall: 50 * time.Millisecond}, image, nil)
		ended <- err
	}()
	select {
	case err := <-ended:
		if err != nil || asked != 3 {
			t.Errorf("asked %d times: %v", asked, err)
		}
	case <-time.After(30 * time.Second):
		t.Fatal("the download hangs")
	}
}

func TestTrustsTheCertificateOfTheImageAndOfTheProxy(t *testing.T) {
	t.Parallel()
	content, digest := ovatest.Build(ovatest.Image{})
	server := ovatest.Serve(content, true)
	defer server.Close()
	server.Config.ErrorLog = nil
	authority := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}))
	image := model.OVA{URL: server.Location("node.ova"), SHA256: digest}
	if _, err := read(t, impatient, image, nil); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("without its authority: %v", err)
	}
	if _, err := read(t, impatient, image, &model.Proxy{CACertificate: authority}); err != nil {
		t.Errorf("with the proxy's: %v", err)
	}
	image.CACertificate = authority
	if _, err := read(t, impatient, image, nil); err != nil {
		t.Errorf("with its own: %v", err)
	}
}

func TestGoesThroughTheProxy(t *testing.T) {
	t.Parallel()
	content, digest := ovatest.Build(ovatest.Image{})
	var asked []string
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.URL.String())
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
	}))
	defer proxy.Close()
	image := model.OVA{URL: "http://files.example.com/node.ova", SHA256: digest}
	if _, err := read(t, impatient, image, &model.Proxy{HTTP: proxy.URL, HTTPS: proxy.URL}); err != nil {
		t.Fatal(err)
	}
	if len(asked) != 1 || asked[0] != image.URL {
		t.Errorf("the proxy was asked for %v", asked)
	}
}

func TestErrorsDoNotShowSecretsOfTheURL(t *testing.T) {
	t.Parallel()
	server, image, _ := served(t, ovatest.Image{})
	server.Refuse(http.StatusForbidden)
	image.URL += "?signature=very-secret"
	_, err := read(t, impatient, image, nil)
	if err == nil || strings.Contains(err.Error(), "very-secret") || !strings.Contains(err.Error(), "403") {
		t.Errorf("refused: %v", err)
	}
	server.Close()
	if _, err = read(t, impatient, image, nil); err == nil || strings.Contains(err.Error(), "very-secret") {
		t.Errorf("closed: %v", err)
	}
}

// Memory does not grow with the archive.
func TestMemoryStaysFlat(t *testing.T) {
	file := filepath.Join(t.TempDir(), "node.ova")
	f, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	digest, err := ovatest.Write(f, ovatest.Image{DiskBytes: 64 << 20})
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	archive, err := impatient.Open(t.Context(), model.OVA{URL: file, SHA256: digest}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer archive.Close()
	for err == nil {
		_, _, _, err = archive.Next()
	}
	if !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 4<<20 {
		t.Errorf("%d bytes were allocated", grown)
	}
}

func TestNamesOfImages(t *testing.T) {
	t.Parallel()
	digest := strings.Repeat("0123456789abcdef", 4)
	for location, want := range map[string]string{
		"https://files.example.com/a/node-1.37.2.ova?sig=x":          "node-1.37.2-0123456789ab",
		"https://files.example.com/Node%20Image.OVA":                 "Node-Image-0123456789ab",
		"/srv/images/ubuntu.ova":                                     "ubuntu-0123456789ab",
		`C:\images\node.ova`:                                         "node-0123456789ab",
		"https://files.example.com/":                                 "image-0123456789ab",
		"https://f.example.com/" + strings.Repeat("n", 200) + ".ova": strings.Repeat("n", 67) + "-0123456789ab",
	} {
		if got := (model.OVA{URL: location, SHA256: digest}).ImageName(); got != want {
			t.Errorf("%s: %s, want %s", location, got, want)
		}
	}
}
