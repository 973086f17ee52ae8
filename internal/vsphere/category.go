package vsphere

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/ledger"
	"github.com/gantry/terraform-provider-gantry/internal/sharedread"
)

// The category of the ledger's tags. It is associable with vApps: of all types of
// objects that can be tagged the rarest one, so that the ledger's tags do not show
// up in tag pickers.
const (
	categoryName        = "gantry"
	categoryType        = "VirtualApp"
	categoryDescription = "Records and address claims of the Terraform provider Gantry. Do not edit."
)

// rootTag is a tag with a fixed id in the ledger's category. vCenter chooses the id
// of a category that an administrator creates, and to find one by name all have to
// be read; by this tag it takes one call.
var rootTag = uuid.MustParse("6a0f3c0e-7d52-5b1e-9a55-6f1d5c1b2e70")

const (
	rootTagName        = "!gantry"
	rootTagDescription = "Marks the category of Gantry's ledger. Do not delete."
)

// createCommand is how an administrator creates the category.
const createCommand = `govc tags.category.create -m=false -t ` + categoryType + ` ` + categoryName

// TagPermissionError says that the account may not write the ledger.
type TagPermissionError struct {
	Username string
	// Category is set when there is no category, and the account may not create it.
	Category bool
	cause    error
}

func (e *TagPermissionError) Error() string {
	if e.Category {
		return fmt.Sprintf("the tag category %q does not exist, and the account %q may not create it. "+
			"An administrator creates it once with: %s (%v)", categoryName, e.Username, createCommand, e.cause)
	}
	return fmt.Sprintf("the account %q may not write Gantry's records: grant it vSphere Tagging > "+
		"Create, Edit and Delete vSphere Tag as a global permission; tag privileges on inventory objects do not count for tags (%v)",
		e.Username, e.cause)
}

func (e *TagPermissionError) Unwrap() error { return e.cause }

func (s *TagStore) forgetCategory(id string) {
	site := s.client.site
	site.ledgerMu.Lock()
	defer site.ledgerMu.Unlock()
	if site.ledgerID == id {
		site.ledgerID = ""
	}
	site.ledgerHint = ""
}

// noteCategory remembers the category of a tag of the ledger.
func (s *TagStore) noteCategory(id string) {
	site := s.client.site
	site.ledgerMu.Lock()
	defer site.ledgerMu.Unlock()
	site.ledgerHint = id
}

// findCategory returns the category's id; empty where there is none yet.
func (s *TagStore) findCategory(ctx context.Context) (string, error) {
	site := s.client.site
	site.ledgerMu.Lock()
	defer site.ledgerMu.Unlock()
	if known := cmp.Or(site.ledgerID, site.ledgerHint); known != "" {
		return known, nil
	}
	id, err := s.categoryByRoot(ctx)
	if err == nil && id == "" {
		// The root tag may have been deleted without the others.
		return s.categoryByName(ctx)
	}
	site.ledgerID = id
	return id, err
}

// ensureCategory returns the category's id, and creates what is missing: the
// category, and the root tag in it.
func (s *TagStore) ensureCategory(ctx context.Context) (string, error) {
	site := s.client.site
	site.ledgerMu.Lock()
	defer site.ledgerMu.Unlock()
	if site.ledgerID != "" {
		return site.ledgerID, nil
	}
	id, err := s.categoryByRoot(ctx)
	if err != nil {
		return "", err
	}
	if id == "" {
		if id, err = s.createCategory(ctx); err != nil {
			return "", err
		}
		err = s.post(ctx, id, ledger.Tag{ID: rootTag, Name: rootTagName, Description: rootTagDescription})
		if err = s.failed("create tag "+rootTagName, err); err != nil && !errors.Is(err, ledger.ErrExists) {
			return "", err
		}
	}
	site.ledgerID = id
	return id, nil
}

func (s *TagStore) categoryByRoot(ctx context.Context) (string, error) {
	root, err := s.client.tag(ctx, tagURN(rootTag))
	if notFound(err) {
		return "", nil
	}
	return root.CategoryID, s.failed("find the tag category "+categoryName, err)
}

// createCategory creates the category, or finds the one that exists.
func (s *TagStore) createCategory(ctx context.Context) (string, error) {
	var id string
	err := s.client.rest.call(ctx, http.MethodPost, categoryPath, map[string]any{"create_spec": map[string]any{
		"name":             categoryName,
		"description":      categoryDescription,
		"cardinality":      "MULTIPLE",
		"associable_types": []string{categoryType},
	}}, &id)
	if err == nil {
		return id, nil
	}
	failed := s.client.failed("create the tag category "+categoryName, err)
	denied := errors.Is(failed, model.ErrPermission)
	if !denied && !errors.Is(failed, model.ErrExists) {
		return "", failed
	}
	id, err = s.categoryByName(ctx)
	if err == nil && id == "" {
		return "", &TagPermissionError{Username: s.client.config.Username, Category: denied, cause: failed}
	}
	return id, err
}

// categoryByName reads the categories one by one, since vCenter has no better way.
// It is needed once in a vCenter's life.
func (s *TagStore) categoryByName(ctx context.Context) (string, error) {
	const op = "find the tag category " + categoryName
	var ids []string
	if err := s.client.rest.read(ctx, http.MethodGet, categoryPath, nil, &ids); err != nil {
		return "", s.failed(op, err)
	}
	for _, id := range ids {
		name, err := s.client.categoryName(ctx, id)
		if notFound(err) {
			continue // deleted since it was listed
		}
		if err != nil {
			return "", s.failed(op, err)
		}
		if name == categoryName {
			return id, nil
		}
	}
	return "", nil
}

// categoryMaxAge is how old the name of a category may be: it hardly ever changes.
const categoryMaxAge = time.Hour

// categoryName returns the name of a category, which is read once for all who ask
// for it.
func (c *Client) categoryName(ctx context.Context, id string) (string, error) {
	stored, _ := c.reads.categories.LoadOrStore(id, &sharedread.Read[string]{})
	return stored.(*sharedread.Read[string]).Get(ctx, categoryMaxAge, func(ctx context.Context) (string, error) {
		var body struct {
			Name string `json:"name"`
		}
		err := c.rest.read(ctx, http.MethodGet, categoryPath+"/id:"+id, nil, &body)
		return body.Name, err
	})
}
