package cloudaccount_test

import (
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/gantry/terraform-provider-gantry/internal/ledger"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
	"github.com/gantry/terraform-provider-gantry/internal/provider/acctest"
	"github.com/gantry/terraform-provider-gantry/internal/simulator"
)

// TestAccAccountDataSource reads what another workspace has created.
func TestAccAccountDataSource(t *testing.T) {
	t.Parallel()
	env := start(t)
	if _, err := env.Ledger().Register(t.Context(), ledger.Record{
		Ref: accountRef, Body: []byte(`{"server": "vcenter.example.com", "username": "team-a@vsphere.local"}`),
	}); err != nil {
		t.Fatal(err)
	}
	env.DenyPrivilege(user, "StorageProfile.View")
	const address = "data.gantry_cloud_account.team_a"
	is := func(attribute string, check knownvalue.Check) statecheck.StateCheck {
		return statecheck.ExpectKnownValue(address, tfjsonpath.New(attribute), check)
	}
	text := knownvalue.StringExact
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: env.Factories(),
		Steps: []resource.TestStep{
			{
				Config: env.Config(`data "gantry_cloud_account" "team_a" { name = "team-a" }`),
				ConfigStateChecks: []statecheck.StateCheck{
					// All of it: there is no password.
					statecheck.ExpectKnownValue(address, tfjsonpath.New("id"), text(env.Ledger().ID(accountRef).String())),
					is("gateway_id", knownvalue.Null()), is("vcenter_server", text("vcenter.example.com")), is("username", text(user)),
					is("ca_certificate", knownvalue.Null()), is("insecure_skip_verify", knownvalue.Bool(false)),
					is("vcenter_version", text(simulator.DefaultVersion)), is("instance_uuid", text(env.InstanceUUID())),
					is("missing_privileges", knownvalue.ListExact([]knownvalue.Check{text("StorageProfile.View")})),
				},
			},
			{
				Config:      env.Config(`data "gantry_cloud_account" "team_b" { name = "team-b" }`),
				ExpectError: acctest.Words(`vCenter has no record of ` + record.Ref{Kind: record.KindCloudAccount, Name: "team-b"}.Describe()),
			},
		},
	})
}
