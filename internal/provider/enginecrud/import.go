package enginecrud

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"

	"github.com/gantry/terraform-provider-gantry/internal/engine"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
	"github.com/gantry/terraform-provider-gantry/internal/pki"
	"github.com/gantry/terraform-provider-gantry/internal/provider/attribute"
	"github.com/gantry/terraform-provider-gantry/internal/provider/crud"
	"github.com/gantry/terraform-provider-gantry/internal/provider/diagnostics"
	"github.com/gantry/terraform-provider-gantry/internal/provider/importdata"
)

// ImportKubeconfig is the environment variable that names the kubeconfig with
// which import reads what the cluster holds.
const ImportKubeconfig = "GANTRY_IMPORT_KUBECONFIG"

// ImportAuthorities is the environment variable that names the directory from which
// import reads the certificate authorities, by kubeadm's names of their files; without
// it, they are read from the cluster. A creation from a snapshot reads them there, too.
const ImportAuthorities = "GANTRY_IMPORT_AUTHORITIES"

// ImportState implements resource.ResourceWithImportState. With a kubeconfig, what runs
// is imported; without, what nothing runs of any more, to be destroyed.
func (d *Driver[T, M]) ImportState(ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse) {
	ref, err := attribute.ParseImportID(d.Kind, req.ID)
	if err == nil {
		err = d.importState(ctx, ref, resp)
	}
	if err != nil {
		subject := record.Ref{Kind: d.Kind, Name: ref.Name}.Describe()
		resp.Diagnostics.Append(diagnostics.FromError("import", subject, err))
	}
}

func (d *Driver[T, M]) importState(ctx context.Context, ref record.Ref, resp *resource.ImportStateResponse) error {
	kubeconfig, err := importKubeconfig()
	if err != nil {
		return err
	}
	eng, err := newEngine(ctx, d.conn, nil)
	if err != nil {
		return err
	}
	if kubeconfig == nil {
		return d.importRemains(ctx, eng, ref, resp)
	}
	return d.importRunning(ctx, eng, ref, kubeconfig, resp)
}

// importRunning imports what runs: the configuration is in a Secret of the cluster
// itself, and so are the certificate authorities unless the cluster leaves them out.
func (d *Driver[T, M]) importRunning(
	ctx context.Context, eng *engine.Engine, ref record.Ref, kubeconfig []byte, resp *resource.ImportStateResponse,
) error {
	found, err := importWith(ctx, eng, ref, kubeconfig)
	if err != nil {
		return err
	}
	value, err := importdata.DecodeConfig(found.Data[importdata.ConfigKey], resp.State.Raw.Type())
	if err != nil {
		return errors.New("the configuration that the cluster stores is not as Gantry writes it")
	}
	resp.State.Raw = value
	m := M(new(T))
	resp.Diagnostics.Append(resp.State.Get(ctx, m)...)
	resp.Diagnostics.Append(setInherited(m, found.GatewayProxy)...)
	if resp.Diagnostics.HasError() {
		return nil
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, m)...)
	resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root("id"), attribute.IDValue(found.ID))...)
	resp.Diagnostics.Append(crud.WriteIdentity(ctx, resp.Private, crud.Identity{ID: found.ID, Incarnation: found.Incarnation})...)
	resp.Diagnostics.Append(WriteSecrets(ctx, resp.Private, found.Secrets)...)
	resp.Diagnostics.Append(crud.WritePrivate(ctx, resp.Private, privateImported, true)...)
	if !resp.Diagnostics.HasError() {
		resp.Diagnostics.Append(d.checkImported(ctx, ref, resp.State)...)
	}
	return nil
}

// checkImported refuses a configuration that names another object than the one that is
// imported: its state would be taken for that one's.
func (d *Driver[T, M]) checkImported(ctx context.Context, ref record.Ref, state tfsdk.State) diag.Diagnostics {
	m := M(new(T))
	diags := state.Get(ctx, m)
	if diags.HasError() {
		return diags
	}
	target, diags := m.Target(ctx)
	if !diags.HasError() && target.Ref != ref {
		diags.Append(diagnostics.FromError("import", ref.Describe(),
			fmt.Errorf("the configuration that the cluster stores is of another one, %s", target.Describe())))
	}
	return diags
}

// importWith imports with the certificate authorities that the environment names, if
// it does.
func importWith(ctx context.Context, eng *engine.Engine, ref record.Ref, kubeconfig []byte) (*engine.Import, error) {
	authorities, err := importAuthorities()
	if err != nil {
		return nil, err
	}
	found, err := eng.Import(ctx, engine.ImportRequest{Ref: ref, Kubeconfig: kubeconfig, Authorities: authorities})
	if errors.Is(err, engine.ErrNoAuthorities) {
		return nil, fmt.Errorf("%w; set %s to a directory that holds them, with the names that they have below /etc/kubernetes/pki "+
			"of a control-plane node: %s", err, ImportAuthorities, strings.Join(pki.AuthorityFiles(), ", "))
	}
	return found, err
}

// importAuthorities reads the certificate authorities that the environment names; nil
// where it names none.
func importAuthorities() (*pki.Authorities, error) {
	dir := os.Getenv(ImportAuthorities)
	if dir == "" {
		return nil, nil
	}
	content := map[string][]byte{}
	for _, name := range pki.AuthorityFiles() {
		data, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(name)))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("a file of the directory that %s names cannot be read: %w", ImportAuthorities, err)
		}
		content[name] = data
	}
	authorities, err := pki.AuthoritiesFromFiles(content)
	if err != nil {
		return nil, fmt.Errorf("the directory that %s names cannot be used: %w", ImportAuthorities, err)
	}
	return authorities, nil
}

// importKubeconfig reads the kubeconfig that the environment names; nil where it names
// none.
func importKubeconfig() ([]byte, error) {
	file := os.Getenv(ImportKubeconfig)
	if file == "" {
		return nil, nil
	}
	kubeconfig, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("the kubeconfig that %s names cannot be read: %w", ImportKubeconfig, err)
	}
	return kubeconfig, nil
}
