package model_test

import (
	"strings"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

func item(library, name, version, id, content string) model.LibraryItem {
	return model.LibraryItem{Library: library, Item: name, Version: version, Content: model.LibraryContent{ID: id, Version: content}}
}

// What a template was made of is in its name, however long the names of library and item are,
// and whatever they are by now.
func TestNamesOfTemplatesOfItems(t *testing.T) {
	t.Parallel()
	of := item("images", "node", "", "id-1", "2")
	name := of.ImageName()
	if !strings.HasPrefix(name, "images-node-") || !strings.HasSuffix(name, "-v2") {
		t.Errorf("the name is %q", name)
	}
	for _, test := range []struct {
		what  string
		item  model.LibraryItem
		named bool
	}{
		{"not resolved", item("images", "node", "", "", ""), true},
		{"in another version", item("images", "node", "", "id-1", "3"), true},
		{"that was asked for", item("images", "node", "2", "id-1", "3"), true},
		{"that was not asked for", item("images", "node", "3", "id-1", "3"), false},
		{"renamed", item("pictures", "kube", "", "id-1", "2"), true},
		{"made again", item("images", "node", "", "id-2", "1"), true},
		{"another one", item("images", "other", "", "id-3", "2"), false},
		{"another one, not resolved", item("images", "other", "", "", ""), false},
	} {
		if test.item.Named(name) != test.named {
			t.Errorf("the item %s: that %q was made of it is %t", test.what, name, !test.named)
		}
	}
	long := item(strings.Repeat("library ", 20), strings.Repeat("item ", 20), "", "id-1", strings.Repeat("1", 30))
	if name := long.ImageName(); len(name) > 80 || !long.Named(name) || strings.Contains(name, " ") {
		t.Errorf("%q has %d characters", name, len(name))
	}
	if empty := item("--", "..", "", "id-1", "1"); !empty.Named(empty.ImageName()) {
		t.Errorf("%q is not the item's", empty.ImageName())
	}
}

func TestNewerVersionsOfItems(t *testing.T) {
	t.Parallel()
	origin := func(version string) model.LibraryOrigin { return model.LibraryOrigin{Version: version} }
	newer := func(a, b string) bool { return origin(a).NewerThan(origin(b)) }
	if !newer("10", "9") || newer("9", "10") || newer("2", "2") || !newer("b", "a") {
		t.Error("versions are not compared as vCenter counts them")
	}
}

func TestVersionsOfItemsAreToldApart(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, l := range []model.LibraryItem{
		item("images", "node", "", "id-1", "1"), item("images", "node", "", "id-1", "2"), item("images", "node", "", "id-2", "1"),
		item("images", "node", "", "", ""), item("images", "node", "2", "", ""),
	} {
		if digest := l.Digest(); seen[digest] || len(digest) != 64 {
			t.Errorf("the digest of %+v is %s", l, digest)
		}
		seen[l.Digest()] = true
	}
	if item("images", "node", "", "id-1", "1").Digest() != item("pictures", "kube", "1", "id-1", "1").Digest() {
		t.Error("another name has another digest")
	}
}
