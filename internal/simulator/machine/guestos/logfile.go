package guestos

import (
	"fmt"
	"os"
	"sync"
	"time"
)

const (
	// logLimit is the size at which a log is put aside; the one before goes.
	logLimit = 8 << 20
	// lastLines are kept for the console.
	lastLines = 10
	// shownLine is how much of a line the console shows.
	shownLine = 400
)

// logFile is the log of a service in place of the journal.
type logFile struct {
	path string

	mu   sync.Mutex
	file *os.File
	size int64
	tail []string
}

func newLogFile(path string) *logFile { return &logFile{path: path} }

// add writes a line. A log that can't be written is not worth a service: its
// last lines are there still.
func (l *logFile) add(line string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.tail) == lastLines {
		l.tail = append(l.tail[:0], l.tail[1:]...)
	}
	l.tail = append(l.tail, line[:min(len(line), shownLine)])
	if l.size > logLimit && l.file != nil {
		_ = l.file.Close()
		l.file = nil
		_ = os.Rename(l.path, l.path+".1")
	}
	if l.file == nil {
		file, err := os.OpenFile(l.path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o640)
		if err != nil {
			return
		}
		l.file = file
		l.size = 0
		if info, err := file.Stat(); err == nil {
			l.size = info.Size()
		}
	}
	count, _ := fmt.Fprintf(l.file, "%s %s\n", time.Now().UTC().Format("15:04:05.000"), line)
	l.size += int64(count)
}

func (l *logFile) last() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]string(nil), l.tail...)
}
