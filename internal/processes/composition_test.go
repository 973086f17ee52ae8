package processes_test

import (
	"encoding/json"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/provider/acctest"
	"github.com/gantry/terraform-provider-gantry/internal/simulator"
)

const (
	teamA, teamB         = "team-a@vsphere.local", "team-b@vsphere.local"
	passwordA, passwordB = "secret-of-team-a", "secret-of-team-b"
)

// exampleWorkspace is a state of its own of what is in examples/.
func exampleWorkspace(t *testing.T, d *datacenter, name string, variables map[string]any) *workspace {
	t.Helper()
	w := newWorkspace(t, "")
	if err := os.CopyFS(w.dir, withoutMain{os.DirFS("../../examples/" + name)}); err != nil {
		t.Fatal(err)
	}
	main, err := os.ReadFile("../../examples/" + name + "/main.tf")
	if err == nil {
		err = os.WriteFile(filepath.Join(w.dir, "main.tf"), main, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	w.patience = 5 * time.Minute
	for key, value := range d.Simulator.Environment() {
		w.env = append(w.env, key+"="+value)
	}
	w.set(variables)
	w.must("get")
	return w
}

// withoutMain leaves out the file that a workspace has already.
type withoutMain struct{ fs.FS }

// ReadDir implements fs.ReadDirFS.
func (f withoutMain) ReadDir(name string) ([]fs.DirEntry, error) {
	entries, err := fs.ReadDir(f.FS, name)
	return slices.DeleteFunc(entries, func(e fs.DirEntry) bool { return name == "." && e.Name() == "main.tf" }), err
}

// set gives a workspace its variables, as a console does.
func (w *workspace) set(variables map[string]any) {
	w.t.Helper()
	for _, name := range slices.Sorted(maps.Keys(variables)) {
		value, isText := variables[name].(string)
		if !isText {
			raw, err := json.Marshal(variables[name])
			if err != nil {
				w.t.Fatal(err)
			}
			value = string(raw)
		}
		w.env = append(w.env, "TF_VAR_"+name+"="+value)
	}
}

// team is a team as examples/platform knows it.
func team(username, start, end string) map[string]any {
	return map[string]any{"username": username, "addresses": map[string]string{"start": start, "end": end}}
}

// The platform's state and that of a team are applied in order, and then side by side: the
// platform takes in another team while the first one builds a second cluster.
func TestAccComposition(t *testing.T) {
	t.Parallel()
	d := &datacenter{t: t, Environment: acctest.New(t, simulator.Options{
		Inventory: simulator.Inventory{WithoutZoneTags: true},
		Users:     map[string]string{teamA: passwordA, teamB: passwordB},
	})}
	network, err := os.ReadFile("../../examples/complete/manifests/cni.yaml")
	if err != nil {
		t.Fatal(err)
	}
	a, b := team(teamA, "10.10.183.1", "10.10.183.40"), team(teamB, "10.10.183.41", "10.10.183.80")
	platform := exampleWorkspace(t, d, "platform", map[string]any{
		"vcenter_server": d.Server(), "vcenter_ca_certificate": d.CACertificate(), "agent_pool_token": "token",
		"region":         "region-1",
		"zones":          map[string]string{"cluster-a": "zone-a", "cluster-b": "zone-b"},
		"teams":          map[string]any{"team-a": a},
		"team_passwords": map[string]string{"team-a": passwordA, "team-b": passwordB},
	})
	cluster := func(workers int, on ...string) map[string]any {
		return map[string]any{"worker_count": workers, "compute_clusters": on}
	}
	web := cluster(2, "cluster-a", "cluster-b")
	teams := exampleWorkspace(t, d, "team", map[string]any{
		"team": "team-a", "team_password": passwordA, "network_manifest": string(network),
		"clusters": map[string]any{"web": web},
	})

	platform.must(apply...)
	platform.nothingToDo()
	if out := teams.must(apply...); strings.Contains(out, "Zone tags are missing") {
		t.Errorf("the platform has tagged the compute clusters, and the team is warned:\n%s", out)
	}
	teams.nothingToDo()
	for _, w := range []*workspace{platform, teams} {
		w.keepsNoSecret(passwordA)
	}

	platform.set(map[string]any{"teams": map[string]any{"team-a": a, "team-b": b}})
	teams.set(map[string]any{"clusters": map[string]any{"web": web, "jobs": cluster(1, "cluster-a")}})
	runs := []*process{platform.start(apply...), teams.start(apply...)}
	for _, p := range runs {
		if code := p.end(); code != 0 {
			t.Fatalf("%s ends with %d:\n%s", p, code, &p.out)
		}
	}
	platform.nothingToDo()
	teams.nothingToDo()
	if out := platform.refused(destroy...); !strings.Contains(out, `cluster "web"`) {
		t.Errorf("the platform is destroyed under the team's clusters: %s", out)
	}
	platform.must(apply...)
	teams.must(destroy...)
	d.nothingLeft(platform)
}

// keepsNoSecret expects that the state of a workspace does not have a secret.
func (w *workspace) keepsNoSecret(secret string) {
	w.t.Helper()
	state, err := os.ReadFile(filepath.Join(w.dir, "terraform.tfstate"))
	if err != nil {
		w.t.Fatal(err)
	}
	if strings.Contains(string(state), secret) {
		w.t.Errorf("the state in %s keeps the secret", w.dir)
	}
}
