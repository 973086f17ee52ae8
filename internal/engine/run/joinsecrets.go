package run

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/ledger"
	"github.com/gantry/terraform-provider-gantry/internal/pki"
)

// joinSecrets are what joining nodes need: short-lived bootstrap tokens and one
// certificate key a run. They are deleted at its end.
type joinSecrets struct {
	mu             sync.Mutex
	token          string
	expires        time.Time
	tokens         []string // all that were created
	certificateKey string
}

// token returns a bootstrap token with at least half of its life left, and the hash
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
	life := c.timing.TokenLife
	now := c.now()
	if j.token != "" && j.expires.Sub(now) > life/2 {
		return j.token, caHash, nil
	}
	if token, err = pki.NewToken(c.rand); err != nil {
		return "", "", err
	}
	j.tokens = append(j.tokens, token)
	err = retry(ctx, c.timing, func(ctx context.Context) error { return api.PutToken(ctx, token, now.Add(life)) })
	if err != nil {
		return "", "", fmt.Errorf("create a bootstrap token: %w", err)
	}
	j.token = token
	j.expires = now.Add(life)
	return token, caHash, nil
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
	if len(j.tokens) == 0 && j.certificateKey == "" {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.timing.CallTimeout)
	defer cancel()
	api, err := c.wait(ctx)
	errs := []error{err}
	if err == nil {
		for _, token := range j.tokens {
			errs = append(errs, api.DeleteToken(ctx, token))
		}
		// Those of a run that has the lock by now are not this one's to delete.
		if j.certificateKey != "" {
			if err := api.DeleteCertificates(ctx); !errors.Is(err, ledger.ErrLost) {
				errs = append(errs, err)
			}
		}
	}
	if err := errors.Join(errs...); err != nil {
		c.report(ctx, "the bootstrap tokens could not be deleted and expire by themselves: "+err.Error())
	}
}
