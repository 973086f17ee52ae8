package observe

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// stored are the releases of a cluster, by name, and why one cannot be read.
type stored struct {
	model.Releases
	manifests map[string]string
	errs      map[string]error

	mu    sync.Mutex
	asked []string
}

func (s *stored) Deployed(_ context.Context, r model.Release) (model.DeployedRelease, error) {
	s.mu.Lock()
	s.asked = append(s.asked, r.Name)
	s.mu.Unlock()
	if s.manifests[r.Name] == "" {
		return model.DeployedRelease{}, s.errs[r.Name]
	}
	return model.DeployedRelease{Namespace: r.Namespace, Name: r.Name, Manifest: s.manifests[r.Name]}, nil
}

// changed finds what a release's manifest names.
type changed struct{ model.API }

func (changed) ReleaseDrift(ctx context.Context, deployed func(context.Context) (model.DeployedRelease, error)) ([]model.Drift, error) {
	r, err := deployed(ctx)
	if r.Manifest == "" {
		return nil, err
	}
	return []model.Drift{{ObjectRef: model.ObjectRef{Kind: "ConfigMap", Namespace: r.Namespace, Name: r.Manifest}}}, ctx.Err()
}

// TestReleasesAreCompared compares the release of a pack as it is deployed, says why one cannot be
// read, and does not ask about one that is upgraded in any case, has not come to its end, or is ignored.
func TestReleasesAreCompared(t *testing.T) {
	t.Parallel()
	s := model.ClusterSpec{}
	facts := &model.APIFacts{Packs: map[string]model.AppliedPack{}}
	for _, name := range []string{"app", "pending", "unread", "other", "begun", "ignored"} {
		pack := model.Pack{Name: name, Chart: &model.Chart{Name: name, Namespace: "apps"}, IgnoresDrift: name == "ignored"}
		have := model.AppliedPack{Hash: pack.Hash(), Digest: "x", Release: &model.Release{Namespace: "apps", Name: name}}
		if name == "begun" {
			have.Hash = ""
		}
		facts.Packs[name] = have
		if name == "other" {
			pack.Chart = &model.Chart{Name: name, Namespace: "apps", Values: []string{"a: 2"}}
		}
		s.Packs = append(s.Packs, pack)
	}
	releases := &stored{
		manifests: map[string]string{"app": "one", "other": "two", "begun": "three", "ignored": "four"},
		errs:      map[string]error{"unread": errors.New("it is not there")},
	}
	api := cluster{API: changed{}, releases: func() (model.Releases, error) { return releases, nil }}
	target := s.Target()
	target.Packs = target.Packs[:len(target.Packs):len(target.Packs)]
	for _, pack := range target.Packs { // one after the other, since what is asked is noted
		one := target
		one.Packs = []model.Pack{pack}
		compareObjects(t.Context(), api, one, nil, facts)
	}
	if len(facts.Drift) != 2 || len(releases.asked) != 3 || len(facts.Drift["app"].Held) != 1 || facts.Drift["app"].Held[0].Name != "one" ||
		facts.Drift["app"].SetsBack() > 0 || facts.Drift["unread"].Problem != "it is not there" {
		t.Errorf("asked %v, found %v", releases.asked, facts.Drift)
	}

	over, cancel := context.WithCancel(t.Context())
	cancel()
	facts.Drift = nil
	compareObjects(over, api, target, nil, facts)
	if !facts.Drift["app"].Late || facts.Drift["app"].Problem != "" {
		t.Errorf("after its time: %v", facts.Drift)
	}
	api.releases = Observer{}.releases(request{})
	facts.Drift = nil
	compareObjects(t.Context(), api, target, nil, facts)
	if facts.Drift["app"].Problem == "" {
		t.Errorf("without charts: %v", facts.Drift)
	}
}

// connections counts how often one connects to a cluster's releases.
type connections struct {
	model.Charts
	made int
}

func (c *connections) Connect([]byte, uuid.UUID) (model.Releases, error) {
	c.made++
	return &stored{errs: map[string]error{"app": model.ErrReleaseGone}}, nil
}

// TestReleasesAreConnectedOnce connects once, however many packs there are.
func TestReleasesAreConnectedOnce(t *testing.T) {
	t.Parallel()
	charts := &connections{}
	releases := Observer{Charts: charts}.releases(request{secrets: &model.Secrets{}})
	for range 3 {
		drift := compareRelease(t.Context(), cluster{API: changed{}, releases: releases}, model.Release{Name: "app"})
		if !drift.Gone || drift.Problem != "" {
			t.Errorf("of a release that is gone: %+v", drift)
		}
	}
	if charts.made != 1 {
		t.Errorf("%d connections", charts.made)
	}
}

// TestWhatIsLateIsApart has kinds that were not read in time be late, and others a problem.
func TestWhatIsLateIsApart(t *testing.T) {
	t.Parallel()
	refused := errors.New("list the widgets: refused")
	for problem, err := range map[string]error{
		"":              errors.Join(model.ErrNotInTime, errors.Join(model.ErrNotInTime)),
		refused.Error(): errors.Join(refused, model.ErrNotInTime),
	} {
		if got := withProblem(t.Context(), model.PackDrift{}, err); !got.Late || got.Problem != problem {
			t.Errorf("of %q: %+v", err, got)
		}
	}
	if got := withProblem(t.Context(), model.PackDrift{}, refused); got.Late || got.Problem != refused.Error() {
		t.Errorf("of one that is refused: %+v", got)
	}
}

// TestAPackThatBecomesAChartHoldsNothing has the other pack asked about an object that both have.
func TestAPackThatBecomesAChartHoldsNothing(t *testing.T) {
	t.Parallel()
	ref := model.ObjectRef{Kind: "ConfigMap", Namespace: "apps", Name: "a"}
	has := &model.Inventory{Objects: []model.PackObject{{ObjectRef: ref}}}
	target := model.Target{Packs: []model.Pack{{Name: "stays"}, {Name: "becomes", Chart: &model.Chart{}}}}
	holders := holdersOf(target, map[string]*model.Inventory{"stays": has, "becomes": has})
	if got := holders[ref]; len(got) != 2 || got[1] != "stays" {
		t.Errorf("it is of %v", got)
	}
}
