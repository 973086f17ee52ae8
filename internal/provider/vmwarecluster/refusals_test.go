package vmwarecluster_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"

	"github.com/gantry/terraform-provider-gantry/internal/provider/acctest"
)

// says matches a message however Terraform has broken its lines.
func says(words ...string) *regexp.Regexp {
	gap := `[\s│]+`
	parts := make([]string, len(words))
	for i, w := range words {
		parts[i] = strings.Join(strings.Fields(regexp.QuoteMeta(w)), gap)
	}
	return regexp.MustCompile(`(?s)` + strings.Join(parts, `.*`))
}

// TestAccClusterRefusals asks for what cannot be, and reads the error: on the
// attribute, with what there is instead, before anything is made.
func TestAccClusterRefusals(t *testing.T) {
	t.Parallel()
	e := acctest.New(t)
	// The pool and the account exist, so that a plan can check everything.
	base := withoutCluster(e)
	steps := []resource.TestStep{{Config: base}}
	for _, c := range []struct {
		shape shape
		want  *regexp.Regexp
	}{
		{shape{datacenter: "dc-9"}, says("datacenter", "dc-9", "dc-1")},
		{shape{computeCluster: "cluster-x"}, says("cluster-x", "cluster-a")},
		{shape{datastore: "shared-9"}, says("shared-9", "shared-1")},
		{shape{network: "dvpg-none"}, says("dvpg-none", "dvpg-nodes")},
		{shape{resourcePool: "missing"}, says("missing", "gantry")},
		{shape{template: "gantry-node-9"}, says("gantry-node-9", "gantry-node-1.37.2")},
		{
			shape{workers: 60},
			says(
				"The IP pool is too small", "50 addresses, 0 in use and 50 free; 64 are needed", "60 for worker pool general",
				"1 for rolling workers (expand_first)",
			),
		},
		{shape{template: "gantry-node-1.37.2-nosnap", extra: `clone_mode = "linked"`}, says("clone_mode", "no snapshot")},
		{shape{extra: `proxy = { http = "proxy:3128" }`}, says("https")},
		{
			shape{extra: `registry = { mirrors = { "docker.io" = ["https://me:secret@m.example.com"] } }`},
			says("mirrors", "containerd does not read"),
		},
		{shape{extra: `registry = { mirrors = { "docker.io" = [] } }`}, says("mirrors", "at least 1")},
		{shape{extra: `registry = { mirrors = { "https://docker.io" = ["https://m.example.com"] } }`}, says("mirrors", "without a scheme")},
		{shape{extra: `registry = { ca_certificate = "none" }`}, says("Invalid CA certificate")},
		{shape{extra: `registry = { image_repository = "https://r.example.com" }`}, says("image_repository", "without a scheme")},
		{shape{extra: `registry = { username = "robot" }`}, says("password_wo")},
		{shape{extra: `registry = { username = "robot", password_wo = "p" }`}, says("password_wo_version")},
		{shape{extra: `registry = { password_wo = "p", password_wo_version = 1 }`}, says("username")},
		{shape{extra: `registry = { username = "a:b", password_wo = "p", password_wo_version = 1 }`}, says("username", "colon")},
		{shape{extra: `registry = { sandbox_image = "pause" }`}, says("sandbox_image", "with its registry")},
		{shape{extra: `ssh_authorized_keys = ["not a key"]`}, says("public key")},
		{shape{extra: fmt.Sprintf(`description = %q`, strings.Repeat("x", 1001))}, says("description", "1000")},
		{shape{extra: `description = "a\u0007b"`}, says("description", "control characters")},
		{
			shape{extra: `tags = { for i in range(10) : "t${i}" => join("", [for _ in range(250) : "x"]) }`},
			says("tags", "take 2581 bytes", "may take 2000"),
		},
		{shape{extra: `name_template = "{cluster}-{pool}"`}, says("name_template", "must hold {n}")},
		{shape{workers: 1, extra: `name_template = "{cluster}-{n}"`}, says("name_template", "could both be named prod-1")},
		{shape{extra: `vm_tags = ["backup"]`}, says("vm_tags", "the names of category and tag with a slash")},
		{shape{extra: `vm_tags = ["backup/hourly"]`}, says("Tag not found", "vm_tags", "no category of tags by which", "backup/hourly")},
		{shape{extra: `tags = { for i in range(51) : "t${i}" => "x" }`}, says("tags", "50")},
		{
			shape{extra: `restore_from_snapshot = { url = "ftp://files.example.com", sha256 = "5b" }`},
			says("restore_from_snapshot", "sha256", "64 hex digits"),
		},
		{
			shape{extra: `restore_from_snapshot = { url = "https://files.example.com/a.db", sha256 = sha256("a") }`},
			says("Certificate authorities missing", "restore_from_snapshot", "GANTRY_IMPORT_AUTHORITIES"),
		},
		{shape{extra: `tags = { team = null }`}, says("tags", "null")},
		{
			shape{extraPool: `batch = { node_count = 1, cpu = 2, memory_gb = 4, placements = [], labels = { tier = null } }`},
			says("worker_pools", "labels", "must not be null"),
		},
		{
			shape{extraPool: `batch = { node_count = 1, cpu = 2, memory_gb = 2.5, placements = [] }`},
			says("worker_pools", "memory_gb", "must be a whole number, got 2.5"),
		},
		{shape{extraPool: `batch = null`}, says("worker_pools", "must not be null")},
		{shape{name: "Prod"}, says("lower-case")},
		{shape{name: strings.Repeat("a", 41)}, says("40")},
		{shape{extraPool: `cp = { node_count = 1, cpu = 2, memory_gb = 4, placements = [] }`}, says("cp")},
	} {
		c.shape.controlPlane = 1
		steps = append(steps, resource.TestStep{Config: config(e, c.shape), PlanOnly: true, ExpectError: c.want})
	}
	for settings, want := range map[string]*regexp.Regexp{
		`api_server = { extra_args = { max-request-inflight = "1" } }`: says(
			"max-request-inflight", "max-requests-inflight"),
		`node_files = { "/etc/kubernetes/pki/ca.key" = { content = "x" } }`: says(
			"node_files", "belongs to kubeadm"),
		`node_files = { "/etc/example" = { content = join("", [for i in range(1000) : sha512(i)]) } }`: says(
			"node_files", "carries at most 65536"),
	} {
		refused := withSettings(config(e, shape{controlPlane: 1}), settings)
		steps = append(steps, resource.TestStep{Config: refused, PlanOnly: true, ExpectError: want})
	}
	missing := strings.ReplaceAll(config(e, shape{controlPlane: 1}), "gantry_ip_pool.nodes.id", `"6f1d2a10-3a1b-4a53-9d4e-0c2f6c1f7a11"`)
	// The pool keeps its id, and is another one before the cluster is built.
	ipv6 := strings.NewReplacer(`"10.10.183.1"`, `"2001:db8::10"`, `"10.10.183.50"`, `"2001:db8::40"`,
		`"10.10.128.1"`, `"2001:db8::1"`, `"10.10.128.2"`, `"2001:db8::2"`, "= 18", "= 64").Replace(config(e, shape{controlPlane: 1}))
	steps = append(steps,
		resource.TestStep{Config: ipv6, PlanOnly: true, ExpectError: says("different families")},
		resource.TestStep{Config: missing, PlanOnly: true, ExpectError: says("IP pool not found", "6f1d2a10-3a1b-4a53-9d4e-0c2f6c1f7a11")},
		resource.TestStep{Config: base})
	resource.Test(t, resource.TestCase{ProtoV6ProviderFactories: e.Factories(), CheckDestroy: e.CheckDestroy, Steps: steps})
	if vms := e.Leftovers().VMs; len(vms) > 0 {
		t.Errorf("a refused plan has made %v", vms)
	}
}

