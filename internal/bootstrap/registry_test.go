package bootstrap_test

import (
	"strings"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/bootstrap"
)

// mirrored gives a node mirrors with a CA of their own, and its images from one of them.
func mirrored(t testing.TB, node bootstrap.Node) bootstrap.Node {
	t.Helper()
	made := must(authorities())
	node.Registry = bootstrap.Registry{
		Mirrors: map[string][]string{
			"docker.io":       {"https://harbor.example.com/v2/docker-hub", "https://10.0.0.9:5000"},
			"registry.k8s.io": {"http://plain.example.com:5000"},
			"ghcr.io":         {"https://harbor.example.com/v2/ghcr", "https://10.0.0.9:5000", "https://ghcr.io"},
		},
		CACertificate: string(made.CA.Cert),
		Repository:    "harbor.example.com/kubernetes",
	}
	return node
}

func TestImagesOfANodeComeFromTheRepository(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		registry         bootstrap.Registry
		kubeVIP, sandbox string
	}{
		"none": {bootstrap.Registry{}, "ghcr.io/kube-vip/kube-vip:v1.0.0", ""},
		"repository": {bootstrap.Registry{Repository: "r.example.com/k8s"},
			"r.example.com/k8s/kube-vip:v1.0.0", "r.example.com/k8s/pause:3.10.2"},
		"each": {bootstrap.Registry{Repository: "r.example.com/k8s", SandboxImage: "s.example.com/p:1", KubeVIPImage: "v.example.com/v:2"},
			"v.example.com/v:2", "s.example.com/p:1"},
		"one": {bootstrap.Registry{SandboxImage: "s.example.com/p:1"}, "ghcr.io/kube-vip/kube-vip:v1.0.0", "s.example.com/p:1"},
	} {
		node := newNode(t, bootstrap.FirstControlPlane)
		node.Registry = c.registry
		config := userdata(t, node)
		if got := config.file("/etc/kubernetes/manifests/kube-vip.yaml"); !strings.Contains(got, "image: "+c.kubeVIP+"\n") {
			t.Errorf("%s: kube-vip is not %s:\n%s", name, c.kubeVIP, got)
		}
		if got := strings.TrimSpace(config.file("/etc/gantry/sandbox-image")); got != c.sandbox {
			t.Errorf("%s: the sandbox image is %q, want %q", name, got, c.sandbox)
		}
		told := strings.Contains(config.file("/etc/gantry/kubeadm.yaml"), "\nimageRepository: r.example.com/k8s\n")
		if told != (c.registry.Repository != "") {
			t.Errorf("%s: kubeadm is told of the repository: %t", name, told)
		}
		if script := config.file("/etc/gantry/registry.sh"); (script != "") != (c.sandbox != "") {
			t.Errorf("%s: the script is there: %t", name, script != "")
		}
	}
}

// The registry of the repository is no mirror of anything, and has the CA all the same.
func TestRegistryOfTheRepositoryHasTheCA(t *testing.T) {
	t.Parallel()
	const file = "/etc/containerd/certs.d/harbor.example.com/hosts.toml"
	node := mirrored(t, newNode(t, bootstrap.Worker))
	// Without a table of a host containerd before 2.0 would read nothing of the file.
	if got := userdata(t, node).file(file); !strings.Contains(got, `server = "https://harbor.example.com"`) ||
		!strings.Contains(got, `[host."https://harbor.example.com"]`) {
		t.Errorf("without a mirror of its own: %q", got)
	}
	node.Registry.CACertificate = ""
	if got := userdata(t, node).file(file); got != "" {
		t.Errorf("without a CA: %q", got)
	}
	node = mirrored(t, newNode(t, bootstrap.Worker))
	node.Registry.Mirrors["harbor.example.com"] = []string{"https://other.example.com"}
	if got := userdata(t, node).file(file); !strings.Contains(got, `server = "https://other.example.com"`) {
		t.Errorf("with a mirror of its own: %q", got)
	}
	node = mirrored(t, newNode(t, bootstrap.Worker))
	node.Registry.Mirrors[bootstrap.AllHosts] = []string{"https://other.example.com"}
	if got := userdata(t, node).file(file); !strings.Contains(got, `server = "https://harbor.example.com"`) {
		t.Errorf("with a mirror of all hosts, which need not have its images: %q", got)
	}
	node = newNode(t, bootstrap.Worker)
	node.Registry = bootstrap.Registry{Repository: "docker.io/acme", CACertificate: string(must(authorities()).CA.Cert)}
	if got := userdata(t, node).file("/etc/containerd/certs.d/docker.io/hosts.toml"); !strings.Contains(got, "https://registry-1.docker.io") {
		t.Errorf("of Docker Hub: %q", got)
	}
}

