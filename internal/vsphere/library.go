package vsphere

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/sharedread"
)

const (
	libraryPath     = "/com/vmware/content/library"
	libraryItemPath = "/com/vmware/content/library/item"
	subscribedPath  = "/com/vmware/content/library/subscribed-item"
)

// libraryBody is a content library as the REST endpoint encodes it.
type libraryBody struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	Type string `json:"type"`
}

// subscribed is the type of a library whose items are another one's.
const subscribed = "SUBSCRIBED"

// itemBody is an item of a library.
type itemBody struct {
	ID             string `json:"id"`
	LibraryID      string `json:"library_id"`
	Name           string `json:"name"`
	Type           string `json:"type"`
	ContentVersion string `json:"content_version"`
	Cached         bool   `json:"cached"`
}

// content is what the item is. A VM template has no files of its own that could be missing: it
// is in the inventory.
func (i itemBody) content() model.LibraryContent {
	return model.LibraryContent{ID: i.ID, Version: i.ContentVersion, Type: i.Type, Cached: i.Cached || i.Type == model.LibraryVMTemplate}
}

// libraryNames are the names of a library and of an item in it.
type libraryNames struct{ library, item string }

// libraryReads are what was read of items, for all who ask: *sharedread.Read[*foundItem] by
// libraryNames.
type libraryReads struct{ found sync.Map }

func (r *libraryReads) forget() {
	r.found.Range(func(_, read any) bool {
		read.(*sharedread.Read[*foundItem]).Forget()
		return true
	})
}

// foundItem is what there is under the names of a library and of an item.
type foundItem struct {
	libraries, items []string // ids of those that have the name
	item             *itemBody
	library          *libraryBody // is read of an item whose content is not in it
	// failed is why nothing is known of them.
	failed *Error
}

// readLibraries reads the items that images name: three calls for each. What cannot be read
// is told where it is needed: clusters whose template is there go on without their library.
func (c *Client) readLibraries(ctx context.Context, names *model.Names, maxAge time.Duration) (map[libraryNames]*foundItem, error) {
	found := map[libraryNames]*foundItem{}
	for _, l := range libraryItems(names) {
		wanted := libraryNames{l.Library, l.Item}
		if found[wanted] != nil {
			continue
		}
		read, _ := c.reads.libraries.found.LoadOrStore(wanted, &sharedread.Read[*foundItem]{})
		item, err := read.(*sharedread.Read[*foundItem]).Get(ctx, maxAge, func(ctx context.Context) (*foundItem, error) {
			return c.findItem(ctx, wanted)
		})
		if err != nil {
			op := fmt.Sprintf("read the content library %q", l.Library)
			if ctx.Err() != nil {
				return nil, c.failed(op, err)
			}
			failed := *c.explain(err)
			failed.Op = op
			item = &foundItem{failed: &failed}
		}
		found[wanted] = item
	}
	return found, nil
}

// libraryItems are the items that the images of a spec are made of.
func libraryItems(names *model.Names) []*model.LibraryItem {
	if names == nil {
		return nil
	}
	var items []*model.LibraryItem
	if names.Image.Library != nil {
		items = append(items, names.Image.Library)
	}
	for _, image := range names.PoolImages {
		if image.Library != nil {
			items = append(items, image.Library)
		}
	}
	return items
}

// findItem looks an item up by the names.
func (c *Client) findItem(ctx context.Context, wanted libraryNames) (*foundItem, error) {
	found := &foundItem{}
	err := c.rest.read(ctx, http.MethodPost, libraryPath+"?~action=find", map[string]any{"spec": map[string]string{"name": wanted.library}},
		&found.libraries)
	if err == nil {
		found.libraries, err = exact(found.libraries, wanted.library, func(id string) (string, error) {
			library, err := c.library(ctx, id)
			return library.Name, err
		})
	}
	if err != nil || len(found.libraries) != 1 {
		return found, err
	}
	err = c.rest.read(ctx, http.MethodPost, libraryItemPath+"?~action=find", map[string]any{"spec": map[string]string{
		"library_id": found.libraries[0], "name": wanted.item,
	}}, &found.items)
	if err == nil {
		found.items, err = exact(found.items, wanted.item, func(id string) (string, error) {
			item, err := c.libraryItem(ctx, id)
			return item.Name, err
		})
	}
	if err != nil || len(found.items) != 1 {
		return found, err
	}
	item, err := c.libraryItem(ctx, found.items[0])
	if err != nil {
		return nil, err
	}
	found.item = &item
	if item.content().Cached {
		return found, nil
	}
	library, err := c.library(ctx, item.LibraryID)
	found.library = &library
	return found, err
}

