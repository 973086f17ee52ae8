package vsphere

import (
	"context"
	"net/http"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/gantry/terraform-provider-gantry/internal/sharedread"
)

// parallelCategories bounds how many categories are read at the same time.
const parallelCategories = 8

// categoryMaxAge is how old a category may be: it hardly ever changes.
const categoryMaxAge = time.Hour

// categoryBody is a tag category as the REST endpoint encodes it.
type categoryBody struct {
	ID              string   `json:"id"`
	Name            string   `json:"name"`
	Cardinality     string   `json:"cardinality"`
	AssociableTypes []string `json:"associable_types"`
}

// categoriesNamed returns the ids of all categories with a name that the account may
// list, sorted, but for one that is known already; empty: none is. It reads the categories
// one by one, since vCenter has no better way.
func (c *Client) categoriesNamed(ctx context.Context, name, known string) ([]string, error) {
	var ids []string
	if err := c.rest.read(ctx, http.MethodGet, categoryPath, nil, &ids); err != nil {
		return nil, err
	}
	ids = slices.DeleteFunc(ids, func(id string) bool { return id == known })
	named := make([]string, len(ids))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(parallelCategories)
	for i, id := range ids {
		group.Go(func() error {
			body, err := c.category(ctx, id)
			switch {
			case notFound(err):
				return nil // deleted since it was listed
			case err == nil && body.Name == name:
				named[i] = id
			}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	named = slices.DeleteFunc(named, func(id string) bool { return id == "" })
	slices.Sort(named)
	return named, nil
}

// category returns a category, which is read once for all who ask for it.
func (c *Client) category(ctx context.Context, id string) (categoryBody, error) {
	stored, _ := c.reads.categories.LoadOrStore(id, &sharedread.Read[categoryBody]{})
	return stored.(*sharedread.Read[categoryBody]).Get(ctx, categoryMaxAge, func(ctx context.Context) (categoryBody, error) {
		var body categoryBody
		err := c.rest.read(ctx, http.MethodGet, categoryPath+"/id:"+id, nil, &body)
		return body, err
	})
}
