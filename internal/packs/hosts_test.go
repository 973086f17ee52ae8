package packs_test

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/packs"
	"github.com/gantry/terraform-provider-gantry/internal/testing/testchart"
)

const (
	robot    = "robot$charts"
	password = `pa"ss word`
)

// guarded is a server with a certificate of its own authority that lets one user in, by a header
// or by tokens, and notes who has asked otherwise.
type guarded struct {
	*httptest.Server
	tokens bool

	mu      sync.Mutex
	foreign []string // logins that it has got and that are not its own
}

func newGuarded(t *testing.T, tokens bool, behind http.Handler) *guarded {
	t.Helper()
	g := &guarded{tokens: tokens}
	g.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, given, basic := r.BasicAuth()
		let := basic && user == robot && given == password
		switch {
		case r.URL.Path == "/token" && let:
			_, _ = w.Write([]byte(`{"token": "for the robot"}`))
		case g.tokens && r.Header.Get("Authorization") == "Bearer for the robot", !g.tokens && let:
			behind.ServeHTTP(w, r)
		default:
			g.note(r.Header.Get("Authorization"))
			challenge := `Basic realm="charts"`
			if tokens {
				challenge = fmt.Sprintf(`Bearer realm="https://%s/token",service="registry"`, r.Host)
			}
			w.Header().Set("Www-Authenticate", challenge)
			w.WriteHeader(http.StatusUnauthorized)
		}
	}))
	t.Cleanup(g.Close)
	return g
}

func (g *guarded) note(login string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if login != "" {
		g.foreign = append(g.foreign, login)
	}
}

func (g *guarded) address() string { return strings.TrimPrefix(g.URL, "https://") }

// ca is what its certificate is of.
func (g *guarded) ca() string { return asPEM(g.Certificate()) }

func asPEM(certificate *x509.Certificate) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate.Raw}))
}

// host is what has to be known of it.
func (g *guarded) host() packs.Host {
	return packs.Host{Username: robot, Password: password, CACertificate: g.ca()}
}

// inGuarded is the test's chart in registries with a login, its reference below the host, and what
// is found of it.
func inGuarded(t *testing.T) (registries []*guarded, name string, want model.ResolvedChart) {
	t.Helper()
	registry := newRegistry()
	at, _, _ := inRegistry(t, registry)
	_, name, _ = strings.Cut(at, "/")
	const version = "1.0.0+build.1"
	return []*guarded{newGuarded(t, false, registry), newGuarded(t, true, registry)}, name,
		model.ResolvedChart{Name: testchart.Name, Version: version, Digest: ofFolder(t, version)}
}

// TestRegistriesWithALogin has registries of a private authority that let in one user, by a header
// or by tokens, under their own name and as the mirror of another one.
func TestRegistriesWithALogin(t *testing.T) {
	t.Parallel()
	registries, name, want := inGuarded(t)
	for _, g := range registries {
		mirrored := strings.TrimPrefix(name, "charts/")
		for at, known := range map[string]map[string]packs.Host{
			g.address() + "/" + name: {g.address(): g.host()},
			"charts.example.com/" + mirrored: {
				"charts.example.com:443": {Mirror: g.address() + "/charts"}, g.address(): g.host(),
			},
		} {
			chart := model.Chart{OCI: "oci://" + at, Version: want.Version}
			if got := packs.New(packs.Options{Hosts: known}).Resolve(t.Context(), chart, kubernetesVersion); got != want {
				t.Errorf("%s, tokens %t: got %+v", at, g.tokens, got)
			}
		}
	}
}

// TestRegistriesThatDoNotLetIn has what is wrong said with what to do, and no password in it.
func TestRegistriesThatDoNotLetIn(t *testing.T) {
	t.Parallel()
	registries, name, want := inGuarded(t)
	another, _ := administrator(t)
	for _, g := range registries {
		chart := model.Chart{OCI: "oci://" + g.address() + "/" + name, Version: want.Version}
		wrong := g.host()
		wrong.Password = "hunter2"
		for says, host := range map[string]packs.Host{
			"give it by ca_certificate of":         {Username: robot, Password: password, CACertificate: asPEM(another)},
			"If it needs a login, give that by":    {CACertificate: g.ca()},
			"It does not let in the user of":       wrong,
			"by its mirror " + g.address() + "/no": {Mirror: g.address() + "/no"},
		} {
			known := map[string]packs.Host{g.address(): host}
			at := chart
			if host.Mirror != "" {
				at.OCI = "oci://charts.example.com/" + name
				known = map[string]packs.Host{"charts.example.com": host, g.address(): g.host()}
			}
			got := packs.New(packs.Options{Hosts: known}).Resolve(t.Context(), at, kubernetesVersion).Problem
			if !strings.Contains(got, says) || strings.Contains(got, "hunter2") || strings.Contains(got, password) {
				t.Errorf("tokens %t: %q is not in %q", g.tokens, says, got)
			}
		}
	}
}

