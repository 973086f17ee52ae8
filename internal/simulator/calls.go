package simulator

import (
	"bytes"
	"cmp"
	"encoding/xml"
	"io"
	"net/http"
	"strings"
)

// Calls are how many calls vCenter got, by kind. A call that was refused or
// whose connection was dropped counts too.
type Calls struct {
	SOAP  map[string]int `json:"soap"` // by method, e.g. CloneVM_Task
	REST  map[string]int `json:"rest"` // by verb and kind of path, e.g. "POST tag", "GET tag/id"
	Total int            `json:"total"`
}

// call is one request to vCenter.
type call struct {
	// name is the SOAP method, or verb and kind of path of a REST call.
	name string
	soap bool
	body []byte
}

// classify determines the method of a request. It reads the body of a SOAP
// request and leaves a copy behind.
func classify(r *http.Request) (call, error) {
	switch {
	case r.Method == http.MethodPost && strings.HasPrefix(r.URL.Path, "/sdk"):
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return call{}, err
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		return call{name: soapMethod(body), soap: true, body: body}, nil
	case strings.HasPrefix(r.URL.Path, restPrefix):
		return call{name: r.Method + " " + restKind(r)}, nil
	}
	kind, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	return call{name: r.Method + " " + kind}, nil
}

// soapMethod returns the name of the first element in a SOAP body.
func soapMethod(body []byte) string {
	decoder := xml.NewDecoder(bytes.NewReader(body))
	inBody := false
	for {
		token, err := decoder.RawToken()
		if err != nil {
			return "unreadable"
		}
		if start, ok := token.(xml.StartElement); ok {
			if inBody {
				return start.Name.Local
			}
			inBody = start.Name.Local == "Body"
		}
	}
}

// restKind returns the kind of resource of a REST path: "tag", "tag/id",
// "tag/id?list-tags-for-category".
func restKind(r *http.Request) string {
	segments := strings.Split(strings.Trim(strings.TrimPrefix(r.URL.Path, restPrefix), "/"), "/")
	kind := segments[len(segments)-1]
	if strings.HasPrefix(kind, "id:") && len(segments) > 1 {
		kind = segments[len(segments)-2] + "/id"
	}
	if n := len(segments); n > 1 && segments[n-2] == "library-items" {
		kind = segments[n-2] + "/id"
	}
	if action := cmp.Or(r.URL.Query().Get("~action"), r.URL.Query().Get("action")); action != "" {
		kind += "?" + action
	}
	return kind
}
