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
	value, found := versionIn(body)
	if !found {
		return nil
	}
	var version int
	if err := json.Unmarshal(value, &version); err != nil || version < 1 {
		return fmt.Errorf("%s is not a schema version", value)
	}
	if version > Version {
		return &NewerError{Version: version}
	}
	return nil
}

// versionIn returns what stands under the key "v" of an object that may be cut
// off; false where there is no such key.
func versionIn(body []byte) (value json.RawMessage, found bool) {
	decoder := json.NewDecoder(bytes.NewReader(body))
	opening, err := decoder.Token()
	if err != nil || opening != json.Delim('{') {
		return nil, false
	}
	for decoder.More() {
		key, err := decoder.Token()
		if err != nil || decoder.Decode(&value) != nil {
			return nil, false
		}
		if key == "v" {
			return value, true
		}
	}
	return nil, false
}
