package vsphere

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// CheckZoneCategory returns why an object can have no tag of its category; nil where it can,
// or the category is still to be made. A category that allows several tags an object will do.
func (c *Client) CheckZoneCategory(ctx context.Context, o ZoneObject) error {
	_, err := c.zoneCategory(ctx, o)
	return err
}

// zoneCategory is the category of an object's tag; its id is empty where there is none, or
// none that may be listed.
func (c *Client) zoneCategory(ctx context.Context, o ZoneObject) (categoryBody, error) {
	op := "find the tag category " + o.Category
	ids, err := c.categoriesNamed(ctx, o.Category, "")
	switch {
	case err != nil:
		return categoryBody{}, c.failed(op, err)
	case len(ids) == 0:
		return categoryBody{}, nil
	case len(ids) > 1:
		return categoryBody{}, &Error{
			Op:     op,
			Reason: fmt.Sprintf("there are %d tag categories named %s: %s", len(ids), o.Category, strings.Join(ids, ", ")),
			Advice: "vCenters in linked mode may each have made one: delete all but one with `govc tags.category.rm <id>`",
		}
	}
	body, err := c.category(ctx, ids[0])
	if err != nil {
		return categoryBody{}, c.failed(op, err)
	}
	body.ID = ids[0]
	// Some releases write the types with the prefix of their namespace.
	takes := func(t string) bool { return strings.TrimPrefix(t, "urn:vim25:") == o.ref.Type }
	if len(body.AssociableTypes) > 0 && !slices.ContainsFunc(body.AssociableTypes, takes) {
		return categoryBody{}, &Error{
			Op: op,
			Reason: fmt.Sprintf("the tag category %s is for %s, and not for a %s",
				o.Category, model.Listed(body.AssociableTypes), o.ref.Type),
			Advice: fmt.Sprintf("an administrator adds the type: govc tags.category.update -t %s %s", o.ref.Type, o.Category),
		}
	}
	return body, nil
}

// createZoneCategory makes the category of an object's tag, for one tag an object and for
// objects of its type. One that is there by now will do.
func (c *Client) createZoneCategory(ctx context.Context, o ZoneObject) (categoryBody, error) {
	op := "create the tag category " + o.Category
	var id string
	err := c.failed(op, c.rest.call(ctx, http.MethodPost, categoryPath, map[string]any{"create_spec": map[string]any{
		"name":             o.Category,
		"description":      "Topology of Kubernetes clusters.",
		"cardinality":      "SINGLE",
		"associable_types": []string{o.ref.Type},
	}}, &id))
	switch {
	case err == nil:
		return categoryBody{ID: id, Name: o.Category}, nil
	case !errors.Is(err, model.ErrExists) && !errors.Is(err, model.ErrPermission):
		return categoryBody{}, err
	}
	found, otherErr := c.zoneCategory(ctx, o)
	switch {
	case otherErr != nil:
		return found, otherErr
	case found.ID != "":
		return found, nil
	case errors.Is(err, model.ErrExists):
		return found, &Error{Op: op, kind: kindPermission, cause: err,
			Reason: fmt.Sprintf("it exists, and the account %q may not read it", c.config.Username),
			Advice: "grant System.Read as a global permission"}
	}
	return found, &Error{Op: op, kind: kindPermission, cause: err,
		Reason: fmt.Sprintf("it does not exist, and the account %q may not create it", c.config.Username),
		Advice: fmt.Sprintf("an administrator creates it once with: govc tags.category.create -m=false -t %s %s", o.ref.Type, o.Category)}
}
