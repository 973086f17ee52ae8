package run

import (
	"context"
	"sync"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
)

// Progress tells what the steps of a run do while they do it: that they begin and end, and
// of those that take long, what they wait for.
type Progress struct {
	of     record.Ref
	report func(context.Context, model.Event)
	every  time.Duration
	now    func() time.Time

	mu      sync.Mutex
	open    map[model.Change]*activity
	ticking bool
	others  func(model.Event) // who else is told; may be nil
}

// NewProgress reports what happens to a cluster or gateway. A step that is silent for as
// long as every has its wait reported; 0: none has.
func NewProgress(of record.Ref, every time.Duration, now func() time.Time, report func(context.Context, model.Event)) *Progress {
	return &Progress{of: of, report: report, every: every, now: now, open: map[model.Change]*activity{}}
}

// activity is a step that is under way.
type activity struct {
	step  model.Change
	ctx   context.Context //nolint:containedctx // for the lines that the ticker reports
	began time.Time
	told  time.Time

	mu    sync.Mutex
	waits string // what it waits for
	guest string // what its guest has reported last
}

type activityKey struct{}

// Begin reports that a step begins, and returns the function that reports how it has
// ended. With the context, Waiting says what the step waits for. What was begun ahead goes
// on under its step.
func (p *Progress) Begin(ctx context.Context, step model.Change) (context.Context, func(error)) {
	ctx, a := p.follow(ctx, step)
	p.tell(ctx, a, model.EventStarted, "")
	return ctx, func(err error) {
		p.mu.Lock()
		delete(p.open, step)
		p.mu.Unlock()
		if err != nil {
			p.tell(ctx, a, model.EventFailed, err.Error())
			return
		}
		p.tell(ctx, a, model.EventDone, "")
	}
}

// announceTo has someone else told of what happens from now on; nil: no one.
func (p *Progress) announceTo(others func(model.Event)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.others = others
}

// Note reports what is to be known of a step, which goes on.
func (p *Progress) Note(ctx context.Context, step model.Change, message string) {
	p.report(ctx, model.Event{Time: p.now(), Of: p.of, Step: step, Status: model.EventNoted, Message: message})
}

// Failed reports that what was begun ahead of its step has failed before that.
func (p *Progress) Failed(ctx context.Context, step model.Change, err error) {
	_, a := p.follow(ctx, step)
	p.mu.Lock()
	delete(p.open, step)
	p.mu.Unlock()
	p.tell(ctx, a, model.EventFailed, err.Error())
}

// follow has the waits of a step reported that was not begun yet.
func (p *Progress) follow(ctx context.Context, step model.Change) (context.Context, *activity) {
	p.mu.Lock()
	defer p.mu.Unlock()
	a, ok := p.open[step]
	if !ok {
		now := p.now()
		a = &activity{step: step, ctx: ctx, began: now, told: now}
		p.open[step] = a
	}
	if !p.ticking && p.every > 0 {
		p.ticking = true
		go p.tick()
	}
	return context.WithValue(ctx, activityKey{}, a), a
}

// leave ends what follow has begun of steps that do not come.
func (p *Progress) leave() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for step := range p.open {
		if !whole(step) {
			delete(p.open, step)
		}
	}
}

func (p *Progress) tell(ctx context.Context, a *activity, status model.EventStatus, message string) {
	now := p.now()
	p.mu.Lock()
	a.told = now
	took := now.Sub(a.began)
	others := p.others
	p.mu.Unlock()
	event := model.Event{Time: now, Of: p.of, Step: a.step, Status: status, Took: took, Message: message}
	p.report(ctx, event)
	if others != nil {
		others(event)
	}
}

// tick reports the waits until nothing is under way any more.
func (p *Progress) tick() {
	ticker := time.NewTicker(max(p.every/4, time.Millisecond))
	defer ticker.Stop()
	for range ticker.C {
		silent, open := p.silent()
		if !open {
			return
		}
		for _, a := range silent {
			p.tell(a.ctx, a, model.EventWaiting, a.words())
		}
	}
}

// silent are the activities of which nothing was told for nearly as long as it may be. The
// run as a whole is told of while none of its steps is under way.
func (p *Progress) silent() (silent []*activity, open bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.open) == 0 {
		p.ticking = false
		return nil, false
	}
	now := p.now()
	steps := 0
	for step := range p.open {
		if !whole(step) {
			steps++
		}
	}
	for step, a := range p.open {
		if now.Sub(a.told) >= p.every*3/4 && (steps == 0 || !whole(step)) {
			silent = append(silent, a)
		}
	}
	return silent, true
}

func whole(step model.Change) bool { return model.Event{Step: step}.Whole() }

func (a *activity) words() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	words := a.waits
	if words == "" {
		words = "it is at work"
	}
	if a.guest != "" {
		words += "; its guest reported the phase " + a.guest + " last"
	}
	return words
}

// Waiting notes what the step of a context waits for, and whom: a noun, such as "vCenter,
// which clones its VM".
func Waiting(ctx context.Context, what string) {
	if a, ok := ctx.Value(activityKey{}).(*activity); ok {
		a.mu.Lock()
		a.waits = what
		a.mu.Unlock()
	}
}

// noteGuest notes the phase that the guest of a step has reported.
func noteGuest(ctx context.Context, phase string) {
	if a, ok := ctx.Value(activityKey{}).(*activity); ok {
		a.mu.Lock()
		a.guest = phase
		a.mu.Unlock()
	}
}
