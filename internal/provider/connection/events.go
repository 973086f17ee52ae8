package connection

import (
	"sync"

	"github.com/gantry/terraform-provider-gantry/internal/provider/eventlog"
)

// eventLogs are the event logs of a process, by path: configurations of the provider may
// share one.
type eventLogs struct {
	mu   sync.Mutex
	open map[string]*eventlog.Log
}

// EventLog is the file that events are written to; nil: there is none.
func (c *Connection) EventLog() *eventlog.Log {
	if c.settings == nil || c.settings.EventLog == "" {
		return nil
	}
	logs := &c.process.events
	logs.mu.Lock()
	defer logs.mu.Unlock()
	if logs.open == nil {
		logs.open = map[string]*eventlog.Log{}
	}
	log, ok := logs.open[c.settings.EventLog]
	if !ok {
		log = eventlog.New(c.settings.EventLog)
		logs.open[c.settings.EventLog] = log
	}
	return log
}
