package model_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

var (
	firstField  = model.PlacementRef{NodePool: "w", Index: 0}.Field(model.FieldDatastore)
	secondField = model.PlacementRef{NodePool: "w", Index: 1}.Field(model.FieldDatastore)
	thirdField  = model.PlacementRef{NodePool: model.ControlPlanePool}.Field(model.FieldDatastore)
)

func TestSameFindingOfSeveralPlacementsIsOneWithAllFields(t *testing.T) {
	t.Parallel()
	var f model.Findings
	f.Refuse(firstField, "Unknown datastore", "There is no %q.", "ds")
	f.Refuse(secondField, "Unknown datastore", "There is no %q.", "ds")
	f.Refuse(firstField, "Unknown datastore", "There is no %q.", "ds")
	f.Refuse(firstField, "Unknown datastore", "There is no %q.", "other")
	f.Refuse(firstField, "Another summary", "There is no %q.", "ds")
	f.Warn(firstField, "Unknown datastore", "There is no %q.", "ds")
	f.Warn(secondField, "Unknown datastore", "There is no %q.", "ds")
	wantFields(t, f.Problems, []model.Field{firstField, secondField}, []model.Field{firstField}, []model.Field{firstField})
	wantFields(t, f.Warnings, []model.Field{firstField, secondField})

	var more model.Findings
	more.Refuse(thirdField, "Unknown datastore", "There is no %q.", "ds")
	more.Warn(thirdField, "Unknown datastore", "There is no %q.", "ds")
	f.Add(more)
	f.Add(more)
	wantFields(t, f.Problems, []model.Field{firstField, secondField, thirdField}, []model.Field{firstField}, []model.Field{firstField})
	wantFields(t, f.Warnings, []model.Field{firstField, secondField, thirdField})
	wantFields(t, more.Problems, []model.Field{thirdField})
}

func wantFields(t *testing.T, found []model.Finding, want ...[]model.Field) {
	t.Helper()
	same := func(x model.Finding, fields []model.Field) bool { return slices.Equal(x.Fields, fields) }
	if !slices.EqualFunc(found, want, same) {
		t.Errorf("got %v\nwant the fields %v", found, want)
	}
}

func TestProblemsAreOneErrorAndWarningsNone(t *testing.T) {
	t.Parallel()
	var f model.Findings
	f.Warn(firstField, "A warning", "Detail.")
	if err := f.Err(); err != nil {
		t.Fatalf("got %v", err)
	}
	f.Refuse(firstField, "Unknown datastore", "There is none.")
	f.Refuse(secondField, "Unknown datastore", "There is none.")
	f.Refuse(model.ClusterField(model.FieldTemplate), "Unknown template", "100%% gone.")
	err := f.Err()
	want := `worker pool "w", placement 1, datastore; worker pool "w", placement 2, datastore: Unknown datastore: There is none.; ` +
		"template: Unknown template: 100% gone."
	var plan *model.PlanError
	if !errors.As(err, &plan) || len(plan.Problems) != 2 || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

func TestFieldsAreNamedForErrorsThatReachNoAttribute(t *testing.T) {
	t.Parallel()
	element := model.ClusterField(model.FieldNTPServers)
	element.Element = model.At(0)
	for want, field := range map[string]model.Field{
		"":                                      {},
		"name":                                  model.ClusterField(model.FieldClusterName),
		"NTP servers, element 1":                element,
		"control plane":                         model.NodePoolField(model.ControlPlanePool, ""),
		"control plane, node count":             model.NodePoolField(model.ControlPlanePool, model.FieldNodeCount),
		"control plane, placement 1, datastore": thirdField,
		`worker pool "w", disk`:                 model.NodePoolField("w", model.FieldDisk),
		`worker pool "w", placement 2`:          {NodePool: "w", Placement: model.At(1)},
		`worker pool "w", placement 1, IP pool`: model.PlacementRef{NodePool: "w"}.Field(model.FieldIPPool),
	} {
		if got := field.String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	if i, ok := model.At(0).Get(); i != 0 || !ok {
		t.Errorf("At(0) is %d, %v", i, ok)
	}
	if _, ok := model.Index(0).Get(); ok {
		t.Error("the zero value is an index")
	}
}
