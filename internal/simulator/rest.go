package simulator

import (
	"encoding/json"
	"net/http"
	"strings"
	"sync"

	"github.com/google/uuid"
	vcsim "github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

const (
	restPrefix    = "/rest/"
	restSessionID = "vmware-api-session-id"
)

// sessions are the REST sessions, and the SOAP sessions that were ended while
// vcsim may still know them.
type sessions struct {
	mu   sync.Mutex
	rest map[string]string   // id to user
	dead map[string]struct{} // keys of SOAP sessions
}

func newSessions() *sessions {
	return &sessions{rest: make(map[string]string), dead: make(map[string]struct{})}
}

func (s *sessions) login(user string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := strings.ReplaceAll(uuid.NewString(), "-", "")
	s.rest[id] = user
	return id
}

func (s *sessions) logout(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.rest, id)
}

// user returns the account of the REST session that a request belongs to.
func (s *sessions) user(r *http.Request) (string, string, bool) {
	id := r.Header.Get(restSessionID)
	if id == "" {
		if cookie, err := r.Cookie(restSessionID); err == nil {
			id = cookie.Value
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	user, ok := s.rest[id]
	return id, user, ok
}

// strip takes the cookie of an ended SOAP session off a request: vcsim brings
// a session back to life when a call was on its way while it ended.
func (s *sessions) strip(r *http.Request) {
	cookie, err := r.Cookie(soap.SessionCookieName)
	if err != nil {
		return
	}
	s.mu.Lock()
	_, dead := s.dead[strings.Trim(cookie.Value, `"`)]
	s.mu.Unlock()
	if dead {
		r.Header.Del("Cookie")
	}
}

// expire ends all sessions; soapKeys are those of the SOAP sessions.
func (s *sessions) expire(soapKeys []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.rest)
	for _, key := range soapKeys {
		s.dead[key] = struct{}{}
	}
}

// live counts the sessions, given the keys of vcsim's SOAP sessions.
func (s *sessions) live(soapKeys []string) Sessions {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := Sessions{REST: len(s.rest)}
	for _, key := range soapKeys {
		if _, dead := s.dead[key]; !dead {
			n.SOAP++
		}
	}
	return n
}

// Sessions are how many sessions are open.
type Sessions struct {
	SOAP int `json:"soap"`
	REST int `json:"rest"`
}

// soapSessions lists the SOAP sessions that vcsim knows.
func (s *Simulator) soapSessions() []types.UserSession {
	ctx := s.service.Context
	manager, ok := ctx.Session.Get(*serviceContent(ctx).SessionManager).(*vcsim.SessionManager)
	if !ok {
		return nil
	}
	return manager.SessionList
}

// soapKeys are their keys.
func (s *Simulator) soapKeys() []string {
	var keys []string
	for _, session := range s.soapSessions() {
		keys = append(keys, session.Key)
	}
	return keys
}

// validLogin checks a user name and password, for SOAP and REST alike.
func (s *Simulator) validLogin(user, password string) bool {
	s.accountsMu.RLock()
	defer s.accountsMu.RUnlock()
	want, ok := s.accounts[strings.ToLower(user)]
	return ok && want == password
}

// SetPassword changes the password of a user. Sessions that are open go on.
func (s *Simulator) SetPassword(user, password string) {
	s.accountsMu.Lock()
	defer s.accountsMu.Unlock()
	s.accounts[strings.ToLower(user)] = password
}

func (s *Simulator) validSOAPLogin(req *types.Login) bool {
	return s.validLogin(req.UserName, req.Password)
}

// serveSession serves vCenter's REST session resource.
func (s *Simulator) serveSession(w http.ResponseWriter, r *http.Request) {
	id, user, ok := s.sessions.user(r)
	action := r.URL.Query().Get("~action")
	switch {
	case r.Method == http.MethodPost && action == "":
		name, password, basic := r.BasicAuth()
		if !basic || !s.validLogin(name, password) {
			restError(w, "unauthenticated")
			return
		}
		restValue(w, s.sessions.login(name))
	case !ok:
		restError(w, "unauthenticated")
	case r.Method == http.MethodPost && action == "get", r.Method == http.MethodGet:
		restValue(w, map[string]any{"user": user, "created_time": s.clock.now(), "last_accessed_time": s.clock.now()})
	case r.Method == http.MethodDelete:
		s.sessions.logout(id)
		restValue(w, nil)
	default:
		restError(w, "operation_not_found")
	}
}

// restStatus are the HTTP status codes of vAPI's standard errors.
var restStatus = map[string]int{
	"unauthenticated":              http.StatusUnauthorized,
	"unauthorized":                 http.StatusForbidden,
	"not_found":                    http.StatusNotFound,
	"operation_not_found":          http.StatusNotFound,
	"service_unavailable":          http.StatusServiceUnavailable,
	"timed_out":                    http.StatusGatewayTimeout,
	"internal_server_error":        http.StatusInternalServerError,
	"already_exists":               http.StatusBadRequest,
	"invalid_argument":             http.StatusBadRequest,
	"not_allowed_in_current_state": http.StatusBadRequest,
	"resource_in_use":              http.StatusBadRequest,
	"concurrent_change":            http.StatusConflict,
	"unable_to_allocate_resource":  http.StatusBadRequest,
}

// proxyAuthentication is the error of a proxy before vCenter that asks for a login of
// its own: 401 as well, and none of vAPI's.
const proxyAuthentication = "proxy_authentication"

// restError responds with one of vAPI's standard errors.
func restError(w http.ResponseWriter, name string) {
	if name == proxyAuthentication {
		w.Header().Set("WWW-Authenticate", `Basic realm="proxy"`)
		http.Error(w, "<html>401 Authorization Required</html>", http.StatusUnauthorized)
		return
	}
	if name == "" {
		name = "internal_server_error"
	}
	status, ok := restStatus[name]
	if !ok {
		status = http.StatusInternalServerError
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{
		"type":  "com.vmware.vapi.std.errors." + name,
		"value": map[string]any{"messages": []any{}},
	})
}

func restValue(w http.ResponseWriter, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusOK)
	if value == nil {
		return
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"value": value})
}
