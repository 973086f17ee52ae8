package vsphere

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// tagUnreadable reports whether a tag or a category is gone, or may not be read: for who asks for
// it by its name there is none.
func (c *Client) tagUnreadable(err error) bool {
	return notFound(err) || errors.Is(c.failed("", err), model.ErrPermission)
}

// vmTagsFailed is how finding tags of VMs fails.
func (c *Client) vmTagsFailed(op string, err error) error {
	failed := c.failed(op, err)
	var e *Error
	if errors.As(failed, &e) && e.kind == kindPermission {
		e.Advice = "System.Read is needed on the tag and its category, or as a global permission"
	}
	return failed
}

// tagsFound are tags that a name may mean, and what keeps it from meaning one.
type tagsFound struct {
	tags []tagBody
	// category is set where there is a category with the name before a slash.
	category bool
}

// FindVMTags implements model.VCenter. vCenter has no call for a tag's name: the categories
// are read one by one and kept, and of the category that is named all tags are.
func (c *Client) FindVMTags(ctx context.Context, names []string, known map[string]uuid.UUID) ([]model.FoundVMTag, error) {
	var all []model.FoundVMTag
	for _, name := range names {
		found, err := c.findVMTag(ctx, name, known[name])
		if err != nil {
			return nil, c.vmTagsFailed(fmt.Sprintf("find the tag %q", name), err)
		}
		all = append(all, found)
	}
	return all, nil
}

func (c *Client) findVMTag(ctx context.Context, name string, known uuid.UUID) (model.FoundVMTag, error) {
	if known != uuid.Nil && !strings.HasPrefix(name, tagPrefix) {
		// It has the same name still, as a rule.
		tag, category, err := c.tagWithCategory(ctx, tagURN(known))
		if err == nil && category.Name+"/"+tag.Name == name {
			return c.judgeVMTag(ctx, name, tag, category)
		}
		if err != nil && !c.tagUnreadable(err) {
			return model.FoundVMTag{}, err
		}
	}
	found, err := c.tagsNamed(ctx, name)
	if err != nil {
		return model.FoundVMTag{}, err
	}
	problem := func(summary, format string, args ...any) (model.FoundVMTag, error) {
		return model.FoundVMTag{Name: name, Summary: summary, Problem: fmt.Sprintf(format, args...)}, nil
	}
	switch {
	case len(found.tags) > 1:
		var urns []string
		for _, tag := range found.tags {
			urns = append(urns, tag.ID)
		}
		slices.Sort(urns)
		return problem("Ambiguous tag", "%q means %d tags: %s. Give the id of one of them.", name, len(urns), strings.Join(urns, ", "))
	case len(found.tags) == 1:
		category, err := c.category(ctx, found.tags[0].CategoryID)
		if err != nil {
			return model.FoundVMTag{}, err
		}
		return c.judgeVMTag(ctx, name, found.tags[0], category)
	case strings.HasPrefix(name, tagPrefix):
		return problem("Tag not found", "vCenter %s has no tag with the id %s, or the account %q may not read it.",
			c.config.Server, name, c.config.Username)
	case found.category:
		category, tag, _ := strings.Cut(name, "/")
		return problem("Tag not found", "The category %q of vCenter %s has no tag %q that the account %q may read. Names are case-sensitive.",
			category, c.config.Server, tag, c.config.Username)
	}
	return problem("Tag not found", "vCenter %s has no category of tags by which %q begins, or the account %q may not read it. "+
		"Write the names of category and tag, with a slash between them; names are case-sensitive.", c.config.Server, name, c.config.Username)
}

func (c *Client) tagWithCategory(ctx context.Context, urn string) (tagBody, categoryBody, error) {
	tag, err := c.sharedTag(ctx, urn)
	if err != nil {
		return tag, categoryBody{}, err
	}
	category, err := c.category(ctx, tag.CategoryID)
	return tag, category, err
}

// tagsNamed are the tags that a name may mean: that with the id, or those of the category
// before a slash. Names of both may have slashes.
func (c *Client) tagsNamed(ctx context.Context, name string) (tagsFound, error) {
	var found tagsFound
	if strings.HasPrefix(name, tagPrefix) {
		tag, err := c.sharedTag(ctx, name)
		if err == nil {
			found.tags = []tagBody{tag}
		}
		if c.tagUnreadable(err) {
			return found, nil
		}
		return found, err
	}
	for i, r := range name {
		if r != '/' {
			continue
		}
		categories, err := c.categoriesNamed(ctx, name[:i], "")
		if err != nil {
			return found, err
		}
		for _, category := range categories {
			found.category = true
			tags, err := c.tagsOf(ctx, category)
			if err != nil {
				return found, err
			}
			for _, tag := range tags {
				if tag.Name == name[i+1:] {
					found.tags = append(found.tags, tag)
				}
			}
		}
	}
	return found, nil
}

