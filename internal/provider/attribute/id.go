package attribute

import (
	"context"
	"fmt"
	"strings"

	"github.com/google/uuid"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
	"github.com/gantry/terraform-provider-gantry/internal/provider/diagnostics"
)

const invalidID = "Invalid id"

// parseID reads a UUID in the one spelling that ids have: in lower case, with
// hyphens.
func parseID(text string) (uuid.UUID, error) {
	id, err := uuid.Parse(text)
	if err != nil || id == uuid.Nil || id.String() != text {
		return uuid.Nil, fmt.Errorf("%q is not a UUID in lower case", text)
	}
	return id, nil
}

// ParseID returns the id in an attribute; uuid.Nil where it is null or unknown.
func ParseID(value types.String, at path.Path) (uuid.UUID, diag.Diagnostics) {
	if value.IsNull() || value.IsUnknown() {
		return uuid.Nil, nil
	}
	id, err := parseID(value.ValueString())
	if err != nil {
		return uuid.Nil, diag.Diagnostics{diagnostics.AttributeError(at, invalidID, diagnostics.Sentence(err.Error()))}
	}
	return id, nil
}

// IDValue is the attribute's value of an id; null for uuid.Nil.
func IDValue(id uuid.UUID) types.String {
	if id == uuid.Nil {
		return types.StringNull()
	}
	return types.StringValue(id.String())
}

// IDOf validates the id of another resource, and says which resource it is.
func IDOf(resourceType string) validator.String { return idValidator{resourceType} }

type idValidator struct{ resourceType string }

func (v idValidator) Description(context.Context) string {
	return "must be a UUID in lower case: reference the id of a " + v.resourceType
}

func (v idValidator) MarkdownDescription(ctx context.Context) string { return v.Description(ctx) }

func (v idValidator) ValidateString(ctx context.Context, req validator.StringRequest, resp *validator.StringResponse) {
	if req.ConfigValue.IsNull() || req.ConfigValue.IsUnknown() {
		return
	}
	if _, err := parseID(req.ConfigValue.ValueString()); err != nil {
		resp.Diagnostics.Append(diagnostics.AttributeError(req.Path, invalidID, fmt.Sprintf("The value %s, such as %s.example.id. It is %q.",
			v.Description(ctx), v.resourceType, req.ConfigValue.ValueString())))
	}
}

// ParseImportID reads what an object is imported by: `name`, or
// `<gateway id>/<name>` for one that belongs to a gateway.
func ParseImportID(kind record.Kind, text string) (record.Ref, error) {
	ref := record.Ref{Kind: kind, Name: text}
	gateway, name, found := strings.Cut(text, "/")
	if !found {
		return ref, nil
	}
	id, err := parseID(gateway)
	if err != nil || name == "" {
		return ref, fmt.Errorf("%q is neither a name nor of the form <gateway id>/<name>", text)
	}
	return record.Ref{Kind: kind, GatewayID: id, Name: name}, nil
}

// FormatImportID returns what ParseImportID reads.
func FormatImportID(ref record.Ref) string {
	if ref.GatewayID == uuid.Nil {
		return ref.Name
	}
	return ref.GatewayID.String() + "/" + ref.Name
}
