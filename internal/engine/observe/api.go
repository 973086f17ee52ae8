package observe

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"sync"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// readAPI asks the cluster's own API, where there may be one. That it does not
// answer is an observation, not an error.
func (o Observer) readAPI(ctx context.Context, w *World, req request) {
	secrets := req.secrets
	if o.IgnoresDrift {
		req.target.Packs = nil
	}
	if o.LeavesReleases {
		req.target.Packs = slices.DeleteFunc(slices.Clone(req.target.Packs), func(pack model.Pack) bool { return pack.Chart != nil })
	}
	if secrets == nil || secrets.Authorities == nil {
		return
	}
	w.Facts.CAFingerprint = secrets.Authorities.Fingerprint()
	if len(secrets.Kubeconfig) == 0 || len(w.Facts.Machines)+len(w.Facts.Unseen) == 0 {
		return
	}
	w.Facts.API.Asked = true
	api, err := o.Kube.Connect(secrets.Kubeconfig, secrets.Authorities.Etcd)
	if err == nil {
		w.API = api
		err = readAPIFacts(ctx, cluster{API: api, releases: o.releases(req)}, req.target, &w.Facts.API)
	}
	if err != nil {
		w.Facts.API.Error = err.Error()
		w.apiFailed = err
		o.askMembers(ctx, w, secrets)
	}
}

// readTime reads vCenter's clock where nodes are judged by how long they have not been
// Ready.
func (o Observer) readTime(ctx context.Context, w *World, target model.Target) error {
	if !target.RepairsNotReady || !slices.ContainsFunc(slices.Collect(maps.Values(w.Facts.API.Nodes)), notReady) {
		return nil
	}
	now, err := o.Ledger.Now(ctx)
	if err != nil {
		return err
	}
	w.Facts.Now = now
	return nil
}

func notReady(n model.KubeNode) bool { return !n.NotReadySince.IsZero() }

// cluster is the API of a cluster, and the releases in it.
type cluster struct {
	model.API
	releases func() (model.Releases, error)
}

// releases are those of the cluster, to which one connects once.
func (o Observer) releases(req request) func() (model.Releases, error) {
	return sync.OnceValues(func() (model.Releases, error) {
		if o.Charts == nil {
			return nil, errors.New("charts cannot be read")
		}
		return o.Charts.Connect(req.secrets.Kubeconfig, req.id)
	})
}

func readAPIFacts(ctx context.Context, api cluster, target model.Target, facts *model.APIFacts) error {
	nodes, err := api.Nodes(ctx)
	if errors.Is(err, model.ErrPermission) {
		bound, asked := api.AdminsBound(ctx)
		facts.AdminsUnbound = asked == nil && !bound
	}
	if err != nil {
		return err
	}
	stored, err := api.Secret(ctx, model.SecretCluster)
	if err != nil {
		return err
	}
	if facts.Kubeadm, err = api.Kubeadm(ctx); err != nil {
		return err
	}
	facts.ImportDataStored = stored != nil
	facts.Nodes = map[string]model.KubeNode{}
	facts.Packs = map[string]model.AppliedPack{}
	for _, n := range nodes {
		facts.Nodes[n.Name] = n
	}
	facts.AuthoritiesOmitted = string(stored[model.AuthoritiesKey]) == model.AuthoritiesOmitted
	// A list that the cluster's administrators have damaged is none: all packs are
	// applied again.
	if raw := stored[model.PacksKey]; len(raw) < maxPacks && json.Unmarshal(raw, &facts.Packs) != nil {
		facts.Packs = map[string]model.AppliedPack{}
	}
	return readInventories(ctx, api, target, facts)
}

// maxPacks bounds the list of applied packs, which is kept in private state.
const maxPacks = 512 << 10
