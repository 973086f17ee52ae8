package vmwarecluster_test

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/ova/ovatest"
	"github.com/gantry/terraform-provider-gantry/internal/provider/acctest"
	"github.com/gantry/terraform-provider-gantry/internal/simulator"
	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest"
)

// withImage is a configuration with another image of the profile.
func withImage(e *acctest.Environment, s shape, image string) string {
	const template = `image = { template = "gantry-node-1.37.2" }`
	out := config(e, s)
	if !strings.Contains(out, template) {
		panic("the configuration has no image")
	}
	return strings.Replace(out, template, "image = "+image, 1)
}

// TestAccClusterFromAnOVA imports an image with a cluster, takes it from another place, and
// rolls to another one. The images stay, and the one that nothing uses any more is an orphan.
func TestAccClusterFromAnOVA(t *testing.T) {
	t.Parallel()
	e := acctest.New(t)
	content, digest := ovatest.Build(ovatest.Image{})
	newer, newerDigest := ovatest.Build(ovatest.Image{DiskBytes: 70_000})
	server := ovatest.Serve(content, false)
	defer server.Close()
	image := func(name, digest string) string {
		return fmt.Sprintf(`{ ova_url = %q, sha256 = %q }`, server.Location(name), digest)
	}
	name := func(digest string) string { return "node-1.37.2-" + digest[:12] }
	s := shape{controlPlane: 1, workers: 1, extra: "image_folder = \"images\"\n  deletion_protection = false"}
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: e.Factories(),
		CheckDestroy:             imagesAlone(e, name(digest), name(newerDigest)),
		Steps: []resource.TestStep{
			{Config: withoutCluster(e)},
			{
				Config: withImage(e, s, image("node-1.37.2.ova", digest)),
				ConfigPlanChecks: showsPlan("create_record", "prod", "create_folder", "k8s/prod", "reserve_endpoint", "prod",
					"import_image", name(digest), "create_node", "prod-cp-1", "create_node", "prod-general-1"),
				ConfigStateChecks: []statecheck.StateCheck{isState("Running"), nodeNames("prod-cp-1", "prod-general-1")},
			},
			{
				// The same one from another place, by another name.
				Config: withImage(e, s, image("moved.ova", digest)),
				ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{
					plancheck.ExpectResourceAction(cluster, plancheck.ResourceActionUpdate),
				}},
				ConfigStateChecks: []statecheck.StateCheck{nodeNames("prod-cp-1", "prod-general-1")},
			},
			{
				PreConfig:         func() { server.Replace(newer, `"newer"`) },
				Config:            withImage(e, s, image("node-1.37.2.ova", newerDigest)),
				ConfigStateChecks: []statecheck.StateCheck{isState("Running"), nodeNames("prod-cp-2", "prod-general-2")},
			},
			{
				Config: withImage(e, s, image("node-1.37.2.ova", newerDigest)) + "\ndata \"gantry_orphans\" \"all\" {}\n",
				ConfigStateChecks: []statecheck.StateCheck{
					statecheck.ExpectKnownValue("data.gantry_orphans.all", tfjsonpath.New("orphans"), knownvalue.ListExact([]knownvalue.Check{
						knownvalue.ObjectExact(map[string]knownvalue.Check{
							"kind": knownvalue.StringExact("image"), "name": knownvalue.StringExact(name(digest)),
							"detail":      knownvalue.StringRegexp(regexp.MustCompile("made as /dc-1/vm/images/node-1.37.2-.*no VM of Gantry's was cloned")),
							"remediation": knownvalue.StringRegexp(regexp.MustCompile("Keep it")),
						}),
					})),
				},
			},
		},
	})
	if n := len(server.Requests()); n != 2 {
		t.Errorf("the server was asked %d times", n)
	}
}

// imagesAlone fails where anything but images is left.
func imagesAlone(e *acctest.Environment, names ...string) resource.TestCheckFunc {
	return func(*terraform.State) error {
		left := e.Leftovers()
		var want []string
		for _, name := range names {
			want = append(want, "/dc-1/vm/images/"+name)
		}
		slices.Sort(want)
		if !slices.Equal(left.VMs, want) || !slices.Equal(left.Folders, []string{"/dc-1/vm/images"}) || len(left.Files) > 0 {
			return fmt.Errorf("left behind: %+v", left)
		}
		return nil
	}
}

