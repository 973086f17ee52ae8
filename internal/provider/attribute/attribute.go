// Package attribute holds what the schemas of several resources have in common:
// how objects are named, identified and imported, and how a schema is walked.
package attribute

import (
	"fmt"
	"regexp"

	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
)

// maxName leaves room for kind and gateway in a vSphere tag's name, which
// holds 256 characters.
const maxName = 80

var (
	nameForm   = regexp.MustCompile(`^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$`)
	domainForm = regexp.MustCompile(
		`^([A-Za-z0-9_]([-A-Za-z0-9_]{0,61}[A-Za-z0-9])?\.)*[A-Za-z0-9_]([-A-Za-z0-9_]{0,61}[A-Za-z0-9])?$`)
)

// ID is the schema of an identifier that is derived from vCenter, kind, gateway
// and name. It keeps its state in every plan; ModifyPlan sets it in the first.
func ID(kind string) schema.StringAttribute { return derivedID(kind, "vCenter, gateway and name") }

// GatewayOwnID is ID for a gateway, which belongs to no other.
func GatewayOwnID() schema.StringAttribute { return derivedID("gateway", "vCenter and name") }

func derivedID(kind, parts string) schema.StringAttribute {
	return schema.StringAttribute{
		Computed: true,
		MarkdownDescription: fmt.Sprintf("Identifier of the %s, a UUID that is derived from %s. "+
			"It is known in the first plan and stable across re-creation.", kind, parts),
		PlanModifiers: []planmodifier.String{stringplanmodifier.UseStateForUnknown()},
	}
}

// Name is the schema of a name that is unique among those of its kind and
// gateway.
func Name(kind string) schema.StringAttribute {
	name := NameInside("Name of the "+kind+", unique in its gateway", " A change replaces the "+kind+".")
	name.PlanModifiers = []planmodifier.String{stringplanmodifier.RequiresReplace()}
	return name
}

// NameInside is Name where no change of it replaces what it names; what says
// whose name it is, and change what a change of it does.
func NameInside(what, change string) schema.StringAttribute {
	return schema.StringAttribute{
		Required: true,
		MarkdownDescription: fmt.Sprintf("%s: 1 to %d letters, digits, `-`, `_` and `.`, with a letter or digit at both ends.%s",
			what, maxName, change),
		Validators: []validator.String{
			stringvalidator.LengthBetween(1, maxName),
			stringvalidator.RegexMatches(nameForm,
				"must consist of letters, digits, `-`, `_` and `.` and have a letter or digit at both ends"),
		},
	}
}

// GatewayID is the schema of the gateway that an object belongs to.
func GatewayID(kind string) schema.StringAttribute {
	return schema.StringAttribute{
		Optional: true,
		MarkdownDescription: fmt.Sprintf("Id of the gateway that the %s belongs to. Defaults to none: the %s then belongs to the "+
			"system gateway, "+
			"which is Gantry itself. A change replaces the %s.", kind, kind, kind),
		PlanModifiers: []planmodifier.String{stringplanmodifier.RequiresReplace()},
		Validators:    []validator.String{IDOf("gantry_gateway")},
	}
}

// DomainName validates that a string is a DNS domain name without a trailing dot.
func DomainName() validator.String {
	return stringvalidator.RegexMatches(domainForm, "must be a domain name such as example.com, without a dot at the end")
}
