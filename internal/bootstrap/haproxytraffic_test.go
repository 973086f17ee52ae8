package bootstrap_test

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"testing"
	"time"
)

// Backends come and go under load: each request is answered, by one that is in the list.
func TestHAProxyLosesNoRequestWhileBackendsComeAndGo(t *testing.T) {
	t.Parallel()
	p := newProxied(t)
	ca := clusterCA(t)
	a, b, c := newAPIServer(t, ca, "kubernetes"), newAPIServer(t, ca, "kubernetes"), newAPIServer(t, ca, "kubernetes")
	late := &apiServer{address: loopback(t), slow: make(chan struct{})} // in the list before it listens, as a node that joins

	p.uses(a)
	p.await("a ready API server", func() bool { _, err := ask(client(t, false), "https://"+p.address+"/work"); return err == nil })
	l := p.load(6)
	p.uses(a, b)
	p.uses(a, b, c)
	p.await("answers of all", func() bool { return b.served.Load() > 20 && c.served.Load() > 20 })
	p.uses(a, b, c, late)
	late.listen(t, servingCertificate(t, ca, "kubernetes"))
	p.await("answers of the late one", func() bool { return late.served.Load() > 20 })

	// One leaves: out of the list first, then it ends what it has begun.
	p.uses(b, c, late)
	drained, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := a.server.Shutdown(drained); err != nil {
		t.Fatalf("the API server that left does not come to an end: %v", err)
	}
	if _, failures := l.taken(); len(failures) > 0 {
		t.Errorf("%d requests failed, the first with %v", len(failures), failures[0])
	}
	before := b.served.Load()
	p.await("more answers", func() bool { return b.served.Load() > before+50 })
	l.end()
	answers, failures := l.taken()
	if len(failures) > 0 {
		t.Errorf("%d requests failed, the first with %v", len(failures), failures[0])
	}
	if answers[b.address] == 0 || answers[c.address] == 0 || answers[late.address] == 0 {
		t.Errorf("answers %v", answers)
	}
}

// A backend that ends without a word takes with it what it was asked, and no more.
func TestHAProxyLosesOnlyWhatADeadBackendWasAsked(t *testing.T) {
	t.Parallel()
	const workers = 6
	p := newProxied(t)
	ca := clusterCA(t)
	a, b := newAPIServer(t, ca, "kubernetes"), newAPIServer(t, ca, "kubernetes")
	p.uses(a, b)
	l := p.load(workers)
	p.await("answers of both", func() bool { return a.served.Load() > 20 && b.served.Load() > 20 })
	_ = a.server.Close()
	before := b.served.Load()
	p.await("answers of the other one", func() bool { return b.served.Load() > before+200 })
	l.end()
	if _, failures := l.taken(); len(failures) > workers {
		t.Errorf("%d requests of %d clients failed, the last with %v", len(failures), workers, failures[len(failures)-1])
	}
}

// A request that takes long is answered over a reload, and one to a backend that is no longer
// ready is ended, so that its client asks another one.
func TestHAProxyKeepsAndEndsLongRequests(t *testing.T) {
	t.Parallel()
	p := newProxied(t)
	ca := clusterCA(t)
	a, b := newAPIServer(t, ca, "kubernetes"), newAPIServer(t, ca, "kubernetes")
	type result struct {
		answer string
		err    error
	}
	watch := func() chan result {
		done := make(chan result, 1)
		go func() {
			answer, err := ask(client(t, false), "https://"+p.address+"/slow")
			done <- result{answer, err}
		}()
		return done
	}
	p.uses(a)
	p.await("a check", func() bool { return a.checks.Load() > 0 })
	kept := watch()
	p.await("the request", func() bool { return established(p) })
	p.uses(a, b)
	close(a.slow)
	if got := <-kept; got.err != nil || got.answer != a.address {
		t.Errorf("over the reload: %+v", got)
	}
	p.uses(b)
	p.await("a check", func() bool { return b.checks.Load() > 2 })
	ended := watch()
	p.await("the request", func() bool { return established(p) })
	b.unready.Store(true)
	select {
	case got := <-ended:
		if got.err == nil {
			t.Errorf("the request was answered: %+v", got)
		}
	case <-time.After(15 * time.Second):
		t.Error("a request to a backend that is not ready goes on")
	}
}

// established reports whether a request is under way: HAProxy says how many sessions it has.
func established(p *proxied) bool {
	sessions, err := ask(&http.Client{Timeout: 5 * time.Second}, "http://127.0.0.1:"+p.status+"/stats;csv")
	return err == nil && current(sessions, "api-servers,BACKEND") > 0
}

// Only an API server of this cluster gets traffic, whatever answers at an address.
func TestHAProxySendsNothingToOtherServers(t *testing.T) {
	t.Parallel()
	p := newProxied(t)
	ca := clusterCA(t)
	made := must(authorities())
	other, err := tls.X509KeyPair(made.Etcd.Cert, made.Etcd.Key)
	if err != nil {
		t.Fatal(err)
	}
	ours := newAPIServer(t, ca, "kubernetes")
	foreign, misnamed := newAPIServer(t, other, "kubernetes"), newAPIServer(t, ca, "etcd")
	notReady := newAPIServer(t, ca, "kubernetes")
	notReady.unready.Store(true)
	p.uses(ours, foreign, misnamed, notReady)
	p.await("the state of all", func() bool {
		states, err := ask(&http.Client{Timeout: 5 * time.Second}, "http://127.0.0.1:"+p.status+"/stats;csv")
		return err == nil && down(states, foreign.address) && down(states, misnamed.address) && down(states, notReady.address)
	})
	for range 40 {
		if answer, err := ask(client(t, false), "https://"+p.address+"/work"); err != nil || answer != ours.address {
			t.Fatalf("answer %q (error %v)", answer, err)
		}
	}
	if foreign.served.Load()+misnamed.served.Load()+notReady.served.Load() > 0 {
		t.Error("others were asked")
	}
}

// The status page of the load balancer listens on its loopback interface alone.
func TestHAProxyShowsItsStatusToNoOtherMachine(t *testing.T) {
	t.Parallel()
	p := newProxied(t)
	p.uses(newAPIServer(t, clusterCA(t), "kubernetes"))
	for path, want := range map[string]int{"/stats": http.StatusOK, "/backends": http.StatusOK, "/": http.StatusForbidden} {
		response, err := (&http.Client{Timeout: 5 * time.Second}).Get("http://127.0.0.1:" + p.status + path)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if response.StatusCode != want {
			t.Errorf("%s: %s", path, response.Status)
		}
	}
	for _, elsewhere := range []string{loopback(t) + ":" + p.status, loopback(t) + ":8404"} {
		if connection, err := net.DialTimeout("tcp", elsewhere, time.Second); err == nil {
			_ = connection.Close()
			t.Errorf("something listens at %s", elsewhere)
		}
	}
}
