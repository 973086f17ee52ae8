// Package eventlog appends what happens in runs to a file, as JSON lines, so that it can
// be followed while an apply runs and read after.
package eventlog

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// Line is one line of the file. A field without a value is left out.
type Line struct {
	Time time.Time `json:"time"`
	Kind string    `json:"kind"` // cluster or gateway
	Name string    `json:"name"`
	// GatewayID is the gateway that a cluster belongs to, if there is one.
	GatewayID string `json:"gateway_id,omitempty"`
	// Action and Target are a step as planned_changes shows it; apply and destroy are runs as
	// a whole.
	Action string `json:"action"`
	Target string `json:"target"`
	Status string `json:"status"` // started, waiting, done, failed, noted
	// Seconds is how long the step has been under way.
	Seconds float64 `json:"seconds"`
	Message string  `json:"message,omitempty"`
}

// Log is a file of events. Several processes may write the same one.
type Log struct {
	path string

	mu     sync.Mutex
	file   *os.File
	failed error
}

// New returns the log of a file, which is made when the first event is written.
func New(path string) *Log { return &Log{path: path} }

// Check returns an error where the file cannot be written, and makes nothing. The error
// does not repeat the path, which who configures it knows.
func Check(path string) error {
	info, err := os.Stat(path)
	switch {
	case err == nil && info.IsDir():
		return errors.New("it is a directory; give the name of a file")
	case err == nil:
		file, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
		if err != nil {
			return cause(err)
		}
		return file.Close()
	case !errors.Is(err, os.ErrNotExist):
		return cause(err)
	}
	info, err = os.Stat(filepath.Dir(path))
	switch {
	case err != nil:
		return fmt.Errorf("its directory has to exist: %w", cause(err))
	case !info.IsDir():
		return errors.New("it would be in what is no directory")
	}
	return nil
}

// cause is why a file cannot be used, without its path.
func cause(err error) error {
	var of *os.PathError
	if errors.As(err, &of) {
		return of.Err
	}
	return err
}

// Write appends an event as one line. The first error is kept, and ends the log.
func (l *Log) Write(event model.Event) error {
	line := Line{
		Time: event.Time.UTC(), Kind: string(event.Of.Kind), Name: event.Of.Name,
		Action: string(event.Step.Action), Target: event.Step.Target, Status: string(event.Status),
		Seconds: math.Round(event.Took.Seconds()*1000) / 1000, Message: event.Message,
	}
	if event.Of.GatewayID != uuid.Nil {
		line.GatewayID = event.Of.GatewayID.String()
	}
	raw, err := json.Marshal(line)
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.failed != nil {
		return l.failed
	}
	if l.file == nil {
		l.file, l.failed = open(l.path)
	}
	if l.failed == nil {
		// In one write, so that lines of several processes do not mix, and a run that is killed
		// leaves whole ones.
		_, l.failed = l.file.Write(append(raw, '\n'))
	}
	return l.failed
}

// Err is why the log has ended; nil: it has not.
func (l *Log) Err() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.failed
}

// open opens the file to append to it. What a full disk or a machine that lost its power
// has left of a line is ended, so that the next one is whole.
func open(path string) (*os.File, error) {
	file, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	cut, err := endsCut(file)
	if err == nil && cut {
		_, err = file.Write([]byte{'\n'})
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}

// settled is how long the size of a file stands still that no other process is writing to.
const settled = 100 * time.Millisecond

// endsCut reports whether a file ends within a line. One that another process is just
// writing is waited for.
func endsCut(file *os.File) (bool, error) {
	last := make([]byte, 1)
	var before int64 = -1
	for {
		size, err := file.Seek(0, io.SeekEnd)
		if err != nil || size == 0 {
			return false, err
		}
		if _, err := file.ReadAt(last, size-1); err != nil {
			return false, err
		}
		if last[0] == '\n' || size == before {
			return last[0] != '\n', nil
		}
		before = size
		time.Sleep(settled)
	}
}
