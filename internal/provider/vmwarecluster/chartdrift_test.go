package vmwarecluster_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/terraform"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"

	"github.com/gantry/terraform-provider-gantry/internal/kube"
	"github.com/gantry/terraform-provider-gantry/internal/provider/acctest"
	"github.com/gantry/terraform-provider-gantry/internal/testing/testchart"
)

// warnings are what a provider has warned of when it read and when it planned.
type warnings struct {
	mu            sync.Mutex
	read, planned []string
}

// heard is a provider whose warnings are noted.
type heard struct {
	tfprotov6.ProviderServer
	by *warnings
}

func (h heard) ReadResource(ctx context.Context, req *tfprotov6.ReadResourceRequest) (*tfprotov6.ReadResourceResponse, error) {
	resp, err := h.ProviderServer.ReadResource(ctx, req)
	if err == nil {
		h.by.note(&h.by.read, resp.Diagnostics)
	}
	return resp, err
}

func (h heard) PlanResourceChange(
	ctx context.Context, req *tfprotov6.PlanResourceChangeRequest,
) (*tfprotov6.PlanResourceChangeResponse, error) {
	resp, err := h.ProviderServer.PlanResourceChange(ctx, req)
	if err == nil {
		h.by.note(&h.by.planned, resp.Diagnostics)
	}
	return resp, err
}

func (w *warnings) note(in *[]string, diags []*tfprotov6.Diagnostic) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, d := range diags {
		*in = append(*in, d.Summary+": "+d.Detail)
	}
}

// taken are the warnings of packs since they were taken last.
func (w *warnings) taken() (read, planned []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	others := func(text string) bool { return !strings.Contains(text, "pack") }
	read, planned = slices.DeleteFunc(w.read, others), slices.DeleteFunc(w.planned, others)
	w.read, w.planned = nil, nil
	return read, planned
}

// TestAccClusterChartsDrift warns of nothing after a release is installed, and of what an administrator
// changes of it in the plan after each refresh, unless that is not to be looked for.
func TestAccClusterChartsDrift(t *testing.T) {
	t.Parallel()
	e := acctest.New(t)
	told := &warnings{}
	factories := e.Factories()
	made := factories["gantry"]
	factories["gantry"] = func() (tfprotov6.ProviderServer, error) {
		server, err := made()
		return heard{server, told}, err
	}
	with := func(more string) string {
		profile := `image = { template = "gantry-node-1.37.2" }`
		packs := fmt.Sprintf("net = { layer = \"cni\", manifests = [%q] }, app = { layer = \"addon\", chart = { path = %q }, "+
			"namespace = \"apps\", values = [\"text: one\"]%s }", podNetwork, testchart.Folder(t, testchart.Files("1.0.0")), more)
		return strings.Replace(config(e, shape{controlPlane: 1, workers: 1}), profile, profile+", packs = { "+packs+" }", 1)
	}
	configuration := with("")
	silent := func(*terraform.State) error {
		if read, planned := told.taken(); len(read)+len(planned) > 0 {
			return fmt.Errorf("it warns of %q when it reads, and of %q when it plans", read, planned)
		}
		return nil
	}
	change := func(s *terraform.State) error {
		if err := silent(s); err != nil {
			return err
		}
		return changeText(t.Context(), e.ProxyURL(), []byte(s.RootModule().Resources[cluster].Primary.Attributes["kubeconfig"]))
	}
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: factories,
		CheckDestroy:             e.CheckDestroy,
		Steps: []resource.TestStep{
			{Config: configuration, Check: silent},
			{Config: configuration, Check: silent},
			{RefreshState: true, Check: change},
			{
				Config: configuration,
				Check: func(*terraform.State) error {
					_, planned := told.taken()
					if len(planned) == 0 {
						return fmt.Errorf("the plan warns of nothing")
					}
					for _, text := range planned {
						for _, part := range []string{
							`Objects of the pack "app" have changed`, "ConfigMap apps/app (.data.text, set by kubectl-edit)",
							"`helm rollback app 1 -n apps --force-conflicts`", "drift_detection = false",
						} {
							if !strings.Contains(text, part) {
								return fmt.Errorf("it does not say %q: %s", part, text)
							}
						}
					}
					return nil
				},
			},
			{PreConfig: func() { told.taken() }, Config: with(", drift_detection = false"), Check: silent},
		},
	})
}

// changeText changes an object of the release as kubectl does.
func changeText(ctx context.Context, proxy string, kubeconfig []byte) error {
	config, err := kube.RESTConfig(kube.Options{ProxyURL: proxy}, kubeconfig)
	if err != nil {
		return err
	}
	clients, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	_, err = clients.CoreV1().ConfigMaps("apps").Patch(ctx, "app", types.MergePatchType, []byte(`{"data": {"text": "another"}}`),
		metav1.PatchOptions{FieldManager: "kubectl-edit"})
	return err
}
