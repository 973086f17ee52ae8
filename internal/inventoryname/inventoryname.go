// Package inventoryname compares the names and paths of vSphere's inventory as
// users write them and as vCenter stores them.
package inventoryname

import (
	"slices"
	"strings"
)

// escapes are the three characters that vCenter escapes in a name, since they
// mean something in a path.
var escapes = strings.NewReplacer("%2f", "/", "%2F", "/", "%5c", `\`, "%5C", `\`, "%25", "%")

// Unescape returns a name as the vSphere Client shows it, given as vCenter
// stores it.
func Unescape(name string) string { return escapes.Replace(name) }

// MayMatch reports whether two spellings of a name or path may mean the same
// object. A name without a slash is one in any folder, and a path that does not
// begin with a slash may leave out its beginning; two that do are compared
// whole. A trailing slash is ignored, and either may be escaped. Names are
// case-sensitive. An empty spelling matches none.
func MayMatch(a, b string) bool {
	x, y := parts(a), parts(b)
	if len(x) > len(y) {
		a, x, y = b, y, x
	}
	if len(x) == 0 || strings.HasPrefix(a, "/") && len(x) != len(y) {
		return false
	}
	return slices.Equal(x, y[len(y)-len(x):])
}

// Base returns the name at the end of a path, unescaped.
func Base(path string) string {
	path = strings.TrimRight(path, "/")
	return Unescape(path[strings.LastIndex(path, "/")+1:])
}

// SameFolder reports whether two paths of VM folders in one datacenter mean the same
// folder: a path may be a full inventory path or one below the datacenter's VM folder.
// Names are case-sensitive, and slashes at the ends do not count. Of a folder that was
// renamed or moved, only its reference says that it is the same.
func SameFolder(a, b string) bool { return slices.Equal(folderNames(a), folderNames(b)) }

// HoldsFolder reports whether a path of VM folders, as in SameFolder, means a folder or
// one that it is in.
func HoldsFolder(above, folder string) bool {
	names, whole := folderNames(above), folderNames(folder)
	return len(names) <= len(whole) && slices.Equal(names, whole[:len(names)])
}

// vmFolder is the name of each datacenter's root of VM folders.
const vmFolder = "vm"

// SplitFolder splits the path of a VM folder into its names: those that lead to the
// datacenter's VM folder, with that, and those below it. Only a full inventory path has
// the former.
func SplitFolder(path string) (above, below []string) {
	names := slices.DeleteFunc(strings.Split(path, "/"), func(s string) bool { return s == "" })
	if root := slices.Index(names, vmFolder); strings.HasPrefix(path, "/") && root > 0 {
		return names[:root+1], names[root+1:]
	}
	return nil, names
}

// folderNames are the names of the folders of a path, below the datacenter's VM folder.
// An escaped slash belongs to a name.
func folderNames(path string) []string {
	_, names := SplitFolder(path)
	for i, name := range names {
		names[i] = Unescape(name)
	}
	return names
}

// parts splits a name or path. A slash in a name counts as a separator, since
// users may have written it escaped or not.
func parts(spelling string) []string {
	plain := strings.Trim(Unescape(spelling), "/")
	if plain == "" {
		return nil
	}
	return strings.Split(plain, "/")
}
