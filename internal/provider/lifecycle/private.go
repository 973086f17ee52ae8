package lifecycle

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"

	"github.com/gantry/terraform-provider-gantry/internal/engine"
	"github.com/gantry/terraform-provider-gantry/internal/pki"
)

// The keys of the private state: the certificate authorities with the
// kubeconfig, the steps that the last plan has shown, and what the last refresh
// has seen. Steps stand there as well as in planned_changes, because a plan
// without steps keeps the list of the plan before it.
const (
	privateSecrets    = "secrets"
	privateShown      = "shown"
	privateRemembered = "remembered"
)

// Private is the part of the framework's private state that is used here; every
// request and response has one.
type Private interface {
	GetKey(ctx context.Context, key string) ([]byte, diag.Diagnostics)
}

// PrivateWriter is a response's private state.
type PrivateWriter interface {
	SetKey(ctx context.Context, key string, value []byte) diag.Diagnostics
}

// ReadSecrets reads the secrets of a resource; nil where it has none yet.
func ReadSecrets(ctx context.Context, p Private) (*engine.Secrets, diag.Diagnostics) {
	raw, diags := p.GetKey(ctx, privateSecrets)
	if diags.HasError() || len(raw) == 0 {
		return nil, diags
	}
	var s engine.Secrets
	if err := json.Unmarshal(raw, &s); err != nil {
		diags.AddError("Unable to read the private state", fmt.Sprintf("The certificate authorities in the state cannot be read: %s. Restore an earlier version of the state.", err))
		return nil, diags
	}
	return &s, diags
}

// WriteSecrets puts the secrets of a resource into its private state.
func WriteSecrets(ctx context.Context, p PrivateWriter, s *engine.Secrets) diag.Diagnostics {
	var diags diag.Diagnostics
	raw, err := json.Marshal(s)
	if err != nil {
		diags.AddError("Unable to write the private state", err.Error())
		return diags
	}
	return p.SetKey(ctx, privateSecrets, raw)
}

// NewSecrets makes the certificate authorities of a new cluster or gateway.
func NewSecrets() (*engine.Secrets, error) {
	authorities, err := pki.NewAuthorities(rand.Reader, time.Now())
	if err != nil {
		return nil, fmt.Errorf("make the certificate authorities: %w", err)
	}
	return &engine.Secrets{Authorities: authorities}, nil
}

// WriteRemembered keeps what a refresh has seen for the plan; nil forgets it.
func WriteRemembered(ctx context.Context, p PrivateWriter, look *engine.Observed) diag.Diagnostics {
	raw, err := json.Marshal(look)
	if err != nil {
		var diags diag.Diagnostics
		diags.AddError("Unable to write the private state", err.Error())
		return diags
	}
	return p.SetKey(ctx, privateRemembered, raw)
}

// ReadRemembered is what the last refresh has seen; nil where there was none
// since the last apply.
func ReadRemembered(ctx context.Context, p Private) (*engine.Observed, diag.Diagnostics) {
	raw, diags := p.GetKey(ctx, privateRemembered)
	if diags.HasError() || len(raw) == 0 {
		return nil, diags
	}
	var look *engine.Observed
	if err := json.Unmarshal(raw, &look); err != nil {
		// Written by another version of the provider: looking again is always right.
		return nil, diags
	}
	return look, diags
}

func writeShown(ctx context.Context, p PrivateWriter, changes *[]engine.Change) diag.Diagnostics {
	raw, err := json.Marshal(changes)
	if err != nil {
		var diags diag.Diagnostics
		diags.AddError("Unable to write the private state", err.Error())
		return diags
	}
	return p.SetKey(ctx, privateShown, raw)
}

// ReadShown tells which steps the plan has shown; nil where it could not tell.
func ReadShown(ctx context.Context, p Private) (*[]engine.Change, diag.Diagnostics) {
	raw, diags := p.GetKey(ctx, privateShown)
	if diags.HasError() || len(raw) == 0 {
		return nil, diags
	}
	var changes *[]engine.Change
	if err := json.Unmarshal(raw, &changes); err != nil {
		diags.AddError("Unable to read the private state", err.Error())
	}
	return changes, diags
}
