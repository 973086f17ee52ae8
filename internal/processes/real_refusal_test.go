//go:build real

package processes_test

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"io"
	"maps"
	"regexp"
	"strings"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest"
)

// TestRealRefusal breaks what a worker joins with. Real kubeadm refuses it, and
// Terraform's error has kubeadm's reason. With what the engine renders the next
// apply makes the worker.
func TestRealRefusal(t *testing.T) {
	const version = "1.37.2"
	var breakWorker func(string) string // set while no apply runs
	options := realOptions(t)
	options.Tamper = func(vm guest.VM) guest.VM {
		if breakWorker != nil && strings.HasPrefix(vm.Name, "prod-general-") {
			vm.GuestInfo = rewritten(t, vm.GuestInfo, breakWorker)
		}
		return vm
	}
	d := newRealDatacenter(t, options)
	w := newWorkspace(t, d.real(version, 1, 0, ""))
	w.patience = 2 * patience
	w.must(apply...)
	w.configure(d.real(version, 1, 1, ""))

	for _, c := range []struct {
		name  string
		spoil func(userdata string) string
		says  string
	}{
		{"wrong CA hash", func(userdata string) string {
			return caHash.ReplaceAllString(userdata, "sha256:"+strings.Repeat("0", 64))
		}, "none of the public keys"},
		{"expired token", func(userdata string) string {
			d.expireTokens("prod-cp-1")
			// Five minutes are more than a test needs to know that it waits.
			return strings.Replace(userdata, "discovery: 5m0s", "discovery: 5s", 1)
		}, "could not find a JWS signature"},
	} {
		breakWorker = c.spoil
		out := w.refused(apply...)
		if !strings.Contains(out, c.says) || !strings.Contains(out, "prod-general-1") {
			t.Errorf("%s: kubeadm's reason (%s) is not in what Terraform says:\n%s", c.name, c.says, out)
		}
		if bootstrapToken.MatchString(out) {
			t.Errorf("%s: Terraform prints a token:\n%s", c.name, out)
		}
	}
	breakWorker = nil
	w.must(apply...)
	d.nodesReady(w, 2)
	d.allJoined()
	w.nothingToDo()
	d.nothingRuns(w)
}

var caHash = regexp.MustCompile(`sha256:[0-9a-f]{64}`)

// rewritten changes userdata that is compressed. What has nothing to change is
// a mistake in the test.
func rewritten(t *testing.T, guestinfo map[string]string, change func(string) string) map[string]string {
	plain, err := unpacked(guestinfo["guestinfo.userdata"])
	if err != nil {
		t.Error(err)
		return guestinfo
	}
	changed := change(plain)
	if changed == plain {
		t.Errorf("there is nothing to spoil in\n%s", plain)
	}
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	_, _ = io.WriteString(z, changed) // into memory
	_ = z.Close()
	guestinfo = maps.Clone(guestinfo)
	guestinfo["guestinfo.userdata"] = base64.StdEncoding.EncodeToString(packed.Bytes())
	return guestinfo
}

// expireTokens lets all bootstrap tokens end, as time does.
func (d *datacenter) expireTokens(controlPlane string) {
	if _, err := d.inside(controlPlane, "sh", "-c", `export KUBECONFIG=/etc/kubernetes/admin.conf
for secret in $(kubectl -n kube-system get secrets --field-selector type=bootstrap.kubernetes.io/token -o name); do
	kubectl -n kube-system patch "$secret" -p '{"stringData":{"expiration":"2020-01-01T00:00:00Z"}}'
done
for i in $(seq 120); do
	kubectl -n kube-public get configmap cluster-info -o jsonpath='{.data}' | grep -q jws-kubeconfig || exit 0
	sleep 0.5
done
exit 1`); err != nil {
		d.t.Error(err)
	}
}