// TestRepositoriesWithALogin has a repository that sends clients on to where its archives are, which
// gets no login of another host, and one without TLS, which gets none at all.
func TestRepositoriesWithALogin(t *testing.T) {
	t.Parallel()
	archive := testchart.Archive(t, testchart.Files("1.0.0"))
	elsewhere := newGuarded(t, false, http.NotFoundHandler())
	store := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		elsewhere.note(r.Header.Get("Authorization"))
		_, _ = w.Write(archive)
	}))
	t.Cleanup(store.Close)
	g := newGuarded(t, false, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/team/stable/index.yaml":
			_, _ = w.Write([]byte("entries: {demo: [{name: demo, version: 1.0.0, urls: [demo-1.0.0.tgz]}]}"))
		case "/team/stable/demo-1.0.0.tgz":
			http.Redirect(w, r, store.URL+"/blob", http.StatusFound)
		default:
			http.NotFound(w, r)
		}
	}))
	want := model.ResolvedChart{Name: testchart.Name, Version: "1.0.0", Digest: ofFolder(t, "1.0.0")}
	known := map[string]packs.Host{
		"charts.example.com": {Mirror: g.address() + "/team"}, g.address(): g.host(),
		strings.TrimPrefix(store.URL, "https://"): {CACertificate: g.ca()}, // all servers of tests have the same
		"plain.example.com":                       {Username: robot, Password: password},
	}
	charts := packs.New(packs.Options{Hosts: known})
	for _, repository := range []string{g.URL + "/team/stable", "https://charts.example.com/stable/"} {
		chart := model.Chart{Name: testchart.Name, Repository: repository, Version: "1.0.0"}
		if got := charts.Resolve(t.Context(), chart, kubernetesVersion); got != want {
			t.Errorf("%s: got %+v", repository, got)
		}
	}
	if len(elsewhere.foreign) > 0 {
		t.Errorf("another host has got %q", elsewhere.foreign)
	}
	plain := model.Chart{Name: testchart.Name, Repository: "http://plain.example.com", Version: "1.0.0"}
	if got := charts.Resolve(t.Context(), plain, kubernetesVersion); !strings.Contains(got.Problem, "without TLS") || got.Unreachable {
		t.Errorf("got %+v", got)
	}
}

// TestHostsThatAreNotKnownYet have logins that are made in the same apply: their charts are found
// then, and not said to be missing before.
func TestHostsThatAreNotKnownYet(t *testing.T) {
	t.Parallel()
	charts := packs.New(packs.Options{Hosts: map[string]packs.Host{
		"charts.example.com": {Later: true}, "mirrored.example.com": {Mirror: "charts.example.com/cache"},
	}})
	for _, chart := range []model.Chart{
		{OCI: "oci://charts.example.com/a", Version: "1.0.0"}, {Name: "a", Repository: "https://charts.example.com", Version: "1.0.0"},
		{OCI: "oci://mirrored.example.com/a", Version: "1.0.0"}, {Name: "a", Repository: "https://mirrored.example.com", Version: "1.0.0"},
	} {
		if got := charts.Resolve(t.Context(), chart, kubernetesVersion); got != (model.ResolvedChart{Later: true}) {
			t.Errorf("got %+v", got)
		}
	}
}

// TestALoginIsNotSentOn has a registry that sends clients on, once and again: the login is its own.
func TestALoginIsNotSentOn(t *testing.T) {
	t.Parallel()
	var sent []string
	last := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		sent = append(sent, r.Header.Get("Authorization"))
	}))
	t.Cleanup(last.Close)
	next := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sent = append(sent, r.Header.Get("Authorization"))
		http.Redirect(w, r, last.URL, http.StatusTemporaryRedirect)
	}))
	t.Cleanup(next.Close)
	first := httptest.NewServer(http.RedirectHandler(next.URL, http.StatusTemporaryRedirect))
	t.Cleanup(first.Close)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, first.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth(robot, password)
	resp, err := (&http.Client{Transport: packs.ToItsOwn(http.DefaultTransport)}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if !slices.Equal(sent, []string{"", ""}) {
		t.Errorf("other hosts have got %q", sent)
	}
}
