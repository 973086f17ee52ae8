package engine_test

import (
	"context"
	"flag"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
	"github.com/gantry/terraform-provider-gantry/internal/simulator"
	"github.com/gantry/terraform-provider-gantry/internal/testing/sweep"
)

// TestRandomWalk changes clusters at random while something goes wrong, applies again until
// nothing is left to do, and looks after each step whether the world is as it was asked for.
//
// It walks for some seconds, with ALL=1 for long, and as long as GANTRY_SWEEP_WALK says, if it
// does (30m). The seed moves with the commit, as the sample of the interrupt tests does;
// -rapid.seed chooses another, and -rapid.shrinktime how long a walk that failed is made
// shorter.
func TestRandomWalk(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("a random walk takes its time")
	}
	budget := walkTime(t)
	setUnlessGiven(t, "rapid.seed", strconv.Itoa(1+sweep.Offset()))
	setUnlessGiven(t, "rapid.steps", "12")
	setUnlessGiven(t, "rapid.checks", strconv.Itoa(max(100, int(budget/time.Second))))
	walks := &tally{end: time.Now().Add(budget), steps: map[string]int{}, troubles: map[string]int{}}
	began := time.Now()
	t.Cleanup(func() { t.Logf("%s in %s", walks, time.Since(began).Round(time.Second)) })
	rapid.Check(t, func(r *rapid.T) {
		if walks.over() {
			return
		}
		w := newWalk(t, r, walks)
		r.Repeat(map[string]func(*rapid.T){
			"create":              w.stepOf(true, (*walk).create),
			"destroy":             w.step((*walk).destroy),
			"scale workers":       w.step((*walk).scaleWorkers),
			"scale control plane": w.step((*walk).scaleControlPlane),
			"resize":              w.step((*walk).resize),
			"rebuild all":         w.step((*walk).rebuildAll),
			"surge":               w.step((*walk).surge),
			"replace nodes":       w.step((*walk).replaceNodes),
			"upgrade":             w.step((*walk).upgrade),
			"add or remove pool":  w.step((*walk).otherPool),
			"place":               w.step((*walk).place),
			"keep on host group":  w.step((*walk).keepOn),
			"move to folder":      w.step((*walk).moveToFolder),
			"describe":            w.step((*walk).describe),
			"tag VMs":             w.step((*walk).tagVMs),
			"settings":            w.step((*walk).settings),
			"encrypt":             w.step((*walk).encrypt),
			"commands":            w.step((*walk).commands),
			"attach disk":         w.step((*walk).attachDisk),
			"no change":           w.step((*walk).noChange),
		})
	})
}

// walkTime is how long the walk lasts, but for making a walk that failed shorter.
func walkTime(t *testing.T) time.Duration {
	t.Helper()
	if text := os.Getenv("GANTRY_SWEEP_WALK"); text != "" {
		budget, err := time.ParseDuration(text)
		if err != nil {
			t.Fatalf("GANTRY_SWEEP_WALK: %v", err)
		}
		return budget
	}
	if sweep.Complete() {
		return 20 * time.Minute
	}
	return 15 * time.Second
}

// setUnlessGiven sets a flag of rapid, which has no other way to be told. No other test of
// this package uses it.
func setUnlessGiven(t *testing.T, name, value string) {
	t.Helper()
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == name })
	if given {
		return
	}
	if err := flag.Set(name, value); err != nil {
		t.Fatal(err)
	}
}

// tally is what all walks of a test have done.
type tally struct {
	end      time.Time
	failed   bool // a walk is done again to make it shorter
	walks    int
	applies  atomic.Int32 // runs of the engine, destructions too
	calls    int          // of vCenter
	steps    map[string]int
	troubles map[string]int
}

func (t *tally) over() bool { return !t.failed && time.Now().After(t.end) }

func (t *tally) String() string {
	steps := 0
	for _, n := range t.steps {
		steps += n
	}
	return fmt.Sprintf("%d walks of %d steps, %d runs, %d calls of vCenter; steps %v, troubles %v",
		t.walks, steps, t.applies.Load(), t.calls, t.steps, t.troubles)
}

// walk is one random walk.
type walk struct {
	*world
	r        *rapid.T
	tally    *tally
	clusters []*walked
	story    []string        // what has happened
	disks    []disk          // foreign ones, that are attached or were
	moved    map[string]bool // VMs that a user has moved
	keys     int             // SSH keys that were handed out
}

// disk is a foreign disk, and the VM that it was attached to.
type disk struct{ file, vm string }

// walked is a cluster.
type walked struct {
	name string
	// wanted is what a person has written.
	wanted model.ClusterSpec
	// state is what Terraform knows of it; nil: nothing.
	state *walkedState
	// lost are the secrets of a creation that was killed: a person may have them from the
	// cluster itself.
	lost    *model.Secrets
	parents []uuid.UUID
}

// walkedState is what Terraform keeps of a cluster.
type walkedState struct {
	id          uuid.UUID
	incarnation record.Incarnation
	known       []model.KnownMachine
	secrets     *model.Secrets
	tainted     bool
}

