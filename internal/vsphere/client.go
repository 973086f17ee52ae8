package vsphere

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/gantry/terraform-provider-gantry/internal/engine"
)

var _ engine.VCenter = (*Client)(nil)

// Client is what one identity sees of one vCenter and may do there.
type Client struct {
	config Config
	soap   *soapSession
	rest   *restSession
	site   *site
}

// site is what the process remembers of a vCenter, for all identities: how
// objects are called, for messages, and what templates and hosts look like, for
// clones. Nothing that is decided upon is remembered.
type site struct {
	paths     sync.Map // types.ManagedObjectReference: string
	tasks     sync.Map // task reference: operation
	templates sync.Map // types.ManagedObjectReference: *templateDevices
	hosts     sync.Map // compute cluster reference: []candidateHost
	kinds     sync.Map // tag category id: name

	ledgerMu sync.Mutex
	ledgerID string // the ledger's tag category; empty until it was found
	// ledgerHint is the category of a tag of the ledger that was read. It is good for
	// reading; whether the root tag is there it doesn't say.
	ledgerHint string
}

// operation is what a task was started for.
type operation struct {
	name  string
	makes string                           // path of the VM that comes out of it
	done  func(types.BaseMethodFault) bool // the fault means that it was so already
}

func connect(ctx context.Context, c Config) (*Client, error) {
	transport, err := newTransport(c)
	if err != nil {
		return nil, err
	}
	client := &Client{config: c, soap: newSOAPSession(c, transport), rest: newRESTSession(c, transport), site: &site{}}
	if err := client.soap.open(ctx); err != nil {
		transport.CloseIdleConnections()
		return nil, client.failed("connect to vCenter "+c.Server, err)
	}
	return client, nil
}

// Logout ends both sessions of the client, which then serves no more.
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

// String names the client by its identity, and keeps the password to itself.
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

// parseRef reads a reference in the form in which the engine holds it.
func parseRef(kind, s string) (types.ManagedObjectReference, error) {
	var ref types.ManagedObjectReference
	if !ref.FromString(s) || !mo.IsManagedObjectType(ref.Type) || (kind != "" && ref.Type != kind) {
		return ref, fmt.Errorf("%q is not a reference to a %s", s, strings.TrimSpace(kind+" object"))
	}
	return ref, nil
}
