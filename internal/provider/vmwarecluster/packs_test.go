package vmwarecluster_test

import (
	"context"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/terraform"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/kube"
	"github.com/gantry/terraform-provider-gantry/internal/provider/acctest"
	"github.com/gantry/terraform-provider-gantry/internal/provider/enginecrud/enginecrudtest"
	"github.com/gantry/terraform-provider-gantry/internal/provider/vmwarecluster"
	"github.com/gantry/terraform-provider-gantry/internal/testing/testchart"
)

// withPacks is the full configuration with other packs.
func withPacks(packs string) string {
	from := strings.Index(full, `"packs": {`)
	to := strings.Index(full[from:], "\n  }}") + from
	return full[:from] + `"packs": {` + packs + full[to:]
}

// withOverrides is withPacks with overrides of them.
func withOverrides(overrides, packs string) string {
	return strings.Replace(withPacks(packs), `"pack_overrides": {}`, `"pack_overrides": `+overrides, 1)
}

func TestSpecOfCharts(t *testing.T) {
	t.Parallel()
	s := enginecrudtest.Schema(t, vmwarecluster.NewResource())
	got, diags := vmwarecluster.SpecOf(t.Context(), enginecrudtest.State(t, s, withOverrides(`{"z": "b: 3", "net": ""}`, `
    "a": {"layer": "addon", "chart": {"path": "charts/a"}, "namespace": "one", "depends_on": ["z"], "drift_detection": false},
    "z": {"layer": "addon", "chart": {"name": "z", "repository": "https://charts.example.com", "version": "1.2.3", "digest": "sha256:5b"},
      "namespace": "two", "values": ["a: 1", "b: 2"], "wait": false, "wait_timeout": "5m",
      "vsphere_credentials": {"namespace": "three", "secret": "login", "format": "csi", "topology_categories": ["k8s-region", "k8s-zone"]}},
    "net": {"layer": "cni", "chart": {"oci": "oci://registry.example.com/net", "version": "2.0.0"}, "namespace": "kube-system"},
    "plain": {"layer": "csi", "manifests": ["x"], "prune": true},
    "stays": {"layer": "csi", "manifests": ["y"], "prune": false, "drift_detection": false, "wait": false},
    "node": {"layer": "cni", "manifests": ["z"], "wait_timeout": "90s"}
`)))
	if diags.HasError() {
		t.Fatal(diags)
	}
	want := []model.Pack{
		{Name: "net", Layer: "cni", Chart: &model.Chart{
			OCI: "oci://registry.example.com/net", Version: "2.0.0", Namespace: "kube-system", Timeout: 10 * time.Minute,
		}},
		{Name: "node", Layer: "cni", Manifests: []string{"z"}, Wait: true, WaitTimeout: 90 * time.Second},
		{Name: "plain", Layer: "csi", Manifests: []string{"x"}, Wait: true, WaitTimeout: 10 * time.Minute},
		{Name: "stays", Layer: "csi", Manifests: []string{"y"}, KeepObjects: true, IgnoresDrift: true, WaitTimeout: 10 * time.Minute},
		{Name: "z", Layer: "addon", Credentials: &model.Credentials{
			Namespace: "three", Secret: "login", Format: "csi", Topology: "k8s-region,k8s-zone",
		}, Chart: &model.Chart{
			Name: "z", Repository: "https://charts.example.com", Version: "1.2.3", Digest: "sha256:5b",
			Namespace: "two", Values: []string{"a: 1", "b: 2"}, Override: "b: 3", Timeout: 5 * time.Minute,
		}},
		{Name: "a", Layer: "addon", DependsOn: []string{"z"}, IgnoresDrift: true, Chart: &model.Chart{
			Path: "charts/a", Namespace: "one", Wait: true, Timeout: 10 * time.Minute,
		}},
	}
	if !reflect.DeepEqual(got.Packs, want) {
		t.Errorf("got %+v", got.Packs)
	}
}

