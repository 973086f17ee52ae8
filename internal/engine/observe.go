package engine

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/ledger"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
	"github.com/gantry/terraform-provider-gantry/internal/pki"
)

// The Secrets of kube-system in which a cluster keeps what import needs, and
// what of its packs was applied.
//
// A kubeconfig lives a year. With half of it left, another is made.
const (
	kubeconfigRest = 365 * 24 * time.Hour / 2

	SecretPKI     = "gantry-pki"
	SecretCluster = "gantry-cluster"
	packsKey      = "packs"
)

// observe reads all that planning the spec needs, in a number of vCenter calls
// that does not grow with the number of nodes. Where the spec has no id yet and
// the name's record was never finished, the spec takes over the record's.
func (e *Engine) observe(ctx context.Context, spec *ClusterSpec, secrets *Secrets) (*Observed, API, error) {
	record, err := e.readRecord(ctx, spec.Target())
	if err != nil {
		return nil, nil, err
	}
	if record != nil && spec.New && !record.CreationComplete {
		// The run that made it died before anybody else had its certificate
		// authorities: no state holds it, and nothing can be imported.
		record.APIReached = false
	}
	if record != nil && spec.ID == "" && !record.APIReached {
		spec.ID = record.ID.String()
	}
	obs, err := e.survey(ctx, spec.Target(), record, &SurveyRequest{
		ClusterID: spec.ID, Datacenter: spec.Datacenter, Names: spec.names(),
	})
	if err != nil {
		return nil, nil, err
	}
	if err := e.readPools(ctx, obs, spec.poolsOfSpec()); err != nil {
		return nil, nil, err
	}
	if err := obs.bringPool(spec); err != nil {
		return nil, nil, err
	}
	if err := e.readClaims(ctx, obs, spec.ID); err != nil {
		return nil, nil, err
	}
	return obs, e.askAPI(ctx, obs, secrets), nil
}

// observeTarget reads what status and deletion need: nothing is resolved, and
// the pools are those that the record and the machines name.
func (e *Engine) observeTarget(ctx context.Context, t Target, secrets *Secrets) (*Observed, error) {
	record, err := e.readRecord(ctx, t)
	if err != nil {
		return nil, err
	}
	obs, err := e.survey(ctx, t, record, &SurveyRequest{ClusterID: t.ID})
	if err != nil {
		return nil, err
	}
	if err := e.readPools(ctx, obs, nil); err != nil {
		return nil, err
	}
	if err := e.readClaims(ctx, obs, t.ID); err != nil {
		return nil, err
	}
	e.askAPI(ctx, obs, secrets)
	return obs, nil
}

// readChildren reads what stands on a gateway, before it is taken away.
func (e *Engine) readChildren(ctx context.Context, t Target, obs *Observed) (err error) {
	if t.Kind != KindGateway {
		return nil
	}
	children, err := e.Ledger.Children(ctx, obs.RecordID)
	if err != nil {
		return fmt.Errorf("list what belongs to gateway %q: %w", t.Name, err)
	}
	for _, child := range children {
		// Its own pool goes with it.
		if child.Kind != record.KindIPPool || child.Name != t.OwnPool {
			obs.Children = append(obs.Children, child.Describe())
		}
	}
	return nil
}

func (e *Engine) survey(ctx context.Context, t Target, record *record.Cluster, req *SurveyRequest) (*Observed, error) {
	survey, err := e.Reader.Survey(ctx, *req)
	if err != nil {
		return nil, fmt.Errorf("read the inventory of vCenter: %w", err)
	}
	obs := &Observed{RecordID: e.recordID(t), Record: record, Survey: survey, IPPools: map[string]*IPPool{}}
	if own := e.ownPoolID(t); own != uuid.Nil {
		obs.OwnPool = own.String()
	}
	return obs, nil
}

