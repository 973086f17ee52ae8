package plan_test

import (
	"crypto/rand"
	"encoding/base64"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/bootstrap"
	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/pki"
)

var keys = sync.OnceValues(func() (*pki.Authorities, error) { return pki.NewAuthorities(rand.Reader, time.Now()) })

// builtFor has the machines built for a spec, whose hashes are derived.
func builtFor(t *testing.T, s *model.ClusterSpec, f *model.Facts) *model.Facts {
	t.Helper()
	derive(t, s)
	for i, m := range f.Machines {
		pool, _ := s.NodePool(m.Marker.NodePool)
		f.Machines[i].Marker.BuiltWith = s.BuiltWithOf(pool)
	}
	return f
}

func derive(t *testing.T, s *model.ClusterSpec) {
	t.Helper()
	made, err := keys()
	if err != nil {
		t.Fatal(err)
	}
	s.SetBuiltWith(&model.Secrets{Authorities: made})
}

var example = bootstrap.File{Path: "/etc/example.yaml", Content: "a", Permissions: "0600", Owner: "root:root"}

const (
	rolledControlPlane = "create_node c-cp-2, delete_node c-cp-1"
	rolledWorker       = "create_node c-w-2, delete_node c-w-1"
	updated            = "update_kubeadm_config c, "
)

// Markers of before there were settings say nothing of them: those nodes were built with none.
func TestSettingsRollWhatWasBuiltBeforeThereWereAny(t *testing.T) {
	t.Parallel()
	old := func(s *model.ClusterSpec) *model.Facts {
		f := builtFor(t, s, running(1, 1))
		for i := range f.Machines {
			m := &f.Machines[i].Marker
			m.Components, m.Kubelet, m.Setup = "", "", ""
		}
		return f
	}
	s := small(1, 1)
	f := old(s)
	wantSteps(t, planned(s, f), "")
	s.Settings.APIServer = bootstrap.Arguments{"v": "2"}
	derive(t, s)
	wantSteps(t, planned(s, f), updated+rolledControlPlane)
	s.Workers[0].Setup.PreBootstrap = []string{"true"}
	derive(t, s)
	wantSteps(t, planned(s, f), updated+rolledControlPlane+", "+rolledWorker)
	s = small(1, 1)
	s.Settings.KubeletConfig = "maxPods: 60\n"
	derive(t, s)
	wantSteps(t, planned(s, f), rolledControlPlane+", "+rolledWorker)
}

func TestSettingsRollWhatWasBuiltWithOthers(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*model.ClusterSpec)
		steps  string
		reason string
	}{
		"API server": {func(s *model.ClusterSpec) { s.Settings.APIServer = bootstrap.Arguments{"v": "2"} },
			updated + rolledControlPlane, "the settings of API server, controller manager and scheduler"},
		"controller manager": {func(s *model.ClusterSpec) { s.Settings.ControllerManager = bootstrap.Arguments{"v": "2"} },
			updated + rolledControlPlane, "the settings of API server"},
		"scheduler": {func(s *model.ClusterSpec) { s.Settings.Scheduler = bootstrap.Arguments{"v": "2"} },
			updated + rolledControlPlane, "the settings of API server"},
		"audit policy": {func(s *model.ClusterSpec) { s.Settings.AuditPolicy = "kind: Policy\n" },
			updated + rolledControlPlane, "the settings of API server"},
		"OIDC": {func(s *model.ClusterSpec) { s.Settings.OIDC = &bootstrap.OIDC{IssuerURL: "https://a"} },
			updated + rolledControlPlane, "the settings of API server"},
		"kubelet": {func(s *model.ClusterSpec) { s.Settings.KubeletConfig = "maxPods: 60\n" },
			rolledControlPlane + ", " + rolledWorker, "the settings of kubelet"},
		"kubelet's arguments": {func(s *model.ClusterSpec) { s.Settings.Kubelet = bootstrap.Arguments{"v": "2"} },
			rolledControlPlane + ", " + rolledWorker, "the settings of kubelet"},
		"a file of the workers": {func(s *model.ClusterSpec) { s.Workers[0].Setup.Files = []bootstrap.File{example} },
			rolledWorker, "node_files, pre_bootstrap and post_bootstrap"},
		"a command of the control plane": {func(s *model.ClusterSpec) { s.ControlPlane.Setup.PreBootstrap = []string{"true"} },
			rolledControlPlane, "node_files, pre_bootstrap and post_bootstrap"},
		"a file that a component sees": {func(s *model.ClusterSpec) {
			s.ControlPlane.Setup.Files = []bootstrap.File{example}
			s.Settings.Scheduler = bootstrap.Arguments{"config": example.Path}
		}, updated + rolledControlPlane, "the settings of API server"},
		"nothing": {func(s *model.ClusterSpec) {
			s.Settings = bootstrap.Settings{APIServer: bootstrap.Arguments{}, Kubelet: bootstrap.Arguments{}}
			s.Workers[0].Setup = bootstrap.Setup{Files: []bootstrap.File{}, PreBootstrap: []string{}}
		}, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := small(1, 1)
			f := builtFor(t, s, running(1, 1))
			c.change(s)
			derive(t, s)
			p := planned(s, f.PlanInputs())
			wantSteps(t, p, c.steps)
			if c.reason != "" && !says(p.Warnings, "Differs from the configuration: ", c.reason) {
				t.Errorf("warnings %v", p.Warnings)
			}
			// Undone before anything was applied, nothing is to do.
			again := small(1, 1)
			derive(t, again)
			wantSteps(t, planned(again, f), "")
		})
	}
}

