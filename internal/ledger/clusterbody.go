package ledger

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/google/uuid"
)

// ClusterBody is the body of a cluster's or gateway's record. In the ledger it
// is spelled so briefly that an ordinary cluster's fits one tag.
type ClusterBody struct {
	ID   string
	Kind string // "cluster" or "gateway"
	// Ready tells that the cluster's API has answered once.
	Ready bool
	// Done tells that a run which had its API answer has come to an end. Until
	// then nobody but that run has its certificate authorities.
	Done       bool
	Datacenter string
	Folder     string   // VM folder path
	Folders    []string // the paths of the folders that were made for it, outermost first
	VIP        netip.Addr
	// Counters holds the next number for a node of each pool. It never goes back.
	Counters map[string]int
	// Pending holds the numbers that are given to nodes which have not joined
	// yet, by pool, in ascending order.
	Pending map[string][]int
	Pools   []string // ids of the IP pools it may hold addresses of
	Parents []string // ids of the gateway and the cloud account it depends on
}

// clusterWire is the brief spelling.
type clusterWire struct {
	ID         string            `json:"i"`
	Kind       string            `json:"k,omitempty"` // empty: cluster
	Ready      int               `json:"r,omitempty"`
	Done       int               `json:"e,omitempty"`
	Datacenter string            `json:"d,omitempty"`
	Folder     string            `json:"o,omitempty"`
	Levels     int               `json:"f,omitempty"` // how many of the folder path's levels were made, from the end
	Folders    []string          `json:"m,omitempty"` // what Levels does not say
	VIP        *netip.Addr       `json:"v,omitempty"`
	Counters   map[string]int    `json:"n,omitempty"`
	Pending    map[string]string `json:"p,omitempty"`
	Pools      []string          `json:"l,omitempty"`
	Parents    []string          `json:"a,omitempty"`
}

// MarshalJSON writes the brief spelling.
func (b ClusterBody) MarshalJSON() ([]byte, error) {
	w := clusterWire{
		ID: shortID(b.ID), Kind: b.Kind, Datacenter: b.Datacenter, Folder: b.Folder, Counters: b.Counters,
		Pools: each(b.Pools, shortID), Parents: each(b.Parents, shortID),
	}
	if b.Kind == string(KindCluster) {
		w.Kind = ""
	}
	if b.Ready {
		w.Ready = 1
	}
	if b.Done {
		w.Done = 1
	}
	if w.Levels = len(b.Folders); !slices.Equal(b.Folders, lastLevels(b.Folder, w.Levels)) {
		w.Levels, w.Folders = 0, b.Folders
	}
	if b.VIP.IsValid() {
		w.VIP = &b.VIP
	}
	for pool, numbers := range b.Pending {
		if w.Pending == nil {
			w.Pending = map[string]string{}
		}
		w.Pending[pool] = formatNumbers(numbers)
	}
	return json.Marshal(w)
}

// UnmarshalJSON reads the brief spelling.
func (b *ClusterBody) UnmarshalJSON(raw []byte) error {
	var w clusterWire
	if err := json.Unmarshal(raw, &w); err != nil {
		return fmt.Errorf("a cluster's record: %w", err)
	}
	out := ClusterBody{
		ID: longID(w.ID), Kind: w.Kind, Ready: w.Ready != 0, Done: w.Done != 0, Datacenter: w.Datacenter, Folder: w.Folder,
		Folders: w.Folders, Counters: w.Counters, Pools: each(w.Pools, longID), Parents: each(w.Parents, longID),
	}
	if out.Kind == "" {
		out.Kind = string(KindCluster)
	}
	if w.Levels > 0 {
		out.Folders = lastLevels(w.Folder, w.Levels)
	}
	if w.VIP != nil {
		out.VIP = *w.VIP
	}
	for pool, text := range w.Pending {
		numbers, err := parseNumbers(text)
		if err != nil {
			return fmt.Errorf("a cluster's record: the pending nodes of pool %q: %w", pool, err)
		}
		if out.Pending == nil {
			out.Pending = map[string][]int{}
		}
		out.Pending[pool] = numbers
	}
	*b = out
	return nil
}

// lastLevels are the paths of the deepest n levels of a folder path, outermost
// first; nil when it has fewer.
func lastLevels(path string, n int) []string {
	names := strings.Split(path, "/")
	if n < 1 || n > len(names) || path == "" {
		return nil
	}
	var paths []string
	for i := len(names) - n; i < len(names); i++ {
		paths = append(paths, strings.Join(names[:i+1], "/"))
	}
	return paths
}

// shortID spells a UUID in 22 characters; other ids get a mark before them.
func shortID(id string) string {
	if id == "" {
		return ""
	}
	if u, err := uuid.Parse(id); err == nil && u.String() == id {
		return base64.RawURLEncoding.EncodeToString(u[:])
	}
	return "=" + id
}

// longID reads what shortID spells.
func longID(short string) string {
	if other, ok := strings.CutPrefix(short, "="); ok {
		return other
	}
	raw, err := base64.RawURLEncoding.DecodeString(short)
	if err != nil {
		return short
	}
	u, err := uuid.FromBytes(raw)
	if err != nil {
		return short
	}
	return u.String()
}

func each(in []string, f func(string) string) []string {
	var out []string
	for _, s := range in {
		out = append(out, f(s))
	}
	return out
}
