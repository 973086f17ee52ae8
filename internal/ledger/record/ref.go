package record

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"
)

// Kind is a kind of record.
type Kind string

// The kinds of records.
const (
	KindGateway      Kind = "gateway"
	KindCloudAccount Kind = "cloud-account"
	KindIPPool       Kind = "ip-pool"
	KindCluster      Kind = "cluster"
	KindImage        Kind = "image"
)

// String returns the kind in words for people.
func (k Kind) String() string {
	switch k {
	case KindIPPool:
		return "IP pool"
	case KindCloudAccount:
		return "cloud account"
	}
	return string(k)
}

// wellFormed reports whether a kind is spelled as kinds are. A newer Gantry may
// know more of them: its records are records nevertheless.
func (k Kind) wellFormed() bool {
	outside := func(r rune) bool { return (r < 'a' || r > 'z') && r != '-' }
	return k != "" && !strings.ContainsFunc(string(k), outside)
}

// MaxRef is how many bytes a reference's wire form may have: it stands both in
// the name of a tag and in a description, which is the shorter of the two.
const MaxRef = 254

// systemGateway stands for the system gateway, which has no id.
const systemGateway = "-"

// Ref refers to a record: no two records of a vCenter share kind, gateway and
// name.
type Ref struct {
	Kind Kind
	// GatewayID is the gateway that the object belongs to; uuid.Nil is the
	// system gateway.
	GatewayID uuid.UUID
	Name      string
}

// String returns the wire form: <kind>:<gateway id or ->/<name>.
func (r Ref) String() string {
	gateway := systemGateway
	if r.GatewayID != uuid.Nil {
		gateway = r.GatewayID.String()
	}
	return string(r.Kind) + ":" + gateway + "/" + r.Name
}

// ParseRef reads the wire form, and nothing but what String writes of a valid
// reference.
func ParseRef(text string) (Ref, error) {
	kind, rest, hasKind := strings.Cut(text, ":")
	gateway, name, hasGateway := strings.Cut(rest, "/")
	if !hasKind || !hasGateway {
		return Ref{}, fmt.Errorf("%q is not a reference to a record: <kind>:<gateway id or ->/<name>", text)
	}
	ref := Ref{Kind: Kind(kind), Name: name}

	if gateway != systemGateway {
		id, err := uuid.Parse(gateway)
		if err != nil || id == uuid.Nil || id.String() != gateway {
			return Ref{}, fmt.Errorf("%q is not the id of a gateway", gateway)
		}
		ref.GatewayID = id
	}
	if err := ref.Validate(); err != nil {
		return Ref{}, err
	}
	return ref, nil
}

// Validate returns an error for a reference that no record may have.
func (r Ref) Validate() error {
	switch {
	case !r.Kind.wellFormed():
		return fmt.Errorf("%q is not a kind of record", string(r.Kind))
	case r.Name == "" || !utf8.ValidString(r.Name) || strings.ContainsFunc(r.Name, unicode.IsControl) || strings.TrimSpace(r.Name) != r.Name:
		return fmt.Errorf("%q is not a name for a record", r.Name)
	case len(r.String()) > MaxRef:
		return fmt.Errorf("the name is too long: the reference %q has more than %d bytes", r, MaxRef)
	}
	return nil
}

// Describe returns the reference in words for people, such as: IP pool "nodes".
func (r Ref) Describe() string {
	switch {
	case r == Ref{}:
		return "an unknown object"
	case r.Kind == "":
		return fmt.Sprintf("an object noted as %q", r.Name)
	}
	return fmt.Sprintf("%s %q", r.Kind, r.Name)
}
