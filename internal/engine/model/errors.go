package model

import (
	"errors"
	"slices"
)

// ErrPermission is in the chain of an error that a missing privilege caused. It
// means unknown, never gone.
var ErrPermission = errors.New("permission denied")

// ErrNotReady is in the chain of the error of an API server that answers and says that it
// is not ready.
var ErrNotReady = errors.New("the API server is not ready")

// ErrNotReached is in the chain of the error of a call for which no connection was made.
var ErrNotReached = errors.New("no connection was made")

// ErrNoAnswer is in the chain of the error of a call of a cluster's API to which no answer came.
var ErrNoAnswer = errors.New("there is no answer")

// ErrNoWay is in the chain of the error of a call that says nothing of the machine that was to
// be reached: its name is not known, no route leads to it, or a proxy refuses, from where
// Terraform runs.
var ErrNoWay = errors.New("no way leads there from here")

// ErrExists is in the chain of a Clone task's error when the folder already holds
// a VM of that name.
var ErrExists = errors.New("already exists")

// ErrNoRoom is in the chain of the error of a clone or a power-on for which there is no room
// where it was to be: no space, no host, too little of a resource, or what admission control
// keeps for a failure.
var ErrNoRoom = errors.New("there is no room")

// ErrGone is in the chain of an error that the object of a call no longer exists.
// In a deletion that is success.
var ErrGone = errors.New("the object no longer exists")

// transient is implemented by errors of calls that may work a moment later.
type transient interface{ Transient() bool }

// Unanswered reports whether err, or one of those that it joins, is that vCenter did not
// answer. It says nothing of what a call was about.
func Unanswered(err error) bool {
	if one, ok := err.(interface{ Unanswered() bool }); ok && one.Unanswered() {
		return true
	}
	switch wrapped := err.(type) { //nolint:errorlint // the tree is walked here
	case interface{ Unwrap() error }:
		return Unanswered(wrapped.Unwrap())
	case interface{ Unwrap() []error }:
		return slices.ContainsFunc(wrapped.Unwrap(), Unanswered)
	}
	return false
}

// Transient reports whether the call that failed with err may work a moment
// later: TaskInProgress, ResourceInUse, HostCommunication, a broken connection.
func Transient(err error) bool {
	var t transient
	return errors.As(err, &t) && t.Transient()
}
