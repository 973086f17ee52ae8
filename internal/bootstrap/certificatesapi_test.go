package bootstrap_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/bootstrap"
)

// apiVariable makes this program the kubectl of a machine: it names the API.
const apiVariable = "GANTRY_TEST_API"

func TestMain(m *testing.M) {
	if api := os.Getenv(apiVariable); api != "" {
		os.Exit(kubectl(api, os.Args[1:]))
	}
	os.Exit(m.Run())
}

// nodeVariable is the node that a stand-in kubectl runs on.
const nodeVariable = "GANTRY_TEST_NODE"

// unreadyFile is how often the API server of a machine still says that it is not ready: it
// tells then when it is.
const unreadyFile = "unready"

// earlyFile is there where kube-vip was to run while the API server was not ready.
const earlyFile = "early"

// ready reports whether the API server of a machine answers that it is.
func ready(root string) bool {
	if _, err := os.Stat(filepath.Join(root, "etc/kubernetes/manifests/kube-apiserver.yaml")); err != nil {
		return false
	}
	name := filepath.Join(root, unreadyFile)
	raw, err := os.ReadFile(name) //nolint:gosec // the test's own
	if err != nil {
		return true
	}
	left, err := strconv.Atoi(string(raw))
	if err != nil || left == 0 {
		return err == nil
	}
	_ = os.WriteFile(name, []byte(strconv.Itoa(left-1)), 0o600)
	if _, err := os.Stat(filepath.Join(root, "etc/kubernetes/manifests/kube-vip.yaml")); err == nil {
		_ = os.WriteFile(filepath.Join(root, earlyFile), nil, 0o600)
	}
	return false
}

// kubectl is what the script uses of it, and "event", by which other stand-ins say what
// their machine does.
func kubectl(api string, arguments []string) int {
	var verb, path string
	var positional []string
	for i := 0; i < len(arguments); i++ {
		switch argument := arguments[i]; argument {
		case "--raw":
			i++
			path = arguments[i]
		case "--kubeconfig", "--request-timeout", "--server", "--tls-server-name", "-f":
			i++
		case "--overwrite":
		default:
			positional = append(positional, argument)
		}
	}
	verb = positional[0]
	root := os.Getenv("GANTRY_ROOT")
	if path == "/readyz" {
		if !ready(root) {
			return 1
		}
		if _, err := os.Stat(filepath.Join(root, unreadyFile)); err != nil {
			return 0
		}
		path, positional = "", []string{"event", os.Getenv(nodeVariable), "serves"}
	}
	method := map[string]string{"get": http.MethodGet, "create": http.MethodPost, "replace": http.MethodPut}[verb]
	var body io.Reader = os.Stdin
	if path == "" { // annotate and event
		method = http.MethodPost
		path = "/" + strings.Join(positional, "/")
		body = nil
	}
	request, err := http.NewRequest(method, api+path, body)
	if err == nil {
		var response *http.Response
		if response, err = http.DefaultClient.Do(request); err == nil {
			answer, _ := io.ReadAll(response.Body)
			_ = response.Body.Close()
			if response.StatusCode < 300 {
				fmt.Print(string(answer))
				return 0
			}
			err = fmt.Errorf("from server (%s): %s", http.StatusText(response.StatusCode), answer)
		}
	}
	fmt.Fprintln(os.Stderr, "Error", strings.ReplaceAll(err.Error(), "Not Found", "NotFound"))
	return 1
}

// leases is an API with one Lease, which compares versions as the real one does.
type leases struct {
	*httptest.Server
	t *testing.T

	mu          sync.Mutex
	away        bool
	unanswered  int // requests to come
	version     int // 0: there is none
	holder      string
	events      []string
	annotations []string
	// exclusive expects that whoever reports an event has the Lease.
	exclusive bool
}

func newLeases(t *testing.T) *leases {
	t.Helper()
	api := &leases{t: t, exclusive: true}
	api.Server = httptest.NewServer(http.HandlerFunc(api.serve))
	t.Cleanup(api.Close)
	return api
}

