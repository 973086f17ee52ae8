package model

import "strings"

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

// UninstallPack deletes the release of a pack.
type UninstallPack struct {
	Pack    string
	Release Release
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
	return Change{ActionUninstallPack, chartTarget(s.Pack, s.Release)}
}

// chartTarget is a pack with its chart and version.
func chartTarget(pack string, r Release) string {
	return pack + " (" + strings.TrimSpace(r.Chart+" "+r.Version) + ")"
}
