package kube_test

import (
	"net/http"
	"strings"
	"sync"
)

// upgrades counts the port-forwards of an API by protocol, and refuses those of one.
type upgrades struct {
	mu      sync.Mutex
	refused string // of the header Upgrade
	by      map[string]int
}

func (u *upgrades) count(api http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if protocol := strings.ToLower(r.Header.Get("Upgrade")); protocol != "" {
			u.mu.Lock()
			if u.by == nil {
				u.by = map[string]int{}
			}
			u.by[protocol]++
			refused := u.refused == protocol
			u.mu.Unlock()
			if refused {
				http.Error(w, "this way lets nothing through", http.StatusForbidden)
				return
			}
		}
		api.ServeHTTP(w, r)
	})
}

func (u *upgrades) taken(protocol string) int {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.by[protocol]
}

func (u *upgrades) refuse(protocol string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.refused = protocol
}
