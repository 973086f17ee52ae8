package kube

import (
	"context"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// etcdHealthTimeout bounds one call of a member whose health alone is asked for: one that
// is out of reach stays so for long, and every refresh waits for it.
const etcdHealthTimeout = 5 * time.Second

// ControlPlane lists the static pods of the control plane, and asks the members of etcd
// that are among them, where they are several.
func (a *api) ControlPlane(ctx context.Context) (model.ControlPlane, error) {
	pods, err := a.ControlPlanePods(ctx)
	if err != nil {
		return model.ControlPlane{}, err
	}
	found := model.ControlPlane{Pods: pods}
	members := 0
	for _, pod := range pods {
		if pod.Component == model.ComponentEtcd {
			members++
		}
	}
	if members < 2 {
		return found, nil
	}
	found.Etcd.Asked = true
	v, err := a.viewEtcdOf(ctx, pods, etcdHealthTimeout)
	if err != nil {
		found.Etcd.Error = etcdFailed(ctx, err, "list the members of etcd")
		return found, nil
	}
	defer v.close()
	found.Etcd.Members = v.members
	return found, nil
}
