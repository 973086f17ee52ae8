package plan

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/ipam"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
)

// reserveRangeSteps reserve the ranges of which an address is not claimed or that the record
// has otherwise. They come before nodes get addresses, so that none gets one of them.
func reserveRangeSteps(v view) []model.Step {
	held := rangesHeld(v.facts)
	var steps []model.Step
	for _, r := range v.spec.ReservedRanges {
		var missing []netip.Addr
		for _, c := range r.Claims() {
			if !held[c] {
				missing = append(missing, c.Address)
			}
		}
		if len(missing) > 0 || v.facts.Record.Ranges[r.Name] != r.Recorded() {
			steps = append(steps, model.ReserveRange{ReservedRange: r, Missing: missing})
		}
	}
	return steps
}

// releasedRanges release what the spec does not reserve any more. That comes after the packs,
// which used it until then: where one of them could not be changed, they may use it still.
func releasedRanges(v view) []model.Stage {
	if v.apiSilent() {
		return nil
	}
	return stages(model.Stage{
		Name: "released ranges", Complete: true, OnFailure: model.Continue, // a service may have an address of it still
		Steps: rangeReleases(v.facts, v.facts.Record.Ranges, v.spec.ReservedRanges),
	})
}

// rangeReleases release the ranges but for those that are kept: one step for each that is
// recorded, and one for what a killed run has claimed without recording it.
func rangeReleases(facts *model.Facts, recorded map[string]record.AddressRange, kept []model.ReservedRange) []model.Step {
	left := rangesHeld(facts)
	names := map[string]bool{}
	for _, r := range kept {
		names[r.Name] = true
		for _, c := range r.Claims() {
			delete(left, c)
		}
	}
	take := func(candidates []model.Claim) []model.Claim {
		var taken []model.Claim
		for _, c := range candidates {
			if left[c] {
				delete(left, c)
				taken = append(taken, c)
			}
		}
		return taken
	}
	var steps []model.Step
	for _, name := range sortedKeys(recorded) {
		claims := take(model.RecordedClaims(recorded[name]))
		if len(claims) > 0 || !names[name] {
			steps = append(steps, model.ReleaseRange{Name: name, Claims: claims})
		}
	}
	if rest := take(facts.Claims); len(rest) > 0 {
		steps = append(steps, model.ReleaseRange{Name: model.OwnerRanges, Claims: rest})
	}
	return steps
}

func rangesHeld(facts *model.Facts) map[model.Claim]bool {
	held := map[model.Claim]bool{}
	for _, c := range facts.Claims {
		if c.Owner == model.OwnerRanges {
			held[c] = true
		}
	}
	return held
}

// rangeFindings are what is wrong with the ranges whatever the IP pools have.
func rangeFindings(spec *model.ClusterSpec) model.Findings {
	var f model.Findings
	total := 0
	for i, r := range spec.ReservedRanges {
		total += len(r.Claims())
		for _, other := range spec.ReservedRanges[:i] {
			if r.IPPoolID == other.IPPoolID && r.Range.Overlaps(other.Range) {
				f.Refuse(r.Field(model.FieldRange), "Load balancer pools overlap",
					"The ranges %s of %q and %s of %q have addresses in common. Give each addresses of its own.",
					r.Range, r.Name, other.Range, other.Name)
			}
		}
		if total > model.MaxReserved {
			f.Refuse(r.Field(model.FieldRange), "Too many addresses for load balancers",
				"The load balancer pools of a cluster may have %d addresses in all: each is a tag in vCenter. Make the ranges smaller.",
				model.MaxReserved)
			break
		}
	}
	return f
}

