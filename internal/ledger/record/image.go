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
}

// ImageHolder is a resource that has an image: which creation of which name.
type ImageHolder struct {
	Name        string      `json:"n"`
	Incarnation Incarnation `json:"c,omitempty"`
}

// HeldBy is the image with a holder, in the place of one of the same name or creation.
func (i Image) HeldBy(holder ImageHolder) Image {
	i.Holders = append(slices.DeleteFunc(slices.Clone(i.Holders), func(h ImageHolder) bool {
		return h.Name == holder.Name || h.Incarnation == holder.Incarnation
	}), holder)
	return i
}

// Without is the image without the holder of a creation.
func (i Image) Without(incarnation Incarnation) Image {
	i.Holders = slices.DeleteFunc(slices.Clone(i.Holders), func(h ImageHolder) bool { return h.Incarnation == incarnation })
	if len(i.Holders) == 0 {
		i.Holders = nil
	}
	return i
}

// HolderNames are the names of the holders, sorted.
func (i Image) HolderNames() []string {
	var names []string
	for _, h := range i.Holders {
		names = append(names, h.Name)
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