func TestMirrorsThatAreNone(t *testing.T) {
	t.Parallel()
	for url, want := range map[string]string{
		"https://mirror.example.com":                  "",
		"http://10.0.0.9:5000":                        "",
		"https://[fd00::9]:5000/v2":                   "",
		"https://mirror.example.com/v2/docker-hub":    "",
		"https://mirror.example.com/artifactory/x/v2": "",
		"mirror.example.com":                          "not a URL such as",
		"ftp://mirror.example.com":                    "not a URL such as",
		"HTTPS://mirror.example.com":                  "not a URL such as",
		"https://":                                    "not a URL such as",
		"https://Mirror.example.com":                  "not a URL such as",
		"https://mirror.example.com:0":                "not a URL such as",
		"https://mirror.example.com/v2/a b":           "not a URL such as",
		"https://mirror.example.com/v2/a\"b":          "not a URL such as",
		"https://mirror.example.com/v2/a%22":          "not a URL such as",
		"https://me:secret@mirror.example.com":        "containerd does not read",
		"https://mirror.example.com?ns=docker.io":     "a query or a fragment",
		"https://mirror.example.com/docker-hub":       "no element v2",
		"https://mirror.example.com/":                 "no element v2",
		"https://mirror.example.com/v2/":              "a slash at its end",
		"https://mirror.example.com/v2/../x":          "a slash at its end",
	} {
		err := bootstrap.CheckMirrorURL(url)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", url, err, want)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("the error repeats the URL: %v", err)
		}
	}
	for host, want := range map[string]string{
		"docker.io": "", "registry.example.com:5000": "", "10.0.0.9": "", "localhost:5000": "", "_default": "",
		"index.docker.io": "docker.io", "registry-1.docker.io": "docker.io",
		"https://docker.io": "host of a registry", "Docker.io": "host of a registry", "docker": "host of a registry",
		"docker.io/library": "host of a registry", "*.example.com": "host of a registry", "a.example.com:": "host of a registry",
		"": "host of a registry", "..": "host of a registry",
	} {
		if err := bootstrap.CheckMirrored(host); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", host, err, want)
		}
	}
	for repository, valid := range map[string]bool{
		"registry.example.com": true, "registry.example.com:5000/a/b-c": true, "docker.io/acme": true, "localhost:5000": true,
		"acme/kubernetes": false, "https://registry.example.com": false, "registry.example.com/": false,
		"registry.example.com/A": false, "registry.example.com/a:1": false, "me:secret@registry.example.com/a": false, "": false,
	} {
		if err := bootstrap.CheckRepository(repository); (err == nil) != valid {
			t.Errorf("%s: %v", repository, err)
		}
	}
}

func TestRegistriesAreRefusedByTheirFields(t *testing.T) {
	t.Parallel()
	for field, spoil := range map[string]func(*bootstrap.Node){
		"Registry.Mirrors":       func(n *bootstrap.Node) { n.Registry.Mirrors["docker.io"] = []string{"mirror"} },
		"Registry.CACertificate": func(n *bootstrap.Node) { n.Registry.CACertificate = "no" },
		"Registry.Repository":    func(n *bootstrap.Node) { n.Registry.Repository = "no" },
		"Registry.SandboxImage":  func(n *bootstrap.Node) { n.Registry.SandboxImage = "pause" },
		"Registry.KubeVIPImage":  func(n *bootstrap.Node) { n.Registry.KubeVIPImage = "kube-vip" },
		"Setup": func(n *bootstrap.Node) {
			n.Setup.Files = []bootstrap.File{{Path: "/etc/containerd/certs.d/docker.io/hosts.toml", Permissions: "0600", Owner: "root:root"}}
		},
	} {
		node := mirrored(t, newNode(t, bootstrap.ControlPlane))
		spoil(&node)
		faults := bootstrap.Check(node)
		if len(faults) != 1 || faults[0].Field != field {
			t.Errorf("%s: %v", field, faults)
		}
	}
	node := mirrored(t, newNode(t, bootstrap.ControlPlane))
	delete(node.Registry.Mirrors, "docker.io")
	node.Setup.Files = []bootstrap.File{{Path: "/etc/containerd/certs.d/docker.io/hosts.toml", Permissions: "0600", Owner: "root:root"}}
	if faults := bootstrap.Check(node); len(faults) > 0 {
		t.Errorf("a file of a host that has no mirrors: %v", faults)
	}
}

// A directory of the node image in containerd's other form of host and port would come first.
func TestHostsWithAPortHaveTheDirectoryThatIsReadFirst(t *testing.T) {
	t.Parallel()
	node := newNode(t, bootstrap.Worker)
	node.Registry.Mirrors = map[string][]string{"r.example.com:5000": {"https://m.example.com"}}
	if got := userdata(t, node).file("/etc/containerd/certs.d/r.example.com_5000_/hosts.toml"); !strings.Contains(got, "m.example.com") {
		t.Errorf("%s", got)
	}
	for _, directory := range []string{"r.example.com_5000_", "r.example.com:5000"} {
		path := "/etc/containerd/certs.d/" + directory + "/hosts.toml"
		node.Setup.Files = []bootstrap.File{{Path: path, Permissions: "0600", Owner: "root:root"}}
		if faults := bootstrap.Check(node); len(faults) != 1 || !strings.Contains(faults[0].Reason, "attribute registry") {
			t.Errorf("%s: %v", directory, faults)
		}
	}
}
