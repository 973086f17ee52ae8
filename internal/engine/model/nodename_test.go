package model_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
)

func TestNameTemplates(t *testing.T) {
	t.Parallel()
	for template, want := range map[string]string{
		model.DefaultNameTemplate: "",
		"{cluster}{pool}{n}":      "",
		"k8s-{pool}-{n}":          "",
		"{n}.{pool}":              "RFC 1123",
		"{cluster}-{pool}":        "must hold {n}",
		"{cluster}-{n}-{n}":       "once",
		"{Cluster}-{n}":           "no placeholder",
		"{}-{n}":                  "no placeholder",
		"K8s-{n}":                 "RFC 1123",
		"-{pool}-{n}":             "RFC 1123",
		"{n}-":                    "RFC 1123",
		"{cluster}-{pool}-{n}}":   "RFC 1123",
		"{cluster}-{pool}_{n}":    "RFC 1123",
		"{cluster}-{pool}-{n}\n":  "RFC 1123",
		"{cluster}-{pool}-{n}-{":  "RFC 1123",
	} {
		switch err := model.CheckNameTemplate(template); {
		case want == "" && err != nil, want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%q: %v, want %q", template, err, want)
		}
	}
}

func TestNamesThatCannotTellNodesApartAreRefused(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		template string
		pools    []string
		leases   bool
		want     string
		pool     string
	}{
		{"", []string{"cp", "a", "a-1"}, true, "", ""},
		{"{cluster}-{n}", []string{"cp"}, false, "", ""},
		{"{cluster}-{n}", []string{"cp", "w"}, false, "could both be named c-1", "w"},
		{"{cluster}{pool}{n}", []string{"cp", "a", "b"}, true, "", ""},
		{"{cluster}{pool}{n}", []string{"cp", "a", "a1"}, false, "could both be named ca11", "a1"},
		{"{cluster}{pool}{n}", []string{"cp", "a", "a0"}, false, "", ""}, // no number begins with 0: ca0… is of the second
		{"{n}{pool}", []string{"cp", "1a", "a"}, false, "could both be named 11a", "a"},
		{"{cluster}-{n}", []string{"cp"}, true, "must hold {pool}", ""},
		{"{cluster}-{pool}-{n}", []string{"cp", strings.Repeat("x", 57)}, false, "64 characters", strings.Repeat("x", 57)},
		{"{cluster}-{pool}-{n}", []string{"cp", strings.Repeat("x", 56)}, false, "", ""},
	} {
		err := model.CheckNodeNames(c.template, "c", c.pools, c.leases)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%q with %v: %v, want %q", c.template, c.pools, err, c.want)
			continue
		}
		var pool *model.NodeNameError
		if c.pool != "" && (!errors.As(err, &pool) || pool.Pool != c.pool) {
			t.Errorf("%q with %v: %v is not about %s", c.template, c.pools, err, c.pool)
		}
	}
}

// TestNamesThatAreTakenAreUnique compares the check with all names of low numbers.
func TestNamesThatAreTakenAreUnique(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		template := drawTemplate(t, "template")
		pool := rapid.SampledFrom([]string{"cp", "a", "a1", "1a", "a-1", "1", "11"})
		pools := rapid.SliceOfNDistinct(pool, 1, 3, rapid.ID[string]).Draw(t, "pools")
		seen := map[string]string{}
		for _, pool := range pools {
			for n := 1; n <= 1200; n++ {
				name := model.NodeName(template, "c", pool, n)
				if other, twice := seen[name]; twice {
					if model.CheckNodeNames(template, "c", pools, false) == nil {
						t.Fatalf("%q names nodes of %s and %s %s", template, other, pool, name)
					}
					return
				}
				seen[name] = pool
			}
		}
	})
}

func drawTemplate(t *rapid.T, label string) string {
	return rapid.SampledFrom([]string{
		"", "{cluster}{pool}{n}", "{cluster}-{n}-{pool}", "x1{pool}{n}", "x{pool}{n}", "{pool}{n}", "{n}{pool}",
		"1{n}{pool}", "{pool}1-{n}",
		"{pool}-{n}",
		"{cluster}-cp-{pool}-{n}", "x{pool}-1{n}", "x{pool}-{n}", "{pool}-1-{n}", "x{pool}-{n}1",
	}).Draw(t, label)
}

