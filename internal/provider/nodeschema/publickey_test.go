package nodeschema_test

import (
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/provider/nodeschema"
)

const publicKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGh1bmRyZWRzb2ZieXRlc29mbm9ib2R5c2tleWhlcmUh"

// TestPublicKey refuses what is no key without repeating it.
func TestPublicKey(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		publicKey + " me@example.com":  "",
		publicKey + "\n":               "",
		`restrict,pty ` + publicKey:    "",
		"ssh-ed25519 AAAAC3Nz hunter2": "cannot be decoded",
		publicKey + "\n" + publicKey:   "several lines",
		"hunter2":                      "must be a public key",
		"-----BEGIN OPENSSH PRIVATE KEY-----\nhunter2\n-----END OPENSSH PRIVATE KEY-----\n": "ends in .pub",
	} {
		var resp validator.StringResponse
		request := validator.StringRequest{Path: path.Root("ssh_authorized_keys").AtListIndex(0), ConfigValue: types.StringValue(text)}
		nodeschema.PublicKey{}.ValidateString(t.Context(), request, &resp)
		said := ""
		if resp.Diagnostics.HasError() {
			said = resp.Diagnostics[0].Detail()
		}
		if (said == "") != (want == "") || !strings.Contains(said, want) || strings.Contains(said, "hunter2") {
			t.Errorf("%q: %q", text, said)
		}
	}
}

func keys(values ...attr.Value) types.List { return types.ListValueMust(types.StringType, values) }

// TestSameKeysAreNoChange keeps the state's spelling of keys that are the same, and no
// other.
func TestSameKeysAreNoChange(t *testing.T) {
	t.Parallel()
	text, null := types.StringValue, types.ListNull(types.StringType)
	for name, test := range map[string]struct {
		state, plan types.List
		kept        bool
	}{
		"a line end more":    {keys(text(publicKey)), keys(text(publicKey + "\n")), true},
		"a line end less":    {keys(text(publicKey + "\r\n")), keys(text(publicKey)), true},
		"another comment":    {keys(text(publicKey)), keys(text(publicKey + " me")), false},
		"one more":           {keys(text("a")), keys(text("a"), text("b")), false},
		"another order":      {keys(text("a\n"), text("b")), keys(text("b"), text("a")), false},
		"one is not known":   {keys(text("a\n"), text("b")), keys(text("a"), types.StringUnknown()), false},
		"none is known":      {keys(text("a")), types.ListUnknown(types.StringType), false},
		"the first":          {null, keys(text("a")), false},
		"removed":            {keys(text("a")), null, false},
		"an empty list more": {null, keys(), false},
	} {
		req := planmodifier.ListRequest{StateValue: test.state, PlanValue: test.plan}
		resp := planmodifier.ListResponse{PlanValue: test.plan}
		for _, modifier := range nodeschema.SSHAuthorizedKeys().PlanModifiers {
			modifier.PlanModifyList(t.Context(), req, &resp)
		}
		want := test.plan
		if test.kept {
			want = test.state
		}
		if !resp.PlanValue.Equal(want) {
			t.Errorf("%s: planned is %s", name, resp.PlanValue)
		}
	}
}

// TestKeysOfAState has what no configuration could hold today: it decodes, so that it
// can be replaced, and keys lose what stands around them.
func TestKeysOfAState(t *testing.T) {
	t.Parallel()
	network := types.ObjectValueMust(
		map[string]attr.Type{"ip_allocation": types.StringType, "pod_cidr": types.StringType, "service_cidr": types.StringType},
		map[string]attr.Value{
			"ip_allocation": types.StringValue("static"), "pod_cidr": types.StringValue("x"), "service_cidr": types.StringValue("y"),
		})
	common := nodeschema.Common{
		Network: network, Proxy: types.ObjectNull(nil), NTPServers: types.ListNull(types.StringType),
		SSHAuthorizedKeys: keys(types.StringValue(publicKey+"\n"), types.StringValue("no key")),
	}
	var spec model.ClusterSpec
	diags := common.Set(t.Context(), &spec)
	if got := spec.SSHAuthorizedKeys; diags.HasError() || len(got) != 2 || got[0] != publicKey || got[1] != "no key" {
		t.Errorf("%q, %v", got, diags)
	}
}
