package model

import (
	"io"
	"net/url"
	"path"
	"regexp"
	"strings"
)

// Image is the template that nodes are cloned from.
type Image struct {
	// Template is a name or an inventory path; of an OVA or a library's item ImageName, as
	// far as that is known.
	Template string
	// Folder is where a name is looked up; empty: the datacenter. What is imported goes into it.
	Folder string
	// TemplateRef is what Template means, where Resolved has set it.
	TemplateRef string
	// OVA, Library or Build is what the template is made of, once in each datacenter; all nil:
	// it is there already.
	OVA     *OVA
	Library *LibraryItem
	Build   *Build
}

// Made reports whether Gantry makes the template.
func (i Image) Made() bool { return i.OVA != nil || i.Library != nil || i.Build != nil }

// Source is what an image is built of; of one that is not built, the image itself.
func (i Image) Source() Image {
	if i.Build != nil {
		return i.Build.Base
	}
	return i
}

// Digest tells what templates are made of apart; empty: it is there already.
func (i Image) Digest() string {
	switch {
	case i.OVA != nil:
		return i.OVA.SHA256
	case i.Library != nil:
		return i.Library.Digest()
	case i.Build != nil:
		return i.Build.digest()
	}
	return ""
}

// Named reports whether a name is that of a template that was made of the same.
func (i Image) Named(template string) bool {
	switch {
	case i.OVA != nil:
		return i.OVA.Named(template)
	case i.Library != nil:
		return i.Library.Named(template)
	case i.Build != nil:
		return i.Build.Named(template)
	}
	return false
}

// Title is how plans call what a template is made of. It is known before it is resolved.
func (i Image) Title() string {
	if i.Library != nil {
		return i.Library.Title()
	}
	return i.Template
}

// resolved is the image with what its names mean.
func (i Image) resolved(template Template, content LibraryContent) Image {
	i.TemplateRef = template.Ref
	if i.Library != nil && content.ID != "" {
		item := *i.Library
		item.Content = content
		i.Library = &item
		i.Template = item.ImageName()
	}
	return i
}

// OVA is an archive of which a template is made.
type OVA struct {
	URL    string // https or http, or a path on the machine that runs Terraform
	SHA256 string // of the archive, 64 hexadecimal digits in lower case
	// CACertificate is PEM of authorities that are trusted beside those of the system.
	CACertificate string
}

// digestInName is how many digits of the digest the name of an imported template ends with.
const digestInName = 12

// maxTemplateName is how long vCenter takes a name of a VM.
const maxTemplateName = 80

// foreignToNames is what the names of imported templates do not have.
var foreignToNames = regexp.MustCompile(`[^A-Za-z0-9._-]+`)

// ImageName is the name of the template that an OVA is imported as: that of its file, which
// says what it holds, and the beginning of its digest.
func (o OVA) ImageName() string {
	file := o.URL
	if u, err := url.Parse(o.URL); err == nil && len(u.Scheme) > 1 {
		file = u.Path
	}
	base := path.Base(strings.ReplaceAll(file, `\`, "/"))
	if strings.HasSuffix(strings.ToLower(base), ".ova") {
		base = base[:len(base)-len(".ova")]
	}
	base = strings.Trim(foreignToNames.ReplaceAllString(base, "-"), "-.")
	if base == "" {
		base = "image"
	}
	suffix := digestSuffix(o.SHA256)
	return base[:min(len(base), maxTemplateName-len(suffix))] + suffix
}

// digestSuffix is what the names of templates that Gantry makes end with.
func digestSuffix(digest string) string { return "-" + digest[:min(len(digest), digestInName)] }

// Named reports whether a name is that of a template that was made of the OVA, whatever its
// file was called.
func (o OVA) Named(template string) bool { return strings.HasSuffix(template, digestSuffix(o.SHA256)) }

// Imported is the image that is made of an OVA.
func Imported(ova OVA, folder string) Image {
	return Image{Template: ova.ImageName(), Folder: folder, OVA: &ova}
}

// ActionImportImage makes a template of an OVA or of a library's item; its target is the
// template's name, or that of the item.
const ActionImportImage Action = "import_image"

// ImportImage makes a template of an OVA or of a library's item, unless the datacenter has it.
type ImportImage struct{ Image Image }

// Change implements Step.
func (s ImportImage) Change() Change { return Change{ActionImportImage, s.Image.Title()} }

// ImportPlacement is where images are imported: the first placement of the control plane.
var ImportPlacement = PlacementRef{NodePool: ControlPlanePool}

// ImageQuery asks for what there is of an image in a datacenter.
type ImageQuery struct {
	Datacenter string // reference
	Image      Image
}

// FoundImage is what there is of an image. Where there is nothing, it is empty.
type FoundImage struct {
	// Template is whole; without a reference there is none.
	Template Template
	// Findings say why nodes cannot be cloned from it.
	Findings Findings
	// Uploaded is a VM of which all was uploaded, and that is no template; empty: there is
	// none. Snapshot is its snapshot. A clone of the image, and a VM that runs, are none.
	Uploaded, Snapshot string
	// Begun are VMs of imports that have not come so far.
	Begun []string
	// Holder is the path of what else has the image's name in its folder.
	Holder string
	// Image is the one that was asked for, of the version of its base that there is, and Datacenter
	// the reference of that in which it was looked for.
	Image      Image
	Datacenter string
	// Base is the template that it is built of; without a reference BaseFindings say why there
	// is none, unless that is another image.
	Base         Template
	BaseFindings Findings
}

// ImportRequest is an image to make.
type ImportRequest struct {
	Image      Image
	Descriptor []byte // the OVF
	Folder     string // reference
	Placement  ResolvedPlacement
}

// ImageUpload is an import that has begun: a VM is there, whose disks are to be uploaded. It
// is kept alive until it is completed or aborted.
type ImageUpload interface {
	// Takes reports whether a file of the archive is to be uploaded.
	Takes(file string) bool
	// Upload uploads a file. It is an error for which Transient is true where the connection
	// breaks off; then the import has to begin again.
	Upload(file string, size int64, content io.Reader) error
	// Progress is how much of all was read, in percent, for those who look at vCenter.
	Progress(percent int)
	// Complete ends the import and returns the VM, which is powered off.
	Complete() (vm string, err error)
	// Abort ends the import; vCenter deletes the VM.
	Abort() error
}
