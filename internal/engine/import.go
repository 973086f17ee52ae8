package engine

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/engine/observe"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
	"github.com/gantry/terraform-provider-gantry/internal/pki"
	"github.com/gantry/terraform-provider-gantry/internal/printable"
)

// ErrNoAuthorities is in the chain where a cluster does not store its certificate
// authorities, and none were given.
var ErrNoAuthorities = errors.New("the cluster does not store its certificate authorities")

// ImportRequest says what to import, and with what.
type ImportRequest struct {
	Ref        record.Ref
	Kubeconfig []byte
	// Authorities are the cluster's, from where its administrator keeps them; nil: as
	// the cluster stores them.
	Authorities *pki.Authorities
}

// Import is what a cluster stores about itself. Data is its administrators', not
// ours.
type Import struct {
	ID uuid.UUID
	// Incarnation is the creation that the record belongs to.
	Incarnation record.Incarnation
	Secrets     *model.Secrets
	Data        map[string][]byte
	// GatewayProxy is what the cluster has taken of its gateway's proxy.
	GatewayProxy *record.Proxy
}

// Import reads what a running cluster stores in its own Secrets. What is read there is
// data of the cluster's administrators: the record in the ledger says which cluster it
// is, the markers of its VMs which authorities it has and where its API is, and the
// kubeconfig is issued anew from these.
func (e *Engine) Import(ctx context.Context, req ImportRequest) (*Import, error) {
	registered, err := registeredAs(ctx, e.observer(false), req.Ref)
	if err != nil {
		return nil, err
	}
	api, err := e.Kube.Connect(req.Kubeconfig, pki.KeyPair{})
	if err != nil {
		return nil, err
	}
	data, err := readOwn(ctx, api, registered.ID, req.Ref.Name)
	if err != nil {
		return nil, err
	}
	authorities := req.Authorities
	if authorities == nil {
		if authorities, err = storedAuthorities(ctx, api); err != nil {
			return nil, err
		}
	}
	if connection, err := pki.ParseKubeconfig(req.Kubeconfig); err != nil || !bytes.Equal(connection.CA, authorities.CA.Cert) {
		return nil, errors.New("the kubeconfig is of a cluster with another certificate authority")
	}
	secrets, err := e.secretsOf(ctx, req.Ref.Name, registered, authorities)
	if err != nil {
		return nil, err
	}
	found := &Import{ID: registered.ID, Incarnation: registered.Incarnation, Data: data, Secrets: secrets}
	if req.Ref.Kind == record.KindCluster {
		found.GatewayProxy = registered.Proxy
	}
	return found, nil
}

// registeredAs reads the record of what is to be imported.
func registeredAs(ctx context.Context, o observe.Observer, ref record.Ref) (model.Record, error) {
	registered, err := o.Record(ctx, ref)
	if err == nil && !registered.Found {
		err = fmt.Errorf("no %s named %q is registered in this vCenter; an id of the form <gateway id>/<name> names one of a gateway",
			ref.Kind, ref.Name)
	}
	return registered, err
}

// readOwn reads what the cluster stores of itself but for its authorities. A cluster
// with another id is refused.
func readOwn(ctx context.Context, api model.API, id uuid.UUID, name string) (map[string][]byte, error) {
	data, err := api.Secret(ctx, model.SecretCluster)
	if err != nil {
		return nil, fmt.Errorf("read the Secret %s: %w", model.SecretCluster, err)
	}
	if data == nil {
		return nil, fmt.Errorf("the Secret %s is not in the namespace kube-system of the cluster; its creation never came that far",
			model.SecretCluster)
	}
	if is := string(data[model.IDKey]); is != "" && is != id.String() {
		return nil, fmt.Errorf("the kubeconfig is of the cluster with the id %q, and %q is registered with %q", printable.Line(is, 60), name, id)
	}
	return data, nil
}

func storedAuthorities(ctx context.Context, api model.API) (*pki.Authorities, error) {
	stored, err := api.Secret(ctx, model.SecretPKI)
	if err != nil {
		return nil, fmt.Errorf("read the Secret %s: %w", model.SecretPKI, err)
	}
	if stored == nil {
		return nil, fmt.Errorf("the Secret %s is not in the namespace kube-system of the cluster: %w", model.SecretPKI, ErrNoAuthorities)
	}
	var secrets struct{ Authorities json.RawMessage }
	if err := json.Unmarshal(stored[model.StoredAuthoritiesKey], &secrets); err != nil {
		return nil, fmt.Errorf("the Secret %s is not as Gantry writes it", model.SecretPKI)
	}
	read, err := pki.ReadAuthorities(secrets.Authorities)
	if err != nil {
		return nil, fmt.Errorf("the Secret %s does not hold certificate authorities: %w", model.SecretPKI, err)
	}
	return read, nil
}

// secretsOf are the secrets of a cluster, if the authorities are those that its
// control-plane VMs were built with.
func (e *Engine) secretsOf(
	ctx context.Context, name string, registered model.Record, authorities *pki.Authorities,
) (*model.Secrets, error) {
	id := registered.ID
	at := model.RecordedEndpoint(registered)
	survey, err := e.Reader.Survey(ctx, model.SurveyRequest{Cluster: id, MaxAge: e.Timing.ReadMaxAge})
	if err != nil {
		return nil, fmt.Errorf("read the inventory of vCenter: %w", err)
	}
	fingerprint := authorities.Fingerprint()
	built := slices.IndexFunc(survey.Machines, func(m model.Machine) bool {
		return m.Marker.ControlPlane() && m.Marker.CAFingerprint == fingerprint && (at.Host() != "" || m.Marker.VIP.IsValid())
	})
	if built < 0 {
		return nil, fmt.Errorf("no control-plane VM of %q that vCenter shows was built with these certificate authorities, "+
			"whose fingerprint is %s; they are another cluster's, or were changed", name, fingerprint)
	}
	secrets := &model.Secrets{Authorities: authorities}
	if secrets.VCenter, err = e.Reader.InstanceUUID(ctx); err != nil {
		return nil, err
	}
	if at.Host() == "" {
		at = model.EndpointOfMachines(survey.Machines[built : built+1])
	}
	secrets.Kubeconfig, err = authorities.AdminKubeconfig(e.random(), name, at.URL(), e.now())
	return secrets, err
}
