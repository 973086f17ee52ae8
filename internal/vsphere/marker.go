package vsphere

import (
	"encoding/json"
	"fmt"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// markerKey is the extra configuration in which a VM carries its marker. It is
// not a guestinfo key, so that the guest cannot read it.
const markerKey = "gantry.node"

// marker is the JSON in a VM's configuration: the engine's marker, and what
// tells a machine from a copy of it and its disks from volumes.
type marker struct {
	model.Marker
	// Instance is the instance UUID that the clone was given. A copy of the
	// machine has the marker, too, but another instance UUID.
	Instance string `json:"instance,omitempty"`
	// Disks are the device keys of the disks that came with the clone.
	Disks []int32 `json:"disks,omitempty"`
}

// copied reports whether a VM with the marker is not the one that was given it.
func (m marker) copied(p properties) bool { return m.Instance != "" && m.Instance != instanceUUID(p) }

func (m marker) encode() (string, error) {
	raw, err := json.Marshal(m)
	if err != nil {
		return "", fmt.Errorf("encode the marker of %s: %w", m.Node, err)
	}
	return string(raw), nil
}

// markerOf decodes the marker of a VM. A value that is not a marker counts as
// none: Gantry did not write it.
func markerOf(p properties) (marker, bool) {
	raw := p.option(markerKey)
	if raw == "" {
		return marker{}, false
	}
	var m marker
	if json.Unmarshal([]byte(raw), &m) != nil {
		m = decodeNewer(raw)
	}
	newer := m.SchemaVersion > model.MarkerSchema
	return m, m.Cluster != uuid.Nil && (m.Node != "" || newer)
}

// decodeNewer decodes what it can of a marker that a newer Gantry wrote and that
// this one cannot decode: the VM must not be overlooked, and its addresses are in
// use. The result is zero where the marker is not of a newer schema.
func decodeNewer(raw string) marker {
	var fields map[string]json.RawMessage
	if json.Unmarshal([]byte(raw), &fields) != nil {
		return marker{}
	}
	var m marker
	if json.Unmarshal(fields["schema"], &m.SchemaVersion) != nil || m.SchemaVersion <= model.MarkerSchema {
		return marker{}
	}
	for key, target := range map[string]any{
		"cluster":     &m.Cluster,
		"incarnation": &m.Incarnation,
		"node":        &m.Node,
		"role":        &m.Role,
		"node_pool":   &m.NodePool,
		"ordinal":     &m.Ordinal,
		"address":     &m.Address,
		"ip_pool":     &m.IPPool,
		"vip":         &m.VIP,
		"extra":       &m.Extra,
		"instance":    &m.Instance,
		"disks":       &m.Disks,
	} {
		// What this version cannot decode stays empty.
		_ = json.Unmarshal(fields[key], target)
	}
	return m
}

// holdings returns the claims that a marker accounts for: the machine's own
// address, and on control-plane nodes VIP and extra, in this order.
func (m marker) holdings() []model.Holding {
	var list []model.Holding
	hold := model.Holding{IPPool: m.IPPool, Cluster: m.Cluster}
	if m.Address.IsValid() {
		hold.Address = m.Address.Addr()
		hold.Node = m.Node
		list = append(list, hold)
	}
	if m.VIP.IsValid() {
		hold.Address = m.VIP
		hold.Node = model.OwnerVIP
		list = append(list, hold)
	}
	if m.Extra.IsValid() {
		hold.Address = m.Extra
		hold.Node = model.OwnerExtra
		list = append(list, hold)
	}
	return list
}
