package orphans_test

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/ipam"
	"github.com/gantry/terraform-provider-gantry/internal/ledger"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
	"github.com/gantry/terraform-provider-gantry/internal/provider/acctest"
)

const look = `
data "gantry_orphans" "all" {}
`

// found expects the orphans, each as kind, name and detail; the latter two are
// patterns.
func found(want ...[3]string) []statecheck.StateCheck {
	list := make([]knownvalue.Check, len(want))
	for i, w := range want {
		list[i] = knownvalue.ObjectExact(map[string]knownvalue.Check{
			"kind": knownvalue.StringExact(w[0]), "name": knownvalue.StringRegexp(regexp.MustCompile("^" + w[1] + "$")),
			"detail": knownvalue.StringRegexp(regexp.MustCompile(w[2])), "remediation": knownvalue.StringRegexp(regexp.MustCompile(`\.$`)),
		})
	}
	return []statecheck.StateCheck{
		statecheck.ExpectKnownValue("data.gantry_orphans.all", tfjsonpath.New("orphans"), knownvalue.ListExact(list)),
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

const nodes = `
resource "gantry_ip_pool" "nodes" {
  name            = "nodes"
  range           = { start = "10.10.183.1", end = "10.10.183.20" }
  prefix_length   = 18
  default_gateway = "10.10.128.1"
}
`

// TestAccOrphansOfTheLedger leaves behind what killed runs and edits by hand do, and
// then follows the remediations.
func TestAccOrphansOfTheLedger(t *testing.T) {
	t.Parallel()
	env := acctest.New(t)
	l := env.Ledger()
	owner := ledger.Owner{Cluster: uuid.MustParse("6f1d2a10-3a1b-4a53-9d4e-0c2f6c1f7a11"), Node: "old-cp-1"}
	addresses, err := ipam.New("10.10.183.1", "10.10.183.20", 18, "10.10.128.1")
	must(t, err)
	pool := ledger.IPPool{ID: l.ID(record.Ref{Kind: record.KindIPPool, Name: "nodes"}), Name: "nodes", Pool: addresses}
	held := netip.MustParseAddr("10.10.183.7")
	gone := ledger.IPPool{ID: l.ID(record.Ref{Kind: record.KindIPPool, Name: "gone"}), Name: "gone", Pool: addresses}
	body, err := json.Marshal(record.Cluster{
		ID:         uuid.MustParse("7a2e3b11-4b2c-4b64-8e5f-1d3a7d2a8b22"),
		Kind:       record.KindCluster,
		Datacenter: "dc-1",
		Folder:     "k8s",
		Folders:    []record.Folder{{Path: "k8s"}},
	})
	must(t, err)
	unfinished := ledger.Record{Ref: record.Ref{Kind: record.KindCluster, Name: "half"}, Body: body}
	nowhere := record.Ref{Kind: record.KindCluster, Name: "nowhere"}
	stray := ledger.Tag{ID: uuid.New(), Name: "printers", Description: "10.10.183.5"}
	var lease, early *ledger.Lease
	var lock ledger.Entry

	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: env.Factories(),
		CheckDestroy:             env.CheckDestroy,
		Steps: []resource.TestStep{
			{Config: env.Config(nodes + look), ConfigStateChecks: found()},
			{
				PreConfig: func() {
					must(t, l.ClaimAddress(t.Context(), pool, owner, held))
					must(t, l.ClaimAddress(t.Context(), gone, owner, held))
					must(t, env.Tags().Create(t.Context(), stray))
					// A run is creating that one.
					_, err := l.Register(t.Context(), unfinished)
					must(t, err)
					lease, err = l.Lock(t.Context(), l.ID(record.Ref{Kind: record.KindCluster, Name: "half"}), "elsewhere")
					must(t, err)
					// And one has its lock, and no record yet.
					early, err = l.Lock(t.Context(), l.ID(record.Ref{Kind: record.KindCluster, Name: "early"}), "elsewhere")
					must(t, err)
					must(t, l.AddChild(t.Context(), pool.ID, nowhere))
				},
				Config: env.Config(nodes + look),
				ConfigStateChecks: found(
					[3]string{
						"claim",
						"10.10.183.7",
						`^It is claimed of IP pool "nodes" for old-cp-1 of cluster ` +
							`` + owner.Cluster.String() + ` since .*, of which there is neither a record nor a VM\.$`,
					},
					[3]string{"claim", "10.10.183.7", `^It is claimed of IP pool ` + gone.ID.String()},
					[3]string{"ip_pool", gone.ID.String(), `^It is not registered, and addresses of it are claimed: \d+\.`},
					[3]string{"tag", pool.ID.String() + `@\d+`, `^It notes cluster "nowhere" at IP pool "nodes"`},
					[3]string{"tag", "printers", `is no tag of Gantry's`},
				),
			},
			{
				PreConfig: func() {
					must(t, lease.Release(t.Context()))
					must(t, l.RemoveChild(t.Context(), pool.ID, nowhere))
					must(t, env.Tags().Delete(t.Context(), stray.ID))
					must(t, l.Release(t.Context(), gone, held, owner))
					must(t, env.Tags().Update(t.Context(), env.TagNamed("/10.10.183.7").ID, "the printer"))
				},
				Config: env.Config(nodes + look),
				ConfigStateChecks: found(
					[3]string{
						"claim",
						"10.10.183.7",
						`^The claim of IP pool "nodes" cannot be read: it was edited by hand\. No VM of Gantry's has the address\.$`,
					},
					[3]string{"cluster", "half", `^It is registered, its API has never answered, and no run works on it now\. It has no VM\.$`},
					[3]string{"folder", "/dc-1/vm/k8s", `^It was created for cluster "half"`},
				),
			},
			{
				// The run that has a lock and no record dies: its heartbeat stands still.
				PreConfig: func() {
					must(t, env.Tags().Delete(t.Context(), env.TagNamed("/10.10.183.7").ID))
					must(t, l.Unregister(t.Context(), l.ID(record.Ref{Kind: record.KindCluster, Name: "half"})))
					entries, err := l.Entries(t.Context())
					must(t, err)
					for _, e := range entries {
						if e.Kind == ledger.EntryLock && e.Held {
							lock = e
						}
					}
					must(t, early.Release(t.Context()))
					must(t, env.Tags().Create(t.Context(), ledger.Tag{ID: lock.ID, Name: lock.Name, Description: lock.Description}))
					env.AdvanceClock(2 * time.Minute)
				},
				Config: env.Config(nodes + look),
				ConfigStateChecks: found([3]string{
					"lock",
					l.ID(record.Ref{Kind: record.KindCluster, Name: "early"}).String(),
					"^Lock tags of a record that is gone, which no run holds now: 1",
				}),
			},
			{
				PreConfig: func() { must(t, env.Tags().Delete(t.Context(), lock.ID)) },
				Config:    env.Config(nodes + look), ConfigStateChecks: found(),
			},
		},
	})
}

