package model

import (
	"fmt"
	"time"

	"github.com/google/uuid"
)

// ImageIdentity is by what a template that Gantry has made is known, whatever it is called by now.
type ImageIdentity struct {
	Ref  string // reference of the template
	UUID string // its instance UUID, which outlives a vCenter that is restored
}

// MadeImageQuery asks for a template that Gantry has made: by its identity, or by the name or path
// that a user has written.
type MadeImageQuery struct {
	ImageIdentity
	Name string // empty: by the identity
	// Users has it found out what uses the template, too.
	Users bool
	// MaxAge is as in SurveyRequest.
	MaxAge time.Duration
}

// MadeImage is what there is of a template that Gantry has made. Where it is gone, it is empty.
type MadeImage struct {
	ImageIdentity
	Path       string // inventory path
	Datacenter string // reference
	// Hidden says why it is not known whether it is there; empty: that is known.
	Hidden string
	// IsVM is true for one that is no template any more, and PoweredOn for one that runs.
	IsVM, PoweredOn bool
	// Copy is true for one that an administrator has made of what Gantry has made, and Built for one
	// that was built, and not only imported.
	Copy, Built bool
	// Digest, BaseVersion and Base are of what it was made: Base is the path that the template had
	// then that it was built of.
	Digest, BaseVersion, Base string
	// BaseRef is the template of which it was made, where a run has just made it or found it made.
	BaseRef string

	// Users are the VMs that use it.
	Users []ImageUser
	// ForeignDisks are those that it has and that Gantry has not made.
	ForeignDisks []string
	// Unjudged are the VMs and folders of which cannot be said whether they use it, and why.
	Unjudged []string
	// Held are the claims that the markers of all VMs account for that were read for that.
	Held []Holding
}

// ImageUser is a VM that uses a template.
type ImageUser struct {
	Path    string    // inventory path
	Cluster uuid.UUID // whose machine it is; uuid.Nil: no cluster's, or that is not known
}

// UserPaths are the paths of the users.
func (m *MadeImage) UserPaths() []string {
	paths := make([]string, len(m.Users))
	for i, user := range m.Users {
		paths[i] = user.Path
	}
	return paths
}

// RecordKey tells the record of the image from those of others in its datacenter.
func (m *MadeImage) RecordKey() string { return imageKey(m.Digest, m.BaseVersion) }

// CheckDeletion returns an error where the template must not be deleted now.
func (m *MadeImage) CheckDeletion() error {
	switch {
	case m.Hidden != "":
		return fmt.Errorf("whether the template is there is not known: %s. Nothing was deleted", m.Hidden)
	case m.Copy:
		return fmt.Errorf("%s is a copy of what Gantry has built, or has lost the entry %q of its configuration, and was not deleted. "+
			"Delete it in vCenter if it is not needed; or, to keep it, take the resource out of the state", m.Path, "gantry.image")
	case !m.Built:
		return fmt.Errorf("%s was imported, and not built, and was not deleted. Take the resource out of the state", m.Path)
	case m.PoweredOn:
		return fmt.Errorf("%s was converted to a VM, and is powered on. It was not deleted. Power it off and convert "+
			"it back to a template, and destroy again; or, to keep it, take the resource out of the state", m.Path)
	case m.IsVM:
		return fmt.Errorf("%s was converted to a VM, and was not deleted. Convert it back to a template, or delete it in vCenter, and destroy "+
			"again; or, to keep it, take the resource out of the state", m.Path)
	case len(m.Users) > 0:
		return fmt.Errorf("%s is in use, and was not deleted. These VMs were cloned from it: %s. Destroy or replace them first. Where the "+
			"image is being replaced, `lifecycle { create_before_destroy = true }` has the new one made, and clusters changed to it, "+
			"before the old one is deleted", m.Path, Listed(m.UserPaths()))
	case len(m.ForeignDisks) > 0:
		return fmt.Errorf("%s has disks that Gantry has not made, and would delete with it: %s. Remove them from it first",
			m.Path, Listed(m.ForeignDisks))
	case len(m.Unjudged) > 0:
		return fmt.Errorf("%s was not deleted, as it is not known whether these use it: %s. Once that is known, destroy again",
			m.Path, Listed(m.Unjudged))
	}
	return nil
}