// TestAccImageRefusals asks for images that cannot be, and reads the error in the plan.
func TestAccImageRefusals(t *testing.T) {
	t.Parallel()
	e := acctest.New(t)
	digest := strings.Repeat("5b", 32)
	missing := filepath.Join(t.TempDir(), "missing.ova")
	steps := []resource.TestStep{{Config: withoutCluster(e)}}
	for _, c := range []struct {
		image string
		want  *regexp.Regexp
	}{
		{`{}`, says("Image missing", "Set template")},
		{`{ template = "a", ova_url = "https://f.example.com/a.ova", sha256 = "` + digest + `" }`, says("Two images")},
		{`{ template = "a", content_library = { library = "l", item = "i" } }`, says("Two images", "content_library")},
		{`{ content_library = { library = "", item = "i" } }`, says("content_library")},
		{`{ ova_url = "https://f.example.com/a.ova" }`, says("Digest missing", "Set sha256")},
		{`{ ova_url = "https://f.example.com/a.ova", sha256 = "5b" }`, says("Invalid SHA-256")},
		{`{ template = "a", sha256 = "` + digest + `" }`, says("Digest without an OVA")},
		{`{ ova_url = "https://me:secret@f.example.com/a.ova", sha256 = "` + digest + `" }`, says("Invalid location of an OVA")},
		{`{ ova_url = "ftp://f.example.com/a.ova", sha256 = "` + digest + `" }`, says("Invalid location of an OVA", "https")},
		{`{ template = "a", build = {} }`, says("Invalid Attribute Combination", "install_kubernetes")},
		{`{ template = "a", build = { install_kubernetes = { version = "1.36.3" } } }`, says("Another version than the nodes'", "1.37.2")},
		{`{ template = "a", build = { install_kubernetes = { version = "1.37.2", repository = "http://m.example.com/v1.37" } } }`,
			says("Invalid package repository", "https")},
		{fmt.Sprintf(`{ ova_url = %q, sha256 = %q }`, missing, digest), says("The OVA is not there", "ova_url", "no such file")},
	} {
		steps = append(steps, resource.TestStep{
			Config: withImage(e, shape{controlPlane: 1, workers: 1}, c.image), PlanOnly: true, ExpectError: c.want,
		})
	}
	older := model.OVA{URL: "https://f.example.com/node-1.36.3.ova", SHA256: digest}
	steps = append(steps, resource.TestStep{
		Config:   withImage(e, shape{controlPlane: 1, workers: 1}, fmt.Sprintf(`{ ova_url = %q, sha256 = %q }`, older.URL, digest)),
		PlanOnly: true, ExpectNonEmptyPlan: true,
	}, resource.TestStep{Config: withoutCluster(e)})
	resource.Test(t, resource.TestCase{ProtoV6ProviderFactories: e.Factories(), CheckDestroy: e.CheckDestroy, Steps: steps})
}

// TestAccClusterFromABuiltImage builds a node image of a plain distribution with a cluster, and another
// one that its nodes roll to. The images stay.
func TestAccClusterFromABuiltImage(t *testing.T) {
	t.Parallel()
	e := acctest.New(t, simulator.Options{Inventory: simulator.Inventory{
		Templates: []simulator.Template{{Name: "debian-13", KubernetesVersion: guest.NoKubernetes, Snapshot: true}},
	}})
	from := func(repository, script string) string {
		return fmt.Sprintf(`{
      template = "debian-13"
      build = {
        scripts            = [%q]
        files              = { "/etc/motd" = { content = "hello" } }
        install_kubernetes = { version = "1.37.2", repository = %q }
      }
    }`, script, repository)
	}
	image := func(script string) string { return from("https://mirror.example.com/v1.37", script) }
	s := shape{controlPlane: 1, workers: 1, extra: "image_folder = \"templates\"\n  deletion_protection = false"}
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: e.Factories(),
		CheckDestroy: func(*terraform.State) error {
			left := e.Leftovers()
			for _, vm := range left.VMs {
				if !strings.HasPrefix(vm, "/dc-1/vm/templates/debian-13-kube-v1.37.2-") {
					return fmt.Errorf("left behind is %s", vm)
				}
			}
			if len(left.VMs) != 2 {
				return fmt.Errorf("left behind are %v", left.VMs)
			}
			return nil
		},
		Steps: []resource.TestStep{
			{Config: withoutCluster(e)},
			{
				Config:      withImage(e, s, from("https://packages.invalid", "echo one")),
				ExpectError: regexp.MustCompile(`kubernetes\s+1.37.2\s+could\s+not\s+be\s+installed\s+from\s+https://packages.invalid/deb/`),
			},
			{
				Config:      withImage(e, s, image("exit 3")),
				ExpectError: regexp.MustCompile(`command 001 of build failed with\s+status 3`),
			},
			{
				Config:            withImage(e, s, image("echo one")),
				ConfigStateChecks: []statecheck.StateCheck{isState("Running"), nodeNames("prod-cp-1", "prod-general-1")},
			},
			{
				Config:            withImage(e, s, image("echo two")),
				ConfigStateChecks: []statecheck.StateCheck{isState("Running"), nodeNames("prod-cp-2", "prod-general-2")},
			},
		},
	})
}
