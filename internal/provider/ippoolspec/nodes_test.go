package ippoolspec_test

import (
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
	"github.com/gantry/terraform-provider-gantry/internal/provider/ippoolspec"
)

// modelOf is the model of a record.
func modelOf(t *testing.T, body record.IPPool) ippoolspec.Model {
	t.Helper()
	var m ippoolspec.Model
	if diags := m.SetRecord(t.Context(), body); diags.HasError() {
		t.Fatal(diags)
	}
	return m
}

func said(diags diag.Diagnostics) string {
	var all strings.Builder
	for _, d := range diags {
		all.WriteString(d.Detail() + "\n")
	}
	return all.String()
}

var (
	four = record.IPPool{Start: "10.10.183.1", End: "10.10.183.9", PrefixLength: 24, DefaultGateway: "10.10.183.254"}
	six  = record.IPPool{Subnet: "2001:db8::/112", PrefixLength: 64, DefaultGateway: "2001:db8::1"}
)

// TestNameserversThatNodesCanAsk refuses all others, also of a pool whose addresses are
// not known yet.
func TestNameserversThatNodesCanAsk(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		pool    record.IPPool
		servers []string
		want    string // empty: they are fine
	}{
		{four, []string{"8.8.8.8", "10.10.183.2", "1.1.1.1"}, ""},
		{six, []string{"2001:db8::2", "fd00::53"}, ""},
		{four, []string{"8.8.8.8", "2001:4860:4860::8888"}, ""},
		{four, []string{"2001:4860:4860::8888"}, "another address family"},
		{six, []string{"8.8.8.8"}, "another address family"},
		{four, []string{"8.8.8.8", "::ffff:8.8.4.4"}, "Write 8.8.4.4"},
		{six, []string{"fe80::1%eth0"}, "nothing to pods"},
		{six, []string{"fe80::1"}, "nothing to pods"},
		{four, []string{"127.0.0.53"}, "the node itself"},
		{six, []string{"::1"}, "the node itself"},
		{four, []string{"0.0.0.0"}, "a server can have"},
		{four, []string{"224.0.0.1"}, "a server can have"},
		{four, []string{"255.255.255.255"}, "a server can have"},
		{six, []string{"2001:db8::2", "2001:DB8:0::2"}, "spelled in two ways"},
		{four, []string{"dns"}, "neither an IPv4 nor an IPv6 address"},
		{four, []string{"8.8.8.8:53"}, "neither an IPv4 nor an IPv6 address"},
	} {
		c.pool.Nameservers = c.servers
		m := modelOf(t, c.pool)
		if diags := m.Validate(t.Context(), path.Empty()); diags.HasError() != (c.want != "") || !strings.Contains(said(diags), c.want) {
			t.Errorf("%v: %v", c.servers, diags)
		}
	}
	unknown := modelOf(t, six)
	unknown.Subnet = types.StringUnknown()
	unknown.Nameservers = types.ListValueMust(types.StringType, []attr.Value{types.StringValue("8.8.8.8"), types.StringUnknown()})
	if diags := unknown.Validate(t.Context(), path.Empty()); diags.HasError() {
		t.Errorf("of a family that is not known: %v", diags)
	}
}

// TestRoutersOutside are valid where nodes can reach them, and a warning where that may
// be a mistake.
func TestRoutersOutside(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		pool    record.IPPool
		gateway string
		warning string
		wrong   string
	}{
		{four, "10.10.183.254", "", ""},
		{four, "10.10.128.1", "whose routers lie in the range 10.10.183.1-10.10.183.254", ""},
		{four, "fe80::1", "", "another address family"},
		{four, "10.10.183.255", "", "broadcast"},
		{six, "fe80::1", "", ""},
		{six, "fe80::1%eth0", "", "carries a zone"},
		{six, "2001:db8:1::1", "", "such as fe80::1"},
		{six, "10.10.128.1", "", "another address family"},
	} {
		c.pool.DefaultGateway = c.gateway
		m := modelOf(t, c.pool)
		diags := m.Validate(t.Context(), path.Empty())
		if diags.HasError() != (c.wrong != "") || !strings.Contains(said(diags), c.wrong) {
			t.Errorf("%s: %v, want %q", c.gateway, diags, c.wrong)
		}
		advice := m.Advise(t.Context(), path.Empty())
		if advice.HasError() || (len(advice) > 0) != (c.warning != "") || !strings.Contains(said(advice), c.warning) {
			t.Errorf("%s: advice %v, want %q", c.gateway, advice, c.warning)
		}
	}
	unknown := modelOf(t, four)
	unknown.DefaultGateway = types.StringUnknown()
	if advice := unknown.Advise(t.Context(), path.Empty()); len(advice) > 0 {
		t.Errorf("of what is not known: %v", advice)
	}
}
