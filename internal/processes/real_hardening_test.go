//go:build real

package processes_test

import (
	"context"
	"encoding/json"
	"fmt"
	"path"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/gantry/terraform-provider-gantry/internal/bootstrap/hardening"
)

// hardened expects that the table of the CIS benchmark is as a node is, every row of it
// that such a node has something to do with.
func (d *datacenter) hardened(w *workspace, node string, controlPlane bool) {
	d.t.Helper()
	evidence := d.evidence(w, node, controlPlane)
	looked := 0
	for _, row := range hardening.Table() {
		if err := row.Verify(evidence); err != nil {
			d.t.Errorf("%s: %v", node, err)
		}
		if row.Concerns(evidence) {
			looked++
		}
		if controlPlane && row.Checkable() && !row.Concerns(evidence) {
			d.t.Errorf("%s of the benchmark was not looked at on %s", row.ID, node)
		}
	}
	d.t.Logf("%d rows of the benchmark were looked at on %s", looked, node)
	if controlPlane {
		d.audited(node)
	}
}

// evidence reads what the table is about on a running node.
func (d *datacenter) evidence(w *workspace, node string, controlPlane bool) hardening.Evidence {
	d.t.Helper()
	api, ctx := d.api(w), d.t.Context()
	e := hardening.Evidence{ControlPlane: controlPlane, Flags: map[string]map[string]string{}}

	processes := d.shell(node, `for p in /proc/[0-9]*/cmdline; do tr '\0' ' ' <"$p" 2>/dev/null; echo; done`)
	for line := range strings.Lines(processes) {
		if words := strings.Fields(line); len(words) > 1 && strings.HasPrefix(words[1], "--") {
			e.Flags[path.Base(words[0])] = hardening.ParseFlags(words[1:])
		}
	}
	var err error
	if e.Files, err = hardening.ParseFiles(d.shell(node, hardening.ListFiles)); err != nil {
		d.t.Fatal(err)
	}

	raw, err := api.CoreV1().RESTClient().Get().AbsPath("/api/v1/nodes/" + node + "/proxy/configz").DoRaw(ctx)
	if err != nil {
		d.t.Fatal(err)
	}
	var configz struct{ KubeletConfig map[string]any }
	if err := json.Unmarshal(raw, &configz); err != nil {
		d.t.Fatal(err)
	}
	e.Kubelet = configz.KubeletConfig

	proxy, err := api.CoreV1().ConfigMaps(metav1.NamespaceSystem).Get(ctx, "kube-proxy", metav1.GetOptions{})
	if err != nil {
		d.t.Fatal(err)
	}
	documents := map[string]*map[string]any{proxy.Data["config.conf"]: &e.KubeProxy}
	if controlPlane {
		documents[d.shell(node, "cat /etc/gantry/audit-policy.yaml")] = &e.Audit
	}
	for document, into := range documents {
		if err := yaml.Unmarshal([]byte(document), into); err != nil {
			d.t.Fatal(err)
		}
	}
	return e
}

// audited expects that the API server of a node records what its policy says, for root.
func (d *datacenter) audited(node string) {
	d.t.Helper()
	const log = "/var/log/kubernetes/audit/audit.log"
	if mode := strings.TrimSpace(d.shell(node, "stat -c '%a %U' "+log)); mode != "600 root" {
		d.t.Errorf("the audit log of %s has the mode and owner %s", node, mode)
	}
	d.eventually("a record in the audit log of "+node, func(context.Context) error {
		out := d.shell(node, `tail -n 500 `+log+` | grep -c '"level":"Metadata"'; grep -cE '"(request|response)Object"' `+log+`; true`)
		var records, bodies int
		if _, err := fmt.Sscan(out, &records, &bodies); err != nil {
			return err
		}
		if bodies > 0 {
			d.t.Errorf("%d records of %s hold what objects hold", bodies, node)
		}
		if records == 0 {
			return fmt.Errorf("there is none")
		}
		return nil
	})
}

// shell runs a script in a machine, which has to work.
func (d *datacenter) shell(node, script string) string {
	d.t.Helper()
	out, err := d.inside(node, "sh", "-c", script)
	if err != nil {
		d.t.Fatalf("%s on %s: %v\n%s", script, node, err, out)
	}
	return out
}