// ranges judges the ranges that the plan reserves by what their IP pools have.
func (c check) ranges() model.Findings {
	var f model.Findings
	missing := 0
	for _, step := range c.plan.Steps() {
		s, ok := step.(model.ReserveRange)
		if !ok {
			continue
		}
		pool := c.limits.IPPools[s.IPPoolID]
		if !pool.Registered {
			continue
		}
		if missing += len(s.Missing); missing > c.limits.FreeClaims {
			f.Refuse(s.Field(model.FieldRange), "Too many addresses in this vCenter",
				"%d addresses are to be reserved, each of them a tag, and the vCenter takes %d more. "+
					"Make the ranges smaller, release what is not needed, or allow more with the provider's max_claims.",
				missing, max(0, c.limits.FreeClaims))
		}
		f.Add(c.ipPool(s.Field(model.FieldIPPool), pool))
		f.Add(c.inPool(s, pool))
		f.Add(c.free(s, pool))
	}
	return f
}

// inPool refuses a range that is not the pool's to give.
func (c check) inPool(s model.ReserveRange, pool model.IPPool) model.Findings {
	var f model.Findings
	refuse := refusal(&f, pool)
	if !pool.Addresses.Contains(s.Range.Start) || !pool.Addresses.Contains(s.Range.End) {
		refuse(s.Field(model.FieldRange), "The range is not in the IP pool",
			"IP pool %q has the addresses %s, and the range is %s. Choose a range of the pool, or grow the pool.",
			pool.Record.Name, pool.Addresses.Range(), s.Range)
		return f
	}
	var excluded []string
	for _, addr := range s.Missing {
		if !pool.Addresses.Issuable(addr) {
			excluded = append(excluded, addr.String())
		}
	}
	if len(excluded) > 0 {
		refuse(s.Field(model.FieldRange), "The IP pool does not hand out these addresses",
			"IP pool %q excludes %s, or its gateway or network has them. Choose a range without them, "+
				"or take them out of excluded_addresses: once they are reserved, no node gets them.",
			pool.Record.Name, model.Listed(excluded))
	}
	return f
}

// free refuses a range of which others have addresses.
func (c check) free(s model.ReserveRange, pool model.IPPool) model.Findings {
	var f model.Findings
	var taken []string
	for _, addr := range pool.TakenOfRanges {
		if s.Range.Contains(addr) {
			taken = append(taken, addr.String()+c.holderWords(pool.ID, addr))
		}
	}
	if len(taken) > 0 {
		f.Contest(s.Field(model.FieldRange), "Addresses of the range are in use",
			"Of IP pool %q these are claimed: %s. Choose a range that is free. The data source gantry_ip_pool lists who holds what.",
			pool.Record.Name, model.Listed(taken))
	}
	reported := map[netip.Addr]string{}
	for addr, vm := range pool.UnclaimedInUse {
		if s.Range.Contains(addr) && !c.ownVM(vm) {
			reported[addr] = vm
		}
	}
	if len(reported) > 0 {
		f.Contest(s.Field(model.FieldRange), "VMs use addresses of the range",
			"Of IP pool %q, VMs report these without a claim: %s. Choose a range that is free, or give the VMs other addresses.",
			pool.Record.Name, AddressWords(reported))
	}
	for _, use := range pool.Uses {
		if slices.ContainsFunc(use.Ranges, func(r ipam.Range) bool { return r.Overlaps(s.Range) }) {
			f.Refuse(s.Field(model.FieldRange), "Two clusters reserve the same addresses",
				"In the same plan, %s reserves addresses of the range %s of IP pool %q, too. Give each a range of its own.",
				use.Ref.Describe(), s.Range, pool.Record.Name)
		}
	}
	return f
}

// holderWords say who holds an address, as far as VMs show it.
func (c check) holderWords(pool uuid.UUID, addr netip.Addr) string {
	for _, h := range c.limits.Held {
		switch {
		case h.IPPool != pool || h.Address != addr:
		case h.Cluster == c.spec.ID:
			return fmt.Sprintf(" (%s of this cluster)", h.Node)
		default:
			return fmt.Sprintf(" (%s of cluster %s)", h.Node, h.Cluster)
		}
	}
	return ""
}

// ownVM reports whether a VM is a node of the cluster, on which what runs there may have put
// addresses of services.
func (c check) ownVM(path string) bool {
	return slices.ContainsFunc(c.facts.VMs(), func(m model.Machine) bool { return m.Path == path })
}
