package enginecrud_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
	"github.com/gantry/terraform-provider-gantry/internal/provider/enginecrud"
)

// run is a run of Terraform that has seen these ids.
type run struct {
	seen     []uuid.UUID
	applying bool
}

func (r run) Seen(id uuid.UUID) bool { return slices.Contains(r.seen, id) }
func (r run) Applying() bool         { return r.applying }

func attributeOf(f model.Field) path.Path {
	if f.Name == model.FieldClusterName {
		return path.Root("name")
	}
	return path.Root("control_plane").AtName("placements")
}

// steps is a plan with steps.
func steps(steps ...model.Step) *model.Plan {
	return &model.Plan{Stages: []model.Stage{{Name: "test", Steps: steps}}}
}

// running are the values of what runs.
func running(changes ...model.Change) *enginecrud.Computed {
	c := &enginecrud.Computed{
		ID:                   types.StringValue("id"),
		State:                types.StringValue("Running"),
		ControlPlaneEndpoint: types.StringValue("10.0.0.1:6443"),
		Kubeconfig:           types.StringValue("kubeconfig"),
	}
	c.SetChanges(changes)
	return c
}

func TestShowSteps(t *testing.T) {
	t.Parallel()
	before := model.Change{Action: model.ActionCreateNode, Target: "a"}
	for name, c := range map[string]struct {
		plan       *model.Plan
		prior      bool
		want       []model.Change
		state      bool // stays known
		kubeconfig bool // stays known
	}{
		"steps": {
			plan:       steps(model.UncordonNode{Node: "b"}),
			prior:      true,
			want:       []model.Change{{Action: model.ActionUncordonNode, Target: "b"}},
			kubeconfig: true,
		},
		"no steps keep the list": {plan: steps(), prior: true, want: []model.Change{before}, state: true, kubeconfig: true},
		"no steps and no list":   {plan: steps(), want: []model.Change{}, state: true, kubeconfig: true},
		// Steps follow from no pool.
		"the pool is planned, to what is not known": {
			plan: &model.Plan{
				Stages:         steps(model.UncordonNode{Node: "b"}).Stages,
				MissingIPPools: []model.MissingIPPool{{ID: uuid.Max, Fate: model.IPPoolUnknown}},
			},
			prior:      true,
			want:       []model.Change{{Action: model.ActionUncordonNode, Target: "b"}},
			kubeconfig: true,
		},
	} {
		planned := running()
		view := enginecrud.PlanView{
			Plan: c.plan, Planned: planned, AttributePath: attributeOf, Run: run{seen: []uuid.UUID{uuid.Max}},
		}
		if c.prior {
			view.Prior = running(before)
		}
		shown, diags := enginecrud.Show(view)
		if diags.HasError() || diags.WarningsCount() > 0 {
			t.Errorf("%s: %v", name, diags)
		}
		got := planned.Changes()
		switch {
		case c.want == nil:
			if got != nil || shown != nil {
				t.Errorf("%s: got %v and %v, want unknown", name, got, shown)
			}
		case got == nil || !slices.Equal(*got, c.want):
			t.Errorf("%s: got %v, want %v", name, got, c.want)
		case shown == nil || !slices.Equal(*shown, c.plan.Changes()):
			t.Errorf("%s: an apply may run %v, want the steps of the plan", name, shown)
		}
		if planned.State.IsUnknown() == c.state || planned.Kubeconfig.IsUnknown() == c.kubeconfig {
			t.Errorf("%s: the state is %s and the kubeconfig %s", name, planned.State, planned.Kubeconfig)
		}
		if planned.ID.IsUnknown() || planned.ControlPlaneEndpoint.IsUnknown() {
			t.Errorf("%s: the id or the endpoint is unknown", name)
		}
	}
}

