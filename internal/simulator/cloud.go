package simulator

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"

	vcsim "github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest/cpi"
)

// cloud is the datacenter as the cloud providers in the clusters reach it. Their calls
// are not counted: a test counts what the provider does.
type cloud struct{ s *Simulator }

// Login implements cpi.Cloud.
func (c cloud) Login(l cpi.Login) error {
	address := net.JoinHostPort(l.Server, fmt.Sprint(l.Port))
	if address != c.s.Server() {
		return fmt.Errorf("dial tcp %s: connect: connection refused", address)
	}
	if !l.Insecure {
		return errors.New("x509: certificate signed by unknown authority")
	}
	if password, known := c.s.accounts[strings.ToLower(l.User)]; !known || password != l.Password {
		return cpi.ErrLogin
	}
	return nil
}

// Instance implements cpi.Cloud.
func (c cloud) Instance(id string, search cpi.Search) (cpi.Instance, error) {
	c.s.inventory.RLock()
	defer c.s.inventory.RUnlock()
	ctx := c.s.service.Context
	vm, ok := get[*vcsim.VirtualMachine](ctx, types.ManagedObjectReference{Type: "VirtualMachine", Value: id})
	if !ok {
		return cpi.Instance{}, cpi.ErrNoVM
	}
	if len(search.Datacenters) > 0 {
		dc, ok := datacenterOf(ctx, vm.Self)
		if !ok || !slices.ContainsFunc(search.Datacenters, func(d string) bool { return strings.Trim(d, "/") == dc.Name }) {
			return cpi.Instance{}, cpi.ErrNoVM
		}
	}
	found := cpi.Instance{CPU: vm.Config.Hardware.NumCPU, MemoryMB: vm.Config.Hardware.MemoryMB, GuestID: vm.Config.GuestId}
	if search.Region == "" {
		return found, nil
	}
	found.Region = c.tagAbove(ctx, vm, search.Region)
	found.Zone = c.tagAbove(ctx, vm, search.Zone)
	switch "" {
	case found.Region:
		return found, fmt.Errorf("vSphere region category %s does not match any tags for mo: %s", search.Region, id)
	case found.Zone:
		return found, fmt.Errorf("vSphere zone category %s does not match any tags for mo: %s", search.Zone, id)
	}
	return found, nil
}

// tagAbove is the tag of a category that the host of a VM or what is above it has.
func (c cloud) tagAbove(ctx *vcsim.Context, vm *vcsim.VirtualMachine, category string) string {
	for ref := vm.Runtime.Host; ref != nil; {
		for _, id := range c.s.tags.tagsOn(*ref) {
			if tag, failed := c.s.tags.tag(id); failed == "" {
				if of, failed := c.s.tags.category(tag.CategoryID); failed == "" && of.Name == category {
					return tag.Name
				}
			}
		}
		entity, ok := ctx.Map.Get(*ref).(mo.Entity)
		if !ok {
			return ""
		}
		ref = entity.Entity().Parent
	}
	return ""
}
