package enginecrud

import (
	"context"

	"github.com/google/uuid"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
	"github.com/gantry/terraform-provider-gantry/internal/provider/connection"
	"github.com/gantry/terraform-provider-gantry/internal/provider/crud"
)

// Model is the values of a resource that the engine builds; its type embeds Base.
// What only some resources have is an interface of its own: Identifier, Protector,
// AccountUser, Restorer, crud.WriteOnly, ServiceReporter, ImageLister and Deriver.
type Model interface {
	based
	// Spec is the spec of a plan or state all of whose inputs are known; write-only
	// values may be missing.
	Spec(ctx context.Context) (model.ClusterSpec, diag.Diagnostics)
	// Target identifies what a state holds.
	Target(ctx context.Context) (model.Target, diag.Diagnostics)
	// AttributePath returns the attribute that a field of the spec stands for.
	AttributePath(model.Field) path.Path
}

// Identifier is implemented by models with values that follow from the
// configuration and vCenter alone.
type Identifier interface {
	// Identify sets them, and refuses what belongs to another vCenter than conn's.
	Identify(ctx context.Context, conn *connection.Connection) diag.Diagnostics
}

// Protector is implemented by models whose configuration can protect from
// deletion.
type Protector interface {
	// CheckDeletion refuses a deletion that the configuration protects from.
	CheckDeletion() diag.Diagnostics
}

// AccountUser is implemented by models that name the cloud account that builds.
type AccountUser interface {
	// Account returns the account; nil while it is not known.
	Account(ctx context.Context) (*Account, diag.Diagnostics)
}

// Deriver is implemented by models with values that follow from the secrets.
type Deriver interface {
	// MarkDerivedUnknown is called in a plan that issues a kubeconfig.
	MarkDerivedUnknown()
	SetDerived(secrets *model.Secrets) diag.Diagnostics
}

// Heir is implemented by models that take the proxy of their gateway when they are
// created, and keep it.
type Heir interface {
	// PlanInherited is called in the plan of a creation: null is what it does not take.
	PlanInherited()
	// SetInherited sets what a creation has taken, or what an import has found; nil: none.
	SetInherited(proxy *record.Proxy) diag.Diagnostics
}

// Account is the vSphere identity of a cloud account.
type Account struct {
	ID       uuid.UUID
	Server   string
	Username string
	Password string // empty: not known here
	// PasswordVersion is the number of a password that no state has; nil: the account's
	// state has the password.
	PasswordVersion *int64
	CACertificate   string
	Insecure        bool
}

func identify(ctx context.Context, m Model, conn *connection.Connection) diag.Diagnostics {
	if identifier, ok := m.(Identifier); ok {
		return identifier.Identify(ctx, conn)
	}
	return nil
}

func checkDeletion(m Model) diag.Diagnostics {
	if protector, ok := m.(Protector); ok {
		return protector.CheckDeletion()
	}
	return nil
}

// accountOf returns the account that builds; nil for the provider's own identity.
func accountOf(ctx context.Context, m Model) (*Account, diag.Diagnostics) {
	if user, ok := m.(AccountUser); ok {
		return user.Account(ctx)
	}
	return nil, nil
}

func markDerivedUnknown(m Model) {
	if deriver, ok := m.(Deriver); ok {
		deriver.MarkDerivedUnknown()
	}
}

func setDerived(m Model, secrets *model.Secrets) diag.Diagnostics {
	if deriver, ok := m.(Deriver); ok {
		return deriver.SetDerived(secrets)
	}
	return nil
}

func planInherited(m Model) {
	if heir, ok := m.(Heir); ok {
		heir.PlanInherited()
	}
}

func setInherited(m Model, proxy *record.Proxy) diag.Diagnostics {
	if heir, ok := m.(Heir); ok {
		return heir.SetInherited(proxy)
	}
	return nil
}

// save writes a state in which nothing is unknown.
func save(ctx context.Context, m Model, secrets *model.Secrets, state *tfsdk.State) diag.Diagnostics {
	diags := settle(m, secrets)
	diags.Append(state.Set(ctx, m)...)
	return diags
}

// settle makes values those of a state.
func settle(m Model, secrets *model.Secrets) diag.Diagnostics {
	crud.ClearWriteOnly(m)
	m.base().NullUnknowns()
	nullServices(m)
	nullImages(m)
	return setDerived(m, secrets)
}
