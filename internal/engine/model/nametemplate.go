package model

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// maxNodeName is what a label of a DNS name holds.
const maxNodeName = 63

// LastOrdinal is the highest ordinal that names have room for: one that only just fits would
// fail on the thousandth node.
const LastOrdinal = 9999

var (
	// placeholders are all that may be in braces.
	placeholders = regexp.MustCompile(`\{[^{}]*\}`)
	dnsLabel     = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`)
)

// CheckNameTemplate returns what is wrong with a template of the names of nodes, whatever the
// names of its cluster and pools are.
func CheckNameTemplate(template string) error {
	for _, found := range placeholders.FindAllString(template, -1) {
		switch found {
		case "{cluster}", "{pool}", numberPart:
		default:
			return fmt.Errorf("%s is no placeholder: there are {cluster}, {pool} and {n}", found)
		}
		if strings.Count(template, found) > 1 {
			return fmt.Errorf("%s may be in it once", found)
		}
	}
	if !strings.Contains(template, numberPart) {
		return fmt.Errorf("it must hold {n}, the number of a node, by which those of a pool differ")
	}
	if name := NodeName(template, "c", "p", 1); !dnsLabel.MatchString(name) {
		return fmt.Errorf("names by it, such as %q, are none of RFC 1123: lower-case letters, digits and hyphens, "+
			"with a letter or digit at both ends", name)
	}
	return nil
}

// CheckNodeNames returns what is wrong with the names that the pools' nodes have by a template
// that is none of CheckNameTemplate's: too long, or of two nodes, whatever their numbers. With
// leases, the load balancer has one, too.
func CheckNodeNames(template, cluster string, pools []string, leases bool) error {
	for i, pool := range pools {
		if name := NodeName(template, cluster, pool, LastOrdinal); len(name) > maxNodeName {
			return &NodeNameError{Pool: pool, text: fmt.Sprintf(
				"nodes of pool %q would be named %s and so on, which is %d characters, and the name of a node holds %d",
				pool, name, len(name), maxNodeName)}
		}
		for _, other := range pools[:i] {
			if name, same := sameName(template, cluster, pool, other); same {
				return &NodeNameError{Pool: pool, text: fmt.Sprintf(
					"a node of pool %q and one of pool %q could both be named %s: keep {pool} and {n} apart by a hyphen, or by a letter",
					other, pool, name)}
			}
		}
	}
	if !leases {
		return nil
	}
	balancer := LoadBalancerName(template, cluster)
	if !strings.Contains(template, "{pool}") && template != "" {
		return fmt.Errorf("with ip_allocation = \"dhcp\" it must hold {pool}: the load balancer has no number, and is named by that")
	}
	for _, pool := range pools {
		if NodeOrdinal(template, cluster, pool, balancer) > 0 {
			return &NodeNameError{Pool: pool, text: fmt.Sprintf("a node of pool %q and the load balancer could both be named %s", pool, balancer)}
		}
	}
	return nil
}

// NodeNameError says what is wrong with the names of a pool's nodes.
type NodeNameError struct {
	Pool string
	text string
}

func (e *NodeNameError) Error() string { return e.text }

// maxDigits are those of MaxOrdinal.
const maxDigits = 7

// sameName is a name that a node of each of two pools can have.
func sameName(template, cluster, a, b string) (string, bool) {
	for one := 1; one <= maxDigits; one++ {
		for two := 1; two <= maxDigits; two++ {
			if name, same := overlay(pattern(template, cluster, a, one), pattern(template, cluster, b, two)); same {
				return name, true
			}
		}
	}
	return "", false
}

// What a pattern has for the first digit of a number, which is not 0, and for the others.
const (
	firstDigit = 'F'
	nextDigit  = 'D'
)

// pattern are the names of a pool's nodes with so many digits.
func pattern(template, cluster, pool string, digits int) string {
	before, after := nameParts(template, cluster, pool)
	return before + string(firstDigit) + strings.Repeat(string(nextDigit), digits-1) + after
}

// overlay is a name that matches both patterns: each place decides for itself.
func overlay(a, b string) (string, bool) {
	if len(a) != len(b) {
		return "", false
	}
	name := make([]byte, len(a))
	for i := range len(a) {
		var ok bool
		if name[i], ok = both(a[i], b[i]); !ok {
			return "", false
		}
	}
	return string(name), true
}

// both is a character that two places of patterns have in common.
func both(a, b byte) (byte, bool) {
	switch {
	case isDigit(a) && isDigit(b):
		return '1', true
	case isDigit(b):
		return both(b, a)
	case isDigit(a):
		_, err := strconv.Atoi(string(b))
		return b, err == nil && (a == nextDigit || b != '0')
	}
	return a, a == b
}

func isDigit(place byte) bool { return place == firstDigit || place == nextDigit }

// MayBeNamed reports whether a VM of a name may be a node of a cluster by a template, or its load
// balancer, where the names of its pools are not known.
func MayBeNamed(template, cluster, name string) bool {
	if template == "" {
		template = DefaultNameTemplate
	}
	quoted := strings.NewReplacer(
		regexp.QuoteMeta("{cluster}"), regexp.QuoteMeta(cluster),
		regexp.QuoteMeta("{pool}"), `[a-z0-9]([-a-z0-9]*[a-z0-9])?`,
		regexp.QuoteMeta(numberPart), `[1-9][0-9]*`,
	).Replace(regexp.QuoteMeta(template))
	node, err := regexp.Compile("^" + quoted + "$")
	return err == nil && node.MatchString(name) || name == LoadBalancerName(template, cluster)
}
