package record

import (
	"encoding/base64"
	"errors"

	"github.com/google/uuid"
)

// wireID is a UUID in 22 characters instead of 36.
type wireID uuid.UUID

var wireIDs = base64.RawURLEncoding.Strict()

// MarshalText implements encoding.TextMarshaler.
func (id wireID) MarshalText() ([]byte, error) {
	return wireIDs.AppendEncode(nil, id[:]), nil
}

// UnmarshalText implements encoding.TextUnmarshaler.
func (id *wireID) UnmarshalText(text []byte) error {
	raw, err := wireIDs.AppendDecode(nil, text)
	if err != nil || len(raw) != len(id) {
		return errors.New("an id is not a UUID in base64")
	}
	copy(id[:], raw)
	return nil
}

func convertIDs[To, From ~[16]byte](ids []From) []To {
	var converted []To
	for _, id := range ids {
		converted = append(converted, To(id))
	}
	return converted
}
