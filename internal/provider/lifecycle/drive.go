package lifecycle

import (
	"context"
	"fmt"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-log/tflog"

	"github.com/gantry/terraform-provider-gantry/internal/engine"
	"github.com/gantry/terraform-provider-gantry/internal/provider/connection"
	"github.com/gantry/terraform-provider-gantry/internal/provider/diagnostics"
)

// Identity is the vSphere user that builds; the zero value is the provider's.
type Identity struct {
	Server, Username, Password string
	CACertificate              string
	Insecure                   bool
}

// Engine makes an engine that reads and deletes as the provider and builds as
// the identity. Where that has no password, the provider's own login stands in,
// but only for the same user name: nothing is built under another name.
func Engine(ctx context.Context, conn *connection.Connection, builder *Identity) (*engine.Engine, error) {
	reader, err := conn.VCenter(ctx)
	if err != nil {
		return nil, err
	}
	book, err := conn.Ledger(ctx)
	if err != nil {
		return nil, err
	}
	e := &engine.Engine{
		Reader: reader, Builder: reader, Ledger: book, Kube: conn.Kube(),
		Parallel: conn.MaxParallel(), Timing: conn.Timing(), Report: report,
	}
	switch {
	case builder == nil:
		return e, nil
	case builder.Password == "" && conn.IsProvider(builder.Username):
		return e, nil
	case builder.Password == "":
		return nil, fmt.Errorf("the password of %s is not known here, and the provider logs in as another user; keep the account's password in the state, or give it with cloud_account_password_wo", builder.Username)
	}
	account, err := conn.Account(ctx, builder.Server, builder.Username, builder.Password, builder.CACertificate, builder.Insecure)
	if err != nil {
		return nil, err
	}
	mine, err := reader.InstanceUUID(ctx)
	if err != nil {
		return nil, err
	}
	theirs, err := account.InstanceUUID(ctx)
	if err != nil {
		return nil, err
	}
	if mine != theirs {
		return nil, fmt.Errorf("the account's vCenter %s is not the one that the provider is connected to, and addresses are handed out by that one alone; configure a provider for it", builder.Server)
	}
	e.Builder = account
	return e, nil
}

func report(ctx context.Context, ev engine.Event) {
	tflog.Info(ctx, ev.Message, map[string]any{"action": string(ev.Step.Action), "target": ev.Step.Target})
}

// Thing is what a message is about.
type Thing struct{ Kind, Name string }

func (t Thing) String() string { return fmt.Sprintf("%s %q", t.Kind, t.Name) }

// Created takes over how a creation ended. Once the API has answered, what
// failed after is a warning: an error would taint, and a taint destroys at the
// next apply what only needs mending.
func Created(ctx context.Context, c *Computed, thing Thing, out *engine.Outcome, err error, secrets *engine.Secrets, strict bool) diag.Diagnostics {
	diags := takeOver(ctx, c, out, secrets)
	switch {
	case err == nil:
	case out.Answered && !strict:
		diags.AddWarning(fmt.Sprintf("%s is not complete", thing),
			diagnostics.Detail(err)+"\n\nIts API answers, so it is kept and its state is Degraded. The next plan shows what is left to do, and apply does it.")
	case out.ID == "":
		diags.Append(diagnostics.FromError("create", thing.String(), err))
	default:
		diags.AddError("Unable to create "+thing.String(), diagnostics.Detail(err)+
			"\n\nIt is kept in the state and tainted: the next apply destroys what was built and builds it again. To go on with what was built instead, run `terraform untaint` (or `tofu untaint`) on it and apply.")
	}
	return diags
}

// Updated takes over how an update ended.
func Updated(ctx context.Context, c *Computed, thing Thing, out *engine.Outcome, err error, secrets *engine.Secrets) diag.Diagnostics {
	diags := takeOver(ctx, c, out, secrets)
	if err != nil {
		diags.Append(diagnostics.FromError("update", thing.String(), err))
	}
	return diags
}

func takeOver(ctx context.Context, c *Computed, out *engine.Outcome, secrets *engine.Secrets) diag.Diagnostics {
	var diags diag.Diagnostics
	for _, w := range out.Warnings {
		diags.AddWarning(w.Summary, w.Detail)
	}
	if c.PlannedChanges.IsUnknown() && out.Changes != nil {
		diags.Append(c.SetChanges(ctx, out.Changes)...)
	}
	if out.Status != nil {
		diags.Append(c.SetStatus(ctx, out.Status, secrets, time.Now())...)
	}
	return diags
}
