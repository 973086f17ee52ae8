package engine

import "github.com/google/uuid"

// ledgerID is an id as the ledger has it; uuid.Nil for none and for what is no id.
func ledgerID(id string) uuid.UUID {
	parsed, err := uuid.Parse(id)
	if err != nil {
		return uuid.Nil
	}
	return parsed
}

func ledgerIDs(ids []string) []uuid.UUID {
	var parsed []uuid.UUID
	for _, id := range ids {
		parsed = append(parsed, ledgerID(id))
	}
	return parsed
}

// idString is an id as the engine has it; empty for none.
func idString(id uuid.UUID) string {
	if id == uuid.Nil {
		return ""
	}
	return id.String()
}

func idStrings(ids []uuid.UUID) []string {
	var written []string
	for _, id := range ids {
		written = append(written, id.String())
	}
	return written
}
