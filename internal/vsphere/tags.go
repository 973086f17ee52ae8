package vsphere

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/ledger"
)

const (
	tagPath      = "/com/vmware/cis/tagging/tag"
	categoryPath = "/com/vmware/cis/tagging/category"
	objectsPath  = "/com/vmware/cis/tagging/tag-association"

	tagPrefix = "urn:vmomi:InventoryServiceTag:"
	urnSuffix = ":GLOBAL"
)

var _ ledger.Store = (*TagStore)(nil)

// TagStore is the ledger's store in vCenter's tagging service.
type TagStore struct{ client *Client }

// NewTagStore returns the ledger's store in a vCenter. The client should be the
// provider's own: a cloud account needs no tag privileges.
func NewTagStore(c *Client) *TagStore { return &TagStore{c} }

func tagURN(id uuid.UUID) string { return tagPrefix + id.String() + urnSuffix }

// tagUUID reads a tag's id. Those that vCenter chooses have the same form; they are
// just not among the ids that the ledger derives.
func tagUUID(urn string) (uuid.UUID, bool) {
	text, ok := strings.CutPrefix(urn, tagPrefix)
	if !ok {
		return uuid.Nil, false
	}
	id, err := uuid.Parse(strings.TrimSuffix(text, urnSuffix))
	return id, err == nil
}

// tagBody is a tag as the REST endpoint encodes it.
type tagBody struct {
	ID          string `json:"id"`
	Name        string `json:"name"`
	Description string `json:"description"`
	CategoryID  string `json:"category_id"`
}

// Create implements ledger.Store. It is sent only once: after a lost response
// "already exists" could mean either of two things, which the ledger distinguishes
// by the description.
func (s *TagStore) Create(ctx context.Context, tag ledger.Tag) error {
	op := fmt.Sprintf("create tag %q", tag.Name)
	for attempt := 0; ; attempt++ {
		category, err := s.ensureCategory(ctx)
		if err != nil {
			return err
		}
		err = s.post(ctx, category, tag)
		if attempt == 0 && notFound(err) {
			s.forgetCategory(category) // an administrator has deleted it since
			continue
		}
		return s.failed(op, err)
	}
}

func (s *TagStore) post(ctx context.Context, category string, tag ledger.Tag) error {
	return s.client.rest.call(ctx, http.MethodPost, tagPath, map[string]any{"create_spec": map[string]string{
		"name":        tag.Name,
		"description": tag.Description,
		"category_id": category,
		"tag_id":      tagURN(tag.ID),
	}}, nil)
}

// Get implements ledger.Store.
func (s *TagStore) Get(ctx context.Context, id uuid.UUID) (ledger.Tag, error) {
	body, err := s.client.tag(ctx, tagURN(id))
	if err != nil {
		return ledger.Tag{}, s.unread(fmt.Sprintf("read tag %s", id), err)
	}
	s.noteCategory(body.CategoryID)
	return ledger.Tag{ID: id, Name: body.Name, Description: body.Description}, nil
}

func (c *Client) tag(ctx context.Context, urn string) (tagBody, error) {
	var body tagBody
	err := c.rest.read(ctx, http.MethodGet, tagPath+"/id:"+urn, nil, &body)
	return body, err
}

// Update implements ledger.Store.
func (s *TagStore) Update(ctx context.Context, id uuid.UUID, description string) error {
	err := s.client.rest.call(ctx, http.MethodPatch, tagPath+"/id:"+tagURN(id), map[string]any{
		"update_spec": map[string]string{"description": description},
	}, nil)
	return s.failed(fmt.Sprintf("update tag %s", id), err)
}

// Delete implements ledger.Store.
func (s *TagStore) Delete(ctx context.Context, id uuid.UUID) error {
	err := s.client.rest.call(ctx, http.MethodDelete, tagPath+"/id:"+tagURN(id), nil, nil)
	if notFound(err) {
		return nil
	}
	return s.failed(fmt.Sprintf("delete tag %s", id), err)
}

// List implements ledger.Store: one call, which returns ids only.
func (s *TagStore) List(ctx context.Context) ([]uuid.UUID, error) {
	for attempt := 0; ; attempt++ {
		category, err := s.findCategory(ctx)
		if err != nil || category == "" {
			return nil, err
		}
		var urns []string
		err = s.client.rest.read(ctx, http.MethodPost, tagPath+"/id:"+category+"?~action=list-tags-for-category", nil, &urns)
		if attempt == 0 && notFound(err) {
			s.forgetCategory(category)
			continue
		}
		if err != nil {
			return nil, s.failed("list the tags of category "+categoryName, err)
		}
		ids := make([]uuid.UUID, 0, len(urns))
		for _, urn := range urns {
			switch id, ok := tagUUID(urn); {
			case ok && id == rootTag:
				s.noteRoot(category)
			case ok:
				ids = append(ids, id)
			}
		}
		return ids, nil
	}
}

// Now implements ledger.Store.
func (s *TagStore) Now(ctx context.Context) (time.Time, error) {
	c := s.client
	instance := types.ManagedObjectReference{Type: "ServiceInstance", Value: "ServiceInstance"}
	res, err := methods.CurrentTime(ctx, c.soap, &types.CurrentTime{This: instance})
	if err != nil {
		return time.Time{}, c.failed("read vCenter's clock", err)
	}
	return res.Returnval, nil
}

// failed maps vCenter's responses to the errors that the ledger distinguishes.
func (s *TagStore) failed(op string, err error) error {
	if err == nil {
		return nil
	}
	err = s.client.failed(op, err)
	switch {
	case errors.Is(err, model.ErrExists):
		return fmt.Errorf("%w: %w", err, ledger.ErrExists)
	case notFound(err):
		return fmt.Errorf("%w: %w", err, ledger.ErrNotFound)
	case errors.Is(err, model.ErrPermission):
		return &TagPermissionError{Username: s.client.config.Username, cause: err}
	}
	return err
}

// unread is failed for reading one tag: vCenter says of a tag that may not be read that
// a privilege is missing, and does not say whether there is one.
func (s *TagStore) unread(op string, err error) error {
	if failed := s.client.failed(op, err); errors.Is(failed, model.ErrPermission) {
		return fmt.Errorf("%w: %w", failed, ledger.ErrUnreadable)
	}
	return s.failed(op, err)
}

// notFound reports whether vCenter's tagging service proves that something does not
// exist. A 404 without its type comes from the proxy before the service, as while
// vCenter starts, and proves nothing.
func notFound(err error) bool {
	var e *restError
	return errors.As(err, &e) && e.Status == http.StatusNotFound && e.Type == "not_found"
}
