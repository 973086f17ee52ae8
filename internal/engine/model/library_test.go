package model_test

import (
	"regexp"
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

// Names that differ only in what no name of a template shows are those of different items.
func TestTemplatesOfOtherItemsAreNoneOfTheItem(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ library, item, otherLibrary, other string }{
		{"kubernetes-node-images-production", "ubuntu-2404-kube-v1.37.2", "kubernetes-node-images-production", "ubuntu-2404-kube-v1.38.0"},
		{"a-b", "c", "a", "b-c"}, {"images", "knoten-ä", "images", "knoten-ö"}, {"images", "node 1", "images", "node-1"},
	} {
		name := item(test.library, test.item, "", "id-1", "1").ImageName()
		for _, id := range []string{"", "id-2"} {
			if other := item(test.otherLibrary, test.other, "", id, "1"); other.Named(name) {
				t.Errorf("%q counts as made of %s, whose id is %q", name, other.Title(), id)
			}
		}
		if len(name) > 80 {
			t.Errorf("%q has %d characters", name, len(name))
		}
	}
}

// The version of an item that was made again under its name is another one than that of the
// former item, where it is asked for with the item.
func TestVersionsOfAnItemThatWasMadeAgain(t *testing.T) {
	t.Parallel()
	former := item("images", "node", "", "id-1", "1")
	again := item("images", "node", "", "id-2", "1")
	for _, id := range []string{"", "id-1", "id-2"} {
		for version, want := range map[string][2]bool{
			"": {true, true}, "1": {true, true}, model.VersionOfItem("id-1", "1"): {true, false},
			model.VersionOfItem("id-2", "1"): {false, true}, model.VersionOfItem("id-2", "2"): {false, false},
		} {
			asked := item("images", "node", version, id, "1")
			if got := [2]bool{asked.Named(former.ImageName()), asked.Named(again.ImageName())}; got != want {
				t.Errorf("version %q of the item %q: %v, want %v", version, id, got, want)
			}
		}
	}
	if v := model.VersionOfItem("id-1", "1"); !regexp.MustCompile(model.VersionPattern).MatchString(v) {
		t.Errorf("%q may not be asked for", v)
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
