package record

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
)

// Version is the highest schema version of a body that this provider understands.
const Version = 1

// ErrNewer is in the chain when a record has a newer schema version than this
// provider understands.
var ErrNewer = errors.New("made by a newer Gantry")

// NewerError says that a record has a newer schema version than this provider
// understands.
type NewerError struct {
	// Ref is the record; zero where only its body is known.
	Ref     Ref
	Version int
}

// Error names the record and the remedy.
func (e *NewerError) Error() string {
	which := "a record"
	if e.Ref != (Ref{}) {
		which = "the record of " + e.Ref.Describe()
	}
	return fmt.Sprintf("%s was made by a newer Gantry (schema version %d; this provider understands up to %d): upgrade the provider",
		which, e.Version, Version)
}

// Unwrap returns ErrNewer.
func (e *NewerError) Unwrap() error { return ErrNewer }

// CheckVersion returns a *NewerError for a body that this provider does not
// understand, of which the beginning is enough. An error of another kind means
// that the version is not one.
func CheckVersion(body []byte) error {
	decoder := json.NewDecoder(bytes.NewReader(body))
	if opening, err := decoder.Token(); err != nil || opening != json.Delim('{') {
		return nil // no object, and so of no version
	}

	for decoder.More() {
		key, err := decoder.Token()
		if err != nil {
			return nil // the end of the beginning
		}
		var value json.RawMessage
		if decoder.Decode(&value) != nil {
			return nil
		}
		if key == "v" {
			return checkVersion(value)
		}
	}
	return nil
}

func checkVersion(value json.RawMessage) error {
	var version int
	if err := json.Unmarshal(value, &version); err != nil || version < 1 {
		return fmt.Errorf("%s is not a schema version", value)
	}
	if version > Version {
		return &NewerError{Version: version}
	}
	return nil
}
