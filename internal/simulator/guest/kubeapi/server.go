package kubeapi

import (
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/version"
)

// Server serves the Kubernetes API of one cluster.
type Server struct {
	store     *Store
	clientCAs *x509.CertPool
	release   func() string
	healthy   func() error
	evictions sync.Mutex

	// Kubelet connects to a node's for a port-forward; nil: there is none.
	Kubelet func(node string) (Forward, error)
}

// NewServer serves a store. Release is the Kubernetes version with its leading
// v, which changes with an upgrade; healthy reports whether etcd has its quorum.
func NewServer(store *Store, clientCAs *x509.CertPool, release func() string, healthy func() error) *Server {
	return &Server{store: store, clientCAs: clientCAs, release: release, healthy: healthy}
}

// ServeHTTP serves one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	user, ok := s.authenticate(r)
	if !ok {
		fail(w, apierrors.NewUnauthorized("Unauthorized"))
		return
	}
	path := strings.TrimSuffix(r.URL.Path, "/")
	if !acceptsJSON(r) {
		fail(w, &apierrors.StatusError{ErrStatus: metav1.Status{
			Status: metav1.StatusFailure, Code: http.StatusNotAcceptable, Reason: metav1.StatusReasonNotAcceptable,
			Message: "only the following media types are accepted: application/json",
		}})
		return
	}
	switch first(path) {
	case "version":
		s.serveVersion(w)
		return
	case "healthz", "livez", "readyz":
		s.serveHealth(w, path)
		return
	}
	if err := s.healthy(); err != nil {
		fail(w, &apierrors.StatusError{ErrStatus: metav1.Status{
			Status: metav1.StatusFailure, Code: http.StatusServiceUnavailable,
			Reason: metav1.StatusReasonServiceUnavailable, Message: err.Error(),
		}})
		return
	}
	if s.discover(w, path, user) {
		return
	}
	req, err := s.route(r, path, user)
	if err == nil {
		err = req.serve(w)
	}
	if err != nil {
		fail(w, err)
	}
}

func first(path string) string {
	word, _, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	return word
}

func (s *Server) serveVersion(w http.ResponseWriter) {
	release := s.release()
	parts := append(strings.Split(strings.TrimPrefix(release, "v"), "."), "", "")
	reply(w, http.StatusOK, version.Info{
		Major:        parts[0],
		Minor:        parts[1],
		GitVersion:   release,
		GitCommit:    "simulated",
		GitTreeState: "clean",
		GoVersion:    "go",
		Compiler:     "gc",
		Platform:     "linux/amd64",
	})
}

