//go:build real

package processes_test

import (
	"strings"
)

// settings are some of every kind.
const settings = `kubernetes = {
      api_server = {
        extra_args   = { max-requests-inflight = "800", admission-control-config-file = "/etc/example/admission.yaml" }
        audit_policy = yamlencode({ apiVersion = "audit.k8s.io/v1", kind = "Policy", rules = [{ level = "Metadata", verbs = ["create"] }] })
        oidc         = { issuer_url = "https://login.example.com", audiences = ["kubernetes"], required_claims = { tenant = "one" } }
      }
      controller_manager = { extra_args = { concurrent-gc-syncs = "15" } }
      scheduler          = { extra_args = { kube-api-qps = "60" } }
      kubelet            = { extra_args = { v = "1" }, config = yamlencode({ maxPods = 60, imageGCLowThresholdPercent = 70 }) }
      encryption_at_rest = { key_version = 1 }
      node_files = {
        "/etc/example/admission.yaml" = {
          content = yamlencode({ apiVersion = "apiserver.config.k8s.io/v1", kind = "AdmissionConfiguration", plugins = [] })
        }
        "/etc/example/secret" = { sensitive_content = "hunter2\n", permissions = "640", owner = "root:adm" }
      }
      pre_bootstrap  = ["test ! -e /etc/gantry/bootstrapped", "date > /etc/example/before"]
      post_bootstrap = ["test -e /etc/gantry/bootstrapped", "date > /etc/example/after"]
    }
    packs `

// withSettings has a configuration ask for them.
func withSettings(config string) string { return strings.Replace(config, "packs ", settings, 1) }

// isSet expects that real components run with the settings.
func (d *datacenter) isSet(w *workspace, controlPlane string) {
	d.t.Helper()
	processes := d.shell(controlPlane, `for p in /proc/[0-9]*/cmdline; do tr '\0' ' ' <"$p" 2>/dev/null; echo; done`)
	for _, flag := range []string{
		" --max-requests-inflight=800 ", " --admission-control-config-file=/etc/example/admission.yaml ",
		" --authentication-config=/etc/gantry/authentication.yaml ", " --concurrent-gc-syncs=15 ", " --kube-api-qps=60 ",
	} {
		if !strings.Contains(processes, flag) {
			d.t.Errorf("nothing runs with%s", flag)
		}
	}
	d.sealed(controlPlane, 1)
	records := d.shell(controlPlane, `head -n 200 /var/log/kubernetes/audit/audit.log`)
	if lines := strings.Count(records, "\n"); lines == 0 || strings.Count(records, `"verb":"create"`) != lines {
		d.t.Errorf("the audit log is not of the policy:\n%s", records)
	}
	for _, node := range d.nodesReady(w, 3) {
		if pods := node.Status.Capacity.Pods().Value(); pods != 60 {
			d.t.Errorf("%s takes %d pods", node.Name, pods)
		}
		out := d.shell(node.Name, `stat -c '%a %U:%G' /etc/example/secret; cat /etc/example/secret; ls /etc/example /etc/gantry/*-bootstrap`)
		if !strings.HasPrefix(out, "640 root:adm\nhunter2\n") || !strings.Contains(out, "before") || !strings.Contains(out, "after") {
			d.t.Errorf("on %s there is: %s", node.Name, out)
		}
		if strings.Contains(out, "001") {
			d.t.Errorf("commands are left on %s: %s", node.Name, out)
		}
		if log := d.shell(node.Name, "cat /var/log/gantry-bootstrap.log"); strings.Contains(log, "hunter2") {
			d.t.Errorf("the log of %s has a secret", node.Name)
		}
	}
}
