package enginecrud

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/diag"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/provider/crud"
)

// The keys of the private state. The steps that the last plan showed are there as
// well as in planned_changes, because a plan without steps keeps the list of the
// plan before it.
const (
	privateSecrets = "secrets"
	privateShown   = "shown"
	privateFacts   = "facts"
	// privateImported is set from an import to the first update: the state lacks what
	// is secret, since no cluster stores that.
	privateImported = "imported"
)

// ReadSecrets returns the secrets of a resource; nil where it has none yet.
func ReadSecrets(ctx context.Context, private crud.PrivateReader) (*model.Secrets, diag.Diagnostics) {
	var secrets model.Secrets
	known, diags := crud.ReadPrivate(ctx, private, privateSecrets, &secrets,
		"What the state has of the certificate authorities", "Restore an earlier version of the state")
	if !known || diags.HasError() {
		return nil, diags
	}
	return &secrets, diags
}

// WriteSecrets sets the secrets of a resource.
func WriteSecrets(ctx context.Context, private crud.PrivateWriter, secrets *model.Secrets) diag.Diagnostics {
	return crud.WritePrivate(ctx, private, privateSecrets, secrets)
}

// ReadFacts returns what the last refresh observed; nil where there was none since
// the last apply, and for facts of an older or an unreadable form: to observe
// again is always right. Facts of a newer form are an error: a plan that lacks a
// part of them might show other steps than the one that was approved.
func ReadFacts(ctx context.Context, private crud.PrivateReader) (*model.Facts, diag.Diagnostics) {
	raw, diags := private.GetKey(ctx, privateFacts)
	if diags.HasError() || len(raw) == 0 {
		return nil, diags
	}
	var version struct {
		SchemaVersion int `json:"schema"`
	}
	switch err := json.Unmarshal(raw, &version); {
	case err != nil || version.SchemaVersion < model.FactsSchema:
		return nil, diags
	case version.SchemaVersion > model.FactsSchema:
		diags.AddError(crud.UnableToReadPrivate, fmt.Sprintf(
			"What the last refresh observed was made by a newer Gantry: it has schema version %d, and this provider understands %d. "+
				"Upgrade the provider, or plan with a refresh.", version.SchemaVersion, model.FactsSchema))
		return nil, diags
	}
	var facts *model.Facts
	if err := json.Unmarshal(raw, &facts); err != nil {
		return nil, diags
	}
	return facts, diags
}

// WriteFacts keeps what a refresh observed for the plan; nil clears it.
func WriteFacts(ctx context.Context, private crud.PrivateWriter, facts *model.Facts) diag.Diagnostics {
	if facts == nil {
		return private.SetKey(ctx, privateFacts, nil)
	}
	return crud.WritePrivate(ctx, private, privateFacts, facts)
}

// ReadShown returns the steps that the plan showed; nil where they were not known.
func ReadShown(ctx context.Context, private crud.PrivateReader) (*[]model.Change, diag.Diagnostics) {
	var changes *[]model.Change
	_, diags := crud.ReadPrivate(ctx, private, privateShown, &changes, "What the plan showed", "Plan again")
	return changes, diags
}

func writeShown(ctx context.Context, private crud.PrivateWriter, changes *[]model.Change) diag.Diagnostics {
	return crud.WritePrivate(ctx, private, privateShown, changes)
}
