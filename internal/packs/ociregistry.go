package packs

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"

	"helm.sh/helm/v4/pkg/registry"
	"oras.land/oras-go/v2/registry/remote/auth"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

const ociScheme = "oci://"

// fromRegistry pulls a chart from an OCI registry. Its digest is that of the manifest,
// which `helm pull` and `helm push` print.
func (c *charts) fromRegistry(ctx context.Context, chart model.Chart) ([]byte, string, error) {
	repository := strings.TrimPrefix(chart.OCI, ociScheme)
	// A tag cannot have what a version may.
	ref := repository + ":" + strings.ReplaceAll(chart.Version, "+", "_")
	if chart.Digest != "" {
		ref = repository + "@" + chart.Digest
	}
	archive, digest, err := c.pull(ctx, ref)
	if err != nil {
		return nil, "", fmt.Errorf("the chart oci://%s cannot be pulled: %w", ref, err)
	}
	return archive, digest, nil
}

// pull returns the archive that a reference has, and the digest of its manifest.
func (c *charts) pull(ctx context.Context, ref string) ([]byte, string, error) {
	// Helm's client takes no context. No credentials are looked for on the machine: that would
	// run the helper programs of a Docker configuration. Registries that hand out tokens
	// without a login are asked for one, once a pull.
	seen := &refusals{RoundTripper: during{RoundTripper: c.registries, ctx: ctx}}
	client := &http.Client{Transport: seen}
	authorizer := auth.Client{Client: client, Cache: auth.NewCache(), Credential: c.hosts.credential}
	authorizer.SetUserAgent(userAgent)
	options := []registry.ClientOption{registry.ClientOptHTTPClient(client), registry.ClientOptAuthorizer(authorizer)}
	host, _, _ := strings.Cut(ref, "/")
	if err := c.hosts.known(host); err != nil {
		return nil, "", err
	}
	ref, words := c.hosts.reference(ref)
	host, _, _ = strings.Cut(ref, "/")
	plain := loopback(ref) && !c.hosts.encrypted(ref)
	if err := c.logIn(ctx, host, &authorizer, plain, seen); err != nil {
		return nil, "", fmt.Errorf("%s%w", words, err)
	}
	if plain {
		options = append(options, registry.ClientOptPlainHTTP()) // as container tools do
	}
	oci, err := registry.NewClient(options...)
	if err != nil {
		return nil, "", err
	}
	pulled, err := oci.Pull(ref)
	if err != nil {
		return nil, "", fmt.Errorf("%s%w", words, c.hosts.refused(host, err))
	}
	return pulled.Chart.Data, pulled.Manifest.Digest, nil
}

// loopback reports whether the registry of a reference is on this machine.
func loopback(ref string) bool {
	host, _, _ := strings.Cut(ref, "/")
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	return host == "localhost" || net.ParseIP(strings.Trim(host, "[]")).IsLoopback()
}
