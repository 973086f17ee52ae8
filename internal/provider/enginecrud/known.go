package enginecrud

import (
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

// inputsKnown reports whether everything that the configuration says is known but
// for the attributes in skip.
func inputsKnown(config tfsdk.Config, skip map[string]bool) bool {
	var inputs map[string]tftypes.Value
	if err := config.Raw.As(&inputs); err != nil {
		return false
	}
	for name, value := range inputs {
		if !skip[name] && !value.IsFullyKnown() && !knownBut(name, value, skip) {
			return false
		}
	}
	return true
}

// knownBut reports whether all of an object is known but for the parts of it that are skipped, by
// their names with a dot.
func knownBut(name string, value tftypes.Value, skip map[string]bool) bool {
	var parts map[string]tftypes.Value
	if !value.IsKnown() || !value.Type().Is(tftypes.Object{}) || value.As(&parts) != nil {
		return false
	}
	for part, value := range parts {
		if !skip[name+"."+part] && !value.IsFullyKnown() {
			return false
		}
	}
	return true
}
