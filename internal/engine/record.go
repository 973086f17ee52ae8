package engine

import (
	"maps"

	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
)

// recordChange is what a plan writes into the cluster's record before its first
// node: the counters, which never go back, and the numbers that are handed out
// and have not joined. Killed after that, the next plan uses the same names.
type recordChange struct {
	counters map[string]int
	pending  map[string][]int
	ready    bool // for a record that is written anew
}

func newRecordChange(body *record.Cluster) recordChange {
	c := recordChange{counters: map[string]int{}, pending: map[string][]int{}}
	if body != nil {
		maps.Copy(c.counters, body.Counters)
	}
	return c
}

// next is the next number of a pool that was never used.
func (c *recordChange) next(pool string, highest int) int {
	return max(c.counters[pool], highest+1, 1)
}

func (c *recordChange) setNext(pool string, n int) { c.counters[pool] = n }

func (c *recordChange) assign(pool string, n int) {
	c.pending[pool] = append(c.pending[pool], n)
}
