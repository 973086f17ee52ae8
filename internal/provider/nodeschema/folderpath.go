package nodeschema

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/hashicorp/terraform-plugin-framework/schema/validator"

	"github.com/gantry/terraform-provider-gantry/internal/inventoryname"
	"github.com/gantry/terraform-provider-gantry/internal/provider/diagnostics"
)

// maxInventoryName is how many characters vCenter takes for the name of a folder, each
// of the three that it escapes counted as one.
const maxInventoryName = 80

// FolderPath validates the path of a VM folder: one below the datacenter's VM folder, or
// a full inventory path.
func FolderPath() validator.String { return folderPath{} }

type folderPath struct{}

var _ validator.String = folderPath{}

// Description implements validator.Describer.
func (folderPath) Description(context.Context) string {
	return "must be folder names separated by `/`, such as k8s/prod-1, or a full path such as /dc-1/vm/k8s/prod-1"
}

// MarkdownDescription implements validator.Describer.
func (v folderPath) MarkdownDescription(ctx context.Context) string { return v.Description(ctx) }

// ValidateString implements validator.String.
func (v folderPath) ValidateString(ctx context.Context, req validator.StringRequest, resp *validator.StringResponse) {
	if req.ConfigValue.IsNull() || req.ConfigValue.IsUnknown() {
		return
	}
	if wrong := folderProblem(req.ConfigValue.ValueString()); wrong != "" {
		resp.Diagnostics.Append(diagnostics.AttributeError(req.Path, "Invalid folder path", fmt.Sprintf(
			"%q %s. %s", req.ConfigValue.ValueString(), v.Description(ctx), wrong)))
	}
}

// folderProblem says what is wrong with the path of a folder; empty for nothing.
func folderProblem(path string) string {
	below, full := strings.CutPrefix(path, "/")
	names := strings.Split(below, "/")
	for _, name := range names {
		plain := inventoryname.Unescape(name)
		switch {
		case name == "":
			return "A name is empty: there is a slash too many. A slash that is a part of a name is written %2f."
		case plain == "." || plain == "..":
			return "Folders are not walked up and down: write the path without . and .. in it."
		case strings.ContainsFunc(name, unicode.IsControl) || !utf8.ValidString(name):
			return "There is a control character in it."
		case utf8.RuneCountInString(plain) > maxInventoryName:
			return fmt.Sprintf("The name %q has %d characters, and vCenter takes %d at most.",
				name, utf8.RuneCountInString(plain), maxInventoryName)
		}
	}
	if full && slices.Index(names, "vm") < 1 {
		return "A path that begins with a slash is a full one, in which the datacenter's VM folder, vm, follows the datacenter. " +
			"Write one below that folder without the slash."
	}
	return ""
}