// exact is the only one of several whose name is spelled as it was asked for, where there is
// one: vCenter finds names without regard to case.
func exact(ids []string, name string, nameOf func(id string) (string, error)) ([]string, error) {
	if len(ids) < 2 {
		return ids, nil
	}
	var same []string
	for _, id := range ids {
		has, err := nameOf(id)
		if err != nil {
			return nil, err
		}
		if has == name {
			same = append(same, id)
		}
	}
	if len(same) == 1 {
		return same, nil
	}
	return ids, nil
}

func (c *Client) library(ctx context.Context, id string) (libraryBody, error) {
	var library libraryBody
	err := c.rest.read(ctx, http.MethodGet, libraryPath+"/id:"+id, nil, &library)
	return library, err
}

func (c *Client) libraryItem(ctx context.Context, id string) (itemBody, error) {
	var item itemBody
	err := c.rest.read(ctx, http.MethodGet, libraryItemPath+"/id:"+id, nil, &item)
	return item, err
}

// problem says why no template can be made of what was found; empty: one can.
func (f *foundItem) problem(l *model.LibraryItem, user string) (summary, detail string) {
	quoted := func(ids []string) string {
		slices.Sort(ids)
		return strings.Join(ids, ", ")
	}
	switch {
	case f.failed != nil:
		return fmt.Sprintf("Content library %q cannot be read", l.Library),
			fmt.Sprintf("%s. Where that is for want of privileges, grant the account %q read access to content libraries by a global "+
				"permission.", f.failed, user)
	case len(f.libraries) == 0:
		return fmt.Sprintf("Content library %q not found", l.Library),
			fmt.Sprintf("vCenter shows the account %q no content library %q. Correct the name, or grant the account read access to content "+
				"libraries by a global permission.", user, l.Library)
	case len(f.libraries) > 1:
		return fmt.Sprintf("Content library %q is ambiguous", l.Library),
			fmt.Sprintf("%d content libraries are called %q: those with the ids %s. Rename all but one.",
				len(f.libraries), l.Library, quoted(slices.Clone(f.libraries)))
	case len(f.items) == 0:
		return fmt.Sprintf("Item %q not found", l.Item),
			fmt.Sprintf("The content library %q has no item %q. Correct the name, or add the item; a subscribed library may have to "+
				"be synchronized.", l.Library, l.Item)
	case len(f.items) > 1:
		return fmt.Sprintf("Item %q is ambiguous", l.Item),
			fmt.Sprintf("%d items of the content library %q are called %q: those with the ids %s. Rename all but one.",
				len(f.items), l.Library, l.Item, quoted(slices.Clone(f.items)))
	case f.item.Type != model.LibraryOVF && f.item.Type != model.LibraryVMTemplate:
		return fmt.Sprintf("Item %q makes no VM", l.Item),
			fmt.Sprintf("%q of the content library %q is of the type %q. Nodes are built from OVF and OVA templates, and from VM templates. "+
				"Choose such an item.", l.Item, l.Library, f.item.Type)
	case !f.item.content().Cached && f.library.Type != subscribed:
		return fmt.Sprintf("Item %q has no content", l.Item),
			fmt.Sprintf("%q of the content library %q has no files, or they are still being uploaded. Upload them, or wait, and plan again.",
				l.Item, l.Library)
	}
	return "", ""
}
