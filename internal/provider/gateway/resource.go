// Package gateway is gantry_gateway: the cluster next to vCenter in which a
// console's agents run.
package gateway

import (
	"github.com/hashicorp/terraform-plugin-framework/resource"

	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
	"github.com/gantry/terraform-provider-gantry/internal/provider/attribute"
	"github.com/gantry/terraform-provider-gantry/internal/provider/enginecrud"
	"github.com/gantry/terraform-provider-gantry/internal/provider/nodeschema"
)

var (
	_ resource.ResourceWithConfigure      = (*gatewayResource)(nil)
	_ resource.ResourceWithImportState    = (*gatewayResource)(nil)
	_ resource.ResourceWithModifyPlan     = (*gatewayResource)(nil)
	_ resource.ResourceWithValidateConfig = (*gatewayResource)(nil)
)

type gatewayResource struct {
	enginecrud.Driver[model, *model]
}

// typeName is the type of the resource and of the data source in configurations.
const typeName = "gantry_gateway"

// typedSchema is newSchema, made once.
var typedSchema = attribute.SchemaOnce(newSchema)

// NewResource returns the resource gantry_gateway.
func NewResource() resource.Resource {
	return &gatewayResource{enginecrud.Driver[model, *model]{
		TypeName:  typeName,
		Kind:      record.KindGateway,
		NewSchema: typedSchema,
		Rules:     rules,
		// That there is another token, its version says.
		ApplyOnly: map[string]bool{"pairing_code_wo": true, nodeschema.RegistryPassword: true},
		Hooks:     enginecrud.Hooks[*model]{AfterPlan: checkPlan, BeforeApply: applyPool},
	}}
}
