package engine_test

import (
	"bytes"
	"cmp"
	"crypto/ed25519"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"golang.org/x/crypto/ssh"
	"pgregory.net/rapid"

	"github.com/gantry/terraform-provider-gantry/internal/bootstrap"
	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// walkVersions are the versions that clusters are upgraded through, with two images each.
var walkVersions = []string{"1.36.3", "1.37.2", "1.37.3"}

func walkImage(version, variant string) model.Image {
	return model.Image{Template: "walk-" + version + "-" + variant}
}

// The changes return what they do in words.

func (w *walk) create(c *walked) string {
	version := rapid.SampledFrom(walkVersions).Draw(w.r, "version")
	controlPlane, workers := rapid.SampledFrom([]int{1, 3}).Draw(w.r, "control plane"), rapid.IntRange(0, 2).Draw(w.r, "workers")
	spec, addresses := w.withNetwork(controlPlane, workers), "addresses"
	if rapid.IntRange(0, 2).Draw(w.r, "leases") == 0 {
		spec, addresses = w.leasedWithNetwork(controlPlane, workers), "leases"
	}
	spec.Name = c.name
	spec.Folder = "k8s/" + c.name
	spec.KubernetesVersion = version
	spec.Image = walkImage(version, "a")
	if rapid.Bool().Draw(w.r, "snapshots") {
		spec.EtcdSnapshots = &model.EtcdSnapshots{}
	}
	if rapid.Bool().Draw(w.r, "repair") {
		spec.Repair = &model.Repair{NotReadyAfter: 10 * time.Minute, MaxUnhealthy: 2}
	}
	c.wanted = spec
	c.parents = []uuid.UUID{uuid.New()}
	return fmt.Sprintf("create with %d and %d nodes of %s with %s", controlPlane, workers, version, addresses)
}

func (w *walk) destroy(c *walked) string {
	c.wanted = model.ClusterSpec{Ref: c.wanted.Ref}
	return "destroy"
}

func (w *walk) worker(c *walked) *model.NodePool {
	return &c.wanted.Workers[rapid.IntRange(0, len(c.wanted.Workers)-1).Draw(w.r, "pool")]
}

func (w *walk) scaleWorkers(c *walked) string {
	pool := w.worker(c)
	before := pool.Count
	pool.Count = rapid.IntRange(0, 3).Draw(w.r, "count")
	return fmt.Sprintf("scale %s from %d to %d", pool.Name, before, pool.Count)
}

func (w *walk) scaleControlPlane(c *walked) string {
	if c.wanted.ControlPlane.Count == 5 {
		return "scale the control plane no further"
	}
	c.wanted.ControlPlane.Count += 2
	return fmt.Sprintf("scale the control plane to %d", c.wanted.ControlPlane.Count)
}

func (w *walk) resize(c *walked) string {
	pools := c.pools()
	pool := pools[rapid.IntRange(0, len(pools)-1).Draw(w.r, "pool")]
	if rapid.Bool().Draw(w.r, "memory") {
		pool.MemoryGB = 12 - pool.MemoryGB
	} else {
		pool.CPU = 6 - pool.CPU
	}
	return fmt.Sprintf("resize %s to %d CPUs, %d GB", pool.Name, pool.CPU, pool.MemoryGB)
}

func (w *walk) rebuildAll(c *walked) string {
	if rapid.Bool().Draw(w.r, "by image") {
		variant := "a"
		if strings.HasSuffix(c.wanted.Image.Template, "-a") {
			variant = "b"
		}
		c.wanted.Image = walkImage(c.wanted.KubernetesVersion, variant)
		return "rebuild with image " + c.wanted.Image.Template
	}
	w.keys++
	key, err := ssh.NewPublicKey(ed25519.NewKeyFromSeed(bytes.Repeat([]byte{byte(w.keys)}, ed25519.SeedSize)).Public())
	w.must(err)
	c.wanted.SSHAuthorizedKeys = []string{strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key)))}
	return fmt.Sprintf("rebuild with SSH key %d", w.keys)
}

func (w *walk) surge(c *walked) string {
	pool := w.worker(c)
	pool.Strategy = rapid.SampledFrom([]model.RollStrategy{model.ExpandFirst, model.ContractFirst}).Draw(w.r, "strategy")
	pool.MaxSurge = rapid.IntRange(0, 2).Draw(w.r, "surge")
	pool.MaxUnavailable = rapid.IntRange(0, 2).Draw(w.r, "unavailable")
	pool.CPU = 6 - pool.CPU
	return fmt.Sprintf("surge %s %s %d %d and resize it", pool.Name, pool.Strategy, pool.MaxSurge, pool.MaxUnavailable)
}