// TestPacksThatCannotBe has what is said, and where.
func TestPacksThatCannotBe(t *testing.T) {
	t.Parallel()
	s := enginecrudtest.Schema(t, vmwarecluster.NewResource())
	const manifests = `"manifests": ["x"]`
	const credentials = `, "vsphere_credentials": {"namespace": "n", "secret": "s", "format": "cpi"}`
	for name, c := range map[string]struct{ packs, at, want string }{
		"of nothing": {`"a": {"layer": "addon", ` + manifests + `, "depends_on": ["b"]}`, `profile.packs["a"].depends_on[0]`, `no pack "b"`},
		"of another layer": {`"a": {"layer": "addon", ` + manifests + `, "depends_on": ["b"]}, "b": {"layer": "csi", ` + manifests + `}`,
			`profile.packs["a"].depends_on[0]`, "of layer csi"},
		"with a Secret of another": {`"a": {"layer": "addon", ` + manifests + credentials + `},
			"b": {"layer": "addon", ` + manifests + credentials + `}`,
			`profile.packs["b"].vsphere_credentials.secret`, `The pack "a" has the Secret n/s, too`},
		"with a topology": {`"a": {"layer": "addon", ` + manifests +
			strings.Replace(credentials, `"cpi"`, `"cpi", "topology_categories": ["k8s-zone"]`, 1) + `}`,
			`profile.packs["a"].vsphere_credentials.topology_categories`, "format cpi has no topology"},
		"of itself": {`"a": {"layer": "addon", ` + manifests + `, "depends_on": ["a"]}`, `profile.packs["a"].depends_on[0]`, "depends on itself"},
		"in a circle": {`"a": {"layer": "addon", ` + manifests + `, "depends_on": ["b"]}, "b": {"layer": "addon", ` + manifests +
			`, "depends_on": ["a"]}`, `profile.packs["a"].depends_on`, "None of the packs a, b"},
	} {
		_, diags := vmwarecluster.SpecOf(t.Context(), enginecrudtest.State(t, s, withPacks(c.packs)))
		if len(diags) != 1 || rootOf(diags[0]) != "profile" ||
			!strings.HasPrefix(diags[0].Detail(), c.at+": ") || !strings.Contains(diags[0].Detail(), c.want) {
			t.Errorf("%s: got %v", name, diags)
		}
	}
}

// TestOverridesThatCannotBe has what is said of what overrides no values, and where.
func TestOverridesThatCannotBe(t *testing.T) {
	t.Parallel()
	s := enginecrudtest.Schema(t, vmwarecluster.NewResource())
	const packs = `"a": {"layer": "addon", "manifests": ["x"]}, "b": {"layer": "addon", "chart": {"path": "b"}, "namespace": "b"}`
	for name, c := range map[string]struct{ overrides, at, want string }{
		"of nothing":   {`{"b": "a: 1", "c": "a: 1"}`, `pack_overrides["c"]`, `no pack "c", but: a, b`},
		"of manifests": {`{"a": "a: 1", "b": "a: 1"}`, `pack_overrides["a"]`, `The pack "a" has manifests`},
	} {
		_, diags := vmwarecluster.SpecOf(t.Context(), enginecrudtest.State(t, s, withOverrides(c.overrides, packs)))
		if len(diags) != 1 || rootOf(diags[0]) != "pack_overrides" ||
			!strings.HasPrefix(diags[0].Detail(), c.at+": ") || !strings.Contains(diags[0].Detail(), c.want) {
			t.Errorf("%s: got %v", name, diags)
		}
	}
}

// takeMark takes the mark of its pack from the pod network, as people do who change it.
func takeMark(ctx context.Context, proxy string, kubeconfig []byte) error {
	config, err := kube.RESTConfig(kube.Options{ProxyURL: proxy}, kubeconfig)
	if err != nil {
		return err
	}
	clients, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	patch := []byte(`{"metadata": {"labels": {"gantry.io/pack": null}}}`)
	_, err = clients.AppsV1().DaemonSets("kube-system").Patch(ctx, "net", types.MergePatchType, patch, metav1.PatchOptions{})
	return err
}

