package record_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
)

func TestNewerBodiesAreRefused(t *testing.T) {
	t.Parallel()
	for _, raw := range []string{
		`{"v":2,"i":"ABEiM0RVZneImaq7zN3u_w","name":"nodes"}`,
		`{"name":"nodes","i":"ABEiM0RVZneImaq7zN3u_w","v":1000}`,
		`{"v":2,"i":{"what":["comes","next"]},"name":7}`,
	} {
		for what, body := range map[string]any{
			"cluster":       &record.Cluster{},
			"IP pool":       &record.IPPool{},
			"cloud account": &record.CloudAccount{},
		} {
			err := json.Unmarshal([]byte(raw), body)
			var newer *record.NewerError
			if !errors.As(err, &newer) || !errors.Is(err, record.ErrNewer) || newer.Version < 2 {
				t.Errorf("%s as a %s: %v, want a *NewerError", raw, what, err)
				continue
			}
			for _, words := range []string{"made by a newer Gantry", "upgrade the provider"} {
				if !strings.Contains(err.Error(), words) {
					t.Errorf("the error does not say %q: %v", words, err)
				}
			}
		}
	}
}

func TestNewerErrorNamesTheRecord(t *testing.T) {
	t.Parallel()
	err := &record.NewerError{Ref: record.Ref{Kind: record.KindIPPool, Name: "nodes"}, Version: 3}
	if !strings.Contains(err.Error(), `IP pool "nodes"`) {
		t.Errorf("the error is %v", err)
	}
}

func TestVersionOfThisProviderIsRead(t *testing.T) {
	t.Parallel()
	for _, raw := range []string{`{"name":"nodes"}`, `{"v":1,"name":"nodes"}`, `{"name":"nodes","other":{"v":2}}`} {
		var body record.IPPool
		if err := json.Unmarshal([]byte(raw), &body); err != nil || body.Name != "nodes" {
			t.Errorf("%s is read as %+v (%v)", raw, body, err)
		}
	}
}

func TestVersionStandsInTheBeginning(t *testing.T) {
	t.Parallel()
	for beginning, newer := range map[string]bool{
		`{"v":2,"name":"no`: true,
		`{"v":1,"name":"no`: false,
		`{"name":"no`:       false,
		`{`:                 false,
		``:                  false,
		`[{"v":2}`:          false,
		`"v"`:               false,
	} {
		if err := record.CheckVersion([]byte(beginning)); errors.Is(err, record.ErrNewer) != newer {
			t.Errorf("%s: %v", beginning, err)
		}
	}
}

func TestWhatIsNoVersionIsNotNewer(t *testing.T) {
	t.Parallel()
	for _, version := range []string{`0`, `-1`, `"2"`, `2.5`, `null`, `[2]`, `1e99`} {
		err := record.CheckVersion([]byte(`{"v":` + version + `}`))
		if err == nil || errors.Is(err, record.ErrNewer) {
			t.Errorf("the version %s: %v, want an error that is not ErrNewer", version, err)
		}
	}
}
