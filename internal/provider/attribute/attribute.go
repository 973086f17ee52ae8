// Package attribute holds the schema of what several resources have in common:
// how things of Gantry's are named and identified.
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
	uuidForm   = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)
	domainForm = regexp.MustCompile(`^([A-Za-z0-9_]([-A-Za-z0-9_]{0,61}[A-Za-z0-9])?\.)*[A-Za-z0-9_]([-A-Za-z0-9_]{0,61}[A-Za-z0-9])?$`)
)

// ID is the identifier that is derived from vCenter, kind, gateway and name.
// It keeps its state in every plan; ModifyPlan sets it in the first.
func ID(thing string) schema.StringAttribute {
	return schema.StringAttribute{
		Computed: true,
		MarkdownDescription: fmt.Sprintf("Identifier of the %s, a UUID that is derived from vCenter, gateway and name. "+
			"It is known in the first plan and the same if the %s is made again.", thing, thing),
		PlanModifiers: []planmodifier.String{stringplanmodifier.UseStateForUnknown()},
	}
}

// Name is the name that makes a thing unique in its gateway.
func Name(thing string) schema.StringAttribute {
	return schema.StringAttribute{
		Required: true,
		MarkdownDescription: fmt.Sprintf("Name of the %s, unique in its gateway: 1 to %d letters, digits, `-`, `_` and `.`, "+
			"with a letter or digit at both ends. A change replaces the %s.", thing, maxName, thing),
		PlanModifiers: []planmodifier.String{stringplanmodifier.RequiresReplace()},
		Validators: []validator.String{
			stringvalidator.LengthBetween(1, maxName),
			stringvalidator.RegexMatches(nameForm,
				"must consist of letters, digits, `-`, `_` and `.` and have a letter or digit at both ends"),
		},
	}
}

// GatewayID is the gateway that a thing belongs to.
func GatewayID(thing string) schema.StringAttribute {
	return schema.StringAttribute{
		Optional: true,
		MarkdownDescription: fmt.Sprintf("Id of the gateway that the %s belongs to. Defaults to none: the %s then belongs to the system gateway, "+
			"which is Gantry itself. A change replaces the %s.", thing, thing, thing),
		PlanModifiers: []planmodifier.String{stringplanmodifier.RequiresReplace()},
		Validators:    []validator.String{UUID()},
	}
}

// UUID validates that a string is a UUID in lower case.
func UUID() validator.String {
	return stringvalidator.RegexMatches(uuidForm, "must be a UUID in lower case")
}

// DomainName validates that a string is a DNS domain name without a trailing dot.
func DomainName() validator.String {
	return stringvalidator.RegexMatches(domainForm, "must be a domain name such as example.com")
}
