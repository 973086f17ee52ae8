package run

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/bootstrap"
	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/engine/plan"
)

// createNode builds one node, from its address to a member of the cluster.
// Everything before the clone can be done twice; the clone is found again by its
// instance UUID.
func (r *Runner) createNode(ctx context.Context, s model.CreateNode) error {
	node := newNode{Runner: r, CreateNode: s}
	if err := node.claim(ctx); err != nil {
		return err
	}
	if err := node.clone(ctx); err != nil {
		return err
	}
	if err := node.waitJoined(ctx); err != nil {
		if s.First && ctx.Err() == nil && !node.joined {
			r.firstBootFailed.Store(true)
		}
		return errors.Join(err, r.wipeAfterFailure(ctx, node.vm, s.Node))
	}
	if node.userdata { // else cloud-init has removed it
		if err := r.wipeUserdata(ctx, node.vm, s.Node); err != nil {
			return err
		}
	}
	if err := r.updateNodeMetadata(ctx, s.Node, s.NodePool.Meta); err != nil || !s.Rollout {
		return err
	}
	return r.waitServing(ctx, s.Node)
}

// newNode is a node that is being built.
type newNode struct {
	*Runner
	model.CreateNode
	address  netip.Prefix
	vm       string
	userdata bool // bootstrap data is left in the VM
	joined   bool // the guest has reported that it joined
}

func (n *newNode) claim(ctx context.Context) error {
	addr, err := n.addresses.claim(ctx, n.IPPool(), n.Node)
	if err != nil {
		return err
	}
	n.address = netip.PrefixFrom(addr, n.World.IPPools[n.IPPool()].Prefix.Bits())
	return nil
}

// guestinfo renders the documents of the node.
func (n *newNode) guestinfo(ctx context.Context) (map[string]string, error) {
	doc := plan.Document(n.Spec, n.Node, n.World.Limits.IPPools[n.IPPool()])
	doc.InstanceID = n.uuid().String()
	doc.Role = bootstrap.Worker
	doc.Schedulable = n.NodePool.Schedulable
	doc.Address = n.address
	doc.Endpoint, _ = n.addresses.endpoint()
	zones, err := n.zones(ctx)
	if err != nil {
		return nil, err
	}
	doc.NodeLabels = topologyLabels(zones[n.resolved().ComputeCluster])

	if n.First {
		doc.Role = bootstrap.FirstControlPlane
		doc.Authorities = n.Secrets.Authorities
		return bootstrap.GuestInfo(doc)
	}
	if doc.Token, doc.CAHash, err = n.api.token(ctx); err != nil {
		return nil, err
	}
	if n.NodePool.ControlPlane() {
		doc.Role = bootstrap.ControlPlane
		if doc.CertificateKey, err = n.api.certificateKey(ctx); err != nil {
			return nil, err
		}
	}
	return bootstrap.GuestInfo(doc)
}

// topologyLabels are the labels that the kubelet sets on its node.
func topologyLabels(z model.Zone) map[string]string {
	labels := map[string]string{}
	if z.Region != "" {
		labels["topology.kubernetes.io/region"] = z.Region
	}
	if z.Zone != "" {
		labels["topology.kubernetes.io/zone"] = z.Zone
	}
	return labels
}

func (n *newNode) uuid() uuid.UUID { return model.NodeUUID(n.Spec.ID, n.Node) }

// resolved is the node's placement in references.
func (n *newNode) resolved() model.ResolvedPlacement {
	return n.World.Limits.Site.Placements[n.Placement]
}

// clone makes the VM, or finds the one that an earlier attempt has made.
func (n *newNode) clone(ctx context.Context) error {
	folder, err := n.folder(ctx)
	if err != nil {
		return err
	}
	req, err := n.cloneRequest(folder)
	if err != nil {
		return err
	}
	state, err := n.changes.task(ctx, func(ctx context.Context) (string, error) {
		// Rendered when it is this node's turn: the token in it is short-lived, and
		// clones may queue for longer than it lives.
		if req.GuestInfo, err = n.guestinfo(ctx); err != nil {
			return "", err
		}
		if err := n.changes.check(ctx); err != nil {
			return "", err
		}
		return n.VCenter.Clone(ctx, req)
	})
	if errors.Is(err, model.ErrExists) {
		return n.adopt(ctx, err)
	}
	if err != nil {
		return fmt.Errorf("clone %s: %w", req.Template.Path, err)
	}
	n.vm = state.VM
	return nil
}

