package vmwarecluster_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	enginemodel "github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/ledger"
	"github.com/gantry/terraform-provider-gantry/internal/provider/acctest"
	"github.com/gantry/terraform-provider-gantry/internal/simulator"
)

// TestAccClusterForceDelete sets force_delete on a cluster with a VM that can neither be
// powered on nor deleted, which runs no step, and destroys the cluster.
func TestAccClusterForceDelete(t *testing.T) {
	t.Parallel()
	e := acctest.New(t, simulator.Options{})
	with := func(extra string) string { return config(e, shape{controlPlane: 1, extra: extra}) }
	forced := with("force_delete = true")
	rest, _, _ := strings.Cut(forced, `resource "gantry_vmware_cluster"`)
	fly := &flyingTime{e: e}
	t.Cleanup(fly.stop)
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: e.Factories(),
		CheckDestroy:             e.CheckDestroy,
		Steps: []resource.TestStep{
			{
				Config:      with("force_delete = true\n force_delete_after = \"25m\""),
				ExpectError: says("force_delete_after", "ends a destruction after 30m0s. Set timeouts.delete to at least 35m0s"),
			},
			{
				Config:      with("force_delete = true\n timeouts = { delete = \"20m\" }"),
				ExpectError: says("timeouts.delete to at least 25m0s"),
			},
			{
				Config:      with("force_delete_after = \"14m\""),
				ExpectError: says("force_delete_after", "must be a duration from 15m to 24h"),
			},
			{Config: with(""), ConfigStateChecks: forceIs(false)},
			{
				PreConfig: func() {
					must(t, e.PowerOffVM("prod-cp-1"))
					must(t, e.DenyPrivilegeOn(e.Username(), "VirtualMachine.Inventory.Delete", "/dc-1/vm/k8s/prod/prod-cp-1"))
					e.ResetCalls()
				},
				Config: forced,
				ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{
					plancheck.ExpectResourceAction(cluster, plancheck.ResourceActionUpdate),
				}},
				ConfigStateChecks:  forceIs(true),
				ExpectNonEmptyPlan: true, // the VM is to be powered on
			},
			{
				PreConfig: func() {
					if calls := e.Calls().SOAP; calls["PowerOnVM_Task"] > 0 {
						t.Errorf("the flag alone changed something: %v", calls)
					}
					fly.start()
				},
				Config: rest,
			},
			{
				PreConfig: func() {
					fly.stop()
					leftBehind(t, e)
				},
				Config: rest,
			},
		},
	})
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func forceIs(force bool) []statecheck.StateCheck {
	return []statecheck.StateCheck{
		statecheck.ExpectKnownValue(cluster, tfjsonpath.New("force_delete"), knownvalue.Bool(force)),
		statecheck.ExpectKnownValue(cluster, tfjsonpath.New("force_delete_after"), knownvalue.StringExact("15m")),
	}
}

// leftBehind expects the VM with its addresses, and has an administrator delete them.
func leftBehind(t *testing.T, e *acctest.Environment) {
	t.Helper()
	if left := e.Leftovers(); len(left.VMs) != 1 || left.VMs[0] != "/dc-1/vm/k8s/prod/prod-cp-1" {
		t.Errorf("left are the VMs %v", left.VMs)
	}
	e.RestorePrivileges()
	must(t, e.DeleteVM("prod-cp-1"))
	entries, err := e.Ledger().Entries(t.Context())
	must(t, err)
	claims := 0
	for _, entry := range entries {
		if entry.Kind == ledger.EntryClaim {
			claims++
			must(t, e.Tags().Delete(t.Context(), entry.ID))
		}
	}
	if claims != 3 {
		t.Errorf("%d addresses are claimed, and not 3", claims)
	}
	survey, err := e.VCenter().Survey(t.Context(), enginemodel.SurveyRequest{Names: &enginemodel.Names{Datacenter: "dc-1", Folder: "k8s/prod"}})
	must(t, err)
	_, err = e.VCenter().DeleteFolder(t.Context(), survey.Site.Folder.Ref)
	must(t, err)
}

// flyingTime moves vCenter's clock fast, as long as it flies.
type flyingTime struct {
	e    *acctest.Environment
	once sync.Once
	end  chan struct{}
	all  sync.WaitGroup
}

func (f *flyingTime) start() {
	f.end = make(chan struct{})
	f.all.Go(func() {
		for {
			select {
			case <-f.end:
				return
			case <-time.After(10 * time.Millisecond):
				f.e.AdvanceClock(10 * time.Second)
			}
		}
	})
}

func (f *flyingTime) stop() {
	f.once.Do(func() {
		if f.end != nil {
			close(f.end)
			f.all.Wait()
		}
	})
}
