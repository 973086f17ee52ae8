package run

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/ledger"
	"github.com/gantry/terraform-provider-gantry/internal/pki"
)

// joinSecrets are what joining nodes need: a short-lived bootstrap token and one
// certificate key a run. They are deleted at its end.
type joinSecrets struct {
	mu             sync.Mutex
	token          string // empty: none was made yet
	expires        time.Time
	holders        int                // nodes that are being made with the token
	stopRenewal    context.CancelFunc // while there are any
	certificateKey string
}

// token returns the bootstrap token, with at least half of its life left, and the hash
// by which nodes pin the certificate authority.
func (c *clusterAPI) token(ctx context.Context) (token, caHash string, err error) {
	if caHash, err = c.secrets.Authorities.CAHash(); err != nil {
		return "", "", err
	}
	api, err := c.wait(ctx)
	if err != nil {
		return "", "", err
	}
	j := &c.join
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.token == "" {
		if j.token, err = pki.NewToken(c.rand); err != nil {
			return "", "", err
		}
	}
	if err := c.renew(ctx, api); err != nil {
		return "", "", fmt.Errorf("create a bootstrap token: %w", err)
	}
	return j.token, caHash, nil
}

// renew creates the token, or puts its expiration off where half of its life is over.
// The secrets are locked.
func (c *clusterAPI) renew(ctx context.Context, api model.API) error {
	j := &c.join
	life := c.timing.TokenLife
	now := c.now()
	if j.expires.Sub(now) > life/2 {
		return nil
	}
	err := retry(ctx, c.timing, func(ctx context.Context) error { return api.PutToken(ctx, j.token, now.Add(life)) })
	if err == nil {
		j.expires = now.Add(life)
	}
	return err
}

// holdToken keeps the token from expiring, until it is released, for a node that is
// being cloned or boots: neither has a time that it is known to take.
func (c *clusterAPI) holdToken(ctx context.Context) (release func()) {
	j := &c.join
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.holders++; j.holders == 1 {
		// Of one node's context, it would end with that node.
		var renewing context.Context
		renewing, j.stopRenewal = context.WithCancel(context.WithoutCancel(ctx))
		go c.keepRenewed(renewing)
	}
	return func() {
		j.mu.Lock()
		defer j.mu.Unlock()
		if j.holders--; j.holders == 0 {
			j.stopRenewal()
		}
	}
}

// keepRenewed renews the token until ctx ends. What fails is tried again.
func (c *clusterAPI) keepRenewed(ctx context.Context) {
	j := &c.join
	for sleep(ctx, c.timing.MaxTick) == nil {
		j.mu.Lock()
		if j.token != "" && ctx.Err() == nil {
			attempt, cancel := context.WithTimeout(ctx, c.timing.CallTimeout)
			_ = c.renew(attempt, c.api)
			cancel()
		}
		j.mu.Unlock()
	}
}

// certificateKey stores the authorities in the cluster, encrypted, as kubeadm's
// upload-certs does, for the time of this run.
func (c *clusterAPI) certificateKey(ctx context.Context) (string, error) {
	api, err := c.wait(ctx)
	if err != nil {
		return "", err
	}
	j := &c.join
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.certificateKey != "" {
		return j.certificateKey, nil
	}
	key, err := pki.NewCertificateKey(c.rand)
	if err != nil {
		return "", err
	}
	data, err := c.secrets.Authorities.EncryptedCertificates(c.rand, key)
	if err != nil {
		return "", err
	}
	if err := api.PutCertificates(ctx, data); err != nil {
		return "", fmt.Errorf("store the certificates for the next control-plane node: %w", err)
	}
	j.certificateKey = key
	return key, nil
}

// cleanUp deletes tokens and certificates, also after a failure. What cannot be
// deleted expires by itself.
func (c *clusterAPI) cleanUp(ctx context.Context) {
	j := &c.join
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.token == "" && j.certificateKey == "" {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.timing.CallTimeout)
	defer cancel()
	api, err := c.wait(ctx)
	errs := []error{err}
	if err == nil {
		if j.token != "" {
			errs = append(errs, api.DeleteToken(ctx, j.token))
		}
		// Those of a run that has the lock by now are not this one's to delete.
		if j.certificateKey != "" {
			if err := api.DeleteCertificates(ctx); !errors.Is(err, ledger.ErrLost) {
				errs = append(errs, err)
			}
		}
	}
	if err := errors.Join(errs...); err != nil {
		c.report(ctx, "the bootstrap token could not be deleted and expires by itself: "+err.Error())
	}
}
