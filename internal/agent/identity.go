package agent

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/google/uuid"
)

// Gateway returns the id of the gateway on whose agent this process runs, from a file
// such as that of IdentityPath; uuid.Nil where there is none.
func Gateway(file string) (uuid.UUID, error) {
	text, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		return uuid.Nil, nil
	}
	if err != nil {
		return uuid.Nil, fmt.Errorf("read the id of the gateway that this runs on: %w", err)
	}
	id, err := uuid.Parse(strings.TrimSpace(string(text)))
	if err != nil {
		return uuid.Nil, fmt.Errorf("the id of the gateway that this runs on, in %s: %w", file, err)
	}
	return id, nil
}