// tagsOf reads the tags of a category that the account may list.
func (c *Client) tagsOf(ctx context.Context, category string) ([]tagBody, error) {
	urns, err := c.tagIDsOf(ctx, category)
	if err != nil {
		return nil, err
	}
	read := make([]tagBody, len(urns))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(parallelCategories)
	for i, urn := range urns {
		group.Go(func() error {
			body, err := c.sharedTag(ctx, urn)
			if c.tagUnreadable(err) {
				return nil // since it was listed
			}
			read[i] = body
			return err
		})
	}
	err = group.Wait()
	return slices.DeleteFunc(read, func(t tagBody) bool { return t.ID == "" }), err
}

func (c *Client) tagIDsOf(ctx context.Context, category string) ([]string, error) {
	var urns []string
	err := c.rest.read(ctx, http.MethodPost, tagPath+"/id:"+category+"?~action=list-tags-for-category", nil, &urns)
	return urns, err
}

// judgeVMTag says whether VMs can be given a tag.
func (c *Client) judgeVMTag(ctx context.Context, name string, tag tagBody, category categoryBody) (model.FoundVMTag, error) {
	id, ok := tagUUID(tag.ID)
	found := model.FoundVMTag{
		Name: name, ID: id, Path: category.Name + "/" + tag.Name, Category: category.ID, Single: category.Cardinality == "SINGLE",
	}
	switch {
	case !ok:
		found.Summary = "Tag not supported"
		found.Problem = fmt.Sprintf("The tag %q has the id %q, which is none of vSphere 6.7 or newer.", name, tag.ID)
	case category.Name == categoryName:
		found.Summary = "A tag of Gantry's ledger"
		found.Problem = fmt.Sprintf("The tag %q is of the category in which Gantry keeps its records. Choose another one.", name)
	case len(category.AssociableTypes) > 0 && !slices.Contains(category.AssociableTypes, "VirtualMachine"):
		found.Summary = "The tag is not for VMs"
		found.Problem = fmt.Sprintf(
			"The category %q of the tag %q is for objects of the types %s. Allow virtual machines in it, or choose another tag.",
			category.Name, name, bounded(quoted(category.AssociableTypes)))
	}
	if found.Problem != "" || !found.Single {
		return found, nil
	}
	urns, err := c.tagIDsOf(ctx, category.ID)
	for _, urn := range urns {
		if other, ok := tagUUID(urn); ok && other != id {
			found.Rivals = append(found.Rivals, other)
		}
	}
	return found, err
}

// VMTags implements model.VCenter.
func (c *Client) VMTags(ctx context.Context, vms []string) (map[string][]uuid.UUID, error) {
	const op = "read the tags of VMs"
	refs, err := parseRefs(vms)
	if err != nil {
		return nil, c.failed(op, err)
	}
	attached, err := c.attachedIDs(ctx, refs)
	if err != nil {
		return nil, c.zonesFailed(op, err)
	}
	on := map[string][]uuid.UUID{}
	for ref, urns := range attached {
		for _, urn := range urns {
			if id, ok := tagUUID(urn); ok {
				on[ref.String()] = append(on[ref.String()], id)
			}
		}
	}
	return on, nil
}

// AttachVMTag implements model.VCenter.
func (c *Client) AttachVMTag(ctx context.Context, tag uuid.UUID, vms []string) error {
	return c.changeVMTag(ctx, tag, vms, "attach-tag-to-multiple-objects", "give the tag %s to VMs")
}

// DetachVMTag implements model.VCenter. A tag that is gone is on no VM.
func (c *Client) DetachVMTag(ctx context.Context, tag uuid.UUID, vms []string) error {
	err := c.changeVMTag(ctx, tag, vms, "detach-tag-from-multiple-objects", "take the tag %s from VMs")
	if notFound(err) {
		return nil
	}
	return err
}

// batchResult is how the tagging service answers a call for several objects.
type batchResult struct {
	Success bool `json:"success"`
	Errors  []struct {
		Message string `json:"default_message"`
		ID      string `json:"id"`
	} `json:"error_messages"`
}

func (c *Client) changeVMTag(ctx context.Context, tag uuid.UUID, vms []string, action, format string) error {
	op := fmt.Sprintf(format, tag)
	refs, err := parseRefs(vms)
	if err != nil {
		return c.failed(op, err)
	}
	var request struct {
		Objects []attachedObject `json:"object_ids"`
	}
	for _, ref := range refs {
		request.Objects = append(request.Objects, attachedObject{ID: ref.Value, Type: ref.Type})
	}
	var result batchResult
	path := objectsPath + "/id:" + tagURN(tag) + "?~action=" + action
	// What is done already is done: it may be sent again after a lost response.
	if err := c.rest.read(ctx, http.MethodPost, path, request, &result); err != nil {
		return c.failed(op, err)
	}
	if result.Success {
		return nil
	}
	var messages []string
	kind := kindPermanent
	for _, e := range result.Errors {
		if strings.Contains(e.ID, "unauthorized") || strings.Contains(e.ID, "no_permission") {
			kind = kindPermission
		}
		if !slices.Contains(messages, e.Message) {
			messages = append(messages, e.Message)
		}
	}
	return &Error{Op: op, Reason: "vCenter refuses some of them: " + bounded(messages), kind: kind}
}
