package engine_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/engine"
	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/pki"
	"github.com/gantry/terraform-provider-gantry/internal/simulator"
)

// writtenWith fails where a Secret is not written with the key of a version (0: in clear
// text), where a control-plane node has other keys than these, or where an API server could
// not read what there was.
func (w *world) writtenWith(spec model.ClusterSpec, secrets *model.Secrets, version string, keys model.EncryptionKeys) {
	w.t.Helper()
	history := w.sim.History()
	for name, count := range history.SecretKeys {
		if got, _, _ := strings.Cut(name, " "); got != version {
			w.t.Errorf("%d Secrets are written with %q, not with %q", count, got, version)
		}
	}
	if len(history.SecretKeys) == 0 || len(history.Unreadable) > 0 {
		w.t.Errorf("the keys are %v, and this could not be read: %v", history.SecretKeys, history.Unreadable)
	}
	_, facts, err := w.engine().Status(w.t.Context(), spec, secrets)
	w.must(err)
	for _, m := range facts.Machines {
		if m.Marker.ControlPlane() && (m.Marker.EncryptionKeys != keys || !m.Marker.Extra.IsValid()) {
			w.t.Errorf("%s has the keys %q, not %q, and names the extra %s", m.Marker.Node, m.Marker.EncryptionKeys, keys, m.Marker.Extra)
		}
	}
}

// TestTheKeyOfSecretsIsRaised changes the key of a cluster that was created with one, and
// rolls it for another reason then, after an import.
func TestTheKeyOfSecretsIsRaised(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	w.tightPool(1)
	spec := w.withNetwork(1, 0)
	spec.EncryptionVersion = 1
	spec, secrets, _ := w.applied(spec)
	w.writtenWith(spec, secrets, "v1", "1")

	spec.EncryptionVersion = 2
	want := []string{
		"create_node prod-cp-2", "delete_node prod-cp-1", "create_node prod-cp-3", "delete_node prod-cp-2", "rewrite_secrets prod",
	}
	if p := w.plan(spec, secrets); !slices.Equal(actions(p), want) || p.Err() != nil {
		t.Fatalf("planned %v, %v", actions(p), p.Problems)
	}
	w.apply(spec, secrets)
	w.wholeControlPlane(spec, secrets, 1)
	w.writtenWith(spec, secrets, "v2", "2,1")

	// Who has imported the cluster has its keys.
	found, err := w.engine().Import(t.Context(), engine.ImportRequest{Ref: spec.Ref, Kubeconfig: secrets.Kubeconfig})
	w.must(err)
	secrets = found.Secrets
	spec.ControlPlane.CPU = 4
	w.apply(spec, secrets)
	w.writtenWith(spec, secrets, "v2", "2")

	spec.EncryptionVersion = 1
	if p := w.plan(spec, secrets); p.Err() == nil {
		t.Error("the version of the key can be lowered")
	}
}

// TestARunningClusterIsEncrypted has three nodes, whose Secrets were in clear text.
func TestARunningClusterIsEncrypted(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	spec, secrets := w.fullControlPlane(3)
	w.writtenWith(spec, secrets, "", "")
	spec.EncryptionVersion = 1
	w.apply(spec, secrets)
	w.wholeControlPlane(spec, secrets, 3)
	w.writtenWith(spec, secrets, "v1", "1,0")
}

// TestTheKeyOfSecretsIsRaisedBesideAKill kills the change at its calls to vCenter.
func TestTheKeyOfSecretsIsRaisedBesideAKill(t *testing.T) {
	t.Parallel()
	interrupt(t, 80, disturbances, func(w *world) {
		spec, secrets := w.fullControlPlane(1)
		spec.EncryptionVersion = 1
		w.sim.ResetCalls()
		w.apply(spec, secrets)
	}, func(t *testing.T, k int, d disturbance) {
		w := d.world(t)
		spec, secrets := w.fullControlPlane(1)
		spec.EncryptionVersion = 1
		w.disturb(d, k, func(ctx context.Context, e *engine.Engine) {
			_, _ = e.Apply(ctx, engine.Request{Spec: spec, Secrets: secrets})
		})
		w.apply(spec, secrets)
		w.wholeControlPlane(spec, secrets, 1)
		w.writtenWith(spec, secrets, "v1", "1,0")
	})
}

