package run

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/bootstrap"
	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/engine/plan"
)

// createNode builds one node, from its address to a member of the cluster. Its VM may
// have been made ahead.
func (r *Runner) createNode(ctx context.Context, s model.CreateNode) error {
	if err := r.noteKeys(ctx, s); err != nil {
		return err
	}
	if err := r.prepareControlPlane(ctx, s); err != nil {
		return err
	}
	r.departed.forget(s.Node) // one that is built again under its name
	node, err := r.ahead.node(ctx, s)
	if err != nil {
		return err
	}
	if !node.member {
		if err := node.join(ctx); err != nil {
			return err
		}
	}
	r.made.add(model.Machine{Ref: node.vm, UUID: node.request.UUID, Path: s.Node, Marker: node.request.Marker})
	if s.First {
		r.ahead.join(ctx)
	}
	if err := node.waitPostBootstrap(ctx); err != nil {
		return err
	}
	if err := r.updateNodeMetadata(ctx, s.Node, s.NodePool.Meta); err != nil {
		return err
	}
	if s.NodePool.ControlPlane() && !s.First {
		if err := r.waitMember(ctx, s.Node); err != nil {
			return err
		}
	}
	if !s.Rollout {
		return nil
	}
	return r.waitServing(ctx, s.Node)
}

// make makes the node's VM, powered off but for the first one's. It goes no further when
// queued ends, but for a clone that is under way.
func (n *newNode) make(ctx, queued context.Context) error {
	if err := n.prepare(queued); err != nil {
		return err
	}
	return n.cloneAnywhere(ctx, queued)
}

// prepare does what comes before the clone, all of which can be done twice; the clone is
// found again by its instance UUID.
func (n *newNode) prepare(ctx context.Context) error {
	if err := n.chooseRoom(ctx); err != nil {
		return err
	}
	if err := n.claim(ctx); err != nil {
		return err
	}
	folder, err := n.folder(ctx)
	if err != nil {
		return err
	}
	// The documents match the card by this address, and both are in the clone call.
	if n.mac, err = n.chooseMAC(); err != nil {
		return err
	}
	if n.from, err = n.template(ctx, n.NodePool); err != nil {
		return err
	}
	if n.request, err = n.cloneRequest(folder); err != nil {
		return err
	}
	n.request.GuestInfo, err = n.guestinfo(ctx)
	return err
}

// join powers the VM on and waits until its node is a member of the cluster, and its VM
// keeps no bootstrap data.
func (n *newNode) join(ctx context.Context) error {
	if err := n.boot(ctx); err != nil {
		if n.First && ctx.Err() == nil && !n.joined {
			n.firstBootFailed.Store(true)
		}
		if n.vm == "" {
			return err // it was deleted, to be built on another placement
		}
		return errors.Join(err, n.wipeAfterFailure(ctx, n.vm, n.Node))
	}
	n.member = true
	n.tellElsewhere()
	return n.wipeLeftUserdata(ctx)
}

// newNode is a node that is being built.
type newNode struct {
	*Runner
	model.CreateNode
	address netip.Prefix
	mac     string
	from    model.Template // that of its image
	request model.CloneRequest
	asked   func() // is called once vCenter was asked for the clone; may be nil
	vm      string
	turn    urgency // of its power-on

	started bool              // its VM was asked to power on
	seen    *model.PollResult // when that had ended
	refused error             // why it did not power on
	tried   bool              // a clone was asked for
	lacked  error             // why it is not on the placement of the plan; nil: it is
	ran     bool              // its VM was there, and on
	resumes bool              // it has booted before, with what it goes on with
	joined  bool              // the guest has reported that it joined
	member  bool              // the API says so
}

// chooseMAC returns the address of the VM's card. A load balancer keeps the one that it had:
// its lease follows from it.
func (n *newNode) chooseMAC() (string, error) {
	if had := n.record.current().LoadBalancer.MAC; n.NodePool.LoadBalancer() && had != "" {
		return had, n.macs.keep(had, n.uuid(), n.resolved().Network)
	}
	return n.macs.choose(n.address.Addr(), n.uuid(), n.resolved().Network)
}

// claim takes the address of a static node.
func (n *newNode) claim(ctx context.Context) error {
	if n.Spec.DHCP() {
		return nil
	}
	addr, err := n.addresses.claimFor(ctx, n.CreateNode)
	if err != nil {
		return err
	}
	n.address = netip.PrefixFrom(addr, n.World.IPPools[n.IPPool()].Prefix.Bits())
	return nil
}

