package vsphere

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
)

// openTimeout bounds opening a session, which continues when the first caller that
// asked for it gives up: others wait for the same session.
const openTimeout = 2 * time.Minute

// Sessions holds the sessions of a process: one SOAP and one REST session for each
// identity, however many callers there are. The zero value is ready to use.
type Sessions struct {
	flight singleflight.Group

	mu      sync.Mutex
	entries map[Config]*Client
	refused map[Config]error // logins that vCenter refused, never tried again
	sites   map[string]*site // by vCenter instance UUID
	number  map[Config]int   // a name for a Config that holds no password
}

// Get returns the client of an identity and opens its session where there is
// none. A refused login is remembered and not tried again by this process: a
// few more tries could lock the account.
func (p *Sessions) Get(ctx context.Context, c Config) (*Client, error) {
	c, err := c.normalized()
	if err != nil {
		return nil, err
	}
	client, key, err := p.lookup(c)
	if client != nil || err != nil {
		return client, err
	}
	result := p.flight.DoChan(key, func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), openTimeout)
		defer cancel()
		return p.open(ctx, c)
	})
	select {
	case <-ctx.Done():
		return nil, fmt.Errorf("connect to vCenter %s: %w", c.Server, ctx.Err())
	case r := <-result:
		if r.Err != nil {
			return nil, r.Err
		}
		return r.Val.(*Client), nil
	}
}

func (p *Sessions) lookup(c Config) (*Client, string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ready()
	if err := p.refused[c]; err != nil {
		return nil, "", err
	}
	if _, ok := p.number[c]; !ok {
		p.number[c] = len(p.number)
	}
	return p.entries[c], fmt.Sprint(p.number[c]), nil
}

// ready creates the maps of a new or emptied pool. The pool is locked.
func (p *Sessions) ready() {
	if p.entries == nil {
		p.entries = map[Config]*Client{}
		p.refused = map[Config]error{}
		p.sites = map[string]*site{}
		p.number = map[Config]int{}
	}
}

func (p *Sessions) open(ctx context.Context, c Config) (*Client, error) {
	// Another login may have ended between the caller's lookup and this one.
	if client, _, err := p.lookup(c); client != nil || err != nil {
		return client, err
	}
	client, err := connect(ctx, c)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ready() // it may have been emptied meanwhile
	if err != nil {
		if errors.Is(err, ErrLogin) {
			p.refused[c] = err
		}
		return nil, err
	}
	id := client.soap.content.About.InstanceUuid
	if p.sites[id] == nil {
		p.sites[id] = &site{}
	}
	p.sites[id].join(client)
	p.entries[c] = client
	return client, nil
}

// LogoutAll ends all sessions and empties the pool. It tries each one, and joins
// the errors.
func (p *Sessions) LogoutAll(ctx context.Context) error {
	p.mu.Lock()
	entries := p.entries
	p.entries = nil
	p.refused = nil
	p.sites = nil
	p.number = nil
	p.mu.Unlock()
	var (
		wg   sync.WaitGroup
		mu   sync.Mutex
		errs []error
	)
	for _, client := range entries {
		wg.Go(func() {
			if err := client.Logout(ctx); err != nil {
				mu.Lock()
				errs = append(errs, err)
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}