func (l *leases) serve(w http.ResponseWriter, r *http.Request) {
	l.mu.Lock()
	defer l.mu.Unlock()
	const collection = "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases"
	path := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	switch {
	case path[0] == "event": // event NODE WORD
		l.events = append(l.events, strings.Join(path[1:], " "))
		if path[2] == "stop-kube-vip" {
			l.unanswered = 2
		}
		if l.exclusive && l.holder != path[1] {
			l.t.Errorf("%s at a time at which the Lease is that of %q", path[1:], l.holder)
		}
	case l.unanswered > 0:
		l.unanswered--
		http.Error(w, "busy", http.StatusServiceUnavailable)
	case l.away:
		http.Error(w, "away", http.StatusServiceUnavailable)
	case path[0] == "annotate": // annotate node NODE KEY=VALUE, whose key has a slash
		l.annotations = append(l.annotations, strings.Join(path[2:], "/"))
	case r.Method == http.MethodGet && r.URL.Path == collection+"/gantry-certificates":
		if l.version == 0 {
			http.Error(w, `leases "gantry-certificates" not found`, http.StatusNotFound)
			return
		}
		holder := ""
		if l.holder != "" {
			holder = fmt.Sprintf(`"holderIdentity":%q,`, l.holder)
		}
		_, _ = fmt.Fprintf(w, `{"kind":"Lease","metadata":{"name":"gantry-certificates","resourceVersion":"%d","managedFields":[`+
			`{"fieldsV1":{"f:spec":{"f:holderIdentity":{}}}}]},"spec":{%s"leaseDurationSeconds":900}}`, l.version, holder)
	case r.Method == http.MethodPost && r.URL.Path == collection:
		if l.version != 0 {
			http.Error(w, "AlreadyExists", http.StatusConflict)
			return
		}
		_ = l.write(r)
	case r.Method == http.MethodPut && r.URL.Path == collection+"/gantry-certificates":
		if !l.write(r) {
			http.Error(w, "Conflict", http.StatusConflict)
		}
	default:
		l.t.Errorf("unexpected request: %s %s", r.Method, r.URL.Path)
	}
}

// write stores a Lease, unless what was sent goes by another version than is there.
func (l *leases) write(r *http.Request) bool {
	var sent struct {
		APIVersion, Kind string
		Metadata         struct {
			Name            string
			ResourceVersion int `json:",string"`
		}
		Spec struct {
			HolderIdentity       *string
			LeaseDurationSeconds int
			RenewTime            string
		}
	}
	raw, _ := io.ReadAll(r.Body)
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&sent); err != nil || sent.Kind != "Lease" || sent.Spec.LeaseDurationSeconds != 900 ||
		sent.Spec.HolderIdentity != nil && *sent.Spec.HolderIdentity == "" {
		l.t.Errorf("no Lease that an API takes: %s (%v)", raw, err)
	}
	if sent.Metadata.ResourceVersion != l.version {
		return false
	}
	l.version++
	l.holder = ""
	if sent.Spec.HolderIdentity != nil {
		l.holder = *sent.Spec.HolderIdentity
	}
	return true
}

// did returns the events of a machine.
func (l *leases) did(node string) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var words []string
	for _, event := range l.events {
		if name, word, _ := strings.Cut(event, " "); name == node {
			words = append(words, word)
		}
	}
	return slices.Compact(words)
}

// wantAnnotation expects that a node has said once when its certificates end.
func (l *leases) wantAnnotation(node string, left time.Duration) {
	l.t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	key, value, _ := strings.Cut(strings.Join(l.annotations, ", "), "=")
	end, err := time.Parse(time.RFC3339, value)
	if key != node+"/"+bootstrap.CertificatesExpire || err != nil || time.Until(end) > left || time.Until(end) < left-10*time.Minute {
		l.t.Errorf("annotations %q, and the first certificate ends in %s", l.annotations, left)
	}
}
