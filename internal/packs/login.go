package packs

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"

	"oras.land/oras-go/v2/registry/remote"
	"oras.land/oras-go/v2/registry/remote/auth"
)

// logins are those of registries, by host. Each is tried once: charts that try it one after the
// other lock the account where it is wrong.
type logins struct {
	mu sync.Mutex
	of map[string]*login
}

// login is how that of a host came out.
type login struct {
	mu      sync.Mutex // held while it is tried
	tried   bool
	refused error // nil: it was not
}

func (l *logins) at(host string) *login {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.of == nil {
		l.of = map[string]*login{}
	}
	host = OneForm(host)
	if l.of[host] == nil {
		l.of[host] = &login{}
	}
	return l.of[host]
}

// logIn tries the login of a host, if it has one, as `docker login` does: without naming a
// repository. Only so do all registries tell a wrong login, by 401, from a user who may not read a
// repository: asked for a repository, Harbor gives a token without rights to both. What else comes
// of it is for the pull to say.
func (c *charts) logIn(ctx context.Context, host string, by *auth.Client, plain bool, seen *refusals) error {
	if c.hosts[OneForm(host)].Username == "" {
		return nil
	}
	l := c.logins.at(host)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.refused != nil {
		return notAgain(l.refused)
	}
	if l.tried {
		return nil
	}
	registry, err := remote.NewRegistry(host)
	if err != nil {
		return err
	}
	registry.Client = by
	registry.PlainHTTP = plain
	err = registry.Ping(ctx)
	switch {
	case seen.login():
		l.refused = c.hosts.refused(host, err)
		return l.refused
	case statusOf(err) == 0 && unreachable(err):
		return c.hosts.refused(host, err)
	}
	l.tried = true
	return nil
}

// notAgain is the error of a chart for which a login is not tried that was refused before.
func notAgain(before error) error {
	return fmt.Errorf("its login has failed before, and is not tried again, which may lock the account: %w", before)
}

// refusals is a transport that notes whether a login was refused.
type refusals struct {
	http.RoundTripper

	mu   sync.Mutex
	seen bool
}

// RoundTrip implements http.RoundTripper.
func (f *refusals) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := f.RoundTripper.RoundTrip(r)
	if err == nil && resp.StatusCode == http.StatusUnauthorized && strings.HasPrefix(r.Header.Get("Authorization"), "Basic ") {
		f.mu.Lock()
		f.seen = true
		f.mu.Unlock()
	}
	return resp, err
}

func (f *refusals) login() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.seen
}
