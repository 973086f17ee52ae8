package vsphere

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

var _ model.VCenter = (*Client)(nil)

// Client is one vCenter with the permissions of one identity.
type Client struct {
	config   Config
	soap     *soapSession
	rest     *restSession
	site     *site
	reads    reads
	policies *policyService

	privileges grants
}

// site is what the process remembers of a vCenter, for all identities: the paths
// of objects, for messages, and the devices of templates and the hosts, for
// clones. Nothing that a plan depends on is remembered.
type site struct {
	paths     sync.Map // types.ManagedObjectReference: string
	tasks     sync.Map // task reference: operation
	templates sync.Map // types.ManagedObjectReference: *templateDevices
	hosts     hosts
	space     space

	clientsMu sync.Mutex
	clients   []*Client

	ledgerMu sync.Mutex
	ledgerID string // the ledger's tag category; empty until it was found
	// ledgerAlone is set once no other category was found to have its name.
	ledgerAlone bool
	// ledgerHint is the category of a tag of the ledger that was read. It will do for
	// reading; whether the root tag exists is not known.
	ledgerHint string
}

// join makes the client one of a site.
func (s *site) join(c *Client) {
	s.clientsMu.Lock()
	defer s.clientsMu.Unlock()
	c.site = s
	s.clients = append(s.clients, c)
}

// changed drops what was read of the vCenter, by any identity, because this
// process has changed it.
func (s *site) changed() {
	s.clientsMu.Lock()
	defer s.clientsMu.Unlock()
	for _, c := range s.clients {
		c.reads.forget()
	}
}

// tagsChanged drops what was read of attached tags, by any identity.
func (s *site) tagsChanged() {
	s.clientsMu.Lock()
	defer s.clientsMu.Unlock()
	for _, c := range s.clients {
		c.reads.forgetAttached()
	}
}

// operation is what a task was started for.
type operation struct {
	name  string
	makes string                           // path of the VM that it creates
	done  func(types.BaseMethodFault) bool // the fault means that nothing was left to do
}

func connect(ctx context.Context, c Config) (*Client, error) {
	transport, err := newTransport(c)
	if err != nil {
		return nil, err
	}
	client := &Client{config: c, soap: newSOAPSession(c, transport), rest: newRESTSession(c, transport)}
	client.policies = newPolicyService(client.soap)
	(&site{}).join(client)
	if err := client.soap.open(ctx); err != nil {
		transport.CloseIdleConnections()
		return nil, client.failed("connect to vCenter "+c.Server, err)
	}
	return client, nil
}

// Logout ends both sessions of the client, which cannot be used afterwards.
func (c *Client) Logout(ctx context.Context) error {
	err := errors.Join(c.rest.logout(ctx), c.soap.logout(ctx))
	if transport, ok := c.soap.client.Client.Transport.(interface{ CloseIdleConnections() }); ok {
		transport.CloseIdleConnections()
	}
	if err != nil {
		return fmt.Errorf("log out of vCenter %s: %w", c.config.Server, err)
	}
	return nil
}

// String names the client by its identity, without the password.
func (c *Client) String() string { return c.config.String() }

// InstanceUUID identifies the vCenter. It needs no call beyond the login's.
func (c *Client) InstanceUUID(context.Context) (string, error) {
	return c.soap.content.About.InstanceUuid, nil
}

// Version is vCenter's version, such as 8.0.3.
func (c *Client) Version() string { return c.soap.content.About.Version }

// path names an object for a message: its inventory path where it is known.
func (c *Client) path(ref types.ManagedObjectReference) string {
	if p, ok := c.site.paths.Load(ref); ok {
		return fmt.Sprintf("%q", p)
	}
	return ref.Type + " " + ref.Value
}

// parseRef reads a reference in the form that the engine has it in.
func parseRef(kind, s string) (types.ManagedObjectReference, error) {
	var ref types.ManagedObjectReference
	if !ref.FromString(s) || !mo.IsManagedObjectType(ref.Type) || (kind != "" && ref.Type != kind) {
		return ref, fmt.Errorf("%q is not a reference to a %s", s, strings.TrimSpace(kind+" object"))
	}
	return ref, nil
}
