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
	target := s.Pack.Name
	if s.Prunes > 0 {
		target = fmt.Sprintf("%s (prunes %s)", target, objects(s.Prunes))
	}
	return Change{ActionApplyPack, target}
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