func (s *Server) serveHealth(w http.ResponseWriter, path string) {
	if err := s.healthy(); err != nil && first(path) != "livez" {
		http.Error(w, "[-]etcd failed: reason withheld\n"+first(path)+" check failed", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = w.Write([]byte("ok"))
}

// discover serves the discovery documents. Only authenticated users may
// read them, as the default roles have it.
func (s *Server) discover(w http.ResponseWriter, path string, user User) bool {
	words := strings.Split(strings.TrimPrefix(path, "/"), "/")
	var doc any
	switch {
	case path == "/api":
		doc = metav1.APIVersions{TypeMeta: metav1.TypeMeta{Kind: "APIVersions", APIVersion: "v1"}, Versions: []string{"v1"}}
	case path == "/api/v1":
		doc = resourceList(schema.GroupVersion{Version: "v1"}, builtInKinds)
	case path == "/apis":
		doc = groupList(s.store.kinds())
	case words[0] == "apis" && len(words) == 2:
		for _, g := range groupList(s.store.kinds()).Groups {
			if g.Name == words[1] {
				g.TypeMeta = metav1.TypeMeta{Kind: "APIGroup", APIVersion: "v1"}
				doc = g
			}
		}
	case words[0] == "apis" && len(words) == 3:
		list := resourceList(schema.GroupVersion{Group: words[1], Version: words[2]}, s.store.kinds())
		if len(list.APIResources) > 0 {
			doc = list
		}
	case words[0] == "openapi":
		doc = openAPI(path, s.store.kinds())
	default:
		return false
	}
	switch {
	case user.in("system:unauthenticated"):
		fail(w, forbidden(user, attributes{verb: "get", nonResource: path}))
	case doc == nil:
		fail(w, noSuchPath())
	default:
		reply(w, http.StatusOK, doc)
	}
	return true
}

// route finds the resource behind a path and checks that the user may.
func (s *Server) route(r *http.Request, path string, user User) (*request, error) {
	words := strings.Split(strings.TrimPrefix(path, "/"), "/")
	var gv schema.GroupVersion
	switch {
	case words[0] == "api" && len(words) > 2:
		gv, words = schema.GroupVersion{Version: words[1]}, words[2:]
	case words[0] == "apis" && len(words) > 3:
		gv, words = schema.GroupVersion{Group: words[1], Version: words[2]}, words[3:]
	default:
		if !s.store.allowed(user, attributes{verb: strings.ToLower(r.Method), nonResource: path}) {
			return nil, forbidden(user, attributes{verb: strings.ToLower(r.Method), nonResource: path})
		}
		return nil, noSuchPath()
	}
	req := &request{Server: s, http: r, user: user, keys: keysOf(r.Context())}
	namespacePath := words[0] == "namespaces" && len(words) > 2 && words[2] != "status" && words[2] != "finalize"
	if namespacePath {
		req.namespace, words = words[1], words[2:]
	}
	plural := words[0]
	if len(words) > 1 {
		req.name = words[1]
	}
	if len(words) > 2 {
		req.sub = strings.Join(words[2:], "/")
	}
	known := false
	req.kind, known = s.store.kind(gv, plural)
	a := attributes{
		verb:      req.verb(),
		group:     gv.Group,
		resource:  plural,
		namespace: req.namespace,
		name:      req.name,
	}
	if plural == "namespaces" && req.name != "" {
		a.namespace = req.name
	}
	if req.sub != "" {
		a.resource += "/" + req.sub
	}
	if !s.store.allowed(user, a) {
		return nil, forbidden(user, a)
	}
	if !known || (namespacePath && !req.kind.Namespaced) {
		return nil, noSuchPath()
	}
	return req, nil
}

// errNoSuchPath is answered in plain text, unlike that there is no object of a name.
var errNoSuchPath = errors.New("404 page not found")

func noSuchPath() error { return errNoSuchPath }

func forbidden(user User, a attributes) error {
	if a.nonResource != "" {
		return apierrors.NewForbidden(schema.GroupResource{}, "", fmt.Errorf("User %q cannot %s path %q", user.Name, a.verb, a.nonResource))
	}
	where := "at the cluster scope"
	if a.namespace != "" {
		where = fmt.Sprintf("in the namespace %q", a.namespace)
	}
	return apierrors.NewForbidden(schema.GroupResource{Group: a.group, Resource: a.resource}, a.name,
		fmt.Errorf("User %q cannot %s resource %q in API group %q %s", user.Name, a.verb, a.resource, a.group, where))
}

// acceptsJSON reports whether JSON will do; protobuf and CBOR are not spoken.
func acceptsJSON(r *http.Request) bool {
	accept := r.Header.Get("Accept")
	if accept == "" || first(r.URL.Path) == "readyz" || first(r.URL.Path) == "livez" || first(r.URL.Path) == "healthz" {
		return true
	}
	for part := range strings.SplitSeq(accept, ",") {
		media, _, _ := strings.Cut(part, ";")
		switch strings.TrimSpace(media) {
		case "application/json", "*/*", "application/*":
			return true
		}
	}
	return false
}

func reply(w http.ResponseWriter, code int, doc any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(doc) // a client that went away needs no answer
}

// fail responds with a Status.
func fail(w http.ResponseWriter, err error) {
	if errors.Is(err, errNoSuchPath) {
		http.Error(w, err.Error(), http.StatusNotFound)
		return
	}
	var status apierrors.APIStatus
	if !errors.As(err, &status) {
		status = apierrors.NewInternalError(err)
	}
	doc := status.Status()
	doc.TypeMeta = metav1.TypeMeta{Kind: "Status", APIVersion: "v1"}
	if doc.Details != nil && doc.Details.RetryAfterSeconds > 0 {
		w.Header().Set("Retry-After", fmt.Sprint(doc.Details.RetryAfterSeconds))
	}
	reply(w, int(doc.Code), doc)
}
