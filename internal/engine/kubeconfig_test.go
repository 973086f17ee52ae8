package engine_test

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/simulator"
)

// TestKubeconfigRenewedInTime lets half a year go by: another kubeconfig is issued
// without a call to vCenter; before that, none is.
func TestKubeconfigRenewedInTime(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	spec, secrets, _ := w.applied(w.spec(1, 0))
	before := slices.Clone(secrets.Kubeconfig)
	e := w.engine()
	w.sim.ResetCalls()
	if renewed, err := e.RenewKubeconfig(spec.Name, secrets); renewed || err != nil {
		t.Fatalf("renewed on the first day: %t, %v", renewed, err)
	}
	e.Now = func() time.Time { return time.Now().AddDate(0, 0, 183) }
	if renewed, err := e.RenewKubeconfig(spec.Name, secrets); !renewed || err != nil {
		t.Fatalf("not renewed after half a year: %t, %v", renewed, err)
	}
	if calls := w.sim.Calls().Total; calls > 0 || bytes.Equal(before, secrets.Kubeconfig) {
		t.Errorf("%d calls, and the kubeconfig is new: %t", calls, !bytes.Equal(before, secrets.Kubeconfig))
	}
}
