package vsphere

import (
	"context"
	"slices"

	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/types"
)

// pageSize bounds the objects of one response; 0 leaves it to vCenter, with the
// fewest calls.
var pageSize int32

// properties is what a read returned about one object. A property that the object
// does not have is not in it.
type properties struct {
	ref     types.ManagedObjectReference
	values  map[string]any
	missing []types.MissingProperty
}

// value returns a property of the wanted type, or its zero value.
func value[T any](p properties, name string) T {
	v, _ := p.values[name].(T)
	return v
}

// refs returns a property that is a list of references.
func (p properties) refs(name string) []types.ManagedObjectReference {
	return value[types.ArrayOfManagedObjectReference](p, name).ManagedObjectReference
}

// option returns the value of a keyed extraConfig property.
func (p properties) option(key string) string {
	switch v := p.values[extraConfig(key)].(type) {
	case types.OptionValue:
		s, _ := v.Value.(string)
		return s
	case *types.OptionValue:
		s, _ := v.Value.(string)
		return s
	}
	return ""
}

// extraConfig is the path of one key of a VM's extra configuration.
func extraConfig(key string) string { return `config.extraConfig["` + key + `"]` }

// denied finds the fault by which vCenter refuses to return some property.
func (p properties) denied() *types.NoPermission {
	for _, m := range p.missing {
		if f, ok := m.Fault.Fault.(*types.NoPermission); ok {
			return f
		}
	}
	return nil
}

// vanished reports whether the object was deleted while it was read.
func (p properties) vanished() bool {
	for _, m := range p.missing {
		if _, ok := m.Fault.Fault.(*types.ManagedObjectNotFound); ok {
			return true
		}
	}
	return false
}

// retrieve reads properties in one call, and as many more as there are pages.
// References that do not exist are not in the result; an object that several specs
// name is in it once.
func (c *Client) retrieve(ctx context.Context, specs ...types.PropertyFilterSpec) ([]properties, error) {
	for i := range specs {
		specs[i].ReportMissingObjectsInResults = types.NewBool(true)
	}
	for restarted := false; ; {
		seen := c.soap.generation.Load()
		found, err := c.retrieveOnce(ctx, specs)
		fault, _ := methodFault(err)
		gone, ok := fault.(*types.ManagedObjectNotFound)
		switch {
		case ok && without(specs, gone.Obj):
			// Asked to leave out what is missing, vCenter still fails when nothing
			// else is left.
			specs = slices.DeleteFunc(specs, func(s types.PropertyFilterSpec) bool { return len(s.ObjectSet) == 0 })
			if len(specs) == 0 {
				return nil, nil
			}
		case err != nil && !restarted && ctx.Err() == nil && (seen != c.soap.generation.Load() || fault == nil && broken(err)):
			// The session ended in between, and the rest of the pages with it; or a page
			// was lost.
			restarted = true
		default:
			return found, err
		}
	}
}

// without removes an object from all specs, and reports whether it was in any.
func without(specs []types.PropertyFilterSpec, ref types.ManagedObjectReference) bool {
	found := false
	for i := range specs {
		specs[i].ObjectSet = slices.DeleteFunc(specs[i].ObjectSet, func(o types.ObjectSpec) bool {
			found = found || o.Obj == ref
			return o.Obj == ref
		})
	}
	return found
}

func (c *Client) retrieveOnce(ctx context.Context, specs []types.PropertyFilterSpec) ([]properties, error) {
	collector := c.soap.content.PropertyCollector
	var plain plainObjects
	ctx = withPlainObjects(ctx, &plain)
	res, err := methods.RetrievePropertiesEx(ctx, c.soap, &types.RetrievePropertiesEx{
		This: collector, SpecSet: specs, Options: types.RetrieveOptions{MaxObjects: pageSize},
	})
	if err != nil {
		return nil, err
	}
	page := res.Returnval
	var found []properties
	at := map[types.ManagedObjectReference]int{}
	for page != nil {
		found = plain.appendTo(found, at)
		for _, o := range page.Objects {
			i, ok := at[o.Obj]
			if !ok {
				i = len(found)
				at[o.Obj] = i
				found = append(found, properties{ref: o.Obj, values: make(map[string]any, len(o.PropSet))})
			}
			found[i].missing = append(found[i].missing, o.MissingSet...)
			for _, prop := range o.PropSet {
				found[i].values[prop.Name] = prop.Val
			}
		}
		if page.Token == "" {
			break
		}
		next, err := methods.ContinueRetrievePropertiesEx(ctx, c.soap, &types.ContinueRetrievePropertiesEx{
			This:  collector,
			Token: page.Token,
		})
		if err != nil {
			return nil, err
		}
		page = &next.Returnval
	}
	return found, nil
}

// appendTo adds the objects to those that were found. Each of them is in a response once.
func (o *plainObjects) appendTo(found []properties, at map[types.ManagedObjectReference]int) []properties {
	for _, p := range o.found {
		at[p.ref] = len(found)
		found = append(found, p)
	}
	return found
}

// objectsSpec asks for properties of given objects.
func objectsSpec(refs []types.ManagedObjectReference, paths map[string][]string) types.PropertyFilterSpec {
	spec := types.PropertyFilterSpec{}
	for _, ref := range refs {
		spec.ObjectSet = append(spec.ObjectSet, types.ObjectSpec{Obj: ref})
	}
	for kind, p := range paths {
		spec.PropSet = append(spec.PropSet, types.PropertySpec{Type: kind, PathSet: p})
	}
	return spec
}
