package lifecycle

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/gantry/terraform-provider-gantry/internal/engine"
	"github.com/gantry/terraform-provider-gantry/internal/provider/connection"
	"github.com/gantry/terraform-provider-gantry/internal/provider/diagnostics"
)

// ImportKubeconfig is the environment variable that names the kubeconfig by
// which import reads what the cluster keeps.
const ImportKubeconfig = "GANTRY_IMPORT_KUBECONFIG"

// NullValue is the null value of a schema's type.
func NullValue(ctx context.Context, schema schema.Schema) tftypes.Value {
	return tftypes.NewValue(schema.Type().TerraformType(ctx), nil)
}

// Import reads a cluster or gateway into the state. The id is its name, or
// `<gateway id>/<name>`.
func Import(ctx context.Context, kind engine.Kind, id string, conn *connection.Connection, resp *resource.ImportStateResponse) {
	target := engine.Target{Kind: kind, Name: id}
	if gateway, name, ok := strings.Cut(id, "/"); ok {
		target.GatewayID, target.Name = gateway, name
	}
	thing := Thing{Kind: string(kind), Name: target.Name}
	file := os.Getenv(ImportKubeconfig)
	if file == "" {
		resp.Diagnostics.AddError("Unable to import "+thing.String(),
			"Import reads the certificate authorities and the configuration from the cluster itself. Set "+ImportKubeconfig+" to the path of a kubeconfig of its administrator.")
		return
	}
	kubeconfig, err := os.ReadFile(file)
	if err != nil {
		resp.Diagnostics.AddError("Unable to import "+thing.String(), fmt.Sprintf("The kubeconfig that %s names cannot be read: %s.", ImportKubeconfig, err))
		return
	}
	eng, err := Engine(ctx, conn, nil)
	var found *engine.Import
	if err == nil {
		found, err = eng.Import(ctx, target, kubeconfig)
	}
	if err != nil {
		resp.Diagnostics.Append(diagnostics.FromError("import", thing.String(), err))
		return
	}
	value, err := Unkeep(found.Kept[KeepConfig], resp.State.Raw.Type())
	if err != nil {
		resp.Diagnostics.AddError("Unable to import "+thing.String(), fmt.Sprintf("What the cluster keeps of its configuration cannot be read: %s.", err))
		return
	}
	resp.State.Raw = value
	resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root("id"), types.StringValue(found.ID))...)
	resp.Diagnostics.Append(WriteSecrets(ctx, resp.Private, found.Secrets)...)
}
