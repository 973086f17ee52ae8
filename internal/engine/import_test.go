package engine_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/engine"
	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/simulator"
)

// administrator is the API of a cluster as its administrator has it.
func (w *world) administrator(secrets *model.Secrets) model.API {
	w.t.Helper()
	api, err := w.engine().Kube.Connect(secrets.Kubeconfig, secrets.Authorities.Etcd)
	if err != nil {
		w.t.Fatal(err)
	}
	return api
}

// TestImportTrustsNothingThatAClusterStores changes what the cluster stores of itself,
// as its administrators may: import takes from it the authorities, where they are those
// of the VMs, and issues a kubeconfig for where the VMs say that the API is.
func TestImportTrustsNothingThatAClusterStores(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	spec, secrets, _ := w.applied(w.spec(1, 0))
	api := w.administrator(secrets)
	stored, err := api.Secret(t.Context(), model.SecretPKI)
	if err != nil || bytes.Contains(stored[model.StoredAuthoritiesKey], []byte("kubeconfig")) {
		t.Fatalf("the Secret holds the kubeconfig: %v", err)
	}
	request := engine.ImportRequest{Ref: spec.Ref, Kubeconfig: secrets.Kubeconfig}
	const exec = "apiVersion: v1\nkind: Config\nusers: [{name: u, user: {exec: {command: /bin/sh}}}]\n"
	put := func(change func(map[string]any)) {
		t.Helper()
		var content map[string]any
		if err := json.Unmarshal(stored[model.StoredAuthoritiesKey], &content); err != nil {
			t.Fatal(err)
		}
		change(content)
		raw, err := json.Marshal(content)
		if err != nil {
			t.Fatal(err)
		}
		data := maps.Clone(stored)
		data[model.StoredAuthoritiesKey] = raw
		if err := api.PutSecret(t.Context(), model.SecretPKI, data); err != nil {
			t.Fatal(err)
		}
	}

	put(func(content map[string]any) {
		content["kubeconfig"] = []byte(exec)
		content["vcenter"] = "evil"
	})
	found, err := w.engine().Import(t.Context(), request)
	if err != nil {
		t.Fatal(err)
	}
	if found.ID != spec.ID || found.Incarnation != spec.Incarnation || found.Secrets.VCenter != w.sim.InstanceUUID() ||
		found.Secrets.Authorities.Fingerprint() != secrets.Authorities.Fingerprint() {
		t.Errorf("got %s, %q, of the vCenter %s", found.ID, found.Incarnation, found.Secrets.VCenter)
	}
	if err := w.administrator(found.Secrets).Ready(t.Context()); err != nil || bytes.Equal(found.Secrets.Kubeconfig, secrets.Kubeconfig) {
		t.Errorf("the kubeconfig was not issued anew, or does not work: %v", err)
	}

	for name, change := range map[string]func(map[string]any){
		"authorities of another cluster": func(content map[string]any) { content["authorities"] = newSecrets(t).Authorities },
		"no authorities":                 func(content map[string]any) { delete(content, "authorities") },
		"not authorities":                func(content map[string]any) { content["authorities"] = "\x1b[31m" + exec },
	} {
		put(change)
		if found, err := w.engine().Import(t.Context(), request); err == nil || strings.ContainsAny(err.Error(), "\x1b\n") {
			t.Errorf("%s: %v, %v", name, found, err)
		}
	}

	own, err := api.Secret(t.Context(), model.SecretCluster)
	if err != nil {
		t.Fatal(err)
	}
	own[model.IDKey] = bytes.Repeat([]byte("\x1b[31m\n"), 10_000)
	if err := api.PutSecret(t.Context(), model.SecretCluster, own); err != nil {
		t.Fatal(err)
	}
	if _, err := w.engine().Import(t.Context(), request); err == nil || len(err.Error()) > 500 || strings.ContainsAny(err.Error(), "\x1b\n") {
		t.Errorf("another id: %v", err)
	}
}

// TestAuthoritiesAreLeftOutOfTheCluster turns the Secret off, on and off again on a
// running cluster, and imports without it.
func TestAuthoritiesAreLeftOutOfTheCluster(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	spec := w.spec(1, 0)
	spec.OmitAuthorities = true
	spec, secrets, _ := w.applied(spec)
	holds := func(want bool) {
		t.Helper()
		data, err := w.administrator(secrets).Secret(t.Context(), model.SecretPKI)
		if err != nil || (data != nil) != want {
			t.Errorf("the Secret exists: %t, %v", data != nil, err)
		}
		if steps := actions(w.plan(spec, secrets)); len(steps) > 0 {
			t.Errorf("there is still something to do: %q", steps)
		}
	}
	holds(false)
	request := engine.ImportRequest{Ref: spec.Ref, Kubeconfig: secrets.Kubeconfig}
	if _, err := w.engine().Import(t.Context(), request); !errors.Is(err, engine.ErrNoAuthorities) {
		t.Errorf("without authorities: %v", err)
	}
	request.Authorities = newSecrets(t).Authorities
	if _, err := w.engine().Import(t.Context(), request); err == nil {
		t.Error("authorities of another cluster were taken")
	}
	request.Authorities = secrets.Authorities
	if found, err := w.engine().Import(t.Context(), request); err != nil || found.ID != spec.ID {
		t.Errorf("with authorities: %v", err)
	}

	for _, omit := range []bool{false, true} {
		spec.OmitAuthorities = omit
		if steps := actions(w.plan(spec, secrets)); !slices.Equal(steps, []string{"store_import_data prod"}) {
			t.Errorf("omit %t: %q", omit, steps)
		}
		if _, err := w.engine().Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets}); err != nil {
			t.Fatal(err)
		}
		holds(!omit)
	}
}
