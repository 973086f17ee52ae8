package machine

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"regexp"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/simulator/machine/wire"
)

// valueLimit is the size of a guestinfo value that VMs of the field still
// transport (vmware-tanzu/vm-operator #148).
const valueLimit = 64 << 10

var silent = log.New(io.Discard, "", 0)

var guestinfoKey = regexp.MustCompile(`^[A-Za-z0-9._-]+$`)

// backdoor is what a machine sees of its hypervisor, by the protocol that
// package wire describes.
type backdoor struct {
	get     func(key string) (value string, set bool)
	set     func(key, value string)
	network func(wire.Network) error
}

// ServeHTTP implements http.Handler.
func (b *backdoor) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /guestinfo/{key}", b.read)
	mux.HandleFunc("PUT /guestinfo/{key}", b.write)
	mux.HandleFunc("PUT /network", b.report)
	mux.ServeHTTP(w, r)
}

func (b *backdoor) read(w http.ResponseWriter, r *http.Request) {
	value, set := b.get("guestinfo." + r.PathValue("key"))
	if !set {
		http.Error(w, "No value found", http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = io.WriteString(w, value)
}

func (b *backdoor) write(w http.ResponseWriter, r *http.Request) {
	key := r.PathValue("key")
	if !guestinfoKey.MatchString(key) {
		http.Error(w, "no key of guestinfo", http.StatusBadRequest)
		return
	}
	value, err := io.ReadAll(http.MaxBytesReader(w, r.Body, valueLimit))
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		http.Error(w, "too large for a value of guestinfo", http.StatusRequestEntityTooLarge)
		return
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	b.set("guestinfo."+key, string(value))
	w.WriteHeader(http.StatusNoContent)
}

func (b *backdoor) report(w http.ResponseWriter, r *http.Request) {
	var reported wire.Network
	err := json.NewDecoder(http.MaxBytesReader(w, r.Body, valueLimit)).Decode(&reported)
	if err == nil {
		err = b.network(reported)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// open serves the backdoor until the function that it returns is called.
func (b *backdoor) open(listener net.Listener) (closed func()) {
	server := &http.Server{Handler: b, ReadHeaderTimeout: 10 * time.Second, ErrorLog: silent}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(listener)
	}()
	return func() {
		// The machine is dead, so its requests end by themselves.
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = server.Shutdown(ctx)
		_ = server.Close()
		<-done
	}
}
