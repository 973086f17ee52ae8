package model_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

func TestNodeOrdinalReadsWhatNodeNameWrites(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		label := rapid.StringMatching(`[a-z]([a-z0-9-]{0,8}[a-z0-9])?`)
		cluster := label.Draw(t, "cluster")
		pool := label.Draw(t, "pool")
		n := rapid.IntRange(1, 1_000_000).Draw(t, "ordinal")
		name := model.NodeName("", cluster, pool, n)
		if got := model.NodeOrdinal("", cluster, pool, name); got != n {
			t.Fatalf("%s has the ordinal %d, want %d", name, got, n)
		}
		prefix := cluster + "-" + pool + "-"
		for _, other := range []string{prefix + "-" + fmt.Sprint(n), prefix + "0" + fmt.Sprint(n), name + "0x", name + " ", "x" + name} {
			if got := model.NodeOrdinal("", cluster, pool, other); got != 0 {
				t.Fatalf("%q has the ordinal %d", other, got)
			}
		}
	})
}

func TestNodeUUIDIsTheSameOnEveryAttempt(t *testing.T) {
	t.Parallel()
	cluster := uuid.New()
	a := model.NodeUUID(cluster, "c-w-1")
	if a != model.NodeUUID(cluster, "c-w-1") || a == model.NodeUUID(cluster, "c-w-2") || a == model.NodeUUID(uuid.New(), "c-w-1") {
		t.Errorf("got %s", a)
	}
}

func TestSpecNamesItsPlacementsAndIPPoolsOnce(t *testing.T) {
	t.Parallel()
	one := uuid.New()
	two := uuid.New()
	s := &model.ClusterSpec{
		Datacenter:   "dc",
		ControlPlane: model.NodePool{Name: model.ControlPlanePool, Placements: []model.Placement{{IPPoolID: one}}},
		Workers: []model.NodePool{
			{Name: "v", Placements: []model.Placement{{IPPoolID: two}, {IPPoolID: one}}},
			{Name: "w", Placements: []model.Placement{{IPPoolID: two}}},
		},
	}
	if got := s.IPPools(); !slices.Equal(got, []uuid.UUID{one, two}) {
		t.Errorf("IP pools %v", got)
	}
	names := s.Names()
	second := model.PlacementRef{NodePool: "v", Index: 1}
	if len(names.Placements) != 4 || names.Placements[second].IPPoolID != one || names.Datacenter != "dc" {
		t.Errorf("names %+v", names)
	}
	if s.Endpoint().IPPool != one || (&model.ClusterSpec{}).Endpoint().IPPool != uuid.Nil {
		t.Error("the endpoint's IP pool is the control plane's, if there is one")
	}
	if _, ok := s.NodePool("x"); ok {
		t.Error("there is no pool x")
	}
	if pool, ok := s.NodePool("w"); !ok || pool.Role() != model.RoleWorker || s.ControlPlane.Role() != model.RoleControlPlane {
		t.Errorf("pool w is %+v", pool)
	}
}

func TestPackHashIsThatOfItsManifestsOrItsDigest(t *testing.T) {
	t.Parallel()
	joined := model.Pack{Manifests: []string{"ab"}}
	split := model.Pack{Manifests: []string{"a", "b"}}
	if joined.Hash() == split.Hash() || joined.Hash() != (model.Pack{Name: "x", Manifests: []string{"ab"}}).Hash() {
		t.Error("the hash is of the manifests, one by one")
	}
	joined.Digest = "d"
	if joined.Hash() != "d" {
		t.Errorf("got %s", joined.Hash())
	}
}

type retryable struct{ error }

func (retryable) Transient() bool { return true }

func TestTransientIsWhatAnErrorInTheChainSays(t *testing.T) {
	t.Parallel()
	wrapped := fmt.Errorf("clone: %w", retryable{errors.New("TaskInProgress")})
	if !model.Transient(wrapped) || model.Transient(model.ErrGone) || model.Transient(nil) {
		t.Error("only a transient error is transient")
	}
}
