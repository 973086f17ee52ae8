package cloudaccount_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
	"github.com/gantry/terraform-provider-gantry/internal/provider/acctest"
	"github.com/gantry/terraform-provider-gantry/internal/simulator"
)

const (
	account  = "gantry_cloud_account.team_a"
	user     = "team-a@vsphere.local"
	password = "first-Secret1!"
	rotated  = "second-Secret2!"
	other    = "team-b@vsphere.local"
)

// accountRef refers to the cloud account of the tests.
var accountRef = record.Ref{Kind: record.KindCloudAccount, Name: "team-a"}

// start is a datacenter that knows two more users.
func start(t *testing.T) *acctest.Environment {
	t.Helper()
	return acctest.New(t, simulator.Options{Users: map[string]string{user: password, other: rotated}})
}

// config is an account with more attributes.
func config(env *acctest.Environment, attributes string) string {
	return env.Config(fmt.Sprintf(`
resource "gantry_cloud_account" "team_a" {
  name           = "team-a"
  vcenter_server = %q
  %s
}
`, env.Server(), attributes))
}

func login(user, password string) string {
	return fmt.Sprintf("username = %q\n  password = %q", user, password)
}

func value(attribute string, check knownvalue.Check) statecheck.StateCheck {
	return statecheck.ExpectKnownValue(account, tfjsonpath.New(attribute), check)
}

func TestAccAccount(t *testing.T) {
	t.Parallel()
	env := start(t)
	id := knownvalue.StringExact(env.Ledger().ID(accountRef).String())
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: env.Factories(),
		CheckDestroy:             env.CheckDestroy,
		Steps: []resource.TestStep{
			{
				Config: config(env, login(user, password)),
				ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{
					plancheck.ExpectKnownValue(account, tfjsonpath.New("id"), id),
				}},
				ConfigStateChecks: []statecheck.StateCheck{
					value("id", id),
					value("vcenter_version", knownvalue.StringExact(simulator.DefaultVersion)),
					value("instance_uuid", knownvalue.StringExact(env.InstanceUUID())),
					value("missing_privileges", knownvalue.ListExact(nil)),
				},
			},
			{
				Config: config(env, login(other, rotated)),
				ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{
					plancheck.ExpectResourceAction(account, plancheck.ResourceActionUpdate),
					plancheck.ExpectKnownValue(account, tfjsonpath.New("id"), id),
					plancheck.ExpectKnownValue(account, tfjsonpath.New("instance_uuid"), knownvalue.StringExact(env.InstanceUUID())),
				}},
			},
			{
				ResourceName:            account,
				ImportState:             true,
				ImportStateId:           "team-a",
				ImportStateVerify:       true,
				ImportStateVerifyIgnore: []string{"password"},
			},
			{
				// The same server, spelled as a URL, is no other vCenter.
				Config: strings.Replace(config(env, login(other, rotated)),
					fmt.Sprintf("vcenter_server = %q\n  username", env.Server()),
					fmt.Sprintf("vcenter_server = %q\n  username", env.URL()), 1),
				ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{
					plancheck.ExpectResourceAction(account, plancheck.ResourceActionUpdate),
				}},
			},
		},
	})
}

// TestAccAccountPrivileges shows that a privilege which is taken away or granted
// is noticed by a refresh, and leads to no change.
func TestAccAccountPrivileges(t *testing.T) {
	t.Parallel()
	env := start(t)
	steps := []resource.TestStep{
		{
			PreConfig: func() {
				env.DenyPrivilege(user, "Cns.Searchable")
				env.DenyPrivilege(user, "Datastore.AllocateSpace") // which is a matter of a cluster's objects
			},
			Config: config(env, login(user, password)),
			ConfigStateChecks: []statecheck.StateCheck{
				value("missing_privileges", knownvalue.ListExact([]knownvalue.Check{knownvalue.StringExact("Cns.Searchable")})),
			},
		},
		{
			PreConfig: env.RestorePrivileges,
			Config:    config(env, login(user, password)),
			ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{
				plancheck.ExpectEmptyPlan(),
			}},
		},
		{RefreshState: true},
		{
			Config:            config(env, login(user, password)),
			ConfigStateChecks: []statecheck.StateCheck{value("missing_privileges", knownvalue.ListExact(nil))},
		},
	}
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: env.Factories(),
		CheckDestroy:             env.CheckDestroy,
		Steps:                    steps,
	})
}

