package enginecrud

import (
	"context"
	"fmt"
	"os"

	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"

	"github.com/gantry/terraform-provider-gantry/internal/engine"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
	"github.com/gantry/terraform-provider-gantry/internal/provider/attribute"
	"github.com/gantry/terraform-provider-gantry/internal/provider/crud"
	"github.com/gantry/terraform-provider-gantry/internal/provider/diagnostics"
	"github.com/gantry/terraform-provider-gantry/internal/provider/importdata"
)

// ImportKubeconfig is the environment variable that names the kubeconfig with
// which import reads what the cluster holds.
const ImportKubeconfig = "GANTRY_IMPORT_KUBECONFIG"

// ImportState implements resource.ResourceWithImportState: the configuration and
// the certificate authorities are in Secrets of the cluster itself.
func (d *Driver[T, M]) ImportState(ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse) {
	ref, err := attribute.ParseImportID(d.Kind, req.ID)
	subject := record.Ref{Kind: d.Kind, Name: ref.Name}.Describe()
	if err != nil {
		resp.Diagnostics.Append(diagnostics.FromError("import", subject, err))
		return
	}
	kubeconfig, err := importKubeconfig()
	var eng *engine.Engine
	if err == nil {
		eng, err = newEngine(ctx, d.conn, nil)
	}
	var found *engine.Import
	if err == nil {
		found, err = eng.Import(ctx, ref, kubeconfig)
	}
	if err != nil {
		resp.Diagnostics.Append(diagnostics.FromError("import", subject, err))
		return
	}

	value, err := importdata.DecodeConfig(found.Data[importdata.ConfigKey], resp.State.Raw.Type())
	if err != nil {
		resp.Diagnostics.Append(diagnostics.FromError("import", subject,
			fmt.Errorf("the configuration in the cluster cannot be read: %w", err)))
		return
	}
	resp.State.Raw = value
	resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root("id"), attribute.IDValue(found.ID))...)
	resp.Diagnostics.Append(crud.WriteIdentity(ctx, resp.Private, crud.Identity{ID: found.ID, Incarnation: found.Incarnation})...)
	resp.Diagnostics.Append(WriteSecrets(ctx, resp.Private, found.Secrets)...)
}

// importKubeconfig reads the kubeconfig that the environment names.
func importKubeconfig() ([]byte, error) {
	file := os.Getenv(ImportKubeconfig)
	if file == "" {
		return nil, fmt.Errorf("the certificate authorities and the configuration are read from the cluster itself: "+
			"set %s to the path of a kubeconfig of its administrator", ImportKubeconfig)
	}
	kubeconfig, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("the kubeconfig that %s names cannot be read: %w", ImportKubeconfig, err)
	}
	return kubeconfig, nil
}