// guestinfo renders the documents of the node.
func (n *newNode) guestinfo(ctx context.Context) (map[string]string, error) {
	if n.NodePool.LoadBalancer() {
		return n.loadBalancerGuestInfo()
	}
	doc := plan.Document(n.Spec, n.NodePool, n.Node, n.World.Limits.IPPools[n.IPPool()])
	doc.InstanceID = n.uuid().String()
	doc.Role = bootstrap.Worker
	doc.Schedulable = n.NodePool.Schedulable
	doc.Address = n.address
	doc.MAC = n.mac
	doc.Endpoint = n.addresses.endpoint().Bootstrap()
	zones, err := n.zones(ctx)
	if err != nil {
		return nil, err
	}
	doc.NodeLabels = topologyLabels(zones.Of(n.resolved().ComputeCluster))
	if doc.SecretKeys, err = n.secretKeys(); err != nil {
		return nil, err
	}

	if n.First {
		doc.Role = bootstrap.FirstControlPlane
		doc.Authorities = n.Secrets.Authorities
		doc.Restore = n.restore()
		return bootstrap.GuestInfo(doc)
	}
	if doc.Token, doc.CAHash, err = n.api.token(); err != nil {
		return nil, err
	}
	if n.NodePool.ControlPlane() {
		doc.Role = bootstrap.ControlPlane
		if doc.CertificateKey, err = n.api.certificateKey(); err != nil {
			return nil, err
		}
	}
	return bootstrap.GuestInfo(doc)
}

// topologyLabels are the labels that the kubelet sets on its node.
func topologyLabels(z model.Zone) map[string]string {
	labels := map[string]string{}
	if z.Region != "" {
		labels[model.LabelRegion] = z.Region
	}
	if z.Zone != "" {
		labels[model.LabelZone] = z.Zone
	}
	return labels
}

func (n *newNode) uuid() uuid.UUID { return model.NodeUUID(n.Spec.ID, n.Node) }

// resolved is the node's placement in references.
func (n *newNode) resolved() model.ResolvedPlacement {
	return n.World.Limits.Site.Placements[n.Placement]
}

func (n *newNode) cloneRequest(folder string) (model.CloneRequest, error) {
	template := n.from
	place := n.resolved()
	if template.Ref == "" || !place.Complete() {
		return model.CloneRequest{}, fmt.Errorf("the template %q or a part of the %s was not found",
			n.Spec.ImageOf(n.NodePool).Template, n.Placement.Field(""))
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
		MAC:       n.mac,
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
		Incarnation:       n.record.current().Incarnation,
		Reset:             n.record.current().Reset,
		Node:              n.Node,
		Role:              n.NodePool.Role(),
		NodePool:          n.NodePool.Name,
		Ordinal:           n.Ordinal,
		NameTemplate:      n.record.names().TemplateOf(n.NodePool.Name, n.Ordinal),
		Address:           n.address,
		IPPool:            place.IPPoolID,
		KubernetesVersion: n.Spec.VersionOf(n.NodePool),
		Template:          n.Spec.ImageOf(n.NodePool).Template,
		CloneMode:         mode,
		ComputeCluster:    n.resolved().ComputeClusterName,
		Datastore:         place.Datastore,
		DatastoreCluster:  place.DatastoreCluster,
		StoragePolicy:     place.StoragePolicy,
		Network:           place.Network,
		ResourcePool:      place.ResourcePool,
		TemplateRef:       n.from.Ref,
		References:        n.resolved().References(),
		CPU:               n.NodePool.CPU,
		MemoryGB:          n.NodePool.MemoryGB,
		DiskGB:            disk,
		CAFingerprint:     n.Secrets.Authorities.Fingerprint(),
		BuiltWith:         n.Spec.BuiltWithOf(n.NodePool),
		EncryptionKeys:    n.EncryptionKeys,

		ExternalCloudProvider: n.Spec.HasCPI(),
	}
	if build := n.Spec.ImageOf(n.NodePool).Build; build != nil {
		marker.Base = build.Base.Template
		marker.BaseRef = n.World.Limits.Site.BaseRef
	}
	switch {
	case n.NodePool.LoadBalancer():
		marker.ExternalCloudProvider = false
		marker.NameTemplate = ""
		marker.BuiltWith = plan.LoadBalancerBuiltWith(n.Spec)
		marker.HAProxyImage = n.Spec.LoadBalancer.HAProxyImage
		marker.HostName = n.Spec.LoadBalancer.HostName
	case n.NodePool.ControlPlane() && !n.Spec.DHCP():
		marker.VIP = n.addresses.endpoint().Address
		marker.Extra = n.addresses.markerExtra(n.CreateNode)
	}
	return marker
}

// wipeLeftUserdata removes bootstrap data that cloud-init has not removed by itself, as
// where the guest may not set guestinfo.
func (n *newNode) wipeLeftUserdata(ctx context.Context) error {
	state, err := n.changes.watch.vm(ctx, n.vm, false)
	if err != nil || !state.Userdata {
		return err
	}
	return n.wipeUserdata(ctx, n.vm, n.Node)
}

// wipeAfterFailure removes the bootstrap data of a node that did not join, also
// when the run has been stopped. What cloud-init has left of it stays: it says that the
// guest has booted.
func (r *Runner) wipeAfterFailure(ctx context.Context, vm, name string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	if state, err := r.changes.watch.vm(ctx, vm, false); err == nil && !state.Userdata {
		return nil
	}
	return r.wipeUserdata(ctx, vm, name)
}
