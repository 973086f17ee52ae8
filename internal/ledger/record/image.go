package record

import (
	"encoding/json"
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
