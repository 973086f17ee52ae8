package model

import (
	"maps"
	"slices"

	"github.com/gantry/terraform-provider-gantry/internal/chartvalues"
)

// ProfileValues are what a cluster remembers of the profile's values of a pack that it
// overrides: hashes, keyed with the cluster's authorities as BuiltWith, since values may be
// secret.
type ProfileValues struct {
	// Keys are by the paths of keys; empty: the profile did not set one that the override sets.
	Keys map[string]string
	// Part says that there were too many keys: one that is not here may have been there.
	Part bool `json:",omitempty"`
}

// maxProfileValues bounds how many bytes of one pack's keys a cluster remembers: those of all packs
// are in one Secret, and in private state.
const maxProfileValues = 8 << 10

// ProfileValues are what a cluster remembers once the pack is applied; nil: nothing.
func (k Pack) ProfileValues() *ProfileValues { return k.remembered }

// setProfileValues derives what identifies the profile's values under overrides, where the
// secrets are at hand.
func (s *ClusterSpec) setProfileValues(secrets *Secrets) {
	s.Packs = slices.Clone(s.Packs) // they are the caller's
	for i, pack := range s.Packs {
		pack.profile, pack.remembered = nil, nil
		if pack.Chart != nil && pack.Chart.Override != "" && secrets != nil && secrets.Authorities != nil {
			profile, override, err := pack.Chart.overridden()
			if err == nil && len(override) > 0 {
				pack.profile = map[string]string{}
				for at, value := range chartvalues.Keys(profile) {
					pack.profile[at] = keyedHash(secrets.Authorities, "profile values", []string{pack.Name, at, chartvalues.Encoded(value)})
				}
				pack.remembered = remembered(pack.profile, profile, override)
			}
		}
		s.Packs[i] = pack
	}
}

// overridden are the profile's values and the override.
func (c *Chart) overridden() (profile, override map[string]any, err error) {
	if profile, err = chartvalues.Merge(c.Values); err != nil {
		return nil, nil, err
	}
	override, err = chartvalues.Merge([]string{c.Override})
	return profile, override, err
}

// remembered are the hashes that fit: of what the override sets, and then of each leaf of the
// profile or, where these are too many, of its outermost keys.
func remembered(hashes map[string]string, profile, override map[string]any) *ProfileValues {
	own := sortedPaths(chartvalues.Leaves(override))
	leaves := sortedPaths(chartvalues.Leaves(profile))
	var outermost []string
	for _, leaf := range leaves {
		outermost = append(outermost, chartvalues.Top(leaf))
	}
	whole := &ProfileValues{Keys: map[string]string{}}
	if whole.take(hashes, own) && whole.take(hashes, leaves) {
		return whole
	}
	part := &ProfileValues{Keys: map[string]string{}}
	if part.take(hashes, own) && part.take(hashes, outermost) {
		return part
	}
	part.Part = true
	return part
}

// take adds the hashes of keys, and reports whether all of them fit.
func (p *ProfileValues) take(hashes map[string]string, paths []string) bool {
	size := 0
	const punctuation = 6 // of JSON
	for at, hash := range p.Keys {
		size += len(at) + len(hash) + punctuation
	}
	for _, at := range paths {
		if _, taken := p.Keys[at]; taken {
			continue
		}
		if size += len(at) + len(hashes[at]) + punctuation; size > maxProfileValues {
			return false
		}
		p.Keys[at] = hashes[at]
	}
	return true
}

func sortedPaths(keys map[string]any) []string { return slices.Sorted(maps.Keys(keys)) }

// ProfileChange is a key of a pack that the profile has changed under an override.
type ProfileChange struct {
	Key string // its path
	// Conflict says that the override sets it, to something else than the profile.
	Conflict bool
}

// ProfileChanges are what the profile has changed since the pack was applied under an
// override, as far as that is known, in the order of their paths.
func (k Pack) ProfileChanges(have AppliedPack) []ProfileChange {
	if k.profile == nil || have.Profile == nil {
		return nil
	}
	profile, override, err := k.Chart.overridden()
	if err != nil {
		return nil // it is refused where it is read
	}
	changed := map[string]bool{}
	for at, was := range have.Profile.Keys {
		if k.profile[at] != was {
			changed[at] = true
		}
	}
	if !have.Profile.Part {
		for at := range chartvalues.Leaves(profile) {
			if !have.Profile.covers(at) {
				changed[at] = true
			}
		}
	}
	if len(changed) == 0 {
		return nil
	}
	merged, err := chartvalues.Merge(k.Chart.AllValues())
	if err != nil {
		return nil
	}
	outcome := outcome{chartvalues.Keys(profile), chartvalues.Leaves(override), chartvalues.Keys(merged)}
	var changes []ProfileChange
	for _, at := range slices.Sorted(maps.Keys(changed)) {
		changes = append(changes, ProfileChange{Key: at, Conflict: outcome.conflict(at)})
	}
	return changes
}

// covers reports whether a change of a key shows in what is remembered.
func (p *ProfileValues) covers(path string) bool {
	if _, known := p.Keys[path]; known {
		return true
	}
	for at := range p.Keys {
		if chartvalues.Below(path, at) {
			return true
		}
	}
	return false
}

// outcome is what values come to: each by the paths of its keys.
type outcome struct{ profile, override, merged map[string]any }

// conflict reports whether the override decides about a key, and otherwise than the profile. Of a
// mapping, what the override sets in it is a key of its own.
func (o outcome) conflict(path string) bool {
	value, set := o.profile[path]
	_, isMap := value.(map[string]any)
	for own := range o.override {
		if own == path || chartvalues.Below(path, own) || chartvalues.Below(own, path) && !isMap {
			result, stays := o.merged[path]
			return set != stays || chartvalues.Encoded(value) != chartvalues.Encoded(result)
		}
	}
	return false
}
