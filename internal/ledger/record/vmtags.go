package record

import (
	"fmt"

	"github.com/google/uuid"
)

// VMTag is a tag of vSphere that the VMs of a cluster have been given.
type VMTag struct {
	ID uuid.UUID
	// Spelling identifies how the spec named the tag, by which it is known again without a
	// call.
	Spelling string
	// Others are the ordinals of nodes whose VMs had the tag before Gantry gave it to them,
	// by pool, in ascending order: from those it is never taken.
	Others map[string][]int
}

// wireVMTag is the brief spelling.
type wireVMTag struct {
	ID       wireID            `json:"i"`
	Spelling string            `json:"s,omitempty"`
	Others   map[string]string `json:"o,omitempty"`
}

func formatVMTags(tags []VMTag) []wireVMTag {
	var texts []wireVMTag
	for _, tag := range tags {
		texts = append(texts, wireVMTag{ID: wireID(tag.ID), Spelling: tag.Spelling, Others: formatOrdinals(tag.Others)})
	}
	return texts
}

// parseVMTags reads what formatVMTags writes.
func parseVMTags(texts []wireVMTag) ([]VMTag, error) {
	var tags []VMTag
	for _, text := range texts {
		others, err := parseOrdinals(text.Others)
		if err != nil {
			return nil, fmt.Errorf("tag %s: %w", uuid.UUID(text.ID), err)
		}
		tags = append(tags, VMTag{ID: uuid.UUID(text.ID), Spelling: text.Spelling, Others: others})
	}
	return tags, nil
}
