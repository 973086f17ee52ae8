package enginecrud

import (
	"context"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-log/tflog"

	"github.com/gantry/terraform-provider-gantry/internal/engine"
	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/ova"
	"github.com/gantry/terraform-provider-gantry/internal/provider/connection"
	"github.com/gantry/terraform-provider-gantry/internal/provider/crud"
	"github.com/gantry/terraform-provider-gantry/internal/provider/diagnostics"
	"github.com/gantry/terraform-provider-gantry/internal/provider/eventlog"
	"github.com/gantry/terraform-provider-gantry/internal/vsphere"
)

// newEngine returns an engine that reads and deletes as the provider and builds as
// the account; nil is the provider itself.
func newEngine(ctx context.Context, conn *connection.Connection, account *Account) (*engine.Engine, error) {
	reader, err := conn.VCenter(ctx)
	if err != nil {
		return nil, err
	}
	ledger, err := conn.Ledger(ctx)
	if err != nil {
		return nil, err
	}
	builder, err := builderFor(ctx, conn, reader, account)
	if err != nil {
		return nil, err
	}
	inside, err := conn.Inside()
	if err != nil {
		return nil, err
	}
	return &engine.Engine{
		Inside:   inside,
		Reader:   reader,
		Builder:  builder,
		Ledger:   ledger,
		Kube:     conn.Kube(),
		Images:   ova.Source{},
		Charts:   conn.Charts(),
		Parallel: conn.MaxParallel(),
		Timing:   conn.Timing(),
		Events:   true,
		Report:   reporter(conn.EventLog()),
	}, nil
}

// builderFor logs in as the account. Where its password is not known, the
// provider's own login stands in, but only for the same user name: nothing is
// built under another name.
func builderFor(ctx context.Context, conn *connection.Connection, reader *vsphere.Client, account *Account) (*vsphere.Client, error) {
	switch {
	case account == nil:
		return reader, nil
	case account.Password == "" && conn.IsProvider(account.Username):
		return reader, nil
	case account.Password == "":
		return nil, fmt.Errorf("the password of %s is not known here, and the provider logs in as another user; "+
			"keep the account's password in the state, or give it with cloud_account_password_wo", account.Username)
	}

	builder, err := conn.Account(ctx, account.Server, account.Username, account.Password, account.CACertificate, account.Insecure)
	if err != nil {
		return nil, err
	}
	mine, err := reader.InstanceUUID(ctx)
	if err != nil {
		return nil, err
	}
	theirs, err := builder.InstanceUUID(ctx)
	if err != nil {
		return nil, err
	}
	if mine != theirs {
		return nil, fmt.Errorf("the account's vCenter %s is not the one that the provider is connected to, which alone hands out addresses; "+
			"configure a provider for it", account.Server)
	}
	return builder, nil
}

// packAccount is what packs log in to vCenter as: nil for the provider's own identity, which
// is not for clusters.
func packAccount(conn *connection.Connection, account *Account) (*model.Account, error) {
	if account == nil || account.Server == "" {
		return nil, nil
	}
	server, err := connection.ParseServer(account.Server)
	if err != nil {
		return nil, err
	}
	certificate, insecure := conn.Verification(account.Server, account.CACertificate, account.Insecure)
	if certificate != "" {
		bundle, err := connection.ReadCACertificate(certificate)
		if err != nil {
			return nil, err
		}
		certificate = bundle.PEM()
	}
	return &model.Account{
		Server:        server,
		Username:      account.Username,
		Password:      account.Password,
		Version:       account.PasswordVersion,
		CACertificate: certificate,
		Insecure:      insecure,
	}, nil
}

// setAccount sets what the packs of a spec log in as.
func (d *Driver[T, M]) setAccount(spec *model.ClusterSpec, account *Account) diag.Diagnostics {
	var err error
	if spec.Account, err = packAccount(d.conn, account); err != nil {
		at := path.Root("cloud_account")
		return diag.Diagnostics{diagnostics.AttributeError(at, "Unable to use the cloud account", diagnostics.Detail(err))}
	}
	return nil
}

// checkVCenter returns an error where the secrets are used in another vCenter than
// the engine's: that one has no record of the object, which proves nothing.
func checkVCenter(ctx context.Context, eng *engine.Engine, secrets *model.Secrets) error {
	if secrets == nil || secrets.VCenter == "" {
		return nil
	}
	connected, err := eng.Reader.InstanceUUID(ctx)
	if err != nil || connected == secrets.VCenter {
		return err
	}
	return fmt.Errorf("it was created in the vCenter with the instance UUID %s, and the provider is connected to %s; "+
		"set vcenter_server of the provider back, or remove it from the state with `terraform state rm`", secrets.VCenter, connected)
}

// reporter tells Terraform's log of each event, and the event log where there is one. What
// the event log cannot take stops nothing: the end of the run says so.
func reporter(log *eventlog.Log) func(context.Context, model.Event) {
	return func(ctx context.Context, event model.Event) {
		tflog.Info(ctx, event.Words(), map[string]any{"action": string(event.Step.Action), "target": event.Step.Target})
		if log == nil {
			return
		}
		if err := log.Write(event); err != nil {
			tflog.Warn(ctx, "the event log cannot be written", map[string]any{"error": err.Error()})
		}
	}
}

// eventLogWarning says that the event log is not whole.
func eventLogWarning(log *eventlog.Log) diag.Diagnostics {
	if log == nil || log.Err() == nil {
		return nil
	}
	return diag.Diagnostics{diag.NewWarningDiagnostic("Event log not written",
		fmt.Sprintf("What this run did is not, or not all, in the file of event_log: %s. The run itself is not affected.", log.Err()))}
}

// recoverPrivate reads the certificate authorities back from what runs, with the
// kubeconfig in the state: when a provider dies in an update, Terraform keeps the
// attributes of the resource and drops its private state. That the cluster answers to
// the kubeconfig proves that no other creation has taken its place. It returns nil
// where they cannot be read now; the next refresh tries again.
func recoverPrivate(ctx context.Context, eng *engine.Engine, target model.Target, computed *Computed) *engine.Import {
	kubeconfig := computed.Kubeconfig.ValueString()
	if kubeconfig == "" {
		return nil // its API never answered
	}
	found, err := importWith(ctx, eng, target.Ref, []byte(kubeconfig))
	if err != nil || found.ID != target.ID {
		tflog.Warn(ctx, "the certificate authorities are not in the state, and cannot be read from the cluster", map[string]any{"error": err})
		return nil
	}
	return found
}

// renewKubeconfig issues another kubeconfig in time, and stores it. That it fails is no
// reason not to read the rest: the present one works for months.
func renewKubeconfig(
	ctx context.Context, eng *engine.Engine, cluster string, secrets *model.Secrets, private crud.PrivateWriter,
) diag.Diagnostics {
	renewed, err := eng.RenewKubeconfig(cluster, secrets)
	if err != nil {
		return diag.Diagnostics{diag.NewWarningDiagnostic("Unable to renew the kubeconfig", diagnostics.Detail(err))}
	}
	if !renewed {
		return nil
	}
	return WriteSecrets(ctx, private, secrets)
}
