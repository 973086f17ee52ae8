package plan_test

import (
	"slices"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// TestPlanOfWhatAClusterStores has a running cluster store its authorities or not.
func TestPlanOfWhatAClusterStores(t *testing.T) {
	t.Parallel()
	store := []model.Change{{Action: model.ActionStoreImportData, Target: "c"}}
	for name, c := range map[string]struct {
		omit, omitted bool
		want          []model.Change
	}{
		"stored":              {false, false, nil},
		"to be stored again":  {false, true, store},
		"to be removed":       {true, false, store},
		"left out as desired": {true, true, nil},
	} {
		spec, f := small(1, 1), running(1, 1)
		spec.OmitAuthorities = c.omit
		f.API.AuthoritiesOmitted = c.omitted
		if got := planned(spec, f).Changes(); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// TestPlanGivesAdministratorsTheirRightsBack has an API that refuses the administrator:
// nothing is judged but that.
func TestPlanGivesAdministratorsTheirRightsBack(t *testing.T) {
	t.Parallel()
	f := running(1, 1)
	f.API = model.APIFacts{Asked: true, Error: "forbidden", AdminsUnbound: true}
	p := planned(small(1, 1), f)
	if got := p.Changes(); !slices.Equal(got, []model.Change{{Action: model.ActionBindAdmins, Target: "c"}}) {
		t.Errorf("got %v", got)
	}
	if len(p.Warnings) != 1 || p.Warnings[0].Summary != "Administrators have no rights in the cluster" {
		t.Errorf("got %v", p.Warnings)
	}
	f.API.AdminsUnbound = false
	if p := planned(small(1, 1), f); len(p.Changes()) > 0 {
		t.Errorf("of an API that does not answer: %v", p.Changes())
	}
}
