package record

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// maxNumbers bounds what a damaged record can make us allocate.
const maxNumbers = 100_000

// formatNumbers writes numbers as ascending ranges: 1-50,52.
func formatNumbers(numbers []int) string {
	sorted := slices.Compact(slices.Sorted(slices.Values(numbers)))
	var parts []string
	for i := 0; i < len(sorted); {
		j := i
		for j+1 < len(sorted) && sorted[j+1] == sorted[j]+1 {
			j++
		}
		part := strconv.Itoa(sorted[i])
		if j > i {
			part += "-" + strconv.Itoa(sorted[j])
		}
		parts = append(parts, part)
		i = j + 1
	}
	return strings.Join(parts, ",")
}

// parseNumbers reads what formatNumbers writes: natural numbers in ascending
// order.
func parseNumbers(text string) ([]int, error) {
	if text == "" {
		return nil, nil
	}
	var numbers []int
	previous := -1
	for part := range strings.SplitSeq(text, ",") {
		low, high, isRange := strings.Cut(part, "-")
		from, err := strconv.Atoi(low)
		if err != nil {
			return nil, fmt.Errorf("%q is not a number or a range of numbers", part)
		}
		to := from
		if isRange {
			if to, err = strconv.Atoi(high); err != nil {
				return nil, fmt.Errorf("%q is not a number or a range of numbers", part)
			}
		}
		if from <= previous || to < from || to > math.MaxInt32 || to-from >= maxNumbers-len(numbers) {
			return nil, fmt.Errorf("%q is out of order or too large", part)
		}
		for n := from; n <= to; n++ {
			numbers = append(numbers, n)
		}
		previous = to
	}
	return numbers, nil
}

// formatOrdinals writes the ordinals of each pool; nil where there are none.
func formatOrdinals(byPool map[string][]int) map[string]string {
	var texts map[string]string
	for pool, ordinals := range byPool {
		if texts == nil {
			texts = map[string]string{}
		}
		texts[pool] = formatNumbers(ordinals)
	}
	return texts
}

// parseOrdinals reads what formatOrdinals writes.
func parseOrdinals(texts map[string]string) (map[string][]int, error) {
	var byPool map[string][]int
	for pool, text := range texts {
		ordinals, err := parseNumbers(text)
		if err != nil {
			return nil, fmt.Errorf("pool %q: %w", pool, err)
		}
		if byPool == nil {
			byPool = map[string][]int{}
		}
		byPool[pool] = ordinals
	}
	return byPool, nil
}
