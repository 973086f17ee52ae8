package eventlog_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
	"github.com/gantry/terraform-provider-gantry/internal/provider/eventlog"
)

func event(status model.EventStatus, message string) model.Event {
	return model.Event{
		Time:   time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC),
		Of:     record.Ref{Kind: record.KindCluster, Name: "prod", GatewayID: uuid.MustParse("11111111-1111-4111-8111-111111111111")},
		Step:   model.Change{Action: model.ActionCreateNode, Target: "prod-cp-1"},
		Status: status, Took: 1234567 * time.Microsecond, Message: message,
	}
}

// TestLine is one line to the letter: others parse it.
func TestLine(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "events.jsonl")
	if err := eventlog.New(path).Write(event(model.EventFailed, "two\nlines")); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"time":"2026-03-04T05:06:07Z","kind":"cluster","name":"prod","gateway_id":"11111111-1111-4111-8111-111111111111",` +
		`"action":"create_node","target":"prod-cp-1","status":"failed","seconds":1.235,"message":"two\nlines"}` + "\n"
	if string(got) != want {
		t.Errorf("got  %swant %s", got, want)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file has the mode %v (%v)", info.Mode(), err)
	}
}

// TestLinesStayWhole appends to a log that ends within a line, from several writers at once.
func TestLinesStayWhole(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "events.jsonl")
	if err := os.WriteFile(path, []byte(`{"time":"2026-`), 0o600); err != nil {
		t.Fatal(err)
	}
	long := strings.Repeat("x", 20000)
	first := eventlog.New(path)
	if err := first.Write(event(model.EventStarted, "")); err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			log := eventlog.New(path)
			for range 20 {
				if err := log.Write(event(model.EventWaiting, long)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(string(raw), "\n"), "\n")
	if len(lines) != 1+1+8*20 {
		t.Errorf("%d lines", len(lines))
	}
	for i, line := range lines[1:] {
		var parsed eventlog.Line
		if err := json.Unmarshal([]byte(line), &parsed); err != nil {
			t.Errorf("line %d: %v", i+2, err)
		}
	}
}

// TestFileThatCannotBeWritten is told before anything is done.
func TestFileThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	directory := t.TempDir()
	if err := eventlog.Check(filepath.Join(directory, "events.jsonl")); err != nil {
		t.Errorf("a new file in a directory: %v", err)
	}
	if entries, _ := os.ReadDir(directory); len(entries) > 0 {
		t.Error("the check has made the file")
	}
	for path, says := range map[string]string{
		directory: "it is a directory; give the name of a file",
		filepath.Join(directory, "missing", "events.jsonl"): "its directory has to exist",
	} {
		if err := eventlog.Check(path); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", path, err)
		}
	}
	log := eventlog.New(filepath.Join(directory, "missing", "events.jsonl"))
	if err := log.Write(event(model.EventDone, "")); err == nil || log.Err() == nil {
		t.Error("a log that cannot be written says nothing")
	}
}