func TestShowFindings(t *testing.T) {
	t.Parallel()
	small := model.NewFinding(model.ClusterField(model.FieldDatastore), "Too small", "It is small.")
	other := uuid.New()
	for name, c := range map[string]struct {
		plan     model.Plan
		planning bool
		run      run
		error    string
		warned   string
	}{
		"a problem": {
			plan:  model.Plan{Findings: model.Findings{Problems: []model.Finding{small}}},
			error: "Too small: control_plane.placements: It is small.",
		},
		"a warning": {
			plan:   model.Plan{Findings: model.Findings{Warnings: []model.Finding{small}}},
			warned: "Too small: control_plane.placements: It is small.",
		},
		// It may be the second plan in an apply that creates before it destroys.
		"another object has the name": {
			plan:   model.Plan{Collision: other},
			warned: `Cluster "prod" exists: vCenter holds a record of this name, with the id ` + other.String(),
		},
		"another object has the name in a plan": {
			plan:     model.Plan{Collision: other},
			planning: true,
			error:    `Cluster "prod" exists: vCenter holds a record of this name, with the id ` + other.String(),
		},
		"the new name is that of one that is replaced, too": {
			plan:     model.Plan{Collision: other},
			planning: true,
			run:      run{seen: []uuid.UUID{other}},
			warned:   "Unless this run deletes it before",
		},
		"a pool that is missing, by an id that no pool has": {
			plan:  model.Plan{MissingIPPools: []model.MissingIPPool{{ID: other}}},
			error: "IP pool not found: control_plane.placements: No IP pool with the id",
		},
		"a pool that an alias may create": {
			plan:   model.Plan{MissingIPPools: []model.MissingIPPool{{ID: uuid.NewSHA1(other, nil)}}},
			warned: "Unless another configuration of the provider, such as an alias, creates it in the same run, the apply is refused",
		},
		"a pool that this run deletes": {
			plan:  model.Plan{MissingIPPools: []model.MissingIPPool{{ID: uuid.NewSHA1(other, nil), Fate: model.IPPoolDeleted}}},
			error: "IP pool to be deleted",
		},
		"a pool whose record is damaged": {
			plan:  model.Plan{MissingIPPools: []model.MissingIPPool{{ID: other, Damage: record.ErrNewer}}},
			error: "IP pool record damaged",
		},
		// Creating before destroying, an error of this plan would leave a deposed object.
		"a pool whose record is damaged in an apply": {
			plan:   model.Plan{MissingIPPools: []model.MissingIPPool{{ID: other, Damage: record.ErrNewer}}},
			run:    run{applying: true},
			warned: "IP pool record damaged",
		},
		"an incomplete creation": {plan: model.Plan{Unfinished: other}, warned: "Resuming an incomplete creation"},
		"its own incomplete creation": {
			plan: model.Plan{Unfinished: other},
			run:  run{seen: []uuid.UUID{other}},
		},
	} {
		_, diags := enginecrud.Show(enginecrud.PlanView{
			Subject:       `cluster "prod"`,
			Plan:          &c.plan,
			Planning:      func() bool { return c.planning },
			Planned:       running(),
			AttributePath: attributeOf,
			Run:           c.run,
		})
		check := func(kind string, got diag.Diagnostics, want string) {
			t.Helper()
			texts := ""
			for _, d := range got {
				texts += d.Summary() + ": " + d.Detail()
			}
			if (want == "") != (texts == "") || !strings.Contains(texts, want) {
				t.Errorf("%s: the %s is %q, want %q", name, kind, texts, want)
			}
		}
		check("error", diags.Errors(), c.error)
		check("warning", diags.Warnings(), c.warned)
	}
}

func TestShowDestroy(t *testing.T) {
	t.Parallel()
	subject := record.Ref{Kind: record.KindCluster, Name: "prod"}.Describe()
	if diags := enginecrud.ShowDestroy(subject, steps(), attributeOf); len(diags) > 0 {
		t.Errorf("nothing to do: %v", diags)
	}
	used := model.Plan{}
	used.Refuse(model.ClusterField(model.FieldClusterName), "In use", "It has children.")
	if diags := enginecrud.ShowDestroy(subject, &used, attributeOf); diags.HasError() || diags.WarningsCount() != 1 {
		t.Errorf("what depends on it may be deleted before: %v", diags)
	}
	all := steps(model.DeleteRecord{Cluster: "prod"}, model.DeleteFolder{Folder: record.Folder{Path: "k8s"}})
	diags := enginecrud.ShowDestroy(subject, all, attributeOf)
	if len(diags) != 1 || diags[0].Severity() != diag.SeverityWarning || diags[0].Summary() != `Destroying cluster "prod"` ||
		!strings.HasSuffix(diags[0].Detail(), "  delete_record prod\n  delete_folder k8s") {
		t.Errorf("got %v", diags)
	}
	held := steps(model.DeleteRecord{Cluster: "prod"})
	held.Warn(model.ClusterField(model.FieldClusterName), "Node prod-1 cannot be deleted", "A snapshot holds a disk.")
	diags = enginecrud.ShowDestroy(subject, held, func(model.Field) path.Path { return path.Root("name") })
	if len(diags.Warnings()) != 2 || diags.HasError() || diags[0].Summary() != "Node prod-1 cannot be deleted" {
		t.Errorf("got %v", diags)
	}
}
