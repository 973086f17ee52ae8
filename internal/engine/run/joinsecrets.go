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
// certificate key a run. They are made up before the API exists, so that the documents
// of a node are complete when its VM is cloned, and are good for nothing until a node is
// admitted. They are deleted at the run's end.
type joinSecrets struct {
	mu             sync.Mutex
	token          string // empty: none was made up yet
	expires        time.Time
	holders        int                // nodes that boot with the token
	stopRenewal    context.CancelFunc // while there are any
	certificateKey string             // empty: none was made up yet
	stored         bool               // the cluster has the certificates that the key decrypts

	// What the cluster may have of it, also where no answer came.
	tokenSent, certificatesSent bool
}

// token returns the bootstrap token of this run, and the hash by which nodes pin the
// certificate authority.
func (c *clusterAPI) token() (token, caHash string, err error) {
	if caHash, err = c.secrets.Authorities.CAHash(); err != nil {
		return "", "", err
	}
	j := &c.join
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.token == "" {
		j.token, err = pki.NewToken(c.rand)
	}
	return j.token, caHash, err
}

// certificateKey returns the key with which control-plane nodes decrypt the authorities.
func (c *clusterAPI) certificateKey() (key string, err error) {
	j := &c.join
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.certificateKey == "" {
		j.certificateKey, err = pki.NewCertificateKey(c.rand)
	}
	return j.certificateKey, err
}

// admit makes the cluster accept a node with the secrets of this run. The token has at
// least half of its life left, and does not expire before release is called: no boot has
// a time that it is known to take.
func (c *clusterAPI) admit(ctx context.Context, controlPlane bool) (release func(), err error) {
	api, err := c.wait(ctx)
	if err != nil {
		return nil, err
	}
	if _, _, err := c.token(); err != nil {
		return nil, err
	}
	key := ""
	if controlPlane {
		if key, err = c.certificateKey(); err != nil {
			return nil, err
		}
	}
	j := &c.join
	j.mu.Lock()
	defer j.mu.Unlock()
	if err := c.renew(ctx, api); err != nil {
		return nil, fmt.Errorf("create a bootstrap token: %w", err)
	}
	if controlPlane && !j.stored {
		if err := c.storeCertificates(ctx, api, key); err != nil {
			return nil, err
		}
	}
	return c.holdToken(ctx), nil
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
	j.tokenSent = true
	err := retry(ctx, c.timing, func(ctx context.Context) error { return api.PutToken(ctx, j.token, now.Add(life)) })
	if err == nil {
		j.expires = now.Add(life)
	}
	return err
}

// storeCertificates stores the authorities in the cluster, encrypted, as kubeadm's
// upload-certs does, for the time of this run. The secrets are locked.
func (c *clusterAPI) storeCertificates(ctx context.Context, api model.API, key string) error {
	data, err := c.secrets.Authorities.EncryptedCertificates(c.rand, key)
	if err != nil {
		return err
	}
	c.join.certificatesSent = true
	if err := api.PutCertificates(ctx, data); err != nil {
		return fmt.Errorf("store the certificates for the next control-plane node: %w", err)
	}
	c.join.stored = true
	return nil
}

// holdToken keeps the token from expiring, until it is released. The secrets are locked.
func (c *clusterAPI) holdToken(ctx context.Context) (release func()) {
	j := &c.join
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
		if ctx.Err() == nil {
			attempt, cancel := context.WithTimeout(ctx, c.timing.CallTimeout)
			_ = c.renew(attempt, c.api)
			cancel()
		}
		j.mu.Unlock()
	}
}

// forgetCertificates deletes the certificates that a run which was killed has left in the
// cluster: unlike a token they do not expire. It comes after cleanUp.
func (c *clusterAPI) forgetCertificates(ctx context.Context) error {
	if c.join.certificatesSent {
		return nil
	}
	api, err := c.wait(ctx)
	if err != nil {
		return err
	}
	return api.DeleteCertificates(ctx)
}

// cleanUp deletes tokens and certificates, also after a failure. What cannot be
// deleted expires by itself.
func (c *clusterAPI) cleanUp(ctx context.Context) {
	j := &c.join
	j.mu.Lock()
	defer j.mu.Unlock()
	if !j.tokenSent && !j.certificatesSent {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.timing.CallTimeout)
	defer cancel()
	api, err := c.wait(ctx)
	errs := []error{err}
	if err == nil {
		if j.tokenSent {
			errs = append(errs, api.DeleteToken(ctx, j.token))
		}
		// Those of a run that has the lock by now are not this one's to delete.
		if j.certificatesSent {
			if err := api.DeleteCertificates(ctx); !errors.Is(err, ledger.ErrLost) {
				errs = append(errs, err)
			}
		}
	}
	if err := errors.Join(errs...); err != nil {
		c.report(ctx, "the bootstrap token could not be deleted and expires by itself: "+err.Error())
	}
}
