package nodeschema_test

import (
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/gantry/terraform-provider-gantry/internal/provider/nodeschema"
)

// TestNoProxy says of each entry that programs would pass over what is wrong with it.
func TestNoProxy(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"local":                         "",
		"registry.example.com":          "",
		".corp.example.com,10.0.0.1":    "",
		"*.example.com":                 "",
		"Registry.Example.com:5000":     "",
		"my_host":                       "",
		"10.0.0.0/8,2001:db8::/32":      "",
		"2001:db8::1":                   "",
		"[2001:db8::1]:443,10.0.0.1:80": "",
		"1.example.com":                 "",

		"":                        "", // the length says it
		"a,,b":                    "empty",
		"a,":                      "empty",
		"a, b":                    "Entry 2 contains a blank",
		"a b":                     "Use commas alone",
		"a\n":                     "line end",
		"http://registry":         "host alone",
		"u:hunter2@registry":      "host alone",
		"*":                       "excludes everything",
		"10.0.*":                  "as a network",
		"**.example.com":          "wildcard",
		"*example.com":            "wildcard",
		"10.0.0.0/33":             "CIDR",
		"10.0.0/24":               "CIDR",
		"registry.example.com/v2": "CIDR",
		"10.0":                    "whole address",
		"10.0.0.":                 "ends in a dot",
		"example.com.":            "ends in a dot",
		"fe80::1%eth0":            "zone",
		"[2001:db8::1]":           "without brackets",
		"host:port":               "with a port",
		"host:0":                  "with a port",
		"a;b":                     "no name",
		"..example.com":           "no name",
		"-a":                      "no name",
	} {
		var resp validator.StringResponse
		nodeschema.NoProxy.ValidateString(t.Context(),
			validator.StringRequest{Path: path.Root("proxy").AtName("no_proxy"), ConfigValue: types.StringValue(text)}, &resp)
		said := ""
		if resp.Diagnostics.HasError() {
			said = resp.Diagnostics[0].Detail()
		}
		if (said == "") != (want == "") || !strings.Contains(said, want) || strings.Contains(said, "hunter2") {
			t.Errorf("%q: %q", text, said)
		}
	}
}

// TestProxyParts has the proxies come as a pair, and what is excluded only with them.
func TestProxyParts(t *testing.T) {
	t.Parallel()
	attributes := nodeschema.Proxy().Attributes
	for name, want := range map[string]string{"http": "[<.https]", "https": "[<.http]", "no_proxy": "[<.http,<.https]"} {
		requires := ""
		for _, v := range attributes[name].(schema.StringAttribute).Validators {
			requires += v.Description(t.Context()) + "\n"
		}
		if !strings.Contains(requires, "also these are set: \""+want) {
			t.Errorf("%s: want %s in\n%s", name, want, requires)
		}
	}
}
