package record

import (
	"errors"
	"fmt"

	"github.com/google/uuid"
)

// VMTag is a tag of vSphere that the VMs of a cluster are given.
type VMTag struct {
	ID uuid.UUID
	// Spelling identifies how the spec named the tag, by which it is known again without a
	// call.
	Spelling string
	// Others are the ordinals of nodes whose VMs had the tag before Gantry gave it to the
	// cluster's, or may have had it, by pool, in ascending order: from those it is never taken.
	Others map[string][]int
}

// othersTags are the Others of tags by the ids of these. Hardly any tag has some.
type othersTags map[string]map[string]string

// wireIDLength is that of an id as text.
var wireIDLength = wireIDs.EncodedLen(len(wireID{}))

// formatVMTags writes a tag as its id and its spelling.
func formatVMTags(tags []VMTag) ([]string, othersTags) {
	var texts []string
	var others othersTags
	for _, tag := range tags {
		id, _ := wireID(tag.ID).MarshalText() // it never fails
		texts = append(texts, string(id)+tag.Spelling)
		if len(tag.Others) > 0 {
			if others == nil {
				others = othersTags{}
			}
			others[string(id)] = formatOrdinals(tag.Others)
		}
	}
	return texts, others
}

// parseVMTags reads what formatVMTags writes.
func parseVMTags(texts []string, others othersTags) ([]VMTag, error) {
	var tags []VMTag
	for _, text := range texts {
		if len(text) < wireIDLength {
			return nil, errors.New("a tag has no id")
		}
		var id wireID
		if err := id.UnmarshalText([]byte(text[:wireIDLength])); err != nil {
			return nil, err
		}
		ordinals, err := parseOrdinals(others[text[:wireIDLength]])
		if err != nil {
			return nil, fmt.Errorf("tag %s: %w", uuid.UUID(id), err)
		}
		tags = append(tags, VMTag{ID: uuid.UUID(id), Spelling: text[wireIDLength:], Others: ordinals})
	}
	return tags, nil
}
