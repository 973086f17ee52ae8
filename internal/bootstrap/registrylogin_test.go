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
	node.Registry.Password = `p"a\\s'__PLUGIN__`
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
}

// A registry that is asked itself gets the login where it is the user's, and no other.
func TestRegistriesThatAreAskedThemselves(t *testing.T) {
	t.Parallel()
	const ghcr = "https://ghcr.io"
	own := bootstrap.Registry{Repository: "r.example.com/k8s", KubeVIPImage: "ghcr.io/theirs/kube-vip:1"}
	withCA := own
	withCA.CACertificate = string(must(authorities()).CA.Cert)
	for name, c := range map[string]struct {
		registry bootstrap.Registry
		host     string
		times    int // the login is there
	}{
		"the only mirror": {bootstrap.Registry{Mirrors: map[string][]string{"ghcr.io": {ghcr}}}, "ghcr.io", 2},
		"in another spelling": {bootstrap.Registry{
			Mirrors: map[string][]string{"ghcr.io": {"https://r.example.com", ghcr + ":443"}},
		}, "ghcr.io", 1},
		"with its port": {bootstrap.Registry{
			Mirrors: map[string][]string{"ghcr.io:443": {"https://r.example.com", ghcr}},
		}, "ghcr.io_443_", 1},
		"Docker Hub": {bootstrap.Registry{
			Mirrors: map[string][]string{"docker.io": {"https://r.example.com", "https://index.docker.io", "https://docker.io"}},
		}, "docker.io", 1},
		"behind a mirror":       {bootstrap.Registry{Mirrors: map[string][]string{"ghcr.io": {"https://r.example.com", ghcr}}}, "ghcr.io", 1},
		"the repository":        {own, "r.example.com", 2},
		"beside the repository": {own, "ghcr.io", 0},
		"for its CA":            {withCA, "ghcr.io", 0},
		"the repository, mirrored": {bootstrap.Registry{
			Repository: "ghcr.io/our", Mirrors: map[string][]string{"ghcr.io": {"https://r.example.com", ghcr}},
		}, "ghcr.io", 2},
	} {
		node := newNode(t, bootstrap.FirstControlPlane)
		node.Registry = c.registry
		node.Registry.Username, node.Registry.Password, node.Registry.PasswordVersion = "robot", "p", 1
		path := "/etc/containerd/certs.d/" + c.host + "/hosts.toml"
		config, got := userdata(t, node), ""
		if strings.Contains(config.listing(), path) {
			got = config.file(path)
		}
		if strings.Count(got, "Authorization = ") != c.times {
			t.Errorf("%s: not %d times:\n%s", name, c.times, got)
		}
		auth := config.file("/etc/gantry/registry-auth")
		if asked := strings.Contains(auth, `."`+c.host+`".`); asked != (c.times == 2) {
			t.Errorf("%s: its table is there: %v", name, asked)
		}
	}
}

// A repository of Docker Hub is where containerd looks for it, by whatever name.
func TestDockerHubByItsOtherName(t *testing.T) {
	t.Parallel()
	node := newNode(t, bootstrap.FirstControlPlane)
	node.Registry = bootstrap.Registry{Repository: "index.docker.io/our", Username: "robot", Password: "p", PasswordVersion: 1}
	config := userdata(t, node)
	if got := config.file("/etc/containerd/certs.d/docker.io/hosts.toml"); strings.Count(got, "Authorization = ") != 2 {
		t.Errorf("no login:\n%s", got)
	}
	if auth := config.file("/etc/gantry/registry-auth"); !strings.Contains(auth, `."registry-1.docker.io".`) {
		t.Errorf("no table:\n%s", auth)
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
	node.Registry.Mirrors, node.Registry.Repository = nil, ""
	if faults := bootstrap.Check(node); len(faults) != 1 || !strings.Contains(faults[0].Reason, "its own mirror") {
		t.Errorf("a user without a registry: %v", faults)
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
