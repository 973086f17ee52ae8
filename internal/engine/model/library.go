package model

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// LibraryItem is an item of a content library of which a template is made. An item changes
// under its name: a template is made of one version of its content.
type LibraryItem struct {
	Library, Item string // names
	// Version is the version of the content that was asked for; empty: the one that nodes
	// were built from, or, where there are none, the one that the item has. With @ and the
	// LibraryKey of an item it is that item's alone: one that was made again counts from 1.
	Version string
	// AcceptEULAs says that whoever asks for the item has agreed to its licenses.
	AcceptEULAs bool
	// Content is what the names mean, where Resolved has set it.
	Content LibraryContent
}

// LibraryContent is one version of an item's content.
type LibraryContent struct {
	ID      string // of the item
	Version string
	Type    string // LibraryOVF or LibraryVMTemplate; empty: the template is there already
	// Cached says that the content is in the library, and not only in the one that it is
	// subscribed to.
	Cached bool
}

// The types of items of which a template can be made.
const (
	LibraryOVF        = "ovf"
	LibraryVMTemplate = "vm-template"
)

const (
	// keyInName is how many digits are in a template's name that stand for the names of
	// library and item, and again for the item's id.
	keyInName = 12
	// maxLibraryName is how much of the names of library and item is in a template's name.
	maxLibraryName = 41
)

// libraryName is how the name of a template ends that was made of a library's item.
var libraryName = regexp.MustCompile(`^.+-([0-9a-f]{12})-([0-9a-f]{12})-v([A-Za-z0-9._-]+)$`)

// VersionPattern is how a version is asked for.
const VersionPattern = `^[^@]+(@[0-9a-f]{12})?$`

// FromLibrary is the image that is made of a library's item. What it will be called is known
// once it is resolved.
func FromLibrary(item LibraryItem, folder string) Image {
	return Image{Template: item.base(), Folder: folder, Library: &item}
}

// base is what the name of a template begins with. Names that are long, or that differ in
// characters that no template has, are told apart by its digits.
func (l LibraryItem) base() string {
	name := strings.Trim(foreignToNames.ReplaceAllString(l.Library+"-"+l.Item, "-"), "-.")
	return cmp.Or(strings.TrimRight(name[:min(len(name), maxLibraryName)], "-."), "image") + "-" + l.namesKey()
}

// namesKey stands for the names of library and item.
func (l LibraryItem) namesKey() string { return LibraryKey(l.Library + "\n" + l.Item) }

// ImageName is the name of the template that a version of an item is deployed as.
func (l LibraryItem) ImageName() string {
	return fmt.Sprintf("%s-%s-v%s", l.base(), LibraryKey(l.Content.ID), versionInName(l.Content.Version))
}

// LibraryKey stands for the id of an item in the names of templates.
func LibraryKey(id string) string {
	sum := sha256.Sum256([]byte(id))
	return hex.EncodeToString(sum[:])[:keyInName]
}

func versionInName(version string) string {
	name := foreignToNames.ReplaceAllString(version, "-")
	return name[:min(len(name), maxTemplateName-maxLibraryName-2*keyInName-len("---v"))]
}

// Digest tells versions of items apart, as the digest of an archive does.
func (l LibraryItem) Digest() string {
	what := "content library\n" + l.Library + "\n" + l.Item + "\n" + l.Version
	if l.Content.ID != "" {
		what = "content library item\n" + l.Content.ID + "\n" + l.Content.Version
	}
	sum := sha256.Sum256([]byte(what))
	return hex.EncodeToString(sum[:])
}

// LibraryOrigin is what a template was made of, as its name has it.
type LibraryOrigin struct {
	Key     string // LibraryKey of the item
	Version string // of its content
}

// Is reports whether the origin is a version of an item.
func (o LibraryOrigin) Is(id, version string) bool {
	return o.Key == LibraryKey(id) && o.Version == versionInName(version)
}

// Origin returns what a template of that name was made of; false where that is not the item.
// Library and item may have been renamed since, and an item that was made again under its name
// is no other one.
func (l LibraryItem) Origin(template string) (LibraryOrigin, bool) {
	parts := libraryName.FindStringSubmatch(template)
	if parts == nil {
		return LibraryOrigin{}, false
	}
	renamed := l.Content.ID != "" && parts[2] == LibraryKey(l.Content.ID)
	return LibraryOrigin{Key: parts[2], Version: parts[3]}, renamed || parts[1] == l.namesKey()
}

// Wants reports whether an origin has the version that was asked for; any has, where none
// was: whoever publishes an item rolls no nodes.
func (l LibraryItem) Wants(o LibraryOrigin) bool {
	version, key, _ := strings.Cut(l.Version, "@")
	return l.Version == "" || o.Version == versionInName(version) && (key == "" || o.Key == key)
}

// OfOneItem reports whether a version was asked for of one item, whatever its name.
func (l LibraryItem) OfOneItem() bool { return strings.Contains(l.Version, "@") }

// Asked returns the origin that was asked for: of the item that Content has, and in its version
// where none was named; false where it is not known which item that is.
func (l LibraryItem) Asked() (LibraryOrigin, bool) {
	version, key, _ := strings.Cut(l.Version, "@")
	if key == "" && l.Content.ID != "" {
		key = LibraryKey(l.Content.ID)
	}
	if version == "" {
		version = l.Content.Version
	}
	return LibraryOrigin{Key: key, Version: versionInName(version)}, key != ""
}

// VersionOfItem asks for a version of the item with an id alone.
func VersionOfItem(id, version string) string { return version + "@" + LibraryKey(id) }

// Named reports whether a name is that of a template that was made of the item, in a version
// that was asked for.
func (l LibraryItem) Named(template string) bool {
	origin, ok := l.Origin(template)
	return ok && l.Wants(origin)
}

// NewerThan reports whether the version of an origin is newer, as vCenter counts them.
func (o LibraryOrigin) NewerThan(other LibraryOrigin) bool {
	n, errN := strconv.ParseUint(o.Version, 10, 64)
	m, errM := strconv.ParseUint(other.Version, 10, 64)
	if errN == nil && errM == nil {
		return n > m
	}
	return o.Version > other.Version
}

// Title is how messages and plans call the item.
func (l LibraryItem) Title() string {
	title := l.Library + "/" + l.Item
	if l.Version != "" {
		title += ", version " + l.Version
	}
	return title
}

// LibraryRequest asks for an image to be deployed.
type LibraryRequest struct {
	Image     Image
	Folder    string // reference
	Placement ResolvedPlacement
}
