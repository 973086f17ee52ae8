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
	// Template is the reference of the template; empty until the import has ended.
	Template string `json:"t,omitempty"`
}

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
