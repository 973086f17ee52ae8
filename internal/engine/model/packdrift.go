package model

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// SetFields are the fields of an object that an apply has set, as package kube reads them. No
// value is in it, but for the keys of lists and what is in lists that are sets, by which the API
// names their fields.
type SetFields struct {
	Fields string // as the API notes them
	// Values are hashes of what it has answered to each, by field, and Key identifies the key that
	// they are made with.
	Values map[string]any
	Key    string
}

// Drift is an object of a pack that is not as the last apply has left it.
type Drift struct {
	ObjectRef
	// Fields are the first of those that have another value, and By the first of those who have set
	// them; none: it is missing.
	Fields []string `json:",omitempty"`
	By     []string `json:",omitempty"`
	// Held is why an apply leaves it as it is. Empty: it sets it back, or it is a chart's, of which
	// there need be no reason.
	Held string `json:",omitempty"`
	// Release is another release to which a chart's object belongs by now.
	Release string `json:",omitempty"`
	// Leaving are what a chart's object waits for that was deleted long ago.
	Leaving []string `json:",omitempty"`
}

// String is the object in users' words, and what is about it.
func (d Drift) String() string {
	what := "missing"
	switch {
	case d.Release != "":
		what = "of the release " + d.Release
	case len(d.Leaving) > 0:
		what = "waits for " + strings.Join(d.Leaving, ", ")
	case len(d.Fields) > 0:
		what = strings.Join(d.Fields, ", ")
	}
	if len(d.By) > 0 {
		what += ", set by " + strings.Join(d.By, ", ")
	}
	if d.Held != "" {
		what += ": " + d.Held
	}
	return fmt.Sprintf("%s (%s)", d.ObjectRef, what)
}

// Missing reports whether it is not there.
func (d Drift) Missing() bool { return len(d.Fields) == 0 && d.Release == "" && len(d.Leaving) == 0 }

// PackDrift is what a look at the objects of a pack has found.
type PackDrift struct {
	// Back are those that an apply sets back, and MoreBack how many others are, where not all are
	// remembered. Held and MoreHeld are those that stay as they are.
	Back     []Drift `json:",omitempty"`
	MoreBack int     `json:",omitempty"`
	Held     []Drift `json:",omitempty"`
	MoreHeld int     `json:",omitempty"`
	// Problem is why it is not known of all of them; empty: it is.
	Problem string `json:",omitempty"`
	// Late says that it is not, since the time for all packs, or for a kind, was over before.
	Late bool `json:",omitempty"`
	// Gone says that the release of a chart is not in the cluster any more.
	Gone bool `json:",omitempty"`
	// Revision is the one that a chart's objects were compared with, ServerSide how Helm has applied
	// it, and Version that of its chart where it is not the pack's.
	Revision   int    `json:",omitempty"`
	ServerSide bool   `json:",omitempty"`
	Version    string `json:",omitempty"`
}

// NewPackDrift sorts what was found.
func NewPackDrift(found []Drift) PackDrift {
	var p PackDrift
	for _, d := range found {
		if d.Held == "" {
			p.Back = append(p.Back, d)
		} else {
			p.Held = append(p.Held, d)
		}
	}
	return p
}

// NewReleaseDrift is what was found of the objects of a release: no apply sets them back.
func NewReleaseDrift(release Release, deployed DeployedRelease, found []Drift) PackDrift {
	slices.SortFunc(found, func(a, b Drift) int { // those of other releases are always told
		return cmp.Or(cmp.Compare(b.Release, a.Release), cmp.Compare(a.ObjectRef.String(), b.ObjectRef.String()))
	})
	p := PackDrift{Held: found, Revision: deployed.Revision, ServerSide: deployed.ServerSide}
	is, was := strings.TrimPrefix(deployed.Version, "v"), strings.TrimPrefix(release.Version, "v")
	if is != "" && was != "" && is != was {
		p.Version = deployed.Version
	}
	return p
}

// Empty reports whether nothing was found, and nothing is to be said.
func (p PackDrift) Empty() bool {
	return len(p.Back)+len(p.Held) == 0 && p.Problem == "" && !p.Late && !p.Gone && p.Version == ""
}

// SetsBack is how many objects an apply sets back.
func (p PackDrift) SetsBack() int { return len(p.Back) + p.MoreBack }

// maxDrift bounds how many objects of a pack are remembered: a namespace may be gone with all
// that was in it.
const maxDrift = 10

// remembered is the drift in a size that private state can hold.
func (p PackDrift) remembered() PackDrift {
	if over := len(p.Back) - maxDrift; over > 0 {
		p.Back = slices.Clip(p.Back[:maxDrift])
		p.MoreBack += over
	}
	if over := len(p.Held) - maxDrift; over > 0 {
		p.Held = slices.Clip(p.Held[:maxDrift])
		p.MoreHeld += over
	}
	return p
}

// Fleeting reports whether an object is made to go away, or to change by itself: that it is
// missing, or another one, says nothing of anyone's doing.
func (o ObjectRef) Fleeting() bool {
	switch o.Group + "/" + o.Kind {
	case "batch/Job", "/Pod", "/Event", "events.k8s.io/Event", "coordination.k8s.io/Lease", "certificates.k8s.io/CertificateSigningRequest":
		return true
	case "/Secret":
		return o.Namespace == "kube-system" && strings.HasPrefix(o.Name, "bootstrap-token-")
	}
	return false
}

// AddOn reports whether an object is of what kubeadm installs and Gantry itself updates.
func (o ObjectRef) AddOn() bool {
	return o.Namespace == "kube-system" && slices.Contains([]string{AddonCoreDNS, AddonKubeProxy}, o.Name) &&
		slices.Contains([]string{"Deployment", "DaemonSet", "ConfigMap"}, o.Kind)
}
