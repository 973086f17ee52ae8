package packs_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/packs"
)

// harbor is a registry that tells a wrong login only to those that log in: asked for a repository, it
// gives a token without rights, as to users who may not read it. The repositories "secret" are such.
type harbor struct {
	*httptest.Server
	failed atomic.Int64
}

func newHarbor(t *testing.T, behind http.Handler) *harbor {
	t.Helper()
	h := &harbor{}
	h.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/service/token" {
			h.token(w, r)
			return
		}
		bearer := r.Header.Get("Authorization")
		if bearer == "Bearer all" || bearer == "Bearer login" && r.URL.Path == "/v2/" {
			behind.ServeHTTP(w, r)
			return
		}
		challenge := fmt.Sprintf(`Bearer realm="https://%s/service/token",service="harbor-registry"`, r.Host)
		if name, ok := strings.CutPrefix(r.URL.Path, "/v2/"); ok && name != "" {
			name, _, _ = strings.Cut(name, "/manifests/")
			challenge += fmt.Sprintf(`,scope="repository:%s:pull"`, name)
		}
		w.Header().Set("Www-Authenticate", challenge)
		w.WriteHeader(http.StatusUnauthorized)
	}))
	t.Cleanup(h.Close)
	return h
}

func (h *harbor) token(w http.ResponseWriter, r *http.Request) {
	user, given, _ := r.BasicAuth()
	in := user == robot && given == password
	if !in {
		h.failed.Add(1)
	}
	scope := r.URL.Query().Get("scope")
	switch {
	case in && scope == "":
		_, _ = w.Write([]byte(`{"token": "login"}`))
	case in && !strings.Contains(scope, "secret"):
		_, _ = w.Write([]byte(`{"token": "all"}`))
	case scope != "":
		_, _ = w.Write([]byte(`{"token": "nothing"}`))
	default:
		w.WriteHeader(http.StatusUnauthorized)
	}
}

func (h *harbor) known(secret string) map[string]packs.Host {
	return map[string]packs.Host{
		strings.TrimPrefix(h.URL, "https://"): {Username: robot, Password: secret, CACertificate: asPEM(h.Certificate())},
	}
}

// problems resolves charts side by side, and then once more, as a plan and an apply do.
func problems(t *testing.T, known map[string]packs.Host, charts []model.Chart) []string {
	t.Helper()
	all := packs.New(packs.Options{Hosts: known})
	said := make([]string, 2*len(charts))
	for round := range 2 {
		var group sync.WaitGroup
		for i, chart := range charts {
			group.Go(func() { said[round*len(charts)+i] = all.Resolve(t.Context(), chart, kubernetesVersion).Problem })
		}
		group.Wait()
	}
	return said
}

// expectOneTry fails unless all charts say of a refused login, and all but one that it was not tried for them.
func expectOneTry(t *testing.T, said []string, tries int64) {
	t.Helper()
	again := 0
	for _, text := range said {
		if !strings.Contains(text, "401") || !strings.Contains(text, "It does not let in the user of") {
			t.Errorf("got %q", text)
		}
		if strings.Contains(text, "its login has failed before, and is not tried again") {
			again++
		}
	}
	if tries != 1 || again != len(said)-1 {
		t.Errorf("the login was tried %d times, and %d charts say that it is not tried again", tries, again)
	}
}

func (g *guarded) tries() (basic int64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, login := range g.foreign {
		if strings.HasPrefix(login, "Basic ") {
			basic++
		}
	}
	return basic
}

// TestAWrongLoginIsTriedOnce has three charts of one host whose password is wrong: many accounts are
// locked after three failures.
func TestAWrongLoginIsTriedOnce(t *testing.T) {
	t.Parallel()
	registries, _, _ := inGuarded(t)
	at := func(host string) (charts []model.Chart) {
		for _, name := range []string{"a", "team/b", "c"} {
			charts = append(charts, model.Chart{OCI: "oci://" + host + "/" + name, Version: "1.0.0"})
		}
		return charts
	}
	for _, g := range registries {
		wrong := g.host()
		wrong.Password = "hunter2"
		expectOneTry(t, problems(t, map[string]packs.Host{g.address(): wrong}, at(g.address())), g.tries())
	}
	h := newHarbor(t, newRegistry())
	said := problems(t, h.known("hunter2"), at(strings.TrimPrefix(h.URL, "https://")))
	expectOneTry(t, said, h.failed.Load())

	repository := newGuarded(t, false, http.NotFoundHandler())
	wrong := repository.host()
	wrong.Password = "hunter2"
	said = problems(t, map[string]packs.Host{repository.address(): wrong}, []model.Chart{
		{Name: "a", Repository: repository.URL + "/stable", Version: "1.0.0"},
		{Name: "b", Repository: repository.URL + "/stable/", Version: "1.0.0"},
	})
	expectOneTry(t, said, repository.tries())
}

// TestAMissingRightIsOfOneChart has a registry that lets the user in, who may not read one of the
// repositories: the others are read all the same.
func TestAMissingRightIsOfOneChart(t *testing.T) {
	t.Parallel()
	registry := newRegistry()
	at, _, _ := inRegistry(t, registry)
	_, name, _ := strings.Cut(at, "/")
	h := newHarbor(t, registry)
	host := strings.TrimPrefix(h.URL, "https://")
	charts := packs.New(packs.Options{Hosts: h.known(password)})
	for range 2 {
		secret := model.Chart{OCI: "oci://" + host + "/secret/chart", Version: "1.0.0"}
		got := charts.Resolve(t.Context(), secret, kubernetesVersion).Problem
		if !strings.Contains(got, "401") || strings.Contains(got, "failed before") {
			t.Errorf("got %q", got)
		}
		open := model.Chart{OCI: "oci://" + host + "/" + name, Version: "1.0.0+build.1"}
		if got := charts.Resolve(t.Context(), open, kubernetesVersion); got.Problem != "" {
			t.Errorf("got %+v", got)
		}
	}
	if n := h.failed.Load(); n != 0 {
		t.Errorf("%d logins have failed", n)
	}
}
