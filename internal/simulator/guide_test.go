package simulator_test

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/simulator"
)

// curl is a command of the guide: an optional body, and the path.
var curl = regexp.MustCompile(`^curl (?:-d '([^']*)' )?"\$GANTRY_SIMULATOR_CONTROL/([a-z/-]+)"$`)

// TestGuideShowsTheControlAPI runs the commands of the guide in their order: all that
// the API has is there, and all of it works.
func TestGuideShowsTheControlAPI(t *testing.T) {
	t.Parallel()
	guide, err := os.ReadFile("../../templates/guides/simulator.md.tmpl")
	if err != nil {
		t.Fatal(err)
	}
	d := start(t, withControl)
	d.mustClone("prod-1-general-1", powerOn)
	shown := []string{}
	for line := range strings.Lines(string(guide)) {
		if !strings.HasPrefix(line, "curl ") {
			continue
		}
		command := curl.FindStringSubmatch(strings.TrimSpace(line))
		if command == nil {
			t.Errorf("not a command of the control API: %s", line)
			continue
		}
		body, path := command[1], command[2]
		shown = append(shown, path)
		if status, answer := request(t, d.ControlURL()+"/"+path, body); status != http.StatusOK || !json.Valid(answer) {
			t.Errorf("%s answers %d: %s", strings.TrimSpace(line), status, answer)
		}
	}
	slices.Sort(shown)
	if shown = slices.Compact(shown); !slices.Equal(shown, simulator.ControlPaths()) {
		t.Errorf("the guide shows\n%s\nand the API has\n%s", strings.Join(shown, " "), strings.Join(simulator.ControlPaths(), " "))
	}
}

// request is what curl does: a GET without a body and a POST with one.
func request(t *testing.T, url, body string) (int, []byte) {
	t.Helper()
	method := http.MethodGet
	if body != "" {
		method = http.MethodPost
	}
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, answer
}
