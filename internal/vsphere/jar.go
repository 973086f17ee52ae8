package vsphere

import (
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"sync"
)

// jar is a cookie jar that can be emptied while it is in use.
type jar struct {
	mu    sync.Mutex
	inner http.CookieJar
}

func newJar() *jar {
	j := &jar{}
	j.clear()
	return j
}

func (j *jar) clear() {
	inner, _ := cookiejar.New(nil) // never fails
	j.mu.Lock()
	defer j.mu.Unlock()
	j.inner = inner
}

func (j *jar) current() http.CookieJar {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.inner
}

// SetCookies implements http.CookieJar.
func (j *jar) SetCookies(u *url.URL, cookies []*http.Cookie) { j.current().SetCookies(u, cookies) }

// Cookies implements http.CookieJar.
func (j *jar) Cookies(u *url.URL) []*http.Cookie { return j.current().Cookies(u) }
