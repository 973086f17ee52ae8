package run_test

import (
	"context"
	"errors"
	"reflect"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/engine/run"
	"github.com/gantry/terraform-provider-gantry/internal/ledger"
)

// unguarded are the methods of the ports that change nothing, and why one that does
// is among them.
var unguarded = map[string]bool{
	"InstanceUUID": true, "Survey": true, "Zones": true, "MachineZones": true, "StorageCompliance": true,
	"Poll": true, "Clones": true, "FindFolder": true,
	"FindImage": true, "MadeImage": true, "Licenses": true,
	"Ready": true, "Nodes": true, "Secret": true, "Available": true, "AdminsBound": true, "Kubeadm": true,
	"ControlPlane": true, "ControlPlanePods": true, "EtcdMembers": true, "EtcdSnapshot": true, "ContainerEnds": true,
	"VIP": true, "KubeVIPRuns": true,
	"Services": true, "Usage": true,
	"Written": true, "FindObjects": true, "Drift": true, "ReleaseDrift": true, "NotReady": true, "Explain": true,
	"LacksForFiles": true, "Lacks": true, "FindVMTags": true, "VMTags": true, "Rules": true,
	// A token is of one run: whoever has the lock by now needs it gone.
	"DeleteToken": true,
}

// TestNothingIsChangedWithoutTheLock calls every method of the ports as a run has
// them, after another run has taken over the lock: what changes anything returns that,
// and the port below, which is nil, is never called. A new method fails the test until
// it is guarded, or named above.
func TestNothingIsChangedWithoutTheLock(t *testing.T) {
	t.Parallel()
	lost := func(context.Context) error { return &ledger.LostError{} }
	walked := 0
	for _, port := range []any{run.GuardVCenter(nil, lost), run.GuardAPI(nil, lost)} {
		value := reflect.ValueOf(port)
		for i := range value.NumMethod() {
			name := value.Type().Method(i).Name
			if unguarded[name] {
				continue
			}
			walked++
			t.Run(name, func(t *testing.T) {
				defer func() {
					if recover() != nil {
						t.Errorf("%s reaches vCenter or the cluster without a check of the lock", name)
					}
				}()
				results := value.Method(i).Call(arguments(t, value.Method(i).Type()))
				err, _ := results[len(results)-1].Interface().(error)
				var gone *ledger.LostError
				if !errors.As(err, &gone) {
					t.Errorf("%s returns %v", name, err)
				}
			})
		}
	}
	if walked < 15 {
		t.Errorf("only %d methods were walked over", walked)
	}
}

func arguments(t *testing.T, method reflect.Type) []reflect.Value {
	args := []reflect.Value{reflect.ValueOf(t.Context())}
	for i := 1; i < method.NumIn(); i++ {
		args = append(args, reflect.Zero(method.In(i)))
	}
	return args
}

// The guards are whole ports.
var (
	_ model.VCenter = run.GuardVCenter(nil, nil)
	_ model.API     = run.GuardAPI(nil, nil)
)
