package engine

import "errors"

// ErrPermission is in the chain of an error that a missing privilege caused.
// It means unknown, never gone.
var ErrPermission = errors.New("permission denied")

// ErrExists is in the chain of a Clone task's error when the folder already
// holds a VM of that name.
var ErrExists = errors.New("already exists")

// transient is implemented by errors of calls that may work a moment later.
type transient interface{ Transient() bool }

// Transient reports whether the call that failed with err may work a moment
// later: TaskInProgress, ResourceInUse, HostCommunication, a broken connection.
func Transient(err error) bool {
	var t transient
	return errors.As(err, &t) && t.Transient()
}

// ErrGone is in the chain of an error that the object of a call no longer
// exists. On the way down that is what was wanted.
var ErrGone = errors.New("the object no longer exists")

// errLost is a task whose end nobody will tell any more. Doing the step again
// finds what it did.
var errLost error = lostError{}

type lostError struct{}

func (lostError) Error() string   { return "the task's outcome is unknown" }
func (lostError) Transient() bool { return true }
