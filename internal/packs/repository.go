package packs

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"

	"sigs.k8s.io/yaml"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// index is what is read of a repository's index.yaml.
type index struct {
	Entries map[string][]indexEntry `json:"entries"`
}

type indexEntry struct {
	Version string   `json:"version"`
	Digest  string   `json:"digest"`
	URLs    []string `json:"urls"`
}

// repositoryIndex is the index of a repository, which the charts of a run read once.
type repositoryIndex struct {
	mu      sync.Mutex // held while it is read
	list    *index     // nil: it was not read yet
	refused error      // by which the login was; nil: it was not
}

// index reads the index of a repository.
func (c *charts) index(ctx context.Context, base string) (*index, error) {
	c.mu.Lock()
	r := c.indexes[base]
	if r == nil {
		r = &repositoryIndex{}
		c.indexes[base] = r
	}
	c.mu.Unlock()

	r.mu.Lock()
	defer r.mu.Unlock()
	if r.list != nil {
		return r.list, nil
	}
	if r.refused != nil {
		return nil, fmt.Errorf("cannot be read: %w", notAgain(r.refused))
	}
	raw, err := c.get(ctx, base+"index.yaml")
	if statusOf(err) == http.StatusUnauthorized && c.hosts.loginAt(base) {
		r.refused = err
	}
	if err != nil {
		return nil, fmt.Errorf("cannot be read: %w", err)
	}
	var list index
	if err := yaml.Unmarshal(raw, &list); err != nil {
		return nil, fmt.Errorf("is not YAML: %w", err)
	}
	r.list = &list
	return r.list, nil
}

// fromRepository downloads a chart from an HTTP repository.
func (c *charts) fromRepository(ctx context.Context, chart model.Chart) ([]byte, string, error) {
	base := strings.TrimSuffix(chart.Repository, "/") + "/"
	list, err := c.index(ctx, base)
	if err != nil {
		return nil, "", fmt.Errorf("the index of the repository %s %w", chart.Repository, err)
	}
	entry, err := list.find(chart)
	if err != nil {
		return nil, "", err
	}
	at, err := resolveURL(base, entry.URLs[0])
	if err != nil {
		return nil, "", fmt.Errorf("the repository %s names no URL for the chart %s %s: %w", chart.Repository, chart.Name, chart.Version, err)
	}
	archive, err := c.download(ctx, at)
	if err != nil {
		return nil, "", fmt.Errorf("the chart %s %s cannot be downloaded from %s: %w", chart.Name, chart.Version, at, err)
	}
	digest := digestOf(archive)
	if want := strings.TrimPrefix(entry.Digest, "sha256:"); want != "" && "sha256:"+want != digest {
		return nil, "", fmt.Errorf("what %s serves as %s %s has the digest %s, and its index says %s",
			chart.Repository, chart.Name, chart.Version, digest, want)
	}
	return archive, digest, nil
}

// shownVersions is how many versions an error names that a repository has.
const shownVersions = 5

func (i index) find(chart model.Chart) (indexEntry, error) {
	var versions []string
	for _, entry := range i.Entries[chart.Name] {
		if entry.Version == chart.Version && len(entry.URLs) > 0 {
			return entry, nil
		}
		versions = append(versions, entry.Version)
	}
	if len(versions) == 0 {
		return indexEntry{}, fmt.Errorf("the repository %s has no chart %q", chart.Repository, chart.Name)
	}
	return indexEntry{}, fmt.Errorf("the repository %s has no version %s of the chart %q. Its newest are %s",
		chart.Repository, chart.Version, chart.Name, strings.Join(versions[:min(len(versions), shownVersions)], ", "))
}

// download reads an archive that an index points to: some repositories are only an index of
// what is in a registry.
func (c *charts) download(ctx context.Context, at string) ([]byte, error) {
	if ref, inRegistry := strings.CutPrefix(at, ociScheme); inRegistry {
		archive, _, err := c.pull(ctx, ref)
		return archive, err
	}
	return c.get(ctx, at)
}

func (c *charts) get(ctx context.Context, at string) ([]byte, error) {
	if address, err := url.Parse(at); err == nil {
		if err := c.hosts.known(address.Host); err != nil {
			return nil, err
		}
	}
	at, words := c.hosts.location(at)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, at, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("User-Agent", userAgent)
	content, err := read(c.http.Do(req))
	if err != nil {
		return nil, fmt.Errorf("%s%w", words, c.hosts.refused(req.URL.Host, err))
	}
	return content, nil
}

const userAgent = "terraform-provider-gantry"

// resolveURL is where a chart of a repository is: its index has URLs that may be relative.
func resolveURL(base, at string) (string, error) {
	if strings.HasPrefix(at, ociScheme) {
		return at, nil
	}
	from, err := url.Parse(base)
	if err != nil {
		return "", err
	}
	to, err := from.Parse(at)
	if err != nil {
		return "", err
	}
	if to.Scheme != "https" && to.Scheme != "http" {
		return "", errors.New("it has to begin with https://, http:// or oci://")
	}
	return to.String(), nil
}

func digestOf(content []byte) string {
	sum := sha256.Sum256(content)
	return "sha256:" + hex.EncodeToString(sum[:])
}