// TestAccClusterInPlaceRefusals asks for changes of a running cluster that do
// not work yet: they are refused, and never replace.
func TestAccClusterInPlaceRefusals(t *testing.T) {
	t.Parallel()
	e := acctest.New(t)
	const key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGh1bmRyZWRzb2ZieXRlc29mbm9ib2R5c2tleWhlcmUh"
	keyed := "deletion_protection = true\n  ssh_authorized_keys = [%q]"
	protected := config(e, shape{controlPlane: 1, extra: fmt.Sprintf(keyed, key)})
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: e.Factories(),
		CheckDestroy:             e.CheckDestroy,
		Steps: []resource.TestStep{
			{Config: protected},
			// As file() gives it: Terraform takes the state's spelling for the configuration's.
			{Config: config(e, shape{controlPlane: 1, extra: fmt.Sprintf(keyed, key+"\n")}), PlanOnly: true},
			{
				Config:   strings.Replace(protected, "control_plane = {", "control_plane = {\n    schedulable = true", 1),
				PlanOnly: true, ExpectError: says("control_plane.schedulable", "is not supported"),
			},
			{Config: protected, Destroy: true, ExpectError: says("protected from deletion")},
			{Config: config(e, shape{controlPlane: 1, extra: fmt.Sprintf("ssh_authorized_keys = [%q]", key)})},
		},
	})
}

// TestAccClusterBootFails lets kubeadm of one minor version meet documents for
// another: the error shows the end of the guest's log, and no secret.
func TestAccClusterBootFails(t *testing.T) {
	t.Parallel()
	e := acctest.New(t)
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: e.Factories(),
		CheckDestroy:             e.CheckDestroy,
		Steps: []resource.TestStep{
			{
				Config:      config(e, shape{controlPlane: 1, template: "gantry-node-1.36.3"}),
				ExpectError: says("Unable to create cluster", "prod-cp-1 failed to join", "1.36.3", "untaint"),
			},
			{
				// Tainted: destroyed and built again, with the right image.
				Config: config(e, shape{controlPlane: 1}),
			},
		},
	})
}