// bringPool fills in the pool that a gateway brings along as it will be, where
// it is not registered yet, or not any more, or with something else.
func (o *Observed) bringPool(spec *ClusterSpec) error {
	pool := o.IPPools[o.OwnPool]
	if pool == nil || spec.OwnPool == nil || pool.Registered && pool.Body.Equal(*spec.OwnPool) {
		return nil
	}
	id, err := uuid.Parse(o.OwnPool)
	if err != nil {
		return err
	}
	pool.Body = *spec.OwnPool
	pool.IPPool, err = ledger.NewIPPool(id, *spec.OwnPool)
	if err != nil {
		return fmt.Errorf("the IP pool %q: %w", spec.OwnPool.Name, err)
	}
	pool.Gateway, pool.Registered, pool.New, pool.Damage = spec.ID, true, true, nil
	return nil
}

func (e *Engine) readRecord(ctx context.Context, t Target) (*record.Cluster, error) {
	rec, err := e.Ledger.Record(ctx, e.recordID(t))
	if errors.Is(err, ledger.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the record of %s %q: %w", t.Kind, t.Name, err)
	}
	body, err := rec.Cluster()
	if err != nil {
		return nil, fmt.Errorf("the record of %s %q in the ledger cannot be read: %w", t.Kind, t.Name, err)
	}
	return &body, nil
}

func (e *Engine) readPool(ctx context.Context, obs *Observed, id string) error {
	if obs.IPPools[id] != nil {
		return nil
	}
	pool := &IPPool{}
	obs.IPPools[id] = pool
	uid, ok := parseID(id)
	if !ok {
		return nil // not an id of ours: not registered
	}
	pool.ID = uid
	rec, err := e.Ledger.Record(ctx, uid)
	if err == nil {
		pool.Body, err = rec.IPPool()
	}
	switch {
	case errors.Is(err, ledger.ErrNotFound):
		return nil
	case errors.Is(err, ledger.ErrDamaged):
		pool.Damage = err
		return nil
	case err != nil:
		return fmt.Errorf("read the record of IP pool %s: %w", id, err)
	}
	if pool.IPPool, err = ledger.NewIPPool(uid, pool.Body); err != nil {
		return fmt.Errorf("the record of IP pool %q in the ledger is not valid: %w", rec.Name, err)
	}
	pool.Gateway, pool.Registered = idString(rec.GatewayID), true
	return nil
}

// parseID reads an id that a user may have written.
func parseID(s string) (uuid.UUID, bool) {
	id, err := uuid.Parse(s)
	return id, err == nil
}

// readPools reads the pools that the spec, the record and the machines name: an
// address is also released to a pool that the spec no longer uses.
func (e *Engine) readPools(ctx context.Context, obs *Observed, ids []string) error {
	if obs.Record != nil {
		ids = append(ids, idStrings(obs.Record.IPPools)...)
	}
	for _, m := range obs.Survey.Machines {
		ids = append(ids, m.Marker.IPPool)
	}
	if obs.OwnPool != "" {
		ids = append(ids, obs.OwnPool)
	}
	for _, id := range ids {
		if err := e.readPool(ctx, obs, id); err != nil {
			return err
		}
	}
	return nil
}

