package vsphere

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/ledger"
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

// DuplicateCategoryError says that there are several tag categories with the ledger's
// name. vCenters in linked mode copy categories and tags late, so that two of them may
// each have made one: a name that is new in one is no proof then.
type DuplicateCategoryError struct{ IDs []string }

func (e *DuplicateCategoryError) Error() string {
	return fmt.Sprintf("there are %d tag categories with the name %q: %s. As long as there are, an address or a lock could be taken twice, "+
		"so nothing is. vCenters in linked mode copy categories late, and each of them may have made one. Find out which one is in use with "+
		"`govc tags.ls -c <id>`, and delete the other with `govc tags.category.rm <id>`",
		len(e.IDs), categoryName, strings.Join(e.IDs, ", "))
}

func (s *TagStore) forgetCategory(id string) {
	site := s.client.site
	site.ledgerMu.Lock()
	defer site.ledgerMu.Unlock()
	if site.ledgerID == id {
		site.ledgerID = ""
		site.ledgerAlone = false
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

// noteRoot remembers the category that the root tag was found in.
func (s *TagStore) noteRoot(id string) {
	site := s.client.site
	site.ledgerMu.Lock()
	defer site.ledgerMu.Unlock()
	if site.ledgerID == "" {
		site.ledgerID = id
	}
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
// category, and the root tag in it. Before the first tag of a run it makes sure that no
// other category has the name.
func (s *TagStore) ensureCategory(ctx context.Context) (string, error) {
	site := s.client.site
	site.ledgerMu.Lock()
	defer site.ledgerMu.Unlock()
	if site.ledgerID != "" && site.ledgerAlone {
		return site.ledgerID, nil
	}
	id := site.ledgerID
	if id == "" {
		var err error
		if id, err = s.categoryByRoot(ctx); err == nil && id == "" {
			id, err = s.makeRoot(ctx)
		}
		if err != nil {
			return "", err
		}
	}
	others, err := s.categoriesNamed(ctx, id)
	if err != nil {
		return "", err
	}
	if len(others) > 0 {
		return "", &DuplicateCategoryError{IDs: append([]string{id}, others...)}
	}
	site.ledgerID = id
	site.ledgerAlone = true
	return id, nil
}

// makeRoot creates the root tag, and the category where there is none, and reads the
// tag back: what was created may not be what is there.
func (s *TagStore) makeRoot(ctx context.Context) (string, error) {
	const op = "create tag " + rootTagName
	id, err := s.createCategory(ctx)
	if err != nil {
		return "", err
	}
	err = s.post(ctx, id, ledger.Tag{ID: rootTag, Name: rootTagName, Description: rootTagDescription})
	if err = s.failed(op, err); err != nil && !errors.Is(err, ledger.ErrExists) {
		return "", err
	}
	there, err := s.categoryByRoot(ctx)
	switch {
	case err != nil:
		return "", err
	case there == "":
		return "", &Error{
			Op:     op,
			Reason: fmt.Sprintf("a tag of this name is in the category already, and is not the one with the id %s", rootTag),
			Advice: "delete the tag " + rootTagName + " of the category " + categoryName,
		}
	case there != id:
		return "", &DuplicateCategoryError{IDs: []string{there, id}}
	}
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

// categoryByName returns the id of the category; empty where there is none.
func (s *TagStore) categoryByName(ctx context.Context) (string, error) {
	named, err := s.categoriesNamed(ctx, "")
	if err != nil || len(named) == 0 {
		return "", err
	}
	if len(named) > 1 {
		return "", &DuplicateCategoryError{IDs: named}
	}
	return named[0], nil
}

// categoriesNamed returns the ids of all categories with the ledger's name, but for one
// that is known already.
func (s *TagStore) categoriesNamed(ctx context.Context, known string) ([]string, error) {
	named, err := s.client.categoriesNamed(ctx, categoryName, known)
	if err != nil {
		return nil, s.failed("find the tag category "+categoryName, err)
	}
	return named, nil
}