// What an interrupted run has written for joining nodes counts, whatever nodes there are.
func TestSettingsResume(t *testing.T) {
	t.Parallel()
	old := small(1, 0)
	f := builtFor(t, old, running(1, 0))
	s := small(1, 0)
	s.Settings.APIServer = bootstrap.Arguments{"v": "2"}
	derive(t, s)

	f.API.Kubeadm.Settings = s.ConfigIdentity()
	wantSteps(t, planned(s, f), rolledControlPlane)
	// The configuration is as it was: the next node would have it all the same.
	wantSteps(t, planned(old, f), "update_kubeadm_config c")

	f = builtFor(t, s, f)
	wantSteps(t, planned(s, f), "")
	// As the first node was given them, and no run has written them since.
	f.API.Kubeadm.Settings = ""
	wantSteps(t, planned(s, f), "")
}

// An import brings no secrets: a file whose content is not known is no difference.
func TestImportedFilesAreNoDifference(t *testing.T) {
	t.Parallel()
	s := small(1, 1)
	s.Workers[0].Setup.Files = []bootstrap.File{example}
	f := builtFor(t, s, running(1, 1))
	s.Workers[0].Setup.Files = []bootstrap.File{{Path: example.Path, Permissions: "0600", Owner: "root:root"}}
	derive(t, s)
	wantSteps(t, planned(s, f), "")
}

func TestWhatDoesNotFitIntoGuestinfoIsRefused(t *testing.T) {
	t.Parallel()
	noise := make([]byte, 60<<10)
	if _, err := rand.Read(noise); err != nil {
		t.Fatal(err)
	}
	text := base64.StdEncoding.EncodeToString(noise)
	for field, change := range map[model.Field]func(*model.ClusterSpec){
		model.NodePoolField("w", model.FieldSetup): func(s *model.ClusterSpec) {
			s.Workers[0].Setup.Files = []bootstrap.File{{Path: "/etc/example", Content: text, Permissions: "0600", Owner: "root:root"}}
		},
		model.NodePoolField(model.ControlPlanePool, model.FieldSetup): func(s *model.ClusterSpec) {
			s.ControlPlane.Setup.PreBootstrap = []string{"# " + text}
		},
		model.ClusterField(model.FieldAuditPolicy): func(s *model.ClusterSpec) { s.Settings.AuditPolicy = "# " + text },
	} {
		s := small(1, 1)
		change(s)
		p := checked(s, &model.Facts{}, limitsFor(s, 20))
		found := on(p.Problems, field)
		if !says(found, "cannot be bootstrapped", "carries at most 65536") {
			t.Errorf("%v: problems %v", field, p.Problems)
		}
		for _, finding := range p.Problems {
			if strings.Contains(finding.Detail, text[:20]) {
				t.Errorf("%v: the error quotes what it is about", field)
			}
		}
	}
}
