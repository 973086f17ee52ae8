package registry

import (
	"regexp"
	"strings"
)

// Recipe is how the images of one repository are made.
type Recipe struct {
	// Repository has its host, as in registry.k8s.io/etcd.
	Repository string
	// Tags are those that may exist. The group, where there is one, is the version of the
	// programs, and those on disk decide which tags do exist.
	Tags *regexp.Regexp
	// Commands are the programs: <command>-v<version> in Options.Binaries, each. The first
	// is at Path, the others beside it.
	Commands []string
	// StandIn says that the program is Options.Guest, called by the name that Path ends in,
	// and not what the image really has.
	StandIn bool
	// Path is where the program is in the image; empty where it is made of tools alone.
	Path string
	// Entrypoint is what runs unless a pod says otherwise.
	Entrypoint []string
	// User is the user or UID that runs it; root where empty.
	User string
	// Tables adds iptables and conntrack, of the host and in the mode the host is in: its
	// kubelet uses them too, and two modes in one kernel don't see each other's rules.
	Tables bool
	// IP adds ip, of the host.
	IP bool
	// Tool is a program of the host's that the image is made of.
	Tool string
	// Shell adds busybox under all its names, of the host.
	Shell bool
	// Why is the reason for what differs from the image of that name.
	Why string
}

var (
	released    = regexp.MustCompile(`^v(\d+\.\d+\.\d+)$`)
	etcdImages  = regexp.MustCompile(`^(\d+\.\d+\.\d+)-0$`)
	cniImages   = regexp.MustCompile(`^v\d+\.\d+\.\d+-flannel\d+$`)
	pauseImages = regexp.MustCompile(`^3\.(?:\d|10|10\.[12])$`)
	agentImages = regexp.MustCompile(`^(?:\d+\.\d+\.\d+|latest)$`)
	proxyImages = regexp.MustCompile(`^(?:\d+\.\d+(?:\.\d+)?|latest)$`)
	shellImages = regexp.MustCompile(`^(?:1|stable|latest)$`)
)

var recipes = []Recipe{
	kubernetes("kube-apiserver"),
	kubernetes("kube-controller-manager"),
	kubernetes("kube-scheduler"),
	{
		Repository: "registry.k8s.io/kube-proxy",
		Tags:       released,
		Commands:   []string{"kube-proxy"},
		Path:       "/usr/local/bin/kube-proxy",
		Tables:     true,
		Why:        "iptables is the host's; the image detects which mode the host is in, here it is known",
	},
	{
		Repository: "registry.k8s.io/etcd",
		Tags:       etcdImages,
		Commands:   []string{"etcd", "etcdctl"},
		Path:       "/usr/local/bin/etcd",
		Why:        "without the versions of before, from which no cluster is migrated here",
	},
	{
		// The etcd project's own image has a tag beside those of kubeadm's.
		Repository: "registry.k8s.io/etcd",
		Tags:       released,
		Commands:   []string{"etcd", "etcdctl", "etcdutl"},
		Path:       "/usr/local/bin/etcd",
		Entrypoint: []string{"/usr/local/bin/etcd"},
		Why:        "as it is",
	},
	{
		Repository: "registry.k8s.io/coredns/coredns",
		Tags:       released,
		Commands:   []string{"coredns"},
		Path:       "/coredns",
		Entrypoint: []string{"/coredns"},
		Why:        "runs as root: a layer made here carries no capabilities of files, which it needs for port 53 otherwise",
	},
	{
		Repository: "registry.k8s.io/pause",
		Tags:       pauseImages,
		StandIn:    true,
		Path:       "/pause",
		Entrypoint: []string{"/pause"},
		User:       "65535:65535",
		Why:        "pause is written in C and is no Go module",
	},
	{
		Repository: "ghcr.io/kube-vip/kube-vip",
		Tags:       released,
		Commands:   []string{"kube-vip"},
		Path:       "/kube-vip",
		Entrypoint: []string{"/kube-vip"},
		Why:        "the program alone: in the mode that is used it runs no other",
	},
	{
		Repository: "ghcr.io/flannel-io/flannel",
		Tags:       released,
		Commands:   []string{"flanneld"},
		Path:       "/opt/bin/flanneld",
		Entrypoint: []string{"/opt/bin/flanneld"},
		Tables:     true,
		IP:         true,
		Shell:      true,
		Why:        "iptables, ip and the shell are the host's; without the programs of back ends that are not vxlan",
	},
	{
		Repository: "ghcr.io/flannel-io/flannel-cni-plugin",
		Tags:       cniImages,
		StandIn:    true,
		Path:       "/flannel",
		Shell:      true,
		Why:        "the plug-in's module can't be had where this runs; cp is busybox",
	},
	{
		Repository: "docker.io/hashicorp/tfc-agent",
		Tags:       agentImages,
		StandIn:    true,
		Path:       "/home/tfc-agent/bin/idle",
		Entrypoint: []string{"/home/tfc-agent/bin/idle"},
		User:       "tfc-agent",
		Why:        "the agent is not public source, and there is no console for it to talk to: it idles",
	},
	{
		Repository: "docker.io/library/haproxy",
		Tags:       proxyImages,
		Tool:       "haproxy",
		Entrypoint: []string{"haproxy"},
		User:       "99:99",
		Why:        "HAProxy is written in C: it is the host's, of any version",
	},
	{
		Repository: "docker.io/library/busybox",
		Tags:       shellImages,
		Entrypoint: []string{"/bin/sh"},
		Shell:      true,
		Why:        "a workload to inspect the network of pods; it is the host's, of any version",
	},
}

// kubernetes returns the recipe of a component that is a program and nothing else. kubeadm's
// static pods call it by its bare name.
func kubernetes(component string) Recipe {
	return Recipe{
		Repository: "registry.k8s.io/" + component,
		Tags:       released,
		Commands:   []string{component},
		Path:       "/usr/local/bin/" + component,
		Why:        "without the wrapper that redirects logs, which kubeadm doesn't use",
	}
}

// find returns the recipe of a repository's tag, or where none has the tag, one of the
// repository's. A mirror gets the host apart from the path; without a host, the path alone
// decides.
func find(host, path, tag string) (found Recipe, ok bool) {
	for _, recipe := range recipes {
		of, name, _ := strings.Cut(recipe.Repository, "/")
		if name != path || host != "" && host != of {
			continue
		}
		if recipe.Tags.MatchString(tag) {
			return recipe, true
		}
		found, ok = recipe, true
	}
	return found, ok
}
