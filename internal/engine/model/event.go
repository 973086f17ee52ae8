package model

import (
	"fmt"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
)

// EventStatus is what has happened to a step.
type EventStatus string

// The statuses.
const (
	EventStarted EventStatus = "started"
	EventWaiting EventStatus = "waiting" // it is not done yet; the message says what it waits for
	EventDone    EventStatus = "done"
	EventFailed  EventStatus = "failed" // the message says why
	EventNoted   EventStatus = "noted"  // it goes on; the message says what is to be known
)

// The actions of a run as a whole, whose target is the cluster or gateway. They are no steps of
// a plan, and stand in events alone.
const (
	RunApply   = "apply"
	RunDestroy = "destroy"
)

// Event is a line of what happened in a run.
type Event struct {
	Time   time.Time
	Of     record.Ref // the cluster or gateway
	Step   Change
	Status EventStatus
	// Took is how long the step has been under way.
	Took    time.Duration
	Message string
}

// ClusterEvent is an event in the API of a cluster.
type ClusterEvent struct {
	Time    time.Time
	Node    string // empty: the event is of the cluster
	Action  string
	Reason  string // in one word, as UpperCamelCase
	Message string
	Warning bool
}

// Ends reports whether the event is the end of its step.
func (e Event) Ends() bool { return e.Status == EventDone || e.Status == EventFailed }

// Whole reports whether the event is of the run as a whole.
func (e Event) Whole() bool { return e.Step.Action == RunApply || e.Step.Action == RunDestroy }

// Words are the event for people, without what it is of.
func (e Event) Words() string {
	words := string(e.Status)
	switch {
	case e.Status == EventDone, e.Status == EventFailed && e.Took > 0:
		words += " after " + e.Took.Round(time.Second).String()
	case e.Status == EventWaiting:
		words = fmt.Sprintf("waiting for %s", e.Took.Round(time.Second))
	case e.Status == EventNoted:
		return e.Message
	}
	if e.Message != "" {
		words += ": " + e.Message
	}
	return words
}