func (w *walk) replaceNodes(c *walked) string {
	c.wanted.ReplaceNodes = nil
	nodes := slices.DeleteFunc(slices.Clone(c.state.known), func(m model.KnownMachine) bool {
		return m.Node == c.loadBalancer()
	})
	for range rapid.IntRange(1, 2).Draw(w.r, "nodes") {
		node := nodes[rapid.IntRange(0, 99).Draw(w.r, "node")%len(nodes)].Node
		if !slices.Contains(c.wanted.ReplaceNodes, node) {
			c.wanted.ReplaceNodes = append(c.wanted.ReplaceNodes, node)
		}
	}
	return fmt.Sprintf("replace %v", c.wanted.ReplaceNodes)
}

// upgrade goes to a newer version; worker pools may stay behind until the next time.
func (w *walk) upgrade(c *walked) string {
	version, image := c.wanted.KubernetesVersion, c.wanted.Image
	behind := false
	for i := range c.wanted.Workers {
		pool := &c.wanted.Workers[i]
		behind = behind || pool.KubernetesVersion != ""
		pool.KubernetesVersion, pool.Image = "", model.Image{}
	}
	if behind {
		return "upgrade the workers that stayed behind"
	}
	newer := walkVersions[slices.Index(walkVersions, version)+1:]
	if len(newer) == 0 {
		return "upgrade no further"
	}
	c.wanted.KubernetesVersion = rapid.SampledFrom(newer).Draw(w.r, "version")
	c.wanted.Image = walkImage(c.wanted.KubernetesVersion, "a")
	behindNow := 0
	for i := range c.wanted.Workers {
		pool := &c.wanted.Workers[i]
		if rapid.Bool().Draw(w.r, "stays behind") {
			behindNow++
			pool.KubernetesVersion, pool.Image = version, image
		}
	}
	return fmt.Sprintf("upgrade to %s, and %d pools stay behind", c.wanted.KubernetesVersion, behindNow)
}

func (w *walk) otherPool(c *walked) string {
	i := slices.IndexFunc(c.wanted.Workers, func(p model.NodePool) bool { return p.Name == "extra" })
	if i >= 0 {
		c.wanted.Workers = slices.Delete(c.wanted.Workers, i, i+1)
		return "remove the pool extra"
	}
	c.wanted.Workers = append(c.wanted.Workers, model.NodePool{
		Name: "extra", Count: rapid.IntRange(0, 2).Draw(w.r, "count"), CPU: 2, MemoryGB: 4,
		Placements: []model.Placement{c.placement(w, "cluster-b")},
	})
	slices.SortFunc(c.wanted.Workers, func(a, b model.NodePool) int { return cmp.Compare(a.Name, b.Name) })
	return "add the pool extra"
}

// placement is one in a compute cluster, on the walk's pool of addresses unless nodes take leases.
func (c *walked) placement(w *walk, cluster string) model.Placement {
	place := w.placement(cluster)
	if c.wanted.DHCP() {
		place.IPPoolID = uuid.Nil
	}
	return place
}

func (w *walk) place(c *walked) string {
	pools := c.pools()
	pool := pools[rapid.IntRange(0, len(pools)-1).Draw(w.r, "pool")]
	to := rapid.SampledFrom([]string{"cluster-a", "cluster-b", "cluster-c"}).Draw(w.r, "compute cluster")
	pool.Placements = []model.Placement{c.placement(w, to)}
	pool.Spread = rapid.SampledFrom([]model.Spread{"", model.SpreadHost}).Draw(w.r, "spread")
	if also := rapid.SampledFrom([]string{"", "cluster-a", "cluster-b"}).Draw(w.r, "another one"); also != "" && also != to {
		pool.Placements = append(pool.Placements, c.placement(w, also))
		to += " and " + also
	}
	for i := range pool.Placements {
		if pool.Placements[i].ComputeCluster == "cluster-a" {
			pool.Placements[i].HostGroup = rapid.SampledFrom([]string{"", "left", "right"}).Draw(w.r, "host group")
			pool.Placements[i].VMGroup = rapid.SampledFrom([]string{"", "licensed", "spare"}).Draw(w.r, "VM group")
			to += fmt.Sprintf(" with host group %q and VM group %q", pool.Placements[i].HostGroup, pool.Placements[i].VMGroup)
		}
	}
	return fmt.Sprintf("place %s on %s", pool.Name, to)
}

func (w *walk) moveToFolder(c *walked) string {
	c.wanted.Folder = rapid.SampledFrom([]string{"k8s/" + c.name, "k8s/team/" + c.name, "k8s"}).Draw(w.r, "folder")
	return "move to the folder " + c.wanted.Folder
}

