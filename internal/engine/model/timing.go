package model

import (
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/bootstrap"
)

// Timing is how long the engine waits, and how often it reads.
type Timing struct {
	Tick        time.Duration // the shortest time between two reads of what is under way
	MaxTick     time.Duration // the longest
	CallTimeout time.Duration // one read of a tick
	RetryBudget time.Duration // how long transient faults of one call are retried: longer than vCenter starts
	Backoff     time.Duration // the first pause of a retry; it doubles up to MaxTick
	OffLimit    time.Duration // how long a VM may be off while it boots, as after a host's failure
	BootTimeout time.Duration // from power-on to joined
	BuildLimit  time.Duration // for an image to be built
	APITimeout  time.Duration // from joined to an answer behind the VIP
	AnswerWait  time.Duration // for the API where the run has failed before: longer than a VIP moves
	VIPRetry    time.Duration // between two tries of kube-vip to renew its Lease, or to take it
	VIPWait     time.Duration // for the VIP to move to another node
	ReadyWait   time.Duration // from the last step to all nodes Ready
	DeleteWait  time.Duration // for objects that leave a pack to be gone
	TokenLife   time.Duration // of a bootstrap token
	// LeaseLife is how long a Lease is its holder's that is not renewed, and LeaseWait how
	// long one is waited for, which is longer.
	LeaseLife time.Duration
	LeaseWait time.Duration
	// ReadMaxAge is how old a read may be that several resources share in a refresh.
	ReadMaxAge time.Duration
	// ReportEvery is how long a step is silent at most before what it waits for is reported;
	// 0: that is not reported.
	ReportEvery time.Duration
	// ProgressEvery is between two reports of how far the upload of an image has come.
	ProgressEvery time.Duration
	// StuckPause is between the attempts of a destruction that may be forced.
	StuckPause time.Duration
}

// DefaultTiming is for a real vCenter.
func DefaultTiming() Timing {
	return Timing{
		Tick:        100 * time.Millisecond,
		MaxTick:     3 * time.Second,
		CallTimeout: 30 * time.Second,
		RetryBudget: 15 * time.Minute,
		Backoff:     500 * time.Millisecond,
		OffLimit:    3 * time.Minute,
		BootTimeout: 20 * time.Minute,
		BuildLimit:  bootstrap.ScriptsEndAfter + 30*time.Minute,
		APITimeout:  5 * time.Minute,
		AnswerWait:  30 * time.Second,
		VIPRetry:    bootstrap.VIPRetryPeriod,
		VIPWait:     2 * time.Minute,
		ReadyWait:   5 * time.Minute,
		DeleteWait:  5 * time.Minute,
		TokenLife:   30 * time.Minute,
		LeaseLife:   15 * time.Minute,
		LeaseWait:   20 * time.Minute,
		ReadMaxAge:  5 * time.Second,
		ReportEvery: 10 * time.Second,
		StuckPause:  30 * time.Second,

		ProgressEvery: 10 * time.Second,
	}
}
