package observe

import (
	"context"
	"encoding/json"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// readAPI asks the cluster's own API, where there may be one. That it does not
// answer is an observation, not an error.
func (o Observer) readAPI(ctx context.Context, w *World, secrets *model.Secrets) {
	if secrets == nil || secrets.Authorities == nil {
		return
	}
	w.Facts.CAFingerprint = secrets.Authorities.Fingerprint()
	if len(secrets.Kubeconfig) == 0 || len(w.Facts.Machines)+len(w.Facts.Unseen) == 0 {
		return
	}
	w.Facts.API.Asked = true
	api, err := o.Kube.Connect(secrets.Kubeconfig)
	if err == nil {
		w.API = api
		err = readAPIFacts(ctx, api, &w.Facts.API)
	}
	if err != nil {
		w.Facts.API.Error = err.Error()
	}
}

func readAPIFacts(ctx context.Context, api model.API, facts *model.APIFacts) error {
	nodes, err := api.Nodes(ctx)
	if err != nil {
		return err
	}
	stored, err := api.Secret(ctx, model.SecretCluster)
	if err != nil {
		return err
	}
	facts.ImportDataStored = stored != nil
	facts.Nodes = map[string]model.KubeNode{}
	facts.Packs = map[string]string{}
	for _, n := range nodes {
		facts.Nodes[n.Name] = n
	}
	if raw, ok := stored[model.PacksKey]; ok {
		return json.Unmarshal(raw, &facts.Packs)
	}
	return nil
}
