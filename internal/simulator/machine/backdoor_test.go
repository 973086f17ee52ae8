package machine_test

import (
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/simulator/machine"
	"github.com/gantry/terraform-provider-gantry/internal/simulator/machine/wire"
)

func TestBackdoor(t *testing.T) {
	t.Parallel()
	values := map[string]string{"guestinfo.metadata": "abc"}
	var told wire.Network
	door := machine.Backdoor(
		func(key string) (string, bool) { value := values[key]; return value, value != "" },
		func(key, value string) { values[key] = value },
		func(network wire.Network) error {
			if slices.Contains(network.Addresses, "bad") {
				return errors.New("bad address")
			}
			told = network
			return nil
		})
	for _, step := range []struct {
		method, path, body string
		status             int
		answer             string
	}{
		{"GET", "/guestinfo/metadata", "", 200, "abc"},
		{"GET", "/guestinfo/userdata", "", 404, "No value found\n"},
		{"PUT", "/guestinfo/userdata", "---", 204, ""},
		{"GET", "/guestinfo/userdata", "", 200, "---"},
		{"PUT", "/guestinfo/userdata.encoding", "", 204, ""},
		{"GET", "/guestinfo/userdata.encoding", "", 404, "No value found\n"},
		{"PUT", "/guestinfo/gantry.log", strings.Repeat("x", 64<<10), 204, ""},
		{"PUT", "/guestinfo/gantry.log", strings.Repeat("x", 64<<10+1), 413, "too large for a value of guestinfo\n"},
		{"PUT", "/guestinfo/a%20b", "x", 400, "no key of guestinfo\n"},
		{"DELETE", "/guestinfo/metadata", "", 405, "Method Not Allowed\n"},
		{"PUT", "/network", `{"hostname": "n1", "addresses": ["10.0.0.1"]}`, 204, ""},
		{"PUT", "/network", `{"hostname": "n2", "addresses": ["bad"]}`, 400, "bad address\n"},
		{"PUT", "/network", `nonsense`, 400, "invalid character 'o' in literal null (expecting 'u')\n"},
		{"GET", "/elsewhere", "", 404, "404 page not found\n"},
	} {
		recorder := httptest.NewRecorder()
		door.ServeHTTP(recorder, httptest.NewRequest(step.method, step.path, strings.NewReader(step.body)))
		if recorder.Code != step.status || recorder.Body.String() != step.answer {
			t.Errorf("%s %s: %d %q, want %d %q", step.method, step.path, recorder.Code, recorder.Body, step.status, step.answer)
		}
	}
	if told.Hostname != "n1" || len(told.Addresses) != 1 {
		t.Errorf("told %+v", told)
	}
	if len(values["guestinfo.gantry.log"]) != 64<<10 {
		t.Error("a value that is too large was taken")
	}
}

func TestBackdoorCloses(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	door := machine.Backdoor(func(string) (string, bool) { return "here", true }, nil, nil)
	closed := machine.ServeBackdoor(door, listener)
	// A connection stays open, as of a guest that dies without an end.
	client := &http.Client{Transport: &http.Transport{}}
	response, err := client.Get("http://" + listener.Addr().String() + "/guestinfo/x")
	if err != nil {
		t.Fatal(err)
	}
	text, _ := io.ReadAll(response.Body)
	_ = response.Body.Close()
	if string(text) != "here" {
		t.Errorf("answer %q", text)
	}
	closed()
	if response, err := client.Get("http://" + listener.Addr().String() + "/guestinfo/x"); err == nil {
		_ = response.Body.Close()
		t.Error("it answers after its end")
	}
}