func (w *walk) describe(c *walked) string {
	c.wanted.Description = rapid.SampledFrom([]string{"", "shop of the north", "another"}).Draw(w.r, "description")
	labels := map[string]string{"tier": rapid.SampledFrom([]string{"front", "back"}).Draw(w.r, "label")}
	for _, pool := range c.pools() {
		pool.Meta = model.NodeMeta{Labels: labels}
	}
	return fmt.Sprintf("describe as %q with %v", c.wanted.Description, labels)
}

// walkTags are an administrator's: an object has one of a category at most.
var walkTags = []string{"backup/daily", "backup/weekly", "tier/gold"}

// tagVMs gives all VMs of a cluster other tags.
func (w *walk) tagVMs(c *walked) string {
	c.wanted.VMTags = vmTags(rapid.SampledFrom([][]string{
		nil, {"backup/daily"}, {"backup/weekly"}, {"backup/daily", "tier/gold"}, {"backup/weekly", "tier/gold"},
	}).Draw(w.r, "tags")...)
	return fmt.Sprintf("tag VMs with %v", c.wanted.VMTags)
}

// settings change what the API server or the kubelets run with.
func (w *walk) settings(c *walked) string {
	settings := &c.wanted.Settings
	if rapid.Bool().Draw(w.r, "kubelet") {
		settings.KubeletConfig = rapid.SampledFrom([]string{"", "maxPods: 60\n", "maxPods: 80\n"}).Draw(w.r, "configuration")
		return fmt.Sprintf("configure kubelets with %q", settings.KubeletConfig)
	}
	settings.APIServer = nil
	if flights := rapid.SampledFrom([]string{"", "600", "800"}).Draw(w.r, "requests in flight"); flights != "" {
		settings.APIServer = bootstrap.Arguments{"max-requests-inflight": flights}
	}
	return fmt.Sprintf("run the API server with %v", settings.APIServer)
}

// encrypt takes a new key for Secrets, or has them encrypted from here on.
func (w *walk) encrypt(c *walked) string {
	c.wanted.EncryptionVersion++
	return fmt.Sprintf("encrypt Secrets with key %d", c.wanted.EncryptionVersion)
}

// failsOnce fails the first time on each node.
const failsOnce = "test -e /run/tried || { touch /run/tried; false; }"

// commands have nodes of a pool run other commands once they have joined. Where these fail for
// good, an apply says so, and a person takes them back. A control plane of one node is not
// restarted: it has no quorum meanwhile.
func (w *walk) commands(c *walked) string {
	pools := c.pools()
	pool := pools[rapid.IntRange(0, len(pools)-1).Draw(w.r, "pool")]
	kinds := []string{"", "true", "false"}
	if pool.Name != model.ControlPlanePool || pool.Count > 1 {
		kinds = append(kinds, failsOnce)
	}
	command := rapid.SampledFrom(kinds).Draw(w.r, "command")
	pool.Setup = bootstrap.Setup{}
	switch command {
	case "":
		return "run no commands on " + pool.Name
	case "false":
		count := pool.Count
		pool.Setup.PostBootstrap = []string{"true", command}
		err := w.watched(c, false, func() error { return w.applyOnce(c) })
		if count > 0 && (err == nil || !strings.Contains(err.Error(), "command 002 of post-bootstrap failed")) {
			w.t.Errorf("%s: commands that fail on %d nodes of %s: %v", c.name, count, pool.Name, err)
		}
		c.edit()
		pool = c.pools()[slices.IndexFunc(c.pools(), func(p *model.NodePool) bool { return p.Name == pool.Name })]
		pool.Setup = bootstrap.Setup{}
		return "run no commands on " + pool.Name + " after those that failed"
	}
	pool.Setup.PostBootstrap = []string{"true", command}
	return fmt.Sprintf("run %q on %s", command, pool.Name)
}

// retries are the runs that it may take until commands have passed that fail once on each of
// the nodes that are built.
func (c *walked) retries() int {
	n := 0
	for _, pool := range c.pools() {
		if slices.Contains(pool.Setup.PostBootstrap, failsOnce) {
			n += 2 * (pool.Count + 1)
		}
	}
	return n
}

// attachDisk attaches a disk to a node, as a storage driver does.
func (w *walk) attachDisk(c *walked) string {
	vm := c.state.known[rapid.IntRange(0, 99).Draw(w.r, "node")%len(c.state.known)].Node
	file, err := w.sim.AttachDisk(vm, 1)
	w.must(err)
	w.disks = append(w.disks, disk{file, vm})
	return "attach a disk to " + vm
}

func (w *walk) noChange(*walked) string { return "change nothing" }
