package processes_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vmware/govmomi"
	"github.com/vmware/govmomi/view"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/soap"
)

// What userdata holds that no other account may see.
var (
	bootstrapToken = regexp.MustCompile(`\b[a-z0-9]{6}\.[a-z0-9]{16}\b`)
	certificateKey = regexp.MustCompile(`\bcertificateKey: "?([0-9a-f]{64})\b`)
	privateKeyLine = regexp.MustCompile(`(?m)PRIVATE KEY-----\s+(\S{40,})`)
)

// TestAccSecrets builds a cluster and a gateway with the provider's log at its
// most talkative: what is secret stands in no log, no output and, at the end, in
// no VM.
func TestAccSecrets(t *testing.T) {
	t.Parallel()
	d := newDatacenter(t)
	const pairingCode = "pa1ring-c0de-of-the-agents"
	hcl := d.whole(1) + fmt.Sprintf(`
resource "gantry_gateway" "dc1" {
  name               = "dc1"
  node_count         = 1
  image              = { template = "gantry-node-1.37.2" }
  kubernetes_version = "1.37.2"
  cpu                = 2
  memory_gb          = 4
  disk_gb            = 60
  placement = {
    datacenter      = "dc-1"
    compute_cluster = "cluster-a"
    datastore       = "shared-1"
    network         = "dvpg-nodes"
    folder          = "k8s/dc1"
  }
  network            = { ip_allocation = "static" }
  ip_pool = {
    name            = "dc1-nodes"
    range           = { start = "10.10.184.1", end = "10.10.184.20" }
    prefix_length   = 18
    default_gateway = "10.10.128.1"
  }
  console_endpoint = "https://app.terraform.io"
  pairing_code     = %q
}
`, pairingCode)
	hcl = strings.Replace(hcl, "control_plane = { node_count = 1,", "control_plane = { node_count = 3,", 1)
	w := newWorkspace(t, hcl)
	log := filepath.Join(w.dir, "provider.log")
	w.env = []string{"TF_LOG_CORE=off", "TF_LOG_PROVIDER=TRACE", "TF_LOG_PATH=" + log}

	watcher := watchUserdata(t, d)
	output := w.must(apply...) + w.must(plan...)
	userdata := watcher.stop()
	for name, left := range watcher.left() {
		t.Errorf("the VM %s still has userdata: %.40s", name, left)
	}
	output += w.must("plan", "-destroy", "-input=false") + w.must(destroy...)

	raw, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(raw), "create_node") {
		t.Fatalf("the log is not the provider's: %.400s", raw)
	}
	secrets := map[string][]string{
		"the password": {d.Password()}, "the pairing code": {pairingCode}, "a private key": {"PRIVATE KEY", "UFJJVkFURSBLRV"},
		"a bootstrap token": bootstrapToken.FindAllString(userdata, -1),
	}
	secrets["a certificate key"], secrets["a line of a private key"] = nil, nil
	for what, expression := range map[string]*regexp.Regexp{"a certificate key": certificateKey, "a line of a private key": privateKeyLine} {
		for _, found := range expression.FindAllStringSubmatch(userdata, -1) {
			secrets[what] = append(secrets[what], found[1])
		}
	}
	for what, values := range secrets {
		if len(values) == 0 {
			t.Errorf("%s was never seen in userdata, so that nothing can be said about it", what)
		}
		for _, value := range slices.Compact(values) {
			if at := strings.Index(string(raw), value); at >= 0 {
				t.Errorf("the provider's log holds %s: %s", what, around(string(raw), at))
			}
			if at := strings.Index(output, value); at >= 0 {
				t.Errorf("what Terraform prints holds %s: %s", what, around(output, at))
			}
		}
	}
	// None that was not seen either.
	if at := bootstrapToken.FindIndex(raw); at != nil {
		t.Errorf("the provider's log holds what looks like a bootstrap token: %s", around(string(raw), at[0]))
	}
}

func around(s string, at int) string {
	return s[max(0, at-200):min(len(s), at+100)]
}

// userdataWatcher reads the userdata of all VMs while they boot, as every account may
// who sees them in vCenter.
type userdataWatcher struct {
	t      *testing.T
	client *govmomi.Client
	view   *view.ContainerView
	end    context.CancelFunc
	done   chan struct{}
	seen   map[string]bool
}

func watchUserdata(t *testing.T, d *datacenter) *userdataWatcher {
	t.Helper()
	at, err := soap.ParseURL(d.URL())
	if err != nil {
		t.Fatal(err)
	}
	at.User = url.UserPassword(d.Username(), d.Password())
	client, err := govmomi.NewClient(t.Context(), at, true)
	if err != nil {
		t.Fatal(err)
	}
	root := client.ServiceContent.RootFolder
	all, err := view.NewManager(client.Client).CreateContainerView(t.Context(), root, []string{"VirtualMachine"}, true)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	w := &userdataWatcher{t: t, client: client, view: all, end: cancel, done: make(chan struct{}), seen: map[string]bool{}}
	go func() {
		defer close(w.done)
		for ctx.Err() == nil {
			for _, text := range w.left() {
				w.seen[text] = true
			}
			select {
			case <-ctx.Done():
			case <-time.After(50 * time.Millisecond):
			}
		}
	}()
	return w
}

// stop returns all userdata that was seen, in plain text.
func (w *userdataWatcher) stop() string {
	w.t.Helper()
	w.end()
	<-w.done
	var all strings.Builder
	for text := range w.seen {
		plain, err := unpacked(text)
		if err != nil {
			w.t.Fatal(err)
		}
		all.WriteString(plain)
	}
	return all.String()
}

// unpacked is userdata as a guest reads it.
func unpacked(encoded string) (string, error) {
	packed, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return "", fmt.Errorf("userdata: %w", err)
	}
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return "", fmt.Errorf("userdata: %w", err)
	}
	plain, err := io.ReadAll(z)
	return string(plain), err
}

// left are the VMs that have userdata now.
func (w *userdataWatcher) left() map[string]string {
	var vms []mo.VirtualMachine
	if err := w.view.Retrieve(w.t.Context(), []string{"VirtualMachine"}, []string{"name", "config.extraConfig"}, &vms); err != nil {
		w.t.Errorf("read the VMs: %v", err)
		return nil
	}
	found := map[string]string{}
	for _, vm := range vms {
		if vm.Config == nil {
			continue
		}
		for _, option := range vm.Config.ExtraConfig {
			if o := option.GetOptionValue(); o.Key == "guestinfo.userdata" && o.Value != "" && o.Value != "---" {
				found[vm.Name] = fmt.Sprint(o.Value)
			}
		}
	}
	return found
}
