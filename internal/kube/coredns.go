package kube

import (
	"context"
	"fmt"
	"slices"

	"github.com/coredns/corefile-migration/migration"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/retry"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// The keys of CoreDNS's configuration in its ConfigMap: that which it runs with, and
// that which the old version runs with until the new one is there.
const (
	corefileKey       = "Corefile"
	corefileBackupKey = "Corefile-backup"
	coreDNSVolume     = "config-volume"
)

// UpdateCoreDNS migrates the configuration and sets the image. Where the
// configuration changes, the pods of the old version keep the old one, under another key,
// until the deployment has the new image: they read a file that changes, and one that
// restarts with a configuration of another version may not come up. After an interruption
// the key that the deployment reads says which of the two is the old one.
func (a *api) UpdateCoreDNS(ctx context.Context, image model.AddonImage) error {
	dns, err := a.coreDNS(ctx)
	if err != nil || dns == nil || withImage(coreDNSContainer(dns).Image, image) == coreDNSContainer(dns).Image {
		return err
	}
	if olderTag(coreDNSContainer(dns).Image, image.Version) {
		if err := a.migrateCoreDNS(ctx, dns, image.Version); err != nil {
			return err
		}
	}
	return a.changeCoreDNS(ctx, func(have *appsv1.Deployment) {
		read(have, corefileKey)
		container := coreDNSContainer(have)
		container.Image = withImage(container.Image, image)
	})
}

// migrateCoreDNS has the configuration be that of a newer version, while the pods read the old
// one.
func (a *api) migrateCoreDNS(ctx context.Context, dns *appsv1.Deployment, version string) error {
	from := versionOf(tagOf(coreDNSContainer(dns).Image))
	stored, err := a.clients.CoreV1().ConfigMaps(metav1.NamespaceSystem).Get(ctx, model.AddonCoreDNS, metav1.GetOptions{})
	if err != nil {
		return failed(ctx, err, "read the ConfigMap kube-system/%s", model.AddonCoreDNS)
	}
	old := stored.Data[corefileKey]
	if backup, ok := stored.Data[corefileBackupKey]; ok && reads(dns, corefileBackupKey) {
		old = backup
	}
	migrated, err := migrateCorefile(from, version, old)
	if err != nil {
		return fmt.Errorf("CoreDNS %s cannot be updated to %s: %w; change the ConfigMap kube-system/%s, or the image of the deployment "+
			"of that name, by hand, and apply again", from, version, err, model.AddonCoreDNS)
	}
	if migrated == stored.Data[corefileKey] {
		return nil
	}
	return a.keepCorefile(ctx, old, migrated)
}

// keepCorefile has the old version read its own configuration, and writes the new one.
func (a *api) keepCorefile(ctx context.Context, old, migrated string) error {
	if err := a.putCorefiles(ctx, map[string]string{corefileBackupKey: old}); err != nil {
		return err
	}
	if err := a.changeCoreDNS(ctx, func(have *appsv1.Deployment) { read(have, corefileBackupKey) }); err != nil {
		return err
	}
	return a.putCorefiles(ctx, map[string]string{corefileBackupKey: old, corefileKey: migrated})
}

// migrateCorefile is a configuration as a newer version needs it; the same where it runs
// with the old one.
func migrateCorefile(from, to, corefile string) (string, error) {
	changes, err := migration.Deprecated(from, to, corefile)
	if err != nil {
		return "", err
	}
	needed := func(n migration.Notice) bool {
		return n.Severity == migration.SevRemoved || n.Severity == migration.SevNewDefault
	}
	if !slices.ContainsFunc(changes, needed) {
		return corefile, nil
	}
	return migration.Migrate(from, to, corefile, false)
}

// coreDNS reads the deployment as kubeadm makes it; nil where there is none.
func (a *api) coreDNS(ctx context.Context) (*appsv1.Deployment, error) {
	return addon(ctx, "Deployment", model.AddonCoreDNS, a.clients.AppsV1().Deployments(metav1.NamespaceSystem).Get, coreDNSContainer)
}

func coreDNSContainer(dns *appsv1.Deployment) *corev1.Container {
	return containerNamed(&dns.Spec.Template.Spec, model.AddonCoreDNS)
}

func (a *api) changeCoreDNS(ctx context.Context, change func(*appsv1.Deployment)) error {
	err := retry.RetryOnConflict(retry.DefaultBackoff, func() error {
		dns, err := a.coreDNS(ctx)
		if err != nil || dns == nil {
			return err
		}
		change(dns)
		_, err = a.clients.AppsV1().Deployments(metav1.NamespaceSystem).Update(ctx, dns, metav1.UpdateOptions{FieldManager: FieldManager})
		return err
	})
	return failed(ctx, err, "update the Deployment kube-system/%s", model.AddonCoreDNS)
}

func (a *api) putCorefiles(ctx context.Context, files map[string]string) error {
	want := &corev1.ConfigMap{ObjectMeta: systemMeta(model.AddonCoreDNS), Data: files}
	err := put(ctx, a.clients.CoreV1().ConfigMaps(metav1.NamespaceSystem), want, func(have *corev1.ConfigMap) bool {
		changed := false
		for key, content := range files {
			if have.Data[key] != content {
				have.Data[key] = content
				changed = true
			}
		}
		return changed
	})
	return failed(ctx, err, "update the ConfigMap kube-system/%s", model.AddonCoreDNS)
}

// reads reports whether the pods read a key of the configuration.
func reads(dns *appsv1.Deployment, key string) bool {
	return slices.ContainsFunc(corefileItems(dns), func(item corev1.KeyToPath) bool { return item.Key == key })
}

// read has the pods read a key of the configuration, where they read either.
func read(dns *appsv1.Deployment, key string) {
	items := corefileItems(dns)
	for i := range items {
		if items[i].Key == corefileKey || items[i].Key == corefileBackupKey {
			items[i].Key = key
		}
	}
}

// corefileItems are what the pods see of the ConfigMap.
func corefileItems(dns *appsv1.Deployment) []corev1.KeyToPath {
	for _, volume := range dns.Spec.Template.Spec.Volumes {
		if volume.Name == coreDNSVolume && volume.ConfigMap != nil && volume.ConfigMap.Name == model.AddonCoreDNS {
			return volume.ConfigMap.Items
		}
	}
	return nil
}
