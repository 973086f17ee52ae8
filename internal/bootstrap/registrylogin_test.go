package bootstrap_test

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/bootstrap"
)

// loggedIn has a node log in to its mirrors with what needs quoting.
func loggedIn(t testing.TB, node bootstrap.Node) bootstrap.Node {
	t.Helper()
	node = mirrored(t, node)
	node.Registry.Username = `robot$k8s`
	node.Registry.Password = `p"a\\s'__s`
	node.Registry.PasswordVersion = 1
	return node
}

func TestMirrorsGetTheLogin(t *testing.T) {
	t.Parallel()
	node := loggedIn(t, newNode(t, bootstrap.Worker))
	config := userdata(t, node)
	header := `Authorization = "Basic ` + base64.StdEncoding.EncodeToString([]byte(node.Registry.Username+":"+node.Registry.Password)) + `"`
	for host, times := range map[string]int{
		"docker.io": 2, "registry.k8s.io": 2, "harbor.example.com": 2,
		"ghcr.io": 2, // of three: the registry itself is another one's
	} {
		if got := config.file("/etc/containerd/certs.d/" + host + "/hosts.toml"); strings.Count(got, header) != times {
			t.Errorf("%s does not have the login %d times:\n%s", host, times, got)
		}
	}
	ghcr := config.file("/etc/containerd/certs.d/ghcr.io/hosts.toml")
	if top, _, _ := strings.Cut(ghcr, "\n[host."); !strings.Contains(top, `server = "https://ghcr.io"`) || strings.Contains(top, "Basic") {
		t.Errorf("the registry gets a login that is not its own:\n%s", ghcr)
	}
	listing := config.listing()
	for _, file := range []string{"/etc/containerd/certs.d/docker.io/hosts.toml", "/etc/gantry/registry-auth"} {
		if !strings.Contains(listing, "0600 "+file+"\n") {
			t.Errorf("%s is not for root alone", file)
		}
	}
	auth := config.file("/etc/gantry/registry-auth")
	for _, host := range []string{"10.0.0.9:5000", "harbor.example.com", "plain.example.com:5000"} {
		if strings.Count(auth, `.registry.configs."`+host+`".auth]`) != 1 {
			t.Errorf("%s is not in\n%s", host, auth)
		}
	}
	if strings.Contains(auth, `"ghcr.io"`) {
		t.Errorf("ghcr.io is in\n%s", auth)
	}
	node.Registry.Mirrors = map[string][]string{"ghcr.io": {"https://ghcr.io"}}
	if got := userdata(t, node).file("/etc/containerd/certs.d/ghcr.io/hosts.toml"); strings.Count(got, header) != 2 {
		t.Errorf("a registry that is its only mirror has no login:\n%s", got)
	}
}

func TestLoginsAreChecked(t *testing.T) {
	t.Parallel()
	node := loggedIn(t, newNode(t, bootstrap.Worker))
	node.Registry.Username = "a:b"
	if faults := bootstrap.Check(node); len(faults) != 1 || faults[0].Field != "Registry.Username" {
		t.Errorf("a user with a colon: %v", faults)
	}
	node = loggedIn(t, newNode(t, bootstrap.Worker))
	node.Registry.Password = ""
	// A plan may not know it.
	if faults := bootstrap.Check(node); len(faults) > 0 {
		t.Errorf("a plan without a password: %v", faults)
	}
	if _, err := bootstrap.Userdata(node); err == nil || !strings.Contains(err.Error(), "Registry.Password") {
		t.Errorf("a node without a password: %v", err)
	}
	node.Registry.Password = "hunter\x00"
	if _, err := bootstrap.Userdata(node); err == nil || strings.Contains(err.Error(), "hunter") {
		t.Errorf("a password with a control character: %v", err)
	}
}