func (n *newNode) cloneRequest(folder string) (model.CloneRequest, error) {
	template := n.World.Limits.Site.Template
	place := n.resolved()
	if template.Ref == "" || !place.Complete() {
		return model.CloneRequest{}, errors.New("the template or a part of the placement was not found")
	}
	mode, err := plan.CloneMode(n.Spec.CloneMode, template, place, n.NodePool.DiskGB)
	if err != nil {
		return model.CloneRequest{}, err
	}
	disk := n.NodePool.DiskGB
	if disk == 0 {
		disk = template.DiskGB
	}
	return model.CloneRequest{
		Name:      n.Node,
		UUID:      n.uuid().String(),
		Template:  template,
		Folder:    folder,
		Placement: place,
		CPU:       n.NodePool.CPU,
		MemoryGB:  n.NodePool.MemoryGB,
		DiskGB:    disk,
		Mode:      mode,
		Marker:    n.marker(mode, disk),
		Notes:     plan.Notes(n.Spec),
	}, nil
}

func (n *newNode) marker(mode model.CloneMode, disk int64) model.Marker {
	place := n.Place()
	marker := model.Marker{
		SchemaVersion:     model.MarkerSchema,
		Cluster:           n.Spec.ID,
		Node:              n.Node,
		Role:              n.NodePool.Role(),
		NodePool:          n.NodePool.Name,
		Ordinal:           n.Ordinal,
		Address:           n.address,
		IPPool:            place.IPPoolID,
		KubernetesVersion: n.Spec.KubernetesVersion,
		Template:          n.Spec.Image.Template,
		CloneMode:         mode,
		ComputeCluster:    n.resolved().ComputeClusterName,
		Datastore:         place.Datastore,
		Network:           place.Network,
		ResourcePool:      place.ResourcePool,
		CPU:               n.NodePool.CPU,
		MemoryGB:          n.NodePool.MemoryGB,
		DiskGB:            disk,
		CAFingerprint:     n.Secrets.Authorities.Fingerprint(),
	}
	if n.NodePool.ControlPlane() {
		marker.VIP, marker.Extra = n.addresses.endpoint()
	}
	return marker
}

// adopt finds the VM of an earlier attempt whose answer was lost. A VM of that name
// that is not ours stays untouched.
func (n *newNode) adopt(ctx context.Context, cause error) error {
	survey, err := n.VCenter.Survey(ctx, model.SurveyRequest{Cluster: n.Spec.ID})
	if err != nil {
		return err
	}
	if slices.Contains(survey.Unreadable, n.Node) {
		return fmt.Errorf("a VM with this name is being made, as by a run that was interrupted; "+
			"apply again once its task in vCenter has ended: %w", cause)
	}
	for _, m := range survey.Machines {
		if m.UUID != n.uuid().String() {
			continue
		}
		if m.Marker.CAFingerprint != n.Secrets.Authorities.Fingerprint() {
			return fmt.Errorf("the VM %s is of an earlier attempt with other certificate authorities; "+
				"apply again, and it is built anew: %w", m.Path, cause)
		}
		n.vm = m.Ref
		return nil
	}
	return fmt.Errorf("the folder holds a VM with this name that Gantry did not make; rename or remove it: %w", cause)
}

// readZones reads the zone tags of the compute clusters that the spec uses.
func (r *Runner) readZones(ctx context.Context) (map[string]model.Zone, error) {
	site := r.World.Limits.Site
	seen := map[string]bool{}
	var clusters []string
	for _, place := range site.Placements {
		if place.ComputeCluster != "" && !seen[place.ComputeCluster] {
			seen[place.ComputeCluster] = true
			clusters = append(clusters, place.ComputeCluster)
		}
	}
	zones, err := r.VCenter.Zones(ctx, site.Datacenter, clusters)
	if err != nil {
		return nil, fmt.Errorf("read the zone tags: %w", err)
	}
	return zones, nil
}

// wipeAfterFailure removes the bootstrap data of a node that did not join, also
// when the run has been stopped.
func (r *Runner) wipeAfterFailure(ctx context.Context, vm, name string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	return r.wipeUserdata(ctx, vm, name)
}
