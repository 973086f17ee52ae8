package engine

import (
	"context"
	"errors"
	"fmt"
	"net/netip"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/bootstrap"
)

// createNode brings one node up, from an address to a member of the cluster.
// Everything before the clone can be done twice; the clone is found again by
// its instance UUID.
func (r *run) createNode(ctx context.Context, s Step) error {
	node := newNode{run: r, step: s.node, name: s.Target}
	if err := node.claim(ctx); err != nil {
		return err
	}
	if err := node.clone(ctx); err != nil {
		return err
	}
	if err := node.awaitJoin(ctx); err != nil {
		return errors.Join(err, r.wipeAfterFailure(ctx, node.vm, node.name))
	}
	if err := r.wipeUserdataIfLeft(ctx, node.vm, node.name, node.userdata); err != nil {
		return err
	}
	if err := r.labelNode(ctx, node.name, s.node.meta); err != nil || !s.node.roll {
		return err
	}
	return r.awaitServing(ctx, node.name)
}

// newNode is a node on its way up.
type newNode struct {
	run      *run
	step     *nodeStep
	name     string
	address  netip.Prefix
	guest    map[string]string
	vm       string
	userdata bool // what the guest left of its bootstrap data
}

func (n *newNode) placement() Placement { return n.step.pool.Placements[n.step.placement] }

func (n *newNode) claim(ctx context.Context) error {
	pool := n.run.obs.IPPools[n.placement().IPPoolID]
	addr, err := n.run.claim(ctx, pool, n.name)
	if err != nil {
		return err
	}
	n.address = netip.PrefixFrom(addr, pool.Pool.Prefix.Bits())
	return nil
}

func (n *newNode) render(ctx context.Context) error {
	r := n.run
	pool := r.obs.IPPools[n.placement().IPPoolID]
	doc := r.spec.document(n.name, pool)
	doc.InstanceID, doc.Role, doc.Schedulable = n.uuid().String(), bootstrap.Worker, n.step.pool.Schedulable
	doc.Address, doc.Endpoint = n.address, r.vip
	zones, err := r.zones(ctx)
	if err != nil {
		return err
	}
	doc.NodeLabels = zones[r.obs.Survey.Site.Placements[n.step.site].ComputeCluster].labels()
	if n.step.first {
		doc.Role, doc.Authorities = bootstrap.FirstControlPlane, r.req.Secrets.Authorities
	} else {
		if doc.Token, doc.CAHash, err = r.join.token(ctx); err != nil {
			return err
		}
		if n.step.pool.Name == ControlPlanePool {
			doc.Role = bootstrap.ControlPlane
			if doc.CertificateKey, err = r.join.certificateKey(ctx); err != nil {
				return err
			}
		}
	}
	n.guest, err = bootstrap.GuestInfo(doc)
	return err
}

// labels are the topology labels that the kubelet sets on its node.
func (z Zone) labels() map[string]string {
	labels := map[string]string{}
	if z.Region != "" {
		labels["topology.kubernetes.io/region"] = z.Region
	}
	if z.Zone != "" {
		labels["topology.kubernetes.io/zone"] = z.Zone
	}
	return labels
}

// uuid is the VM's instance UUID: known before there is a VM, the same on every
// try.
func (n *newNode) uuid() uuid.UUID { return nodeUUID(n.run.spec.ID, n.name) }

func nodeUUID(cluster, node string) uuid.UUID {
	id, err := uuid.Parse(cluster)
	if err != nil {
		id = uuid.NewSHA1(uuid.NameSpaceOID, []byte(cluster))
	}
	return uuid.NewSHA1(id, []byte(node))
}

func (n *newNode) clone(ctx context.Context) error {
	r, pool, site := n.run, n.step.pool, n.run.obs.Survey.Site
	if err := r.ensureFolder(ctx); err != nil {
		return err
	}
	place := site.Placements[n.step.site]
	mode, err := cloneMode(r.spec.CloneMode, site.Template, place, pool.DiskGB)
	if err != nil {
		return err
	}
	disk := pool.DiskGB
	if disk == 0 {
		disk = site.Template.DiskGB
	}
	req := CloneRequest{
		Name: n.name, UUID: n.uuid().String(), Template: site.Template, Folder: r.folder, Placement: place,
		CPU: pool.CPU, MemoryGB: pool.MemoryGB, DiskGB: disk, Mode: mode,
		Marker: Marker{
			Cluster: r.spec.ID, Node: n.name, Pool: pool.Name, N: n.step.n, Address: n.address,
			IPPool: n.placement().IPPoolID, Version: r.spec.KubernetesVersion, Template: r.spec.Template,
			CloneMode: mode, Placement: place.ComputeClusterName, CPU: pool.CPU, MemoryGB: pool.MemoryGB, DiskGB: disk,
			Datastore: n.placement().Datastore, Network: n.placement().Network, ResourcePool: n.placement().ResourcePool,
			Bootstrap: r.req.Secrets.Authorities.Fingerprint(),
		},
		Notes: fmt.Sprintf("Node of the Kubernetes %s %q. Made by Gantry; change it in Terraform.", r.spec.Kind, r.spec.Name),
	}
	if pool.Name == ControlPlanePool {
		req.Marker.Reserved = []netip.Addr{r.vip, r.extra}
	}
	state, err := r.task(ctx, func(ctx context.Context) (string, error) {
		// Rendered when it is this node's turn: the token in it is short-lived, and
		// clones may queue for longer than it lives.
		if err := n.render(ctx); err != nil {
			return "", err
		}
		req.GuestInfo = n.guest
		return r.vc.Clone(ctx, req)
	})
	if errors.Is(err, ErrExists) {
		return n.adopt(ctx, err)
	}
	if err != nil {
		return fmt.Errorf("clone %s: %w", site.Template.Path, err)
	}
	n.vm = state.VM
	return nil
}

// adopt finds the VM of an earlier try whose answer was lost. A VM of that name
// that is not ours stays untouched.
func (n *newNode) adopt(ctx context.Context, cause error) error {
	survey, err := n.run.vc.Survey(ctx, SurveyRequest{ClusterID: n.run.spec.ID})
	if err != nil {
		return err
	}
	for _, m := range survey.Machines {
		if m.UUID == n.uuid().String() && m.Marker.Bootstrap == n.run.req.Secrets.Authorities.Fingerprint() {
			n.vm = m.Ref
			return nil
		}
	}
	return fmt.Errorf("a VM with this name that Gantry did not make stands in the folder; rename or remove it: %w", cause)
}

// cloneMode decides how the disks are made, and refuses what vSphere would do
// silently otherwise: a full clone instead of a linked one, or a linked one that
// keeps the template's disk size.
func cloneMode(want CloneMode, t Template, place ResolvedPlacement, diskGB int64) (CloneMode, error) {
	var why string
	switch {
	case t.Snapshot == "":
		why = "it has no snapshot"
	case t.Datastore != place.Datastore:
		why = "it is on another datastore than the node"
	case diskGB != 0 && diskGB != t.DiskGB:
		why = fmt.Sprintf("its disk has %d GB and the node's %d GB", t.DiskGB, diskGB)
	}
	switch {
	case want == CloneFull || want != CloneLinked && why != "":
		return CloneFull, nil
	case why != "":
		return "", fmt.Errorf("the template %s cannot be cloned as linked: %s; take a snapshot of it, or use clone_mode auto or full", t.Path, why)
	default:
		return CloneLinked, nil
	}
}
