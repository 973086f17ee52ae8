package model

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/google/uuid"
)

// NodeName is `<cluster>-<pool>-<n>`.
func NodeName(cluster, pool string, n int) string {
	return fmt.Sprintf("%s-%s-%d", cluster, pool, n)
}

// MaxOrdinal is far above what any pool hands out. A marker or a node's name with a
// higher one is not Gantry's: those who may write them must not make it count without
// a bound.
const MaxOrdinal = 1_000_000

// NodeOrdinal reads n from a node's name; 0 where the name is not of the pool.
func NodeOrdinal(cluster, pool, name string) int {
	digits, ok := strings.CutPrefix(name, cluster+"-"+pool+"-")
	if !ok {
		return 0
	}
	n, err := strconv.Atoi(digits)
	if err != nil || n < 1 || n > MaxOrdinal || NodeName(cluster, pool, n) != name {
		return 0
	}
	return n
}

// NodeUUID is the instance UUID of a node's VM: known before the VM exists, and
// the same on every attempt.
func NodeUUID(cluster uuid.UUID, node string) uuid.UUID {
	return uuid.NewSHA1(cluster, []byte(node))
}
