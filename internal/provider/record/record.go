// Package record is what the resources that are records of the ledger and
// little else have in common: derived ids, reading, and import by name.
package record

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/google/uuid"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/gantry/terraform-provider-gantry/internal/engine"
	"github.com/gantry/terraform-provider-gantry/internal/ledger"
	ledgerrecord "github.com/gantry/terraform-provider-gantry/internal/ledger/record"
	"github.com/gantry/terraform-provider-gantry/internal/provider/connection"
	"github.com/gantry/terraform-provider-gantry/internal/provider/diagnostics"
)

// Key is what a record's id is derived from, besides vCenter.
type Key struct {
	Kind      ledgerrecord.Kind
	GatewayID string // empty: the system gateway
	Name      string
}

// Ref is the reference to the record.
func (k Key) Ref() ledgerrecord.Ref {
	gateway, err := uuid.Parse(k.GatewayID)
	if err != nil {
		gateway = uuid.Nil
	}
	return ledgerrecord.Ref{Kind: k.Kind, GatewayID: gateway, Name: k.Name}
}

// String names the record in messages.
func (k Key) String() string { return k.Ref().Describe() }

// ID is the record's id in the vCenter of l.
func (k Key) ID(l *ledger.Ledger) uuid.UUID { return l.ID(k.Ref()) }

// importID is what the record is imported by.
func (k Key) importID() string {
	if k.GatewayID == "" {
		return k.Name
	}
	return k.GatewayID + "/" + k.Name
}

// Encode is the record of a key with a body.
func Encode(k Key, body any) (ledger.Record, error) {
	return ledger.NewRecord(k.Ref(), body)
}

// Read decodes the record of a resource whose state has the id stateID. It
// answers false only where the record is proven absent: from the vCenter that
// the id belongs to.
func Read(ctx context.Context, l *ledger.Ledger, k Key, stateID string, body any) (bool, diag.Diagnostics) {
	id, diags := ParseID(l, k, stateID)
	if diags.HasError() {
		return false, diags
	}
	rec, err := l.Record(ctx, id)
	if errors.Is(err, ledger.ErrNotFound) {
		return false, diags
	}
	if err == nil {
		err = json.Unmarshal(rec.Body, body)
	}
	if err != nil {
		diags.Append(diagnostics.FromError("read", k.String(), err))
	}
	return err == nil, diags
}

// ParseID is the id of a resource in the state, which must be the one that its
// key has in the vCenter of l. A provider that was pointed to another vCenter
// finds nothing there, and that proves nothing.
func ParseID(l *ledger.Ledger, k Key, stateID string) (uuid.UUID, diag.Diagnostics) {
	var diags diag.Diagnostics
	id := k.ID(l)
	if stateID != id.String() {
		diags.AddError("Unable to read "+k.String(), fmt.Sprintf(
			"It has the id %s in the state and would have %s in the vCenter that the provider is connected to: "+
				"it belongs to another vCenter. Set vcenter_server of the provider back, or remove the resource from the state with `terraform state rm`.",
			stateID, id))
	}
	return id, diags
}

// InDoubt tells whether a create that failed with err may have been carried
// out: the answer was lost, not refused. With its id in the state, the next
// apply deletes what there may be and makes it anew.
func InDoubt(err error) bool {
	return engine.Transient(err) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

// Exists is the error of a create where a record of that name is there.
func Exists(k Key, resourceType string) diag.Diagnostic {
	return diag.NewAttributeErrorDiagnostic(path.Root("name"),
		diagnostics.Title(k.String())+" exists",
		fmt.Sprintf("Something of this name is registered in vCenter already. Choose another name, or take it over: "+
			"terraform import %s.<name> %s", resourceType, k.importID()))
}

// Import sets id, name and gateway_id from `name` or `<gateway id>/<name>`.
// The read that follows does the rest.
func Import(ctx context.Context, c *connection.Connection, kind ledgerrecord.Kind, req resource.ImportStateRequest, resp *resource.ImportStateResponse) {
	k := Key{Kind: kind, Name: req.ID}
	if gateway, name, ok := strings.Cut(req.ID, "/"); ok {
		if uuid.Validate(gateway) != nil || name == "" {
			resp.Diagnostics.AddError("Unable to import "+kind.String(),
				fmt.Sprintf("%q is neither a name nor of the form <gateway id>/<name>.", req.ID))
			return
		}
		k.GatewayID, k.Name = gateway, name
		resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root("gateway_id"), gateway)...)
	}
	l, err := c.Ledger(ctx)
	if err != nil {
		resp.Diagnostics.Append(diagnostics.FromError("import", k.String(), err))
		return
	}
	resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root("id"), k.ID(l).String())...)
	resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root("name"), k.Name)...)
}

// PlanCreate is the id of a record that is about to be made, or unknown while
// what it is derived from is. A record of that name that is there already is
// an error, unless it may be the former self of a resource that is being
// replaced: then the apply decides.
func PlanCreate(ctx context.Context, c *connection.Connection, k Key, name, gatewayID types.String, resourceType string) (types.String, diag.Diagnostics) {
	var diags diag.Diagnostics
	if name.IsUnknown() || gatewayID.IsUnknown() {
		return types.StringUnknown(), diags
	}
	l, err := c.Ledger(ctx)
	if errors.Is(err, connection.ErrUnknownConfig) {
		return types.StringUnknown(), diags
	}
	if err != nil {
		diags.Append(diagnostics.FromError("plan", k.String(), err))
		return types.StringUnknown(), diags
	}
	id := k.ID(l)
	c.MarkPlanned(id.String())
	switch _, err := l.Record(ctx, id); {
	case err == nil && c.Seen(id.String()):
		diags.AddAttributeWarning(path.Root("name"), diagnostics.Title(k.String())+" is still there",
			"The apply deletes it before it makes the new one. With create_before_destroy the apply fails: the name is unique.")
	case err == nil:
		diags.Append(Exists(k, resourceType))
	case !errors.Is(err, ledger.ErrNotFound):
		diags.Append(diagnostics.FromError("plan", k.String(), err))
	}
	return types.StringValue(id.String()), diags
}
