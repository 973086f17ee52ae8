package nodeschema_test

import (
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/gantry/terraform-provider-gantry/internal/provider/nodeschema"
)

func TestFolderPath(t *testing.T) {
	t.Parallel()
	eighty := strings.Repeat("ü", 80)
	for text, want := range map[string]string{
		"k8s":                     "",
		"k8s/prod 1":              "",
		"k8s/a%2fb/50%25":         "",
		"k8s/..prod/...":          "",
		eighty + "/" + eighty:     "",
		strings.Repeat("%2f", 80): "",
		"/dc-1/vm/k8s/prod-1":     "",
		"/europe/dc-1/vm/k8s":     "",
		"/dc-1/vm":                "",
		"":                        "empty",
		"/":                       "empty",
		"k8s/":                    "slash too many",
		"k8s//prod":               "slash too many",
		"//dc-1/vm/k8s":           "slash too many",
		"../prod":                 "without . and ..",
		"k8s/./prod":              "without . and ..",
		"/dc-1/vm/../k8s":         "without . and ..",
		"k8s\nprod":               "control character",
		"k8s/" + eighty + "x":     "has 81 characters",
		strings.Repeat("%2f", 81): "has 81 characters",
		"/k8s":                    "without the slash",
		"/vm/k8s":                 "without the slash",
	} {
		var resp validator.StringResponse
		nodeschema.FolderPath().ValidateString(t.Context(),
			validator.StringRequest{Path: path.Root("folder"), ConfigValue: types.StringValue(text)}, &resp)
		said := ""
		if resp.Diagnostics.HasError() {
			said = resp.Diagnostics[0].Detail()
		}
		if (said == "") != (want == "") || !strings.Contains(said, want) {
			t.Errorf("%q: %q", text, said)
		}
	}
}
