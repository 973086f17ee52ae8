package acctest

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"

	"github.com/vmware/govmomi"
	"github.com/vmware/govmomi/find"
	"github.com/vmware/govmomi/vapi/rest"
	"github.com/vmware/govmomi/vapi/tags"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/soap"
)

// Tagging is an administrator's way to the tags of vCenter.
type Tagging struct {
	e       *Environment
	client  *govmomi.Client
	manager *tags.Manager
}

// Tagging calls do with the tags of vCenter, as an administrator has them.
func (e *Environment) Tagging(do func(context.Context, *Tagging) error) {
	e.t.Helper()
	if err := e.tagging(do); err != nil {
		e.t.Errorf("tags of vCenter: %v", err)
	}
}

func (e *Environment) tagging(do func(context.Context, *Tagging) error) error {
	ctx := context.Background()
	at, err := soap.ParseURL(e.URL())
	if err != nil {
		return err
	}
	user := url.UserPassword(e.Username(), e.Password())
	at.User = user
	client, err := govmomi.NewClient(ctx, at, true)
	if err != nil {
		return err
	}
	session := rest.NewClient(client.Client)
	if err := session.Login(ctx, user); err != nil {
		return err
	}
	err = do(ctx, &Tagging{e: e, client: client, manager: tags.NewManager(session)})
	return errors.Join(err, session.Logout(ctx), client.Logout(ctx))
}

func (t *Tagging) object(ctx context.Context, path string) (mo.Reference, error) {
	found, err := find.NewFinder(t.client.Client).ManagedObjectList(ctx, path)
	if err != nil {
		return nil, err
	}
	if len(found) != 1 {
		return nil, fmt.Errorf("%d objects %s", len(found), path)
	}
	return found[0].Object, nil
}

// Attach puts a tag on the object with an inventory path, and makes what is missing.
func (t *Tagging) Attach(ctx context.Context, category, value, path string) error {
	object, err := t.object(ctx, path)
	if err != nil {
		return err
	}
	if _, err := t.manager.GetCategory(ctx, category); err != nil {
		if err := t.MakeCategory(ctx, category, "MULTIPLE"); err != nil {
			return err
		}
	}
	tag, err := t.manager.GetTagForCategory(ctx, value, category)
	if err != nil {
		id, err := t.manager.CreateTag(ctx, &tags.Tag{Name: value, CategoryID: category})
		if err != nil {
			return err
		}
		return t.manager.AttachTag(ctx, id, object)
	}
	return t.manager.AttachTag(ctx, tag.ID, object)
}

// MakeCategory makes a category for objects of some types, or of any.
func (t *Tagging) MakeCategory(ctx context.Context, category, cardinality string, objectTypes ...string) error {
	_, err := t.manager.CreateCategory(ctx, &tags.Category{
		Name: category, Cardinality: cardinality, AssociableTypes: append([]string{}, objectTypes...),
	})
	return err
}

// Detach takes a tag off the object with an inventory path.
func (t *Tagging) Detach(ctx context.Context, category, value, path string) error {
	object, err := t.object(ctx, path)
	if err != nil {
		return err
	}
	tag, err := t.manager.GetTagForCategory(ctx, value, category)
	if err != nil {
		return err
	}
	return t.manager.DetachTag(ctx, tag.ID, object)
}

// Edit changes the name and the description of a tag.
func (t *Tagging) Edit(ctx context.Context, category, value, name, description string) error {
	tag, err := t.manager.GetTagForCategory(ctx, value, category)
	if err != nil {
		return err
	}
	tag.Name, tag.Description = name, description
	return t.manager.UpdateTag(ctx, tag)
}

// Delete deletes a tag.
func (t *Tagging) Delete(ctx context.Context, category, value string) error {
	tag, err := t.manager.GetTagForCategory(ctx, value, category)
	if err != nil {
		return err
	}
	return t.manager.DeleteTag(ctx, tag)
}

// On returns the tags that the object with an inventory path has, as category/value, sorted.
func (t *Tagging) On(ctx context.Context, path string) ([]string, error) {
	object, err := t.object(ctx, path)
	if err != nil {
		return nil, err
	}
	attached, err := t.manager.GetAttachedTags(ctx, object)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, tag := range attached {
		category, err := t.manager.GetCategory(ctx, tag.CategoryID)
		if err != nil {
			return nil, err
		}
		names = append(names, category.Name+"/"+tag.Name)
	}
	slices.Sort(names)
	return names, nil
}

// In returns the values of a category, sorted.
func (t *Tagging) In(ctx context.Context, category string) ([]string, error) {
	all, err := t.manager.GetTagsForCategory(ctx, category)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, tag := range all {
		names = append(names, tag.Name)
	}
	slices.Sort(names)
	return names, nil
}
