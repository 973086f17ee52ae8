package record

import (
	"slices"
	"strings"
)

// Folder is a VM folder that Gantry made, on the way to the one that a cluster is in.
type Folder struct {
	Path string // below the datacenter's VM folder, as it was when it was recorded
	// Ref is its managed object reference, which it keeps when it is renamed or moved;
	// empty: not known yet.
	Ref string
}

// folderType begins the reference of a folder. On the wire it is left out, and a colon
// begins what has another type.
const folderType = "Folder:"

// folderPaths are the paths of folders.
func folderPaths(folders []Folder) []string {
	var paths []string
	for _, f := range folders {
		paths = append(paths, f.Path)
	}
	return paths
}

// folderRefs are the references of folders as they are on the wire; nil where none is
// known.
func folderRefs(folders []Folder) []string {
	var refs []string
	known := false
	for _, f := range folders {
		short, ok := strings.CutPrefix(f.Ref, folderType)
		if ok != (short != "") || strings.HasPrefix(short, ":") {
			short = ":" + f.Ref
		}
		known = known || f.Ref != ""
		refs = append(refs, short)
	}
	if !known {
		return nil
	}
	return refs
}

// joinFolders makes folders of paths and of what folderRefs returned for them. Records of
// older Gantries have no references.
func joinFolders(paths, refs []string) []Folder {
	var folders []Folder
	for i, path := range paths {
		f := Folder{Path: path}
		if i < len(refs) && refs[i] != "" {
			other, ok := strings.CutPrefix(refs[i], ":")
			f.Ref = other
			if !ok {
				f.Ref = folderType + refs[i]
			}
		}
		folders = append(folders, f)
	}
	return folders
}

// lastLevels returns the paths of the deepest n levels of a folder path,
// outermost first; nil where it has fewer.
func lastLevels(path string, n int) []string {
	names := strings.Split(path, "/")
	if n < 1 || n > len(names) || path == "" {
		return nil
	}
	var paths []string
	for i := len(names) - n; i < len(names); i++ {
		paths = append(paths, strings.Join(names[:i+1], "/"))
	}
	return paths
}

// levelsOf says how many of the last levels of a path the folders are; false where they
// are others.
func levelsOf(path string, folders []Folder) (int, bool) {
	return len(folders), slices.Equal(folderPaths(folders), lastLevels(path, len(folders)))
}
