package model

import (
	"fmt"
	"strings"
)

// ApplyPack applies the manifests of a pack, and prunes what has left them.
type ApplyPack struct {
	Pack     Pack
	Position int // among all packs
	// Prunes is how many objects leave the pack, as far as is known.
	Prunes int
	// SetsBack are the objects that are not as the last apply has left them, as far as they are
	// known, and Drifted how many they are. The others stay as they are; none: all are applied.
	SetsBack []ObjectRef
	Drifted  int
}

// InstallPack installs the chart of a pack, or goes on with an installation.
type InstallPack struct {
	Pack     Pack
	Position int // among all packs
}

// UpgradePack upgrades the release of a pack that was installed.
type UpgradePack struct {
	Pack     Pack
	Position int // among all packs
}

// UninstallPack deletes the release of a pack, or the objects of its manifests.
type UninstallPack struct {
	Pack    string
	Release Release // zero: it has manifests
	// Objects are those of its manifests, as far as is known, and KeepObjects has them stay.
	Objects     int
	KeepObjects bool
	// Moves says that the pack stays, and is applied elsewhere or by other means.
	Moves bool
}

// Change implements Step.
func (s InstallPack) Change() Change {
	return Change{ActionInstallPack, chartTarget(s.Pack.Name, s.Pack.Release())}
}

// Change implements Step.
func (s UpgradePack) Change() Change {
	return Change{ActionUpgradePack, chartTarget(s.Pack.Name, s.Pack.Release())}
}

// Change implements Step.
func (s UninstallPack) Change() Change {
	switch {
	case s.Release != Release{}:
	case s.KeepObjects:
		return Change{ActionUninstallPack, s.Pack + " (objects stay)"}
	default:
		return Change{ActionUninstallPack, fmt.Sprintf("%s (%s)", s.Pack, objects(s.Objects))}
	}
	return Change{ActionUninstallPack, chartTarget(s.Pack, s.Release)}
}

// Change implements Step.
func (s ApplyPack) Change() Change {
	var notes []string
	if s.Prunes > 0 {
		notes = append(notes, "prunes "+objects(s.Prunes))
	}
	if s.Drifted > 0 {
		notes = append(notes, setsBack+objects(s.Drifted))
	}
	return Change{ActionApplyPack, noted(s.Pack.Name, notes)}
}

const setsBack = "sets back "

func noted(pack string, notes []string) string {
	if len(notes) == 0 {
		return pack
	}
	return fmt.Sprintf("%s (%s)", pack, strings.Join(notes, ", "))
}

// covering is what an apply may be that a shown change covers: how many objects of a pack are set
// back changes all the time. Nothing else is applied where only that was shown.
func (c Change) covering() Change {
	pack, rest, found := strings.Cut(c.Target, " (")
	if c.Action != ActionApplyPack || !found {
		return c
	}
	notes := strings.Split(strings.TrimSuffix(rest, ")"), ", ")
	for i, note := range notes {
		if strings.HasPrefix(note, setsBack) {
			notes[i] = setsBack
		}
	}
	return Change{c.Action, noted(pack, notes)}
}

func objects(n int) string {
	if n == 1 {
		return "1 object"
	}
	return fmt.Sprintf("%d objects", n)
}

// chartTarget is a pack with its chart and version.
func chartTarget(pack string, r Release) string {
	return pack + " (" + strings.TrimSpace(r.Chart+" "+r.Version) + ")"
}
