package model

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"path"
	"strings"

	"github.com/gantry/terraform-provider-gantry/internal/bootstrap"
)

// Build is how an image is built of another one: a VM that is cloned from that runs scripts,
// and is cleaned after that.
type Build struct {
	Base    Image // a template, or an OVA
	Scripts []string
	Files   []bootstrap.File
	// Packages are those of the Kubernetes that is installed, nil: the base has one.
	Packages *bootstrap.Packages
	// CPU and MemoryGB are those of the VM in which it is built.
	CPU      int32
	MemoryGB int64
	// BaseVersion tells a template that the image is built of from another one that had its
	// name, or has it by now, and from the same one with another snapshot. BasePath is its
	// inventory path. Image.OfBase sets both.
	BaseVersion, BasePath string
}

// The size of a VM in which an image is built, unless the configuration has another.
const (
	DefaultBuildCPU      = 2
	DefaultBuildMemoryGB = 4
)

// maxBuiltName leaves room for what Image.OfBase adds: the name is the owner of an address, too, and
// as long as the name of a node may be.
const maxBuiltName = 54

// digest identifies what is done to a base: the scripts, the files and the version of Kubernetes
// that is installed, and what an OVA holds. The size of the VM is not in it, nor where packages come
// from: those of a mirror are the same. Nor is the name of a template, which is spelled in several
// ways and may be renamed: BaseVersion tells images of several templates apart, and the markers of
// nodes have theirs. What is added has to be left out of it where it is not set.
func (b Build) digest() string {
	type file struct{ Path, Content, Permissions, Owner string }
	what := struct {
		OVA        string `json:",omitempty"`
		Scripts    []string
		Files      []file
		Kubernetes string `json:",omitempty"`
	}{OVA: b.Base.Digest(), Scripts: b.Scripts}
	for _, f := range b.Files {
		what.Files = append(what.Files, file(f))
	}
	if b.Packages != nil {
		what.Kubernetes = b.Packages.Version
	}
	text, err := json.Marshal(what)
	if err != nil {
		panic(err) // it holds nothing but strings
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// Built is the image that is built as b says.
func Built(b Build, folder string) Image {
	base := path.Base(b.Base.Template)
	if b.Base.OVA != nil {
		base = strings.TrimSuffix(base, digestSuffix(b.Base.Digest()))
	}
	base = strings.Trim(foreignToNames.ReplaceAllString(base, "-"), "-.")
	suffix := digestSuffix(b.digest())
	if b.Packages != nil {
		suffix = "-kube-v" + b.Packages.Version + suffix
	}
	if base == "" {
		base = "image"
	}
	return Image{Template: base[:min(len(base), maxBuiltName-len(suffix))] + suffix, Folder: folder, Build: &b}
}

// Named reports whether a name is that of a template that was built as b says, of whichever
// version of its base.
func (b Build) Named(template string) bool {
	return strings.HasSuffix(template, digestSuffix(b.digest()))
}

// OfBase is the built image of one version of the template of a path. The names of images of
// different versions differ; their digests do not, so that nodes are not replaced because a user
// has changed a template.
func (i Image) OfBase(version, path string) Image {
	if i.Build == nil || version == "" {
		return i
	}
	build := *i.Build
	build.BaseVersion = version
	build.BasePath = path
	i.Build = &build
	i.Template += "-" + version
	return i
}

// resolvedBase is the image with what the name of its base means.
func (i Image) resolvedBase(ref string) Image {
	if i.Build == nil {
		return i
	}
	build := *i.Build
	build.Base.TemplateRef = ref
	i.Build = &build
	return i
}

// RecordKey tells the record of an image from those of others in its datacenter.
func (i Image) RecordKey() string {
	if i.Build == nil {
		return i.Digest()
	}
	return imageKey(i.Digest(), i.Build.BaseVersion)
}

func imageKey(digest, baseVersion string) string {
	if baseVersion == "" {
		return digest
	}
	sum := sha256.Sum256([]byte(digest + "/" + baseVersion))
	return hex.EncodeToString(sum[:])
}

// BuilderPool is the node pool in the marker of a VM in which an image is built. No worker pool
// has it: it is no name that one may have.
const BuilderPool = "image builder"

// BuilderHostName is what such a VM calls itself.
const BuilderHostName = "image-builder"

// Actions on built images.
const (
	ActionBuildImage    Action = "build_image"    // target: the image
	ActionDeleteBuilder Action = "delete_builder" // target: the VM
)

// BuildImage builds an image, unless the datacenter has it.
type BuildImage struct{ Image Image }

// Change implements Step.
func (s BuildImage) Change() Change { return Change{ActionBuildImage, s.Image.Template} }

// Step is the one that makes the image.
func (i Image) Step() Step {
	if i.Build != nil {
		return BuildImage{Image: i}
	}
	return ImportImage{Image: i}
}

// DeleteBuilder deletes a VM in which a run that was interrupted has built an image, and gives
// its address back.
type DeleteBuilder struct{ Machine Machine }

// Change implements Step.
func (s DeleteBuilder) Change() Change { return Change{ActionDeleteBuilder, s.Machine.Marker.Node} }

// String keeps scripts, which may hold secrets, out of logs and errors.
func (b Build) String() string {
	return fmt.Sprintf("%d scripts and %d files on %s", len(b.Scripts), len(b.Files), b.Base.Template)
}

// GoString keeps them out of %#v.
func (b Build) GoString() string { return b.String() }
