package registry

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// Options are where images are made from.
type Options struct {
	// Binaries is the directory of <command>-<version>, such as kube-proxy-v1.34.2.
	Binaries string
	// Guest is the static binary of all stand-ins.
	Guest string
}

// Registry serves the images of all recipes by the OCI distribution API, read only. Its
// methods may be called concurrently.
type Registry struct {
	options Options

	mu     sync.Mutex
	images map[string]*pending
	blobs  map[v1.Hash]blob
}

// pending is an image that has been made or is being made: guests that boot together ask
// for the same one, and only the first makes it.
type pending struct {
	mu    sync.Mutex
	image *image
}

// New returns a registry of what Options name. Single programs may be missing: their
// images are not found.
func New(options Options) (*Registry, error) {
	if info, err := os.Stat(options.Binaries); err != nil {
		return nil, fmt.Errorf("the binaries of images: %w", err)
	} else if !info.IsDir() {
		return nil, fmt.Errorf("the binaries of images: %s is not a directory", options.Binaries)
	}
	if info, err := os.Stat(options.Guest); err != nil {
		return nil, fmt.Errorf("the binary of stand-ins: %w", err)
	} else if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("the binary of stand-ins: %s is not a file", options.Guest)
	}
	return &Registry{options: options, images: map[string]*pending{}, blobs: map[v1.Hash]blob{}}, nil
}

// refusal is an error by the distribution specification.
type refusal struct {
	status  int
	code    string
	message string
}

func (r *refusal) Error() string { return r.message }

// ServeHTTP implements http.Handler.
func (r *Registry) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	w.Header().Set("Docker-Distribution-API-Version", "registry/2.0")
	if err := r.serve(w, request); err != nil {
		failure := &refusal{status: http.StatusInternalServerError, code: "UNKNOWN", message: err.Error()}
		errors.As(err, &failure)
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(failure.status)
		//nolint:errchkjson // a client that went away gets no error
		_ = json.NewEncoder(w).Encode(map[string]any{"errors": []any{map[string]any{"code": failure.code, "message": failure.message}}})
	}
}

func (r *Registry) serve(w http.ResponseWriter, request *http.Request) error {
	if request.Method != http.MethodGet && request.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		return &refusal{http.StatusMethodNotAllowed, "UNSUPPORTED", "this registry is read only"}
	}
	rest, versioned := strings.CutPrefix(request.URL.Path, "/v2/")
	if !versioned {
		return &refusal{http.StatusNotFound, "UNSUPPORTED", "this registry speaks /v2/"}
	}
	if rest == "" {
		w.Header().Set("Content-Type", "application/json")
		_, err := w.Write([]byte("{}"))
		return err
	}
	name, kind, reference := split(rest)
	recipe, found := find(request.URL.Query().Get("ns"), name, reference)
	if !found {
		return &refusal{http.StatusNotFound, "NAME_UNKNOWN", "no images are made for " + name}
	}
	var wanted blob
	var err error
	switch kind {
	case "manifests":
		if strings.Contains(reference, ":") {
			wanted, err = r.known(reference, true)
		} else {
			wanted, err = r.manifest(recipe, reference)
		}
	case "blobs":
		wanted, err = r.known(reference, false)
	default:
		return &refusal{http.StatusNotFound, "UNSUPPORTED", "this registry has manifests and blobs"}
	}
	if err != nil {
		return err
	}
	return send(w, request, wanted)
}

// split takes <name>/<kind>/<reference> apart; names have slashes of their own.
func split(path string) (name, kind, reference string) {
	path, reference = cutLast(path)
	name, kind = cutLast(path)
	return name, kind, reference
}

func cutLast(path string) (before, after string) {
	at := strings.LastIndexByte(path, '/')
	if at < 0 {
		return "", path
	}
	return path[:at], path[at+1:]
}

// manifest makes the image of a tag unless it is there and its files are what they were.
func (r *Registry) manifest(recipe Recipe, tag string) (blob, error) {
	unknown := func(why string) error {
		return &refusal{http.StatusNotFound, "MANIFEST_UNKNOWN", fmt.Sprintf("%s:%s: %s", recipe.Repository, tag, why)}
	}
	match := recipe.Tags.FindStringSubmatch(tag)
	if match == nil {
		return blob{}, unknown("there is no such tag")
	}
	// Without a version in it, tags differ in nothing and share an image.
	var version string
	if len(match) > 1 {
		version = match[1]
	}
	programs, err := r.options.programs(recipe, version)
	if errors.Is(err, fs.ErrNotExist) {
		return blob{}, unknown(err.Error())
	}
	if err != nil {
		return blob{}, err
	}
	slot := r.slot(recipe.Repository + ":" + version + " of " + strings.Join(recipe.Commands, " "))
	slot.mu.Lock()
	defer slot.mu.Unlock()
	if slot.image != nil && slot.image.current() == nil {
		return slot.image.manifest, nil
	}
	made, err := makeImage(recipe, programs)
	if err != nil {
		return blob{}, fmt.Errorf("make %s:%s: %w", recipe.Repository, tag, err)
	}
	slot.image = made
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, part := range made.blobs {
		r.blobs[part.digest] = part
	}
	return made.manifest, nil
}

func (r *Registry) slot(key string) *pending {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.images[key] == nil {
		r.images[key] = &pending{}
	}
	return r.images[key]
}

// known returns a part of an image that was requested by its tag before. A digest is no way
// to find an image that was not: its digest is known once it is made.
func (r *Registry) known(digest string, manifest bool) (blob, error) {
	hash, err := v1.NewHash(digest)
	if err != nil {
		return blob{}, &refusal{http.StatusBadRequest, "DIGEST_INVALID", err.Error()}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	found, there := r.blobs[hash]
	switch {
	case there && manifest == found.media.IsImage():
		return found, nil
	case manifest:
		return blob{}, &refusal{http.StatusNotFound, "MANIFEST_UNKNOWN",
			"no image is " + digest + "; images that are made here differ from those of the same name elsewhere, so pull by tag"}
	default:
		return blob{}, &refusal{http.StatusNotFound, "BLOB_UNKNOWN", "no image has " + digest}
	}
}

// send streams a blob, or the requested range of it.
func send(w http.ResponseWriter, request *http.Request, what blob) error {
	if err := what.content.current(); err != nil {
		return fmt.Errorf("read %s: %w", what.digest, err)
	}
	stream := &reader{content: what.content}
	defer stream.Close() //nolint:errcheck // only read
	w.Header().Set("Content-Type", string(what.media))
	w.Header().Set("Docker-Content-Digest", what.digest.String())
	http.ServeContent(w, request, "", time.Time{}, stream)
	return nil
}