// TestTheKeyOfSecretsIsRaisedBesideAKillAtTheAPI kills it at its changes of the cluster.
func TestTheKeyOfSecretsIsRaisedBesideAKillAtTheAPI(t *testing.T) {
	t.Parallel()
	killedAtTheAPI(t, 12, func(w *world) (model.ClusterSpec, *model.Secrets) {
		spec, secrets := w.fullControlPlane(1)
		spec.EncryptionVersion = 1
		return spec, secrets
	}, func(w *world, spec model.ClusterSpec, secrets *model.Secrets) {
		w.wholeControlPlane(spec, secrets, 1)
		w.writtenWith(spec, secrets, "v1", "1,0")
	})
}

// TestANodeIsMadeAndDeletedByAKilledRun is killed after the VM of a node is gone that no state
// has ever known, and before its node object is.
func TestANodeIsMadeAndDeletedByAKilledRun(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	spec, secrets := w.fullControlPlane(1)
	spec.EncryptionVersion = 1
	e := w.engine()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	e.Kube = killedAtNodeObject{e.Kube, "prod-cp-2", cancel}
	_, _ = e.Apply(ctx, engine.Request{Spec: spec, Secrets: secrets})
	w.sim.AdvanceClock(2 * time.Minute)
	if _, there := w.kubeNodes(secrets)["prod-cp-2"]; !there || len(w.sim.Leftovers().VMs) != 1 {
		t.Fatalf("the run was killed elsewhere, with the VMs %v", w.sim.Leftovers().VMs)
	}
	if p := w.plan(spec, secrets); !slices.Equal(actions(p), []string{"remove_lost_node prod-cp-2", "rewrite_secrets prod"}) {
		t.Errorf("planned %v, %v, %v", actions(p), p.Problems, warnings(p))
	}
	w.apply(spec, secrets)
	w.wholeControlPlane(spec, secrets, 1)
	w.writtenWith(spec, secrets, "v1", "1,0")
}

// killedAtNodeObject is the API of a run that is killed before it deletes a node object.
type killedAtNodeObject struct {
	model.Kube
	node string
	kill func()
}

func (k killedAtNodeObject) Connect(kubeconfig []byte, etcd pki.KeyPair) (model.API, error) {
	api, err := k.Kube.Connect(kubeconfig, etcd)
	return apiKilledAtNodeObject{api, k}, err
}

type apiKilledAtNodeObject struct {
	model.API
	kube killedAtNodeObject
}

func (a apiKilledAtNodeObject) DeleteNode(ctx context.Context, name string) error {
	if name != a.kube.node {
		return a.API.DeleteNode(ctx, name)
	}
	a.kube.kill()
	return errKilled
}

// TestARestoreReadsOlderKeys restores a snapshot of before the key was raised.
func TestARestoreReadsOlderKeys(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	spec := w.withNetwork(1, 0)
	spec.EncryptionVersion = 1
	spec, secrets, _ := w.applied(spec)
	w.writes(secrets, "before")
	from := w.snapshot(secrets)
	spec.EncryptionVersion = 2
	spec = kept(spec, w.applies(spec, secrets))
	w.writtenWith(spec, secrets, "v2", "2,1")
	w.must(w.sim.DeleteVM("prod-cp-3"))

	spec = restores(spec, from)
	spec = kept(spec, w.applies(spec, secrets))
	if !w.remembers(secrets, "before") {
		t.Error("the cluster does not have the data of the snapshot")
	}
	w.restored(spec, secrets, 3)
	w.writtenWith(spec, secrets, "v2", "2,1,0")
}
