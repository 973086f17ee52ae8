package record

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/google/uuid"
)

// AddressRange is a range of an IP pool, both ends of it included.
type AddressRange struct {
	IPPool     uuid.UUID
	Start, End netip.Addr
}

// formatRanges writes a range as the id of its IP pool and its ends.
func formatRanges(ranges map[string]AddressRange) map[string]string {
	if len(ranges) == 0 {
		return nil
	}
	texts := map[string]string{}
	for name, r := range ranges {
		id, _ := wireID(r.IPPool).MarshalText() // it never fails
		texts[name] = string(id) + r.Start.String() + "-" + r.End.String()
	}
	return texts
}

// parseRanges reads what formatRanges writes.
func parseRanges(texts map[string]string) (map[string]AddressRange, error) {
	if len(texts) == 0 {
		return nil, nil
	}
	ranges := map[string]AddressRange{}
	for name, text := range texts {
		if len(text) < wireIDLength {
			return nil, fmt.Errorf("%q has no IP pool", name)
		}
		var id wireID
		if err := id.UnmarshalText([]byte(text[:wireIDLength])); err != nil {
			return nil, fmt.Errorf("%q: %w", name, err)
		}
		first, last, _ := strings.Cut(text[wireIDLength:], "-")
		start, err := netip.ParseAddr(first)
		if err != nil {
			return nil, fmt.Errorf("%q: %w", name, err)
		}
		end, err := netip.ParseAddr(last)
		if err != nil {
			return nil, fmt.Errorf("%q: %w", name, err)
		}
		ranges[name] = AddressRange{IPPool: uuid.UUID(id), Start: start, End: end}
	}
	return ranges, nil
}