// TestAccAccountWriteOnly shows that a write-only password is used, changed with
// its version, and never in the state.
func TestAccAccountWriteOnly(t *testing.T) {
	t.Parallel()
	env := start(t)
	writeOnly := func(user, password string, version int) string {
		return fmt.Sprintf("username = %q\n  password_wo = %q\n  password_wo_version = %d", user, password, version)
	}
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: env.Factories(),
		CheckDestroy:             env.CheckDestroy,
		Steps: []resource.TestStep{
			{
				Config: config(env, writeOnly(user, password, 1)),
				ConfigStateChecks: []statecheck.StateCheck{
					value("password", knownvalue.Null()),
					value("password_wo", knownvalue.Null()),
					value("password_wo_version", knownvalue.Int64Exact(1)),
				},
			},
			{
				// A wrong password under an old version is never looked at.
				Config:   config(env, writeOnly(user, "wrong", 1)),
				PlanOnly: true,
			},
			{
				Config:      config(env, writeOnly(user, "wrong", 2)),
				PlanOnly:    true,
				ExpectError: acctest.Words(`refuses the user name or the password of "team-a@vsphere.local"`),
			},
			{
				Config: config(env, writeOnly(other, rotated, 2)),
				ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{
					plancheck.ExpectResourceAction(account, plancheck.ResourceActionUpdate),
				}},
			},
			{
				Config: config(env, login(other, rotated)),
				ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{
					plancheck.ExpectResourceAction(account, plancheck.ResourceActionUpdate),
				}},
			},
		},
	})
}

func TestAccAccountDisappears(t *testing.T) {
	t.Parallel()
	env := start(t)
	l := env.Ledger()
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: env.Factories(),
		CheckDestroy:             env.CheckDestroy,
		Steps: []resource.TestStep{
			{Config: config(env, login(user, password))},
			{
				PreConfig: func() {
					if err := l.Unregister(t.Context(), l.ID(accountRef)); err != nil {
						t.Fatal(err)
					}
				},
				Config: config(env, login(user, password)),
				ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{
					plancheck.ExpectResourceAction(account, plancheck.ResourceActionCreate),
				}},
			},
		},
	})
}

// TestAccAccountInUse shows that an account with clusters is not deleted, and that
// a rotated password stands in the way of nothing but a login with it.
func TestAccAccountInUse(t *testing.T) {
	t.Parallel()
	env := start(t)
	l := env.Ledger()
	id := l.ID(accountRef)
	cluster := record.Ref{Kind: record.KindCluster, Name: "prod-1"}
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: env.Factories(),
		CheckDestroy:             env.CheckDestroy,
		Steps: []resource.TestStep{
			{Config: config(env, login(user, password))},
			{
				PreConfig: func() {
					if err := l.AddChild(t.Context(), id, cluster); err != nil {
						t.Fatal(err)
					}
				},
				Config:      env.Config(""),
				ExpectError: acctest.Words("Clusters are built with it. Delete them first, or move them to another account: cluster \"prod-1\"."),
			},
			{
				PreConfig: func() {
					if err := l.RemoveChild(t.Context(), id, cluster); err != nil {
						t.Fatal(err)
					}
				},
				Config: env.Config(""),
			},
		},
	})
}

// TestAccAccountAnswerLost shows that a change and a deletion of which the answer is lost
// are done.
func TestAccAccountAnswerLost(t *testing.T) {
	t.Parallel()
	env := start(t)
	lose := func(call string) func() {
		return func() {
			if err := env.AddFault(simulator.Fault{Kind: simulator.DropAfter, Call: call, Nth: 1}); err != nil {
				t.Fatal(err)
			}
		}
	}
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: env.Factories(),
		CheckDestroy:             env.CheckDestroy,
		Steps: []resource.TestStep{
			{Config: config(env, login(user, password))},
			{PreConfig: lose("PATCH tag/id"), Config: config(env, login(other, rotated))},
			{PreConfig: lose("DELETE tag/id"), Config: env.Config("")},
		},
	})
}

func TestAccAccountInterrupted(t *testing.T) {
	t.Parallel()
	options := simulator.Options{Users: map[string]string{user: password, other: rotated}}
	before := func(env *acctest.Environment) []resource.TestStep {
		return []resource.TestStep{{Config: config(env, login(user, password))}}
	}
	t.Run("create", func(t *testing.T) {
		t.Parallel()
		acctest.Interrupted{Every: 3, Options: options, Step: func(env *acctest.Environment) resource.TestStep { return before(env)[0] }}.Run(t)
	})
	t.Run("update", func(t *testing.T) {
		t.Parallel()
		acctest.Interrupted{Every: 3, Options: options, Before: before, Step: func(env *acctest.Environment) resource.TestStep {
			return resource.TestStep{Config: config(env, login(other, rotated))}
		}}.Run(t)
	})
	t.Run("delete", func(t *testing.T) {
		t.Parallel()
		acctest.Interrupted{Every: 3, Options: options, Before: before, Step: func(env *acctest.Environment) resource.TestStep {
			return resource.TestStep{Config: env.Config("")}
		}}.Run(t)
	})
}
