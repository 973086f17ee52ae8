package nodeschema

import (
	"github.com/hashicorp/terraform-plugin-framework-validators/setvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/gantry/terraform-provider-gantry/internal/provider/attribute"
)

// ReplaceNodes is the attribute replace_nodes, with how nodes are built anew.
func ReplaceNodes(how string) schema.SetAttribute {
	return schema.SetAttribute{
		Optional:    true,
		ElementType: types.StringType,
		MarkdownDescription: "Names of nodes that the next apply builds anew, " + how + "; " +
			"a control-plane node that is not Ready goes before its successor is built, and only as long as the others keep the quorum of " +
			"etcd. Successors have other names, so a name may stay here after its node was replaced, and means nothing more. " +
			"With DHCP, while the API does not answer, a control-plane node of which no VM is visible, and of whose VM this state has no " +
			"reference, counts as gone once its name is here. " +
			"A name that no node has or had is refused. Defaults to none.",
		Validators: []validator.Set{attribute.NoNulls{}, setvalidator.ValueStringsAre(stringvalidator.LengthAtLeast(1))},
	}
}
