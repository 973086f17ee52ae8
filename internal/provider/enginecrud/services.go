package enginecrud

import (
	"github.com/hashicorp/terraform-plugin-framework/attr"
	datasource "github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// ServiceReporter is implemented by models with the services of a cluster, which follow from
// its status.
type ServiceReporter interface {
	// ServicesValue is where they stand.
	ServicesValue() *types.Map
}

func servicesOf(m Model) *types.Map {
	if reporter, ok := m.(ServiceReporter); ok {
		return reporter.ServicesValue()
	}
	return nil
}

// markServicesUnknown follows the rest of the status.
func markServicesUnknown(m Model) {
	if services := servicesOf(m); services != nil && m.base().State.IsUnknown() {
		*services = types.MapUnknown(serviceType)
	}
}

// setServices sets what was read; what could not be read keeps its value.
func setServices(m Model, status *model.Status) {
	if services := servicesOf(m); services != nil && status.ServicesRead {
		*services = ServicesValue(status.Services)
	}
}

// keepServices is KeepStatus for them.
func keepServices(m, prior Model) {
	if services := servicesOf(m); services != nil && services.IsUnknown() {
		*services = *servicesOf(prior)
	}
}

// nullServices is NullUnknowns for them.
func nullServices(m Model) {
	if services := servicesOf(m); services != nil && services.IsUnknown() {
		*services = types.MapNull(serviceType)
	}
}

var (
	portType = types.ObjectType{AttrTypes: map[string]attr.Type{
		"name": types.StringType, "port": types.Int64Type, "node_port": types.Int64Type, "protocol": types.StringType,
	}}
	serviceType = types.ObjectType{AttrTypes: map[string]attr.Type{
		"type": types.StringType, "addresses": types.ListType{ElemType: types.StringType}, "ports": types.ListType{ElemType: portType},
	}}
)

// ServicesValue are services by namespace and name.
func ServicesValue(services []model.Service) types.Map {
	byName := make(map[string]attr.Value, len(services))
	for _, s := range services {
		addresses := make([]attr.Value, len(s.Addresses))
		for i, address := range s.Addresses {
			addresses[i] = types.StringValue(address)
		}
		ports := make([]attr.Value, len(s.Ports))
		for i, p := range s.Ports {
			nodePort := types.Int64Null()
			if p.NodePort != 0 {
				nodePort = types.Int64Value(int64(p.NodePort))
			}
			ports[i] = types.ObjectValueMust(portType.AttrTypes, map[string]attr.Value{
				"name": types.StringValue(p.Name), "port": types.Int64Value(int64(p.Port)), "node_port": nodePort,
				"protocol": types.StringValue(p.Protocol),
			})
		}
		byName[s.Namespace+"/"+s.Name] = types.ObjectValueMust(serviceType.AttrTypes, map[string]attr.Value{
			"type":      types.StringValue(s.Type),
			"addresses": types.ListValueMust(types.StringType, addresses),
			"ports":     types.ListValueMust(portType, ports),
		})
	}
	return types.MapValueMust(serviceType, byName)
}

// The sentences of the documentation, which resource and data source share.
const servicesDoc = "Services of type LoadBalancer and NodePort, keyed by namespace and name, such as `web/ingress`"

var serviceDocs = map[string]string{
	"type":      "`LoadBalancer` or `NodePort`.",
	"addresses": "Addresses and host names that its load balancer has given it; empty for none yet, and for a NodePort.",
	"ports":     "Its ports, in order.",
	"name":      "Name of the port; empty for none.",
	"port":      "Port at the service's addresses.",
	"node_port": "Port at each node; null for none.",
	"protocol":  "`TCP`, `UDP` or `SCTP`.",
}

// ServicesAttribute is the schema of the services of a resource.
func ServicesAttribute() schema.MapNestedAttribute {
	return schema.MapNestedAttribute{
		Computed: true,
		MarkdownDescription: servicesDoc + ". As of the last refresh that reached the API; null before there was one. " +
			"One that a pack brings is here when the apply ends, and its address as soon as its load balancer has given it one: " +
			"with the next refresh at the latest.",
		NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
			"type":      computedText(serviceDocs["type"]),
			"addresses": schema.ListAttribute{Computed: true, ElementType: types.StringType, MarkdownDescription: serviceDocs["addresses"]},
			"ports": schema.ListNestedAttribute{
				Computed:            true,
				MarkdownDescription: serviceDocs["ports"],
				NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
					"name":      computedText(serviceDocs["name"]),
					"port":      schema.Int64Attribute{Computed: true, MarkdownDescription: serviceDocs["port"]},
					"node_port": schema.Int64Attribute{Computed: true, MarkdownDescription: serviceDocs["node_port"]},
					"protocol":  computedText(serviceDocs["protocol"]),
				}},
			},
		}},
	}
}

// LookupServices is the schema of the services of a data source.
func LookupServices(when string) datasource.MapNestedAttribute {
	text := func(name string) datasource.StringAttribute {
		return datasource.StringAttribute{Computed: true, MarkdownDescription: serviceDocs[name]}
	}
	number := func(name string) datasource.Int64Attribute {
		return datasource.Int64Attribute{Computed: true, MarkdownDescription: serviceDocs[name]}
	}
	attributes := map[string]datasource.Attribute{
		"type":      text("type"),
		"addresses": datasource.ListAttribute{Computed: true, ElementType: types.StringType, MarkdownDescription: serviceDocs["addresses"]},
		"ports": datasource.ListNestedAttribute{
			Computed:            true,
			MarkdownDescription: serviceDocs["ports"],
			NestedObject: datasource.NestedAttributeObject{Attributes: map[string]datasource.Attribute{
				"name": text("name"), "port": number("port"), "node_port": number("node_port"), "protocol": text("protocol"),
			}},
		},
	}
	return datasource.MapNestedAttribute{
		Computed:            true,
		MarkdownDescription: servicesDoc + "; " + when,
		NestedObject:        datasource.NestedAttributeObject{Attributes: attributes},
	}
}

// NoServices is what a data source shows that has not asked.
func NoServices() types.Map { return types.MapNull(serviceType) }
