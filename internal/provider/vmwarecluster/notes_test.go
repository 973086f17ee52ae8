package vmwarecluster_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/ledger"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/ledgertest"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
	"github.com/gantry/terraform-provider-gantry/internal/provider/vmwarecluster"
)

// largeTagsSize is how many bytes largeTags take as JSON.
const largeTagsSize = 1471

func largeTags() map[string]string {
	tags := map[string]string{}
	for i := range 10 {
		tags[fmt.Sprintf("tag-%d", i)] = strings.Repeat("x", 136)
	}
	return tags
}

func TestNotesAreBounded(t *testing.T) {
	t.Parallel()
	const rest = vmwarecluster.MaxNotes - largeTagsSize - 2 // without the quotes
	for _, c := range []struct {
		description string
		tags        map[string]string
		want        string
	}{
		{description: "", tags: nil},
		{description: strings.Repeat("x", rest), tags: largeTags()},
		{description: strings.Repeat("x", rest+1), tags: largeTags(), want: "tags"},
		// Of three bytes each in UTF-8, and of six as JSON.
		{description: strings.Repeat("語", 666), tags: nil},
		{description: strings.Repeat("語", 667), tags: nil, want: "description"},
		{description: strings.Repeat("<", 334), tags: nil, want: "description"},
	} {
		diags := vmwarecluster.CheckNotes(c.description, c.tags)
		if diags.HasError() != (c.want != "") {
			t.Errorf("%d characters: got %v, want an error on %q", len(c.description), diags, c.want)
			continue
		}
		if c.want == "" {
			continue
		}
		if at := rootOf(diags[0]); at != c.want || !strings.Contains(diags[0].Detail(), "may take 2000") {
			t.Errorf("got %s on %s, want an error on %s", diags[0].Detail(), at, c.want)
		}
	}
}

// TestLargestNotesFitTheRecord registers the record of a cluster with the largest
// description and tags, of many pools of long names that are all being built.
func TestLargestNotesFitTheRecord(t *testing.T) {
	t.Parallel()
	cluster := record.Cluster{
		ID:          uuid.New(),
		Kind:        record.KindCluster,
		Description: strings.Repeat("x", vmwarecluster.MaxNotes-largeTagsSize-2-10*vmwarecluster.VMTagSize),
		Tags:        largeTags(),
		Datacenter:  "/dc-with-a-rather-long-name",
		Folder:      "k8s/production/a-cluster-of-a-long-name-and-40-characters",
		Folders: []record.Folder{
			{Path: "k8s", Ref: "Folder:group-v1234567"}, {Path: "k8s/production", Ref: "Folder:group-v1234568"},
			{Path: "k8s/production/a-cluster-of-a-long-name-and-40-characters", Ref: "Folder:group-v1234569"},
		},
		Counters: map[string]int{"cp": 9999},
		Pending:  map[string][]int{"cp": {9996, 9998}},
		Parents:  []uuid.UUID{uuid.New(), uuid.New()},
	}
	for range 10 {
		cluster.VMTags = append(cluster.VMTags, record.VMTag{ID: uuid.New(), Spelling: "0123ab"})
	}
	for i := range 20 {
		pool := fmt.Sprintf("pool-of-18-char-%02d", i)
		cluster.Counters[pool] = 9999
		cluster.Pending[pool] = []int{9001, 9003, 9005, 9007}
		cluster.IPPools = append(cluster.IPPools, uuid.New())
	}
	if diags := vmwarecluster.CheckNotes(cluster.Description, cluster.Tags); diags.HasError() {
		t.Fatal(diags)
	}
	rec, err := ledger.NewRecord(record.Ref{Kind: record.KindCluster, Name: "prod"}, cluster)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ledger.New(ledgertest.NewStore(), "vc").Register(t.Context(), rec); err != nil {
		t.Errorf("a record of %d bytes: %s", len(rec.Body), err)
	}
}
