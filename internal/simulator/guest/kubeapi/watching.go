package kubeapi

import (
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
)

const (
	watchLimit = 30 * time.Minute
	// A watch checks the API's quorum this often.
	watchPulse = 500 * time.Millisecond
)

// watch streams changes until the client leaves, its time is up or the API
// loses its quorum.
func (r *request) watch(w http.ResponseWriter) error {
	selected, err := r.selected()
	if err != nil {
		return err
	}
	query := r.http.URL.Query()
	initial, revision := r.store.List(r.kind.Resource(), r.namespace)
	if err := r.store.readable(r.keys, r.kind.Resource(), initial...); err != nil {
		return err
	}
	send := query.Get("sendInitialEvents") == "true"
	switch text := query.Get("resourceVersion"); {
	case send:
	case text == "" || text == "0":
		send = true
	default:
		if revision, err = strconv.ParseInt(text, 10, 64); err != nil {
			return apierrors.NewBadRequest("invalid resource version " + strconv.Quote(text))
		}
	}
	if _, _, _, err := r.store.since(r.kind.Resource(), r.namespace, revision); err != nil {
		return err
	}
	limit := watchLimit
	if seconds, err := strconv.Atoi(query.Get("timeoutSeconds")); err == nil && seconds > 0 {
		limit = min(limit, time.Duration(seconds)*time.Second)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusOK)
	stream := &watchStream{
		request:  r,
		encoder:  json.NewEncoder(w),
		flush:    http.NewResponseController(w),
		seen:     map[string]bool{},
		selected: selected,
	}
	if send {
		for _, o := range initial {
			if selected(o) {
				stream.send(watch.Added, o)
			}
		}
		if query.Get("sendInitialEvents") == "true" {
			stream.bookmark(revision)
		}
	} else {
		// Which objects the client knows decides between MODIFIED and ADDED when
		// one comes to match; it is as good as known when it exists.
		for _, o := range initial {
			stream.seen[stream.id(o)] = selected(o)
		}
	}
	stream.follow(revision, limit)
	return nil
}

type watchStream struct {
	*request
	encoder  *json.Encoder
	flush    *http.ResponseController
	selected func(*Object) bool
	seen     map[string]bool
}

func (s *watchStream) id(o *Object) string { return o.GetNamespace() + "/" + o.GetName() }

func (s *watchStream) send(kind watch.EventType, o any) {
	if object, ok := o.(*Object); ok {
		s.seen[s.id(object)] = kind != watch.Deleted
		o = s.versioned(object)
	}
	_ = s.encoder.Encode(map[string]any{"type": kind, "object": o})
}

func (s *watchStream) bookmark(revision int64) {
	s.send(watch.Bookmark, map[string]any{
		"kind": s.kind.Kind, "apiVersion": s.kind.GroupVersion().String(),
		"metadata": map[string]any{
			"resourceVersion": strconv.FormatInt(revision, 10),
			"annotations":     map[string]any{metav1.InitialEventsAnnotationKey: "true"},
		},
	})
}

func (s *watchStream) follow(revision int64, limit time.Duration) {
	end := time.NewTimer(limit)
	defer end.Stop()
	pulse := time.NewTicker(watchPulse)
	defer pulse.Stop()
	for {
		news, now, changed, err := s.store.since(s.kind.Resource(), s.namespace, revision)
		if err != nil {
			status := apierrors.NewResourceExpired("too old resource version").Status()
			s.send(watch.Error, &status)
			return
		}
		revision = now
		for _, e := range news {
			if err := s.store.readable(s.keys, s.kind.Resource(), e.object); err != nil && e.kind != watch.Deleted {
				status := apierrors.NewInternalError(err).Status()
				s.send(watch.Error, &status)
				return
			}
			s.deliver(e)
		}
		if s.flush.Flush() != nil {
			return
		}
		for wait := true; wait; {
			select {
			case <-changed:
				wait = false
			case <-pulse.C:
				if s.healthy() != nil {
					return
				}
			case <-end.C:
				return
			case <-s.http.Context().Done():
				return
			}
		}
	}
}

// deliver turns a change into what a watcher with selectors sees of it.
func (s *watchStream) deliver(e event) {
	known := s.seen[s.id(e.object)]
	matches := s.selected(e.object) && e.kind != watch.Deleted
	switch {
	case known && !matches:
		s.send(watch.Deleted, e.object)
	case !known && matches:
		s.send(watch.Added, e.object)
	case known && matches:
		s.send(watch.Modified, e.object)
	}
}
