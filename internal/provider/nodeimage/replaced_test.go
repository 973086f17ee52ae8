package nodeimage_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"

	"github.com/gantry/terraform-provider-gantry/internal/provider/acctest"
)

// planned has the warnings of plans of images.
type planned struct {
	mu       sync.Mutex
	warnings []string
}

// listening is a provider that hands on what its plans warn of.
type listening struct {
	tfprotov6.ProviderServer
	to *planned
}

func (l listening) PlanResourceChange(
	ctx context.Context, req *tfprotov6.PlanResourceChangeRequest,
) (*tfprotov6.PlanResourceChangeResponse, error) {
	resp, err := l.ProviderServer.PlanResourceChange(ctx, req)
	if resp == nil || req.TypeName != "gantry_node_image" {
		return resp, err
	}
	l.to.mu.Lock()
	defer l.to.mu.Unlock()
	for _, d := range resp.Diagnostics {
		if d.Severity == tfprotov6.DiagnosticSeverityWarning {
			l.to.warnings = append(l.to.warnings, d.Summary+": "+d.Detail)
		}
	}
	return resp, err
}

func (p *planned) factories(e *acctest.Environment) map[string]func() (tfprotov6.ProviderServer, error) {
	all := e.Factories()
	start := all["gantry"]
	all["gantry"] = func() (tfprotov6.ProviderServer, error) {
		server, err := start()
		return listening{server, p}, err
	}
	return all
}

// says are the warnings since the last time, of which there has to be one with each of some words, and
// none where there are no words.
func (p *planned) says(t *testing.T, words ...string) {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	all := strings.Join(p.warnings, "\n")
	if len(words) == 0 && all != "" {
		t.Errorf("warned of %s", all)
	}
	for _, word := range words {
		if !strings.Contains(all, word) {
			t.Errorf("not %q, but warned of %q", word, all)
		}
	}
	p.warnings = nil
}

// TestAccNodeImageIsReplacedInUse has plans that replace an image name what uses it, and how to go on.
func TestAccNodeImageIsReplacedInUse(t *testing.T) {
	t.Parallel()
	e := acctest.New(t)
	var p planned
	again := func(input int, s shape) string {
		return using(e, config(e, s), "gantry_node_image.golden.template") + fmt.Sprintf(`
resource "terraform_data" "again" { input = %d }
`, input)
	}
	const enough = `timeouts = { create = "2h" }`
	triggered := shape{lifecycle: "lifecycle { replace_triggered_by = [terraform_data.again] }"}
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: p.factories(e),
		CheckDestroy:             e.CheckDestroy,
		Steps: []resource.TestStep{
			{Config: config(e, shape{})}, // its scripts may take longer than the run
			{ // what nothing uses
				PreConfig: func() { p.says(t, "`timeouts.create` ends the run after 1h0m0s") },
				Config:    config(e, shape{script: "echo two", extra: enough}), PlanOnly: true, ExpectNonEmptyPlan: true,
			},
			{PreConfig: func() { p.says(t) }, Config: again(1, triggered)},
			{
				PreConfig: func() { p.says(t) },
				Config:    again(1, shape{script: "echo two"}), PlanOnly: true, ExpectNonEmptyPlan: true,
			},
			{ // whatever it is replaced for
				PreConfig: func() {
					p.says(t, "is replaced while it is in use", "/dc-1/vm/k8s/prod/prod-cp-1", "create_before_destroy = true")
				},
				Config: again(2, triggered), PlanOnly: true, ExpectNonEmptyPlan: true,
			},
			{ // its cluster goes
				PreConfig: func() { p.says(t, "is replaced while it is in use") },
				Config:    config(e, shape{}),
			},
		},
	})
}

// TestAccNodeImageIsNotReplaced has the base go between plan and apply: the image that was to be replaced is
// the resource's still.
func TestAccNodeImageIsNotReplaced(t *testing.T) {
	t.Parallel()
	e := acctest.New(t)
	rename := func(from, to string) {
		if err := e.RenameVM(from, to); err != nil {
			t.Error(err)
		}
	}
	whole := func(script string) string { return config(e, shape{script: script, lifecycle: replaceSafely}) }
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: e.Factories(),
		CheckDestroy:             e.CheckDestroy,
		Steps: []resource.TestStep{
			{Config: whole("echo one")},
			{
				Config: whole("echo two"),
				ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{
					plancheck.ExpectResourceAction(image, plancheck.ResourceActionCreateBeforeDestroy),
					meanwhile(func() { rename("gantry-node-1.37.2", "away") }),
				}},
				ExpectError: acctest.Words(`No template "gantry-node-1.37.2" was found`),
			},
			{PreConfig: func() { rename("away", "gantry-node-1.37.2") }, Config: whole("echo one"), PlanOnly: true},
			{Config: whole("echo two"), Check: func(*terraform.State) error {
				_, err := soleHolder(e)
				return err
			}},
		},
	})
}

// meanwhile does something between plan and apply.
type meanwhile func()

func (m meanwhile) CheckPlan(context.Context, plancheck.CheckPlanRequest, *plancheck.CheckPlanResponse) {
	m()
}

// TestAccNodeImageOfAnotherDatacenter has the name of the datacenter mean another one by now: what changes
// in place changes, and the image stays what it is.
func TestAccNodeImageOfAnotherDatacenter(t *testing.T) {
	t.Parallel()
	e := acctest.New(t)
	rename := func(from, to string) {
		if err := e.Rename(from, to); err != nil {
			t.Error(err)
		}
	}
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: e.Factories(),
		CheckDestroy:             e.CheckDestroy,
		Steps: []resource.TestStep{
			{Config: config(e, shape{})},
			{
				PreConfig: func() {
					rename("/dc-1", "former")
					rename("/dc-2", "dc-1")
				},
				Config: config(e, shape{name: "silver"}), ConfigPlanChecks: does(plancheck.ResourceActionUpdate),
			},
		},
	})
}