// TestAccClusterCharts is the life of packs of charts in Terraform: what its plans show, a
// chart that cannot be used, values that only look different, and a pack taken out.
func TestAccClusterCharts(t *testing.T) {
	t.Parallel()
	e := acctest.New(t)
	folder := testchart.Folder(t, testchart.Files("1.0.0"))
	served := fmt.Sprintf(`app = { layer = "addon", namespace = "apps", values = ["text: one"],
  chart = { name = %q, repository = %q, version = "1.0.0" } }`, testchart.Name, testchart.Repository(t, "1.0.0"))
	host, ca := testchart.Registry(t, "1.1.0", "robot", "secret")
	const second = `app = { layer = "addon", namespace = "apps", values = ["text: two"],
  chart = { oci = "oci://charts.example.com/demo", version = "1.1.0" } }`
	const login = "resource \"terraform_data\" \"login\" {\n  input = \"secret\"\n}\n"
	hosts := func(password string) string {
		return fmt.Sprintf("provider \"gantry\" {\n  chart_hosts = {\n    \"charts.example.com\" = { mirror = \"%s/charts\" }\n"+
			"    %[1]q = { username = \"robot\", password = %[2]s, ca_certificate = %[3]q }\n  }", host, password, ca)
	}
	overridden := func(extra string, packs ...string) string {
		profile := `image = { template = "gantry-node-1.37.2" }`
		packs = append(packs, fmt.Sprintf("net = { layer = \"cni\", manifests = [%q] }", podNetwork))
		text := config(e, shape{controlPlane: 1, workers: 1, extra: extra})
		return strings.Replace(text, profile, profile+", packs = { "+strings.Join(packs, ", ")+" }", 1)
	}
	with := func(packs ...string) string { return overridden("", packs...) }
	chart := func(folder, more string) string {
		return fmt.Sprintf("app = { layer = \"addon\", chart = { path = %q }, namespace = \"apps\"%s }", folder, more)
	}
	first := []string{
		"create_record", "prod", "create_folder", "k8s/prod", "reserve_endpoint", "prod", "create_node", "prod-cp-1",
		"apply_pack", "net", "create_node", "prod-general-1", "wait_for_pack", "net", "install_pack", "app (demo 1.0.0)",
	}
	applied := map[string]string{"type": "PacksApplied", "status": "True"}
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: e.Factories(),
		CheckDestroy:             e.CheckDestroy,
		Steps: []resource.TestStep{
			{
				Config:      with(chart(folder, `, values = ["replicas: many"]`)),
				PlanOnly:    true,
				ExpectError: says("chart", "The values do not fit the chart demo 1.0.0", "replicas"),
			},
			{
				Config:      with(`app = { layer = "addon", namespace = "a", chart = { oci = "oci://registry.example.com/a", version = "^1.0.0" } }`),
				PlanOnly:    true,
				ExpectError: says("version", "an exact version"),
			},
			{
				Config:      with(fmt.Sprintf("app = { layer = \"addon\", chart = { path = %q } }", folder)),
				PlanOnly:    true,
				ExpectError: says("namespace"),
			},
			{
				Config:           with(served),
				ConfigPlanChecks: showsPlan(first...),
				Check: resource.ComposeTestCheckFunc(
					resource.TestCheckResourceAttr(cluster, "state", "Running"),
					resource.TestCheckTypeSetElemNestedAttrs(cluster, "conditions.*", applied),
				),
			},
			{
				Config:           with(chart(folder, `, values = ["text: 'one' # as before, of the same chart"]`)),
				ConfigPlanChecks: showsPlan(first...), // nothing that would take its place
			},
			{
				Config:           overridden(`pack_overrides = { app = yamlencode({ text = "mine" }) }`, chart(folder, `, values = ["text: one"]`)),
				ConfigPlanChecks: showsPlan("upgrade_pack", "app (demo 1.0.0)"),
				Check:            resource.TestCheckTypeSetElemNestedAttrs(cluster, "conditions.*", applied),
			},
			{
				Config:   overridden(`pack_overrides = { app = "'text': mine # so" }`, chart(folder, `, values = ["text: one"]`)),
				PlanOnly: true, // and nothing is planned
			},
			{
				Config: overridden("pack_overrides = { app = \"text: mine\" }\n  override_conflicts = \"error\"",
					chart(folder, `, values = ["text: two"]`)),
				PlanOnly:    true,
				ExpectError: says("pack_overrides", "has changed text of the pack"),
			},
			{
				Config:      strings.Replace(with(second), `provider "gantry" {`, hosts(`"another"`), 1),
				PlanOnly:    true,
				ExpectError: says("chart", "by its mirror", "does not let in the user"),
			},
			{
				// The password is known in the apply alone.
				Config:           strings.Replace(with(second), `provider "gantry" {`, login+hosts("terraform_data.login.output"), 1),
				ConfigPlanChecks: showsPlan("upgrade_pack", "app (demo 1.1.0)"),
				Check:            resource.TestCheckTypeSetElemNestedAttrs(cluster, "conditions.*", applied),
			},
			{
				Config:           with(),
				ConfigPlanChecks: showsPlan("uninstall_pack", "app (demo 1.1.0)"),
				Check:            resource.TestCheckTypeSetElemNestedAttrs(cluster, "conditions.*", applied),
			},
			{
				Config:   with(),
				PlanOnly: true,
			},
			{
				Config: with(),
				Check: func(s *terraform.State) error {
					return takeMark(t.Context(), e.ProxyURL(), []byte(s.RootModule().Resources[cluster].Primary.Attributes["kubeconfig"]))
				},
				ExpectNonEmptyPlan: true,
			},
			{
				Config:           with(),
				ConfigPlanChecks: showsPlan("apply_pack", "net (sets back 1 object)", "wait_for_pack", "net"),
			},
			{
				Config:   with(),
				PlanOnly: true,
			},
		},
	})
}
