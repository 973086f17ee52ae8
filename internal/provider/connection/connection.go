// Package connection is what the provider hands to its resources: vCenter by
// one identity or another, the ledger and the clusters' APIs. Nothing is
// reached before it is asked for.
package connection

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"k8s.io/client-go/rest"

	"github.com/gantry/terraform-provider-gantry/internal/agent"
	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/kube"
	"github.com/gantry/terraform-provider-gantry/internal/ledger"
	"github.com/gantry/terraform-provider-gantry/internal/packs"
	"github.com/gantry/terraform-provider-gantry/internal/vsphere"
)

// ErrUnknownConfig is the error of every method of a Connection while the
// provider's configuration depends on what is still to be created. A plan
// then leaves things unknown and says nothing.
var ErrUnknownConfig = errors.New("the provider's configuration is not known yet")

// Connection is the ProviderData of every resource and data source. It is
// safe for concurrent use.
type Connection struct {
	process  *Process
	settings *Settings // nil: not known yet
	kube     model.Kube
	charts   model.Charts
}

// Inside returns the gateway on whose agent this process runs; uuid.Nil: it runs elsewhere.
func (c *Connection) Inside() (uuid.UUID, error) {
	return agent.Gateway(cmp.Or(c.process.Identity, agent.IdentityPath))
}

// New returns a connection with settings. It does not log in yet.
func (p *Process) New(s Settings) *Connection {
	p.began.CompareAndSwap(0, time.Now().UnixMilli())
	options := kube.Options{ProxyURL: s.ClusterProxyURL}
	return &Connection{process: p, settings: &s, kube: kube.New(options), charts: packs.New(packs.Options{
		Cluster: func(kubeconfig []byte) (*rest.Config, error) { return kube.RESTConfig(options, kubeconfig) },
		Hosts:   s.ChartHosts,
	})}
}

// Unknown returns a connection whose methods fail with ErrUnknownConfig.
func (p *Process) Unknown() *Connection {
	return &Connection{process: p, kube: kube.New(kube.Options{})}
}

// Unconfigured reports whether every method would fail with ErrUnknownConfig.
func (c *Connection) Unconfigured() bool { return c.settings == nil }

// VCenter returns vCenter as the provider's own identity sees it.
func (c *Connection) VCenter(ctx context.Context) (*vsphere.Client, error) {
	if c.settings == nil {
		return nil, ErrUnknownConfig
	}
	return c.process.sessions.Get(ctx, c.settings.identity())
}

// Verification is how a vCenter's certificate is verified for a cloud account. One that says
// nothing about certificates and whose server is the provider's is verified as the provider's.
func (c *Connection) Verification(server, caCertificate string, insecure bool) (certificate string, skip bool) {
	if caCertificate == "" && !insecure && c.settings != nil && SameServer(server, c.settings.Server) {
		return c.settings.CACertificate, c.settings.Insecure
	}
	return caCertificate, insecure
}

// Account returns a vCenter as the identity of a cloud account sees it.
func (c *Connection) Account(ctx context.Context, server, user, password, caCertificate string, insecure bool) (*vsphere.Client, error) {
	if c.settings == nil {
		return nil, ErrUnknownConfig
	}
	certificate, skip := c.Verification(server, caCertificate, insecure)
	return c.process.sessions.Get(ctx, vsphere.Config{
		Server: server, Username: user, Password: password,
		CACertificate: certificate, InsecureSkipVerify: skip, UserAgent: c.settings.UserAgent,
	})
}

// Login is the identity that the provider itself logs in with, without its
// password.
type Login struct {
	Server, Username, CACertificate string
	Insecure                        bool
}

// Login is how the provider itself logs in; the zero value while that is not
// known.
func (c *Connection) Login() Login {
	if c.settings == nil {
		return Login{}
	}
	return Login{
		Server: c.settings.Server, Username: c.settings.Username,
		CACertificate: c.settings.CACertificate, Insecure: c.settings.Insecure,
	}
}

// IsProvider reports whether a user name is the one that the provider itself
// logs in with; vCenter ignores case in them.
func (c *Connection) IsProvider(username string) bool {
	return c.settings != nil && strings.EqualFold(c.settings.Username, username)
}

// Ledger returns the ledger of the provider's vCenter. Only the provider's
// identity touches it.
func (c *Connection) Ledger(ctx context.Context) (*ledger.Ledger, error) {
	vcenter, err := c.VCenter(ctx)
	if err != nil {
		return nil, err
	}
	uuid, err := vcenter.InstanceUUID(ctx)
	if err != nil {
		return nil, fmt.Errorf("identify vCenter: %w", err)
	}
	return c.process.ledger(vcenter, uuid, c.settings.MaxClaims), nil
}

// Kube connects to the Kubernetes APIs of clusters, through the proxy that the
// provider is configured with.
func (c *Connection) Kube() model.Kube { return c.kube }

// Charts finds charts and installs them on clusters, through the same proxy; nil while the
// provider's configuration is not known.
func (c *Connection) Charts() model.Charts {
	if c.process.Charts != nil {
		return c.process.Charts
	}
	return c.charts
}

// MaxParallel is how many operations of one cluster run at a time.
func (c *Connection) MaxParallel() int {
	if c.settings == nil {
		return 1
	}
	return c.settings.MaxParallel
}

// Timing is how long the engine waits.
func (c *Connection) Timing() model.Timing {
	if c.process.Timing != nil {
		return *c.process.Timing
	}
	return model.DefaultTiming()
}
