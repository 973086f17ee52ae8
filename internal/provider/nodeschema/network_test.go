package nodeschema_test

import (
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/provider/nodeschema"
)

func TestValidateNetwork(t *testing.T) {
	t.Parallel()
	null, unknown, text := types.StringNull(), types.StringUnknown(), types.StringValue
	for _, c := range []struct {
		pods, services types.String
		fails          bool
	}{
		{null, null, false},
		{null, text("192.168.4.0/24"), true},
		{text("10.96.0.0/16"), null, true},
		{text("10.96.0.0/16"), unknown, false},
		{text("10.0.0.0/16"), text("10.1.0.0/16"), false},
		{text("not a network"), null, false},
		{text("2001:db8::/64"), null, true}, // services are IPv4 by default
		{text("2001:db8::/64"), unknown, false},
		{text("2001:db8::/64"), text("2001:db8:1::/112"), false},
		{null, text("10.96.0.0/31"), true},
		{null, text("10.96.0.0/11"), true},
		{null, text("10.96.0.0/28"), false},
		{text("10.244.0.0/25"), null, true},
		{text("10.244.0.0/24"), null, false},
		{text("2001:db8::/40"), unknown, true}, // more ranges than the controller manager counts
		{unknown, text("10.96.0.0/31"), true},
	} {
		network := types.ObjectValueMust(
			map[string]attr.Type{"pod_cidr": types.StringType, "service_cidr": types.StringType},
			map[string]attr.Value{"pod_cidr": c.pods, "service_cidr": c.services},
		)
		if diags := nodeschema.ValidateNetwork(network); diags.HasError() != c.fails {
			t.Errorf("pods %s, services %s: %v", c.pods, c.services, diags)
		}
	}
	if diags := nodeschema.ValidateNetwork(types.ObjectUnknown(nil)); diags.HasError() {
		t.Errorf("unknown: %v", diags)
	}
}

func TestSameNetwork(t *testing.T) {
	t.Parallel()
	same := nodeschema.Same()
	for _, c := range []struct {
		attribute, a, b string
		want            bool
	}{
		{"network.pod_cidr", "fd00:244::/56", "FD00:244::/56", true},
		{"network.service_cidr", "fd00:0244:0::/56", "fd00:244::/56", true},
		{"network.pod_cidr", "fd00:244::/56", "fd00:244::/64", false},
		{"network.pod_cidr", "10.0.0.0/16", "10.1.0.0/16", false},
		{"network.pod_cidr", "", "10.1.0.0/16", false},
	} {
		if got := same[c.attribute](c.a, c.b); got != c.want {
			t.Errorf("%s: %q and %q: %v", c.attribute, c.a, c.b, got)
		}
	}
}

func TestValidators(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		validator validator.String
		valid     []string
		invalid   []string
	}{
		{nodeschema.Duration{}, []string{"1s", "10m", "24h"}, []string{"", "soon", "500ms", "25h", "-1m"}},
		{nodeschema.Duration{Least: 5 * time.Minute}, []string{"5m", "24h"}, []string{"", "299s", "25h", "-1m"}},
		{nodeschema.CIDR{}, []string{"192.168.0.0/16", "2001:db8::/64"}, []string{"", "192.168.0.0", "192.168.0.1/16"}},
		{
			nodeschema.ProxyURL{},
			[]string{"http://proxy:3128", "https://u:p@proxy.example.com/", "http://[2001:db8::1]:3128"},
			[]string{"", "proxy:3128", "socks5://p:1080", "http://", "http://:3128", "http://p:0", "http://p:65536", "http://p:3128 x", "//p:1"},
		},
		{
			nodeschema.TimeServer{},
			[]string{"ntp.example.com", "10.0.0.1", "2001:db8::1", "NTP"},
			[]string{"", "ntp://x", "ntp.example.com:123", "a b", "-x"},
		},
		{nodeschema.NodePoolName(), []string{"a", "gpu-2"}, []string{"", "-a", "a-", "A", "a_b"}},
	} {
		for valid, texts := range map[bool][]string{true: c.valid, false: c.invalid} {
			for _, text := range texts {
				var resp validator.StringResponse
				c.validator.ValidateString(t.Context(), validator.StringRequest{ConfigValue: types.StringValue(text)}, &resp)
				if resp.Diagnostics.HasError() == valid {
					t.Errorf("%T of %q: %v", c.validator, text, resp.Diagnostics)
				}
			}
		}
	}
}

func TestPlacementPath(t *testing.T) {
	t.Parallel()
	at, ok := nodeschema.PlacementPath(path.Root("placement"), model.FieldResourcePool)
	if !ok || at.String() != "placement.resource_pool" {
		t.Errorf("got %s, %t", at, ok)
	}
	if at, ok := nodeschema.PlacementPath(path.Root("placement"), model.FieldIPPool); ok {
		t.Errorf("the IP pool is no part of the shared placement, and is %s", at)
	}
}
