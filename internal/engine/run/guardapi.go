package run

import (
	"context"
	"fmt"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// guardedAPI is guardedVCenter for the cluster's API.
type guardedAPI struct {
	model.API // for what only reads
	check     func(context.Context) error
}

func (g guardedAPI) SetNodeMeta(ctx context.Context, name string, want model.NodeMeta) error {
	if err := g.check(ctx); err != nil {
		return err
	}
	return g.API.SetNodeMeta(ctx, name, want)
}

func (g guardedAPI) Drain(ctx context.Context, name, vm string, timeout time.Duration) error {
	if err := g.check(ctx); err != nil {
		return err
	}
	Waiting(ctx, fmt.Sprintf("the eviction of the node's pods, which may take %s", timeout))
	return g.API.Drain(ctx, name, vm, timeout)
}

func (g guardedAPI) DrainToRestart(ctx context.Context, name string, timeout time.Duration) error {
	if err := g.check(ctx); err != nil {
		return err
	}
	Waiting(ctx, fmt.Sprintf("the eviction of the node's pods, which may take %s", timeout))
	return g.API.DrainToRestart(ctx, name, timeout)
}

func (g guardedAPI) TakeRenewalLease(ctx context.Context, over string) (model.LeaseHolder, error) {
	return guarded(ctx, g.check, func() (model.LeaseHolder, error) { return g.API.TakeRenewalLease(ctx, over) })
}

func (g guardedAPI) ReleaseRenewalLease(ctx context.Context) error {
	if err := g.check(ctx); err != nil {
		return err
	}
	return g.API.ReleaseRenewalLease(ctx)
}

func (g guardedAPI) NameVIPHolder(ctx context.Context, vip model.VIP, holder string) error {
	if err := g.check(ctx); err != nil {
		return err
	}
	return g.API.NameVIPHolder(ctx, vip, holder)
}

func (g guardedAPI) PostEvent(ctx context.Context, event model.ClusterEvent) error {
	if err := g.check(ctx); err != nil {
		return err
	}
	return g.API.PostEvent(ctx, event)
}

func (g guardedAPI) Uncordon(ctx context.Context, name string) error {
	if err := g.check(ctx); err != nil {
		return err
	}
	return g.API.Uncordon(ctx, name)
}

func (g guardedAPI) DeleteNode(ctx context.Context, name string) error {
	if err := g.check(ctx); err != nil {
		return err
	}
	return g.API.DeleteNode(ctx, name)
}

func (g guardedAPI) PutToken(ctx context.Context, token string, expires time.Time) error {
	if err := g.check(ctx); err != nil {
		return err
	}
	return g.API.PutToken(ctx, token, expires)
}

func (g guardedAPI) PutCertificates(ctx context.Context, data map[string][]byte) error {
	if err := g.check(ctx); err != nil {
		return err
	}
	return g.API.PutCertificates(ctx, data)
}

func (g guardedAPI) DeleteCertificates(ctx context.Context) error {
	if err := g.check(ctx); err != nil {
		return err
	}
	return g.API.DeleteCertificates(ctx)
}

func (g guardedAPI) PutSecret(ctx context.Context, name string, data map[string][]byte) error {
	if err := g.check(ctx); err != nil {
		return err
	}
	return g.API.PutSecret(ctx, name, data)
}

func (g guardedAPI) DeleteSecret(ctx context.Context, name string) error {
	if err := g.check(ctx); err != nil {
		return err
	}
	return g.API.DeleteSecret(ctx, name)
}

func (g guardedAPI) PutCredentials(ctx context.Context, pack model.Pack, data map[string][]byte) error {
	if err := g.check(ctx); err != nil {
		return err
	}
	return g.API.PutCredentials(ctx, pack, data)
}

func (g guardedAPI) RestartMounting(ctx context.Context, pack model.Pack) error {
	if err := g.check(ctx); err != nil {
		return err
	}
	return g.API.RestartMounting(ctx, pack)
}

func (g guardedAPI) DeleteCredentials(ctx context.Context, pack string, c model.Credentials) error {
	if err := g.check(ctx); err != nil {
		return err
	}
	return g.API.DeleteCredentials(ctx, pack, c)
}

func (g guardedAPI) RewriteSecrets(ctx context.Context) error {
	if err := g.check(ctx); err != nil {
		return err
	}
	Waiting(ctx, "the cluster's API, which writes all Secrets again")
	return g.API.RewriteSecrets(ctx)
}

func (g guardedAPI) BindAdmins(ctx context.Context) error {
	if err := g.check(ctx); err != nil {
		return err
	}
	return g.API.BindAdmins(ctx)
}

func (g guardedAPI) UpdateKubeadmConfig(ctx context.Context, config model.KubeadmConfig) error {
	if err := g.check(ctx); err != nil {
		return err
	}
	return g.API.UpdateKubeadmConfig(ctx, config)
}

func (g guardedAPI) UpdateKubeProxy(ctx context.Context, image model.AddonImage) error {
	if err := g.check(ctx); err != nil {
		return err
	}
	return g.API.UpdateKubeProxy(ctx, image)
}

func (g guardedAPI) UpdateCoreDNS(ctx context.Context, image model.AddonImage) error {
	if err := g.check(ctx); err != nil {
		return err
	}
	return g.API.UpdateCoreDNS(ctx, image)
}

func (g guardedAPI) Apply(ctx context.Context, m model.PackManifests) ([]model.PackObject, error) {
	Waiting(ctx, "the cluster's API, to which manifests are applied")
	return guarded(ctx, g.check, func() ([]model.PackObject, error) { return g.API.Apply(ctx, m) })
}

func (g guardedAPI) SetBack(
	ctx context.Context, m model.PackManifests, only []model.ObjectRef,
) (objects []model.PackObject, held []model.Drift, err error) {
	Waiting(ctx, "the cluster's API, to which manifests are applied")
	if err := g.check(ctx); err != nil {
		return nil, nil, err
	}
	return g.API.SetBack(ctx, m, only)
}

func (g guardedAPI) DeleteObject(ctx context.Context, owner model.PackOwner, object model.ObjectRef) (model.ObjectEnd, error) {
	return guarded(ctx, g.check, func() (model.ObjectEnd, error) { return g.API.DeleteObject(ctx, owner, object) })
}

func (g guardedAPI) MoveEtcdLeader(ctx context.Context, away string) error {
	if err := g.check(ctx); err != nil {
		return err
	}
	return g.API.MoveEtcdLeader(ctx, away)
}

func (g guardedAPI) RemoveEtcdMember(ctx context.Context, id uint64) error {
	if err := g.check(ctx); err != nil {
		return err
	}
	return g.API.RemoveEtcdMember(ctx, id)
}