// readClaims finds every address that the cluster holds: by the markers of its
// VMs, which one read has shown already, and by the descriptions of those few
// claims that no VM accounts for. What a VM lives on is never handed out, be it
// claimed or not.
func (e *Engine) readClaims(ctx context.Context, obs *Observed, cluster string) error {
	taken, err := e.Ledger.Snapshot(ctx)
	if err != nil {
		return fmt.Errorf("list the claims: %w", err)
	}
	obs.taken = taken
	marked := map[string]map[netip.Addr]bool{}
	for _, h := range obs.Survey.Held {
		if marked[h.Pool] == nil {
			marked[h.Pool] = map[netip.Addr]bool{}
		}
		pool := obs.IPPools[h.Pool]
		// Of a pool whose record was deleted or edited the claims stand.
		if marked[h.Pool][h.Address] || pool == nil || pool.ID == uuid.Nil {
			continue
		}
		marked[h.Pool][h.Address] = true
		claim := Claim{Pool: h.Pool, Address: h.Address, Node: h.Node}
		switch claimed := taken.Has(pool.ID, h.Address); {
		case h.Cluster != cluster || cluster == "":
		case claimed:
			obs.Claims = append(obs.Claims, claim)
		default:
			obs.Unclaimed = append(obs.Unclaimed, claim)
		}
	}
	for addr, path := range obs.Survey.Reported {
		taken.Avoid(addr, path)
	}
	for id, pool := range obs.IPPools {
		if !pool.Registered {
			continue
		}
		pool.count(taken, obs.Survey.Reported)
		if pool.SingleCluster {
			by, err := e.Ledger.ReservedBy(ctx, pool.ID)
			if err != nil {
				return fmt.Errorf("read who has IP pool %q to itself: %w", pool.Body.Name, err)
			}
			pool.ReservedBy = idString(by)
		}
		if cluster == "" {
			continue
		}
		owned, err := e.Ledger.OwnedBy(ctx, pool.IPPool, taken, ledgerID(cluster), func(a netip.Addr) bool { return marked[id][a] })
		if err != nil {
			return fmt.Errorf("read the claims of IP pool %q: %w", pool.Body.Name, err)
		}
		for addr, owner := range owned {
			obs.Claims = append(obs.Claims, Claim{Pool: id, Address: addr, Node: owner.Node})
		}
	}
	for _, claims := range [][]Claim{obs.Claims, obs.Unclaimed} {
		slices.SortFunc(claims, func(a, b Claim) int { return cmp.Or(a.Address.Compare(b.Address), cmp.Compare(a.Pool, b.Pool)) })
	}
	return nil
}

// count tells what is left of a pool.
func (p *IPPool) count(taken *ledger.Snapshot, reported map[netip.Addr]string) {
	p.Total, p.Taken = p.Pool.Total(), taken.Count(p.IPPool)
	p.Strange = map[netip.Addr]string{}
	for addr, vm := range reported {
		if p.Issuable(addr) && !taken.Has(p.ID, addr) {
			p.Strange[addr] = vm
		}
	}
}

// askAPI asks the cluster's own API, where there may be one. That it does not
// answer is an observation, not an error.
func (e *Engine) askAPI(ctx context.Context, obs *Observed, secrets *Secrets) API {
	if secrets == nil || secrets.Authorities == nil {
		return nil
	}
	obs.Authorities = secrets.Authorities.Fingerprint()
	if len(secrets.Kubeconfig) == 0 || len(obs.Survey.Machines) == 0 {
		return nil
	}
	if expires, err := pki.KubeconfigExpiry(secrets.Kubeconfig); err == nil {
		obs.KubeconfigStale = e.now().Add(kubeconfigRest).After(expires)
	}
	obs.APIAsked = true
	api, err := e.Kube.Connect(secrets.Kubeconfig)
	if err == nil {
		err = obs.readAPI(ctx, api)
	}
	if err != nil {
		obs.APIError = err.Error()
	}
	return api
}

func (o *Observed) readAPI(ctx context.Context, api API) error {
	nodes, err := api.Nodes(ctx)
	if err != nil {
		return err
	}
	kept, err := api.Secret(ctx, SecretCluster)
	if err != nil {
		return err
	}
	o.Nodes, o.Packs, o.Kept = map[string]KubeNode{}, map[string]string{}, kept != nil
	for _, n := range nodes {
		o.Nodes[n.Name] = n
	}
	if raw, ok := kept[packsKey]; ok {
		return json.Unmarshal(raw, &o.Packs)
	}
	return nil
}

// names lists the inventory names that the spec uses, each with its attribute.
func (s *ClusterSpec) names() *Names {
	n := &Names{Template: s.Template, ImageFolder: s.ImageFolder, TemplateField: "profile.image.template", Folder: s.Folder}
	for i, pool := range s.Pools() {
		for j, pl := range pool.Placements {
			n.Placements = append(n.Placements, PlacementNames{Field: placementField(i, pool.Name, j), Placement: pl})
		}
	}
	return n
}
