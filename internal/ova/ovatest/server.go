package ovatest

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Server serves one file, by ranges, and breaks off where it is told to.
type Server struct {
	*httptest.Server

	mu       sync.Mutex
	content  []byte
	tag      string
	breaks   []int64 // after how many bytes of an answer it breaks off, one answer after the other
	requests []Request
	whole    bool // it answers no ranges
	refuses  int  // the status of every answer; 0: none
	hold     func()
}

// Request is what a request for the file asked for.
type Request struct{ Range, IfRange string }

// Serve starts a server for a file, over TLS or without.
func Serve(content []byte, secure bool) *Server {
	s := &Server{content: content, tag: `"first"`}
	s.Server = httptest.NewUnstartedServer(http.HandlerFunc(s.serve))
	if secure {
		s.StartTLS()
	} else {
		s.Start()
	}
	return s
}

// Location is the URL of the file under a name.
func (s *Server) Location(name string) string { return s.URL + "/images/" + name }

// BreakOff has the next answers break off after so many bytes, one after the other.
func (s *Server) BreakOff(after ...int64) { s.set(func() { s.breaks = append(s.breaks, after...) }) }

// IgnoreRanges has it answer with the whole file.
func (s *Server) IgnoreRanges() { s.set(func() { s.whole = true }) }

// Refuse has it answer with a status.
func (s *Server) Refuse(status int) { s.set(func() { s.refuses = status }) }

// Replace puts another file in the place of the one that is served.
func (s *Server) Replace(content []byte, tag string) {
	s.set(func() { s.content, s.tag = content, tag })
}

// Hold calls a function before each answer.
func (s *Server) Hold(before func()) { s.set(func() { s.hold = before }) }

// Requests are those that were made.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Request(nil), s.requests...)
}

func (s *Server) set(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.requests = append(s.requests, Request{r.Header.Get("Range"), r.Header.Get("If-Range")})
	content, tag, refuses, hold := s.content, s.tag, s.refuses, s.hold
	limit := int64(-1)
	if len(s.breaks) > 0 {
		limit = s.breaks[0]
		s.breaks = s.breaks[1:]
	}
	whole := s.whole
	s.mu.Unlock()
	if hold != nil {
		hold()
	}
	if refuses != 0 {
		w.WriteHeader(refuses)
		return
	}
	if whole {
		r.Header.Del("Range")
	}
	w.Header().Set("ETag", tag)
	if limit >= 0 {
		w = &breaking{ResponseWriter: w, left: limit}
	}
	name := r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]
	http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(content))
}

// breaking is an answer that breaks off.
type breaking struct {
	http.ResponseWriter
	left int64
}

// Write implements http.ResponseWriter.
func (b *breaking) Write(p []byte) (int, error) {
	if int64(len(p)) < b.left {
		b.left -= int64(len(p))
		return b.ResponseWriter.Write(p)
	}
	_, _ = b.ResponseWriter.Write(p[:b.left])
	if f, ok := b.ResponseWriter.(http.Flusher); ok {
		f.Flush()
	}
	panic(http.ErrAbortHandler)
}

// RangeFrom is where a request's range begins; 0 where it asks for the whole.
func (r Request) RangeFrom() int64 {
	from, _ := strconv.ParseInt(strings.TrimSuffix(strings.TrimPrefix(r.Range, "bytes="), "-"), 10, 64)
	return from
}
