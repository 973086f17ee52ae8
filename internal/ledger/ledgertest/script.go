package ledgertest

import (
	"context"
	"math/rand/v2"

	"pgregory.net/rapid"
)

// script is what several clusters do with one pool, in rounds. Within a round
// their runs are at work at once; each round has runs of its own, and a cluster
// never has two.
type script struct {
	Size      int  // addresses of the pool
	CoolsDown bool // released addresses cool down
	Single    bool // the pool is restricted to a single cluster
	Rounds    []round
}

type round struct {
	Later bool // earlier cool-downs have expired
	Runs  []runScript
}

// runScript is one cluster's run.
type runScript struct {
	Fails failing
	Steps []step
}

// failing is how a run's calls go wrong.
type failing struct {
	At    int // the call at which the run is killed; 0: none
	Fault Fault
	Some  uint64 // lets some calls drop; 0: none
}

func (f failing) decide() func(context.Context, Call) Fault {
	switch {
	case f.At > 0:
		return StopAt(f.At, f.Fault)
	case f.Some > 0:
		return func(_ context.Context, call Call) Fault {
			rnd := rand.New(rand.NewPCG(f.Some, uint64(call.N)))
			return []Fault{None, None, None, None, Before, After}[rnd.IntN(6)]
		}
	}
	return nil
}

// step is one thing that a run does for one of its nodes.
type step struct {
	Verb    verb
	Node    int
	Address int // of claimOne and releaseOthers: which of the pool's
}

type verb int

const (
	claimAny verb = iota
	claimOne
	release
	releaseOthers
	verbs
)

// nodesOf is how many nodes a cluster of a script has.
const nodesOf = 3

// scripts draws scripts of any kind.
var scripts = rapid.Custom(func(t *rapid.T) script {
	clusters := rapid.IntRange(2, 4).Draw(t, "clusters")
	steps := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) step {
		return step{
			Verb:    verb(rapid.IntRange(0, int(verbs)-1).Draw(t, "verb")),
			Node:    rapid.IntRange(0, nodesOf-1).Draw(t, "node"),
			Address: rapid.IntRange(0, 7).Draw(t, "address"),
		}
	}), 1, 8)
	fails := rapid.OneOf(
		rapid.Just(failing{}),
		rapid.Custom(func(t *rapid.T) failing {
			return failing{At: rapid.IntRange(1, 20).Draw(t, "killed at"), Fault: Fault(rapid.IntRange(int(Before), int(After)).Draw(t, "fault"))}
		}),
		rapid.Custom(func(t *rapid.T) failing { return failing{Some: rapid.Uint64Min(1).Draw(t, "drops")} }),
	)
	rounds := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) round {
		r := round{Later: rapid.Bool().Draw(t, "later")}
		for range clusters {
			r.Runs = append(r.Runs, runScript{Fails: fails.Draw(t, "fails"), Steps: steps.Draw(t, "steps")})
		}
		return r
	}), 1, 4)
	return script{
		// Fewer addresses than nodes, mostly.
		Size:      rapid.IntRange(2, 8).Draw(t, "size"),
		CoolsDown: rapid.Bool().Draw(t, "cools down"),
		Single:    rapid.IntRange(0, 3).Draw(t, "single") == 0,
		Rounds:    rounds.Draw(t, "rounds"),
	}
})

// interrupted is the script in which one run is killed at its k-th call, while
// another is at work; what both did is swept in the round after it.
func interrupted(k int, fault Fault) script {
	all := []step{
		{claimAny, 0, 0}, {claimAny, 1, 0}, {release, 0, 0}, {claimOne, 2, 3}, {releaseOthers, 0, 1}, {claimAny, 0, 0}, {release, 1, 0},
	}
	return script{Size: 4, CoolsDown: true, Rounds: []round{
		{Runs: []runScript{{Steps: all}, {Steps: all[:2]}}},
		{Later: true, Runs: []runScript{{Fails: failing{At: k, Fault: fault}, Steps: all}, {Steps: all}}},
		{Runs: []runScript{{Steps: all[:1]}, {Steps: all[:1]}}},
	}}
}