// TestANameStaysItsNodes hands out ordinals, while templates change, records are written and
// lost and VMs come and go: no two nodes have one name, and each keeps its own.
func TestANameStaysItsNodes(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		pools := []string{"cp", "a", "b-1"}
		facts := &model.Facts{Record: model.Record{Found: true}}
		counters := map[string]int{"cp": 1, "a": 1, "b-1": 1}
		type node struct {
			pool string
			n    int
		}
		named := map[string]node{}
		for range rapid.IntRange(1, 5).Draw(t, "templates") {
			template := drawTemplate(t, "template")
			if model.CheckNodeNames(template, "c", pools, true) != nil {
				continue
			}
			names := model.NamesOf("c", template, facts, counters)
			for range rapid.IntRange(0, 40).Draw(t, "nodes") {
				pool := rapid.SampledFrom(pools).Draw(t, "pool")
				n := counters[pool]
				for !names.Free(pool, n) {
					n++
				}
				counters[pool] = n + 1
				name := names.Node(pool, n)
				if other, twice := named[name]; twice {
					t.Fatalf("%s-%d is named %s as %v is", pool, n, name, other)
				}
				named[name] = node{pool, n}
				if rapid.Bool().Draw(t, "has a VM") {
					facts.Machines = append(facts.Machines, model.Machine{Marker: model.Marker{
						Node: name, NodePool: pool, Ordinal: n, NameTemplate: names.TemplateOf(pool, n),
					}})
				}
			}
			facts.Record.NameTemplates = names.Templates()
			after := model.NamesOf("c", "of-later-{n}", facts, nil) // the record says it
			for name, of := range named {
				for _, pool := range pools {
					want := 0
					if pool == of.pool {
						want = of.n
					}
					if got := after.Ordinal(pool, name); got != want {
						t.Fatalf("%s is number %d of %s, want %d; templates: %+v", name, got, pool, want, names.Templates())
					}
				}
				if got := after.Node(of.pool, of.n); got != name {
					t.Fatalf("%v is named %s, want %s; templates: %+v", of, got, name, names.Templates())
				}
			}
		}
	})
}

func TestANameOfAnOlderTemplateIsNotUsedAgain(t *testing.T) {
	t.Parallel()
	first := model.NamesOf("c", "{pool}1{n}", &model.Facts{}, map[string]int{"cp": 1})
	facts := &model.Facts{Record: model.Record{Found: true, Cluster: record.Cluster{NameTemplates: first.Templates()}}}
	names := model.NamesOf("c", "{pool}{n}", facts, map[string]int{"cp": 6}) // of cp11 to cp15
	for n := 6; n < 30; n++ {
		if free := n < 11 || n > 15; names.Free("cp", n) != free {
			t.Errorf("cp%d is free: %t", n, !free)
		}
	}
}

func TestARecordThatIsLostComesBackWithItsTemplates(t *testing.T) {
	t.Parallel()
	machine := func(pool string, n int, name, template string) model.Machine {
		return model.Machine{Marker: model.Marker{Node: name, NodePool: pool, Ordinal: n, NameTemplate: template}}
	}
	facts := &model.Facts{Machines: []model.Machine{
		machine("cp", 1, "c-cp-1", ""), machine("w", 2, "c-w-2", ""), machine("cp", 5, "k-cp-5", "k-{pool}-{n}"),
	}}
	names := model.NamesOf("c", "new{pool}{n}", facts, map[string]int{"cp": 6, "w": 3})
	want := `[{Template: From:map[]} {Template:k-{pool}-{n} From:map[cp:5 w:3]} {Template:new{pool}{n} From:map[cp:6 w:3]}]`
	if got := fmt.Sprintf("%+v", names.Templates()); got != want {
		t.Errorf("templates %s, want %s", got, want)
	}
	for n, name := range map[int]string{1: "c-cp-1", 2: "c-cp-2", 5: "k-cp-5", 6: "newcp6"} {
		if got := names.Node("cp", n); got != name {
			t.Errorf("node %d is named %s, want %s", n, got, name)
		}
	}
	if lb := names.LoadBalancer(); lb != "c-lb" {
		t.Errorf("the load balancer is named %s", lb)
	}
}

func TestALoadBalancerKeepsTheNameOfItsCreation(t *testing.T) {
	t.Parallel()
	fresh := model.NamesOf("c", "{cluster}{pool}{n}", &model.Facts{}, map[string]int{"cp": 1})
	if got := fresh.LoadBalancer(); got != "clb" {
		t.Errorf("of a new cluster: %s", got)
	}
	facts := &model.Facts{Record: model.Record{Found: true, Cluster: record.Cluster{NameTemplates: fresh.Templates()}}}
	later := model.NamesOf("c", "{n}-{pool}", facts, map[string]int{"cp": 4})
	if got := later.LoadBalancer(); got != "clb" {
		t.Errorf("after a change: %s", got)
	}
	if got := model.LoadBalancerName("{n}-{pool}", "c"); got != "lb" {
		t.Errorf("number first: %s", got)
	}
}