// TestAccOrphanedCluster takes a cluster's record away, and finds what it left.
func TestAccOrphanedCluster(t *testing.T) {
	t.Parallel()
	env := acctest.New(t)
	l := env.Ledger()
	cluster := fmt.Sprintf(`
resource "gantry_cloud_account" "team" {
  name           = "team"
  vcenter_server = %q
  username       = %q
  password       = %q
  ca_certificate = %q
}

resource "gantry_vmware_cluster" "prod" {
  name          = "prod"
  cloud_account = gantry_cloud_account.team
  profile       = { kubernetes_version = "1.37.2", image = { template = "gantry-node-1.37.2" } }
  datacenter    = "dc-1"
  folder        = "k8s/prod"
  network       = { ip_allocation = "static" }
  control_plane = {
    node_count = 1
    cpu        = 2
    memory_gb  = 4
    placements = [{ compute_cluster = "cluster-a", datastore = "shared-1", network = "dvpg-nodes", ip_pool_id = gantry_ip_pool.nodes.id }]
  }
}
`, env.Server(), env.Username(), env.Password(), env.CACertificate())
	const forget = `
removed {
  from = gantry_vmware_cluster.prod
  lifecycle {
    destroy = false
  }
}
`
	account, _, _ := strings.Cut(cluster, "resource \"gantry_vmware_cluster\"")
	id := l.ID(record.Ref{Kind: record.KindCluster, Name: "prod"})
	lock := [3]string{"lock", id.String(), `Lock tags of a record that is gone`}
	// One at the account and one at the folder, in the order of their ids.
	child := [3]string{
		"tag",
		`[0-9a-f-]{36}@\d+`,
		`^It notes cluster "prod" at (cloud account "team", and there is no record of that` +
			`|a record that is gone, or at a VM folder that it does not use)`,
	}
	address := func(addr, owner string) [3]string {
		return [3]string{"claim", addr, `^It is claimed of IP pool "nodes" for ` + owner + ` of cluster .*neither a record nor a VM`}
	}
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: env.Factories(),
		CheckDestroy:             env.CheckDestroy,
		Steps: []resource.TestStep{
			{Config: env.Config(nodes + cluster)},
			{
				// Nothing of a cluster that is registered is an orphan.
				Config: env.Config(nodes + cluster + look), ConfigStateChecks: found(),
			},
			{
				PreConfig: func() { must(t, env.Tags().Delete(t.Context(), id)) },
				Config:    env.Config(nodes + account + forget + look),
				ConfigStateChecks: found(
					[3]string{"folder", "/dc-1/vm/k8s/prod", `It may have been created for them`}, lock, child, child,
					[3]string{
						"vm",
						"/dc-1/vm/k8s/prod/prod-cp-1",
						`^Node prod-cp-1 of cluster .*, of which there is no record\. It is powered on and accounts for 10\.10\.183\.\d+, ` +
							`10\.10\.183\.\d+, 10\.10\.183\.\d+\.$`,
					},
				),
			},
			{
				PreConfig: func() {
					must(t, env.DeleteVM("prod-cp-1"))
					survey, err := env.VCenter().Survey(t.Context(), model.SurveyRequest{Names: &model.Names{Datacenter: "dc-1", Folder: "k8s/prod"}})
					must(t, err)
					_, err = env.VCenter().DeleteFolder(t.Context(), survey.Site.Folder.Ref)
					must(t, err)
				},
				Config: env.Config(nodes + account + look),
				ConfigStateChecks: found(
					address(`10\.10\.183\.\d+`, `(vip|extra|prod-cp-1)`), address(`10\.10\.183\.\d+`, `(vip|extra|prod-cp-1)`),
					address(`10\.10\.183\.\d+`, `(vip|extra|prod-cp-1)`), lock, child, child,
				),
			},
			{
				PreConfig: func() {
					entries, err := l.Entries(t.Context())
					must(t, err)
					for _, e := range entries {
						if e.Kind == ledger.EntryClaim || e.Kind == ledger.EntryChild || e.Parent == id {
							must(t, env.Tags().Delete(t.Context(), e.ID))
						}
					}
				},
				Config: env.Config(nodes + account + look), ConfigStateChecks: found(),
			},
		},
	})
}
