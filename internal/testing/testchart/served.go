package testchart

import (
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	ociregistry "github.com/google/go-containerregistry/pkg/registry"
	helmregistry "helm.sh/helm/v4/pkg/registry"
)

// Repository serves the chart of that version as an HTTP repository does, and returns its URL.
func Repository(t testing.TB, version string) string {
	t.Helper()
	archive := Archive(t, Files(version))
	mux := http.NewServeMux()
	mux.HandleFunc("/index.yaml", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, "entries: {%s: [{name: %[1]s, version: %s, urls: [chart.tgz]}]}\n", Name, version)
	})
	mux.HandleFunc("/chart.tgz", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(archive) })
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server.URL
}

// Registry serves the chart of that version as charts/demo of an OCI registry that lets one user
// in, and returns its host and the authority of its certificate, which no machine trusts.
func Registry(t testing.TB, version, username, password string) (host, ca string) {
	t.Helper()
	handler := ociregistry.New(ociregistry.Logger(log.New(io.Discard, "", 0)))
	open := httptest.NewServer(handler)
	defer open.Close()
	client, err := helmregistry.NewClient(helmregistry.ClientOptPlainHTTP())
	if err != nil {
		t.Fatal(err)
	}
	at := strings.TrimPrefix(open.URL, "http://") + "/charts/" + Name + ":" + version
	if _, err := client.Push(Archive(t, Files(version)), at, helmregistry.PushOptStrictMode(false)); err != nil {
		t.Fatal(err)
	}
	guarded := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user, given, ok := r.BasicAuth(); !ok || user != username || given != password {
			w.Header().Set("Www-Authenticate", `Basic realm="charts"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		handler.ServeHTTP(w, r)
	}))
	t.Cleanup(guarded.Close)
	authority := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: guarded.Certificate().Raw})
	return strings.TrimPrefix(guarded.URL, "https://"), string(authority)
}
