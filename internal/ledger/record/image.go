package record

import (
	"encoding/json"
	"slices"
	"strings"
)

// Image is the body of the record of a node image that Gantry imports, once in a datacenter.
type Image struct {
	Name string `json:"n"` // of the template
	// Datacenter is that of the image, by its reference.
	Datacenter string `json:"d"`
	// Template is the reference of the template; empty until all was uploaded.
	Template string `json:"t,omitempty"`
	// Marking says that Template was still a VM, about to be marked as a template.
	Marking bool `json:"m,omitempty"`
	// Holders are the resources that have the image as such, each once.
	Holders []ImageHolder `json:"h,omitempty"`
	// Lost says that there was a record before that was deleted or damaged: who else has the image is
	// not known.
	Lost bool `json:"l,omitempty"`
	// Builder is the reference of the VM in which the image is built, for no cluster, while it may have
	// its address: what vCenter does not show is not gone.
	Builder string `json:"b,omitempty"`
}

// ImageHolder is a resource that has an image. Its incarnation is what it is known by; several may
// have one name, as those of two workspaces.
type ImageHolder struct {
	Name        string      `json:"n"`
	Incarnation Incarnation `json:"c,omitempty"`
}

// HeldBy is the image with a holder, in the place of the one of the same incarnation.
func (i Image) HeldBy(holder ImageHolder) Image {
	i = i.Without(holder.Incarnation)
	i.Holders = append(i.Holders, holder)
	return i
}

// Holds reports whether the resource of an incarnation holds the image.
func (i Image) Holds(incarnation Incarnation) bool {
	return slices.ContainsFunc(i.Holders, func(h ImageHolder) bool { return h.Incarnation == incarnation })
}

// Without is the image without the holder of a creation.
func (i Image) Without(incarnation Incarnation) Image {
	i.Holders = slices.DeleteFunc(slices.Clone(i.Holders), func(h ImageHolder) bool { return h.Incarnation == incarnation })
	if len(i.Holders) == 0 {
		i.Holders = nil
	}
	return i
}

// HolderNames are the names of the holders, sorted, each with what it is known by.
func (i Image) HolderNames() []string {
	var names []string
	for _, h := range i.Holders {
		names = append(names, h.Name+" ("+string(h.Incarnation)+")")
	}
	slices.Sort(names)
	return names
}

// Complete reports whether the import has ended.
func (i Image) Complete() bool { return i.Template != "" && !i.Marking }

// UnmarshalJSON implements json.Unmarshaler.
func (i *Image) UnmarshalJSON(raw []byte) error {
	if err := CheckVersion(raw); err != nil {
		return err
	}
	type wire Image
	return json.Unmarshal(raw, (*wire)(i))
}

// ImageRef refers to the record of an image: what is made of an archive with a SHA-256
// digest, in a datacenter, given by its reference.
func ImageRef(datacenter, digest string) Ref {
	return Ref{Kind: KindImage, Name: strings.TrimPrefix(datacenter, "Datacenter:") + "/" + digest}
}
