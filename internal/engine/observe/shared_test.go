package observe

import (
	"context"
	"slices"
	"sync"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// asked notes of which packs objects are compared.
type asked struct {
	model.API
	mu  sync.Mutex
	all map[string][]model.PackObject
}

func (a *asked) Drift(_ context.Context, m model.PackManifests) ([]model.Drift, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.all[m.Owner.Pack] = m.Objects
	return nil, nil
}

// TestSharedObjectsAreOfTheLastPack has several packs have an object: the one that is applied last is
// asked about it, and knows that others have it. One that is not compared does not count as the last.
func TestSharedObjectsAreOfTheLastPack(t *testing.T) {
	t.Parallel()
	room := model.PackObject{ObjectRef: model.ObjectRef{Kind: "Namespace", Name: "room"}}
	own := model.PackObject{ObjectRef: model.ObjectRef{Kind: "ConfigMap", Namespace: "room", Name: "own"}}
	facts := &model.APIFacts{Packs: map[string]model.AppliedPack{}}
	var target model.Target
	for _, name := range []string{"one", "other"} {
		pack := model.Pack{Name: name, Manifests: []string{"kind: " + name}}
		target.Packs = append(target.Packs, pack)
		facts.Packs[name] = model.AppliedPack{Inventory: true, Hash: pack.Hash()}
	}
	inventories := map[string]*model.Inventory{
		"one": {Objects: []model.PackObject{room, own}}, "other": {Objects: []model.PackObject{room}},
		"zero": {Objects: []model.PackObject{room}},
	}
	api := &asked{all: map[string][]model.PackObject{}}
	compareObjects(t.Context(), cluster{API: api}, target, inventories, facts)
	shared := room
	shared.Shared = true
	same := func(a, b model.PackObject) bool { return a.ObjectRef == b.ObjectRef && a.Shared == b.Shared }
	if !slices.EqualFunc(api.all["one"], []model.PackObject{own}, same) ||
		!slices.EqualFunc(api.all["other"], []model.PackObject{shared}, same) {
		t.Errorf("asked %v", api.all)
	}
}
