package record

import (
	"encoding/base64"
	"fmt"
	"io"
)

// Incarnation tells the creations of one name apart: a creation that takes an
// unfinished one over keeps its id, and has another incarnation. Empty: not known.
type Incarnation string

// NewIncarnation makes one of 48 bits, in 8 characters: a record is brief.
func NewIncarnation(random io.Reader) (Incarnation, error) {
	var raw [6]byte
	if _, err := io.ReadFull(random, raw[:]); err != nil {
		return "", fmt.Errorf("make an incarnation: %w", err)
	}
	return Incarnation(base64.RawURLEncoding.EncodeToString(raw[:])), nil
}

// Is reports whether two incarnations may be one and the same: they are equal, or one
// is not known.
func (i Incarnation) Is(other Incarnation) bool { return i == other || i == "" || other == "" }
