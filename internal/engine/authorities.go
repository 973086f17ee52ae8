package engine

import (
	"fmt"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/engine/observe"
	"github.com/gantry/terraform-provider-gantry/internal/pki"
)

// builtInVain reports whether the plan deletes a control-plane VM that was built with
// the authorities at hand, before the API has ever answered. Every user who may read
// the VM's configuration could read them there.
func builtInVain(spec *model.ClusterSpec, facts *model.Facts, todo *model.Plan) bool {
	if facts.APIReached(spec.New) || facts.API.Answered() || spec.Restore != nil {
		return false // workers, what answers, and the data that is restored trust these alone
	}
	for _, step := range todo.Steps() {
		gone, ok := step.(model.DeleteNode)
		if !ok || spec.Supersedes(gone.Machine.Marker) {
			continue // what ran before a reset has none in its configuration
		}
		if gone.Machine.Marker.ControlPlane() && gone.Machine.Marker.CAFingerprint == facts.CAFingerprint {
			return true
		}
	}
	return false
}

// renewsAuthorities reports whether an apply of the plan makes other certificate
// authorities before it builds anything: those at hand were readable, or none are and the
// control plane begins anew.
func renewsAuthorities(spec *model.ClusterSpec, facts *model.Facts, todo *model.Plan) bool {
	return builtInVain(spec, facts, todo) || facts.CAFingerprint == "" && begins(todo)
}

// begins reports whether a plan initialises a control plane, with whatever authorities
// there are.
func begins(todo *model.Plan) bool {
	for _, step := range todo.Steps() {
		if node, ok := step.(model.CreateNode); ok && node.First {
			return true
		}
	}
	return false
}

// renewAuthorities replaces the authorities of a cluster whose first boot failed: those
// were readable in a VM's configuration and are never used again. The VM has the
// fingerprint of the old ones in its marker, so that the next apply builds it anew.
func (e *Engine) renewAuthorities(secrets *model.Secrets, w *observe.World) error {
	authorities, err := pki.NewAuthorities(e.random(), e.now())
	if err != nil {
		return fmt.Errorf("make other certificate authorities: %w", err)
	}
	*secrets = model.Secrets{Authorities: authorities, VCenter: secrets.VCenter}
	w.Facts.CAFingerprint = authorities.Fingerprint()
	return nil
}