// spec is what is to be applied: what is written, with what the state knows.
func (c *walked) spec() model.ClusterSpec {
	spec := c.wanted
	spec.New = c.state == nil
	if c.state != nil {
		spec.ID, spec.Incarnation, spec.Known = c.state.id, c.state.incarnation, c.state.known
	}
	return spec
}

// runs reports whether the cluster was created and is not to be created again.
func (c *walked) runs() bool { return c.state != nil && !c.state.tainted }

// loadBalancer is the name of its load balancer, if its nodes take leases.
func (c *walked) loadBalancer() string { return c.name + "-lb" }

func (c *walked) pools() []*model.NodePool {
	pools := []*model.NodePool{&c.wanted.ControlPlane}
	for i := range c.wanted.Workers {
		pools = append(pools, &c.wanted.Workers[i])
	}
	return pools
}

// edit has the cluster's spec share nothing with what was applied before.
func (c *walked) edit() {
	c.wanted.ControlPlane.Placements = slices.Clone(c.wanted.ControlPlane.Placements)
	c.wanted.Workers = slices.Clone(c.wanted.Workers)
	for i := range c.wanted.Workers {
		c.wanted.Workers[i].Placements = slices.Clone(c.wanted.Workers[i].Placements)
	}
}

func newWalk(t *testing.T, r *rapid.T, all *tally) *walk {
	t.Helper()
	w := &walk{r: r, tally: all, moved: map[string]bool{}}
	options := simulator.Options{JoinTimeout: 10 * time.Second, Inventory: simulator.Inventory{OtherVMs: 2}}
	for _, version := range walkVersions {
		options.Inventory.Templates = append(options.Inventory.Templates,
			simulator.Template{Name: "walk-" + version + "-a", KubernetesVersion: version, Snapshot: true},
			simulator.Template{Name: "walk-" + version + "-b", KubernetesVersion: version})
	}
	w.world = newWorld(walkT{TB: t, r: r, w: w}, withHostGroups(options))
	all.walks++
	delay := 0
	w.pool = w.register(record.IPPool{
		Name: "walk", Start: "10.10.184.1", End: "10.10.184.60", PrefixLength: 18, DefaultGateway: "10.10.128.1", ReuseDelaySeconds: &delay,
	})
	for _, tag := range walkTags {
		w.makeTag(tag, "SINGLE")
	}
	w.sim.ExpireSessions() // of who has made the pools and the tags
	w.clusters = []*walked{{name: "prod"}, {name: "shop"}}
	return w
}

// step is one step of the walk: a change of a cluster.
func (w *walk) step(do func(w *walk, c *walked) string) func(*rapid.T) { return w.stepOf(false, do) }

// stepOf is one of a cluster that there is not yet, or one of a cluster that there is.
func (w *walk) stepOf(creates bool, do func(w *walk, c *walked) string) func(*rapid.T) {
	return func(*rapid.T) {
		if w.tally.over() {
			return
		}
		those := slices.DeleteFunc(slices.Clone(w.clusters), func(c *walked) bool { return (c.state == nil) != creates })
		if len(those) == 0 {
			w.r.SkipNow() // before anything is drawn: another step is chosen instead
		}
		c := those[rapid.IntRange(0, len(those)-1).Draw(w.r, "cluster")]
		c.edit()
		what := do(w, c)
		w.tally.steps[strings.Fields(what)[0]]++
		w.converge(c, what)
	}
}

// tell adds to the story.
func (w *walk) tell(format string, args ...any) {
	line := fmt.Sprintf(format, args...)
	w.story = append(w.story, line)
	w.r.Log(line)
}

// walkT is the test that the world of a walk reports to.
type walkT struct {
	testing.TB
	r *rapid.T
	w *walk
}

// fail adds the story: where a walk does not fail a second time, it is all there is. The first
// failure is told at once, since rapid says nothing while it makes the walk shorter, which
// takes minutes and looks as if it hung.
func (t walkT) fail(text string) {
	text = fmt.Sprintf("%s\nin the walk\n\t%s", strings.TrimSpace(text), strings.Join(t.w.story, "\n\t"))
	if !t.w.tally.failed {
		t.Logf("the first failure, which is made shorter from here: %s", text)
	}
	t.w.tally.failed = true
	t.r.Fatal(text)
}

func (t walkT) Helper()                           {}
func (t walkT) Fatal(args ...any)                 { t.fail(fmt.Sprintln(args...)) }
func (t walkT) Fatalf(format string, args ...any) { t.fail(fmt.Sprintf(format, args...)) }
func (t walkT) Error(args ...any)                 { t.fail(fmt.Sprintln(args...)) }
func (t walkT) Errorf(format string, args ...any) { t.fail(fmt.Sprintf(format, args...)) }
func (t walkT) Cleanup(f func())                  { t.r.Cleanup(f) }
func (t walkT) Context() context.Context          { return t.r.Context() }
