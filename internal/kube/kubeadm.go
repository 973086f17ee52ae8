package kube

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/retry"
	"sigs.k8s.io/yaml"

	"github.com/gantry/terraform-provider-gantry/internal/bootstrap"
	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/kubeversion"
)

// Names that kubeadm fixes.
const (
	kubeadmConfigMap   = "kubeadm-config"
	clusterConfigKey   = "ClusterConfiguration"
	kubeletConfigMap   = "kubelet-config"
	kubeletConfigKey   = "kubelet"
	kubeadmFormat      = "kubeadm.k8s.io/v1beta4"
	maxKubeadmDocument = 256 << 10

	// settingsAnnotation identifies, on kubeadm-config, the settings of components in it.
	settingsAnnotation = "gantry.io/component-settings"
	// repositoriesAnnotation are the image repositories that Gantry has ever written, and those
	// that it has written over, on kubeadm-config.
	repositoriesAnnotation = "gantry.io/image-repositories"
)

// VersionAnnotation is on the ConfigMap kubeadm-config whose version Gantry has written:
// that version. An upgrade by hand takes the annotation away, or leaves an older one.
const VersionAnnotation = "gantry.io/kubernetes-version"

// Kubeadm reads what kubeadm keeps in the cluster. What is not as it makes it is
// reported as not there: what has replaced it is left alone.
func (a *api) Kubeadm(ctx context.Context) (model.KubeadmFacts, error) {
	var facts model.KubeadmFacts
	stored, err := a.clients.CoreV1().ConfigMaps(metav1.NamespaceSystem).Get(ctx, kubeadmConfigMap, metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err):
	case err != nil:
		return facts, failed(ctx, err, "read the ConfigMap kube-system/%s", kubeadmConfigMap)
	default:
		if config, err := clusterConfiguration(stored); err == nil {
			facts.Version = versionOf(text(config, "kubernetesVersion"))
			facts.Ours = facts.Version != "" && stored.Annotations[VersionAnnotation] == facts.Version
			facts.Settings = stored.Annotations[settingsAnnotation]
			facts.Repositories = stored.Annotations[repositoriesAnnotation]
			if from := text(config, "imageRepository"); from != bootstrap.DefaultRepository {
				facts.ImageRepository = from
			}
		}
	}
	proxy, err := a.kubeProxy(ctx)
	if err != nil {
		return facts, err
	}
	if proxy != nil {
		facts.KubeProxy = versionOf(tagOf(kubeProxyContainer(proxy).Image))
		facts.KubeProxyFrom = from(kubeProxyContainer(proxy).Image)
	}
	dns, err := a.coreDNS(ctx)
	if err != nil {
		return facts, err
	}
	if dns != nil {
		facts.CoreDNS = versionOf(tagOf(coreDNSContainer(dns).Image))
		facts.CoreDNSFrom = from(coreDNSContainer(dns).Image)
	}
	return facts, nil
}

// versionOf is a version without its v; empty where the text is none.
func versionOf(text string) string {
	v, err := kubeversion.Parse(text)
	if err != nil {
		return ""
	}
	return v.String()
}

// UpdateKubeadmConfig writes the rights first: a node that reads the new version needs
// them.
func (a *api) UpdateKubeadmConfig(ctx context.Context, config model.KubeadmConfig) error {
	if err := a.ensureKubeadmRights(ctx); err != nil {
		return err
	}
	if err := a.updateKubeletConfig(ctx, config.Kubelet); err != nil {
		return failed(ctx, err, "update the ConfigMap kube-system/%s", kubeletConfigMap)
	}
	return failed(ctx, a.updateClusterConfig(ctx, config), "update the ConfigMap kube-system/%s", kubeadmConfigMap)
}

// updateClusterConfig sets the version, and the arguments and volumes of the components, in
// what kubeadm was given when it made the cluster, and keeps all else of it.
func (a *api) updateClusterConfig(ctx context.Context, want model.KubeadmConfig) error {
	components, err := document(string(want.Components))
	if err != nil {
		return err
	}
	maps := a.clients.CoreV1().ConfigMaps(metav1.NamespaceSystem)
	return retry.RetryOnConflict(retry.DefaultBackoff, func() error {
		stored, err := maps.Get(ctx, kubeadmConfigMap, metav1.GetOptions{})
		if err != nil {
			return err
		}
		config, err := clusterConfiguration(stored)
		if err != nil {
			return err
		}
		config["kubernetesVersion"] = "v" + want.Version
		for name, component := range components {
			config[name] = withComponent(config[name], component)
		}
		repositories := setRepository(config, stored.Annotations[repositoriesAnnotation], want)
		raw, err := yaml.Marshal(config)
		if err != nil {
			return err
		}
		if stored.Data[clusterConfigKey] == string(raw) && stored.Annotations[settingsAnnotation] == want.Settings &&
			stored.Annotations[VersionAnnotation] == want.Version && stored.Annotations[repositoriesAnnotation] == repositories {
			return nil
		}
		stored.Data[clusterConfigKey] = string(raw)
		metav1.SetMetaDataAnnotation(&stored.ObjectMeta, VersionAnnotation, want.Version)
		metav1.SetMetaDataAnnotation(&stored.ObjectMeta, settingsAnnotation, want.Settings)
		if repositories != "" {
			metav1.SetMetaDataAnnotation(&stored.ObjectMeta, repositoriesAnnotation, repositories)
		}
		_, err = maps.Update(ctx, stored, metav1.UpdateOptions{FieldManager: FieldManager})
		return err
	})
}

// setRepository sets where images come from, and returns the repositories that Gantry has ever
// set or replaced. No other one is taken back.
func setRepository(config map[string]any, ours string, want model.KubeadmConfig) string {
	const key = "imageRepository"
	var ever []string
	if ours != "" {
		ever = strings.Split(ours, ",")
	}
	had := text(config, key)
	switch {
	case want.ImageRepository != "":
		config[key] = want.ImageRepository
	case want.DropsRepository || slices.Contains(ever, had):
		delete(config, key)
	default:
		return ours
	}
	for _, repository := range []string{had, want.ImageRepository} {
		standard := repository == "" || repository == bootstrap.DefaultRepository
		if !standard && !slices.Contains(ever, repository) {
			ever = append(ever, repository)
		}
	}
	return strings.Join(ever, ",")
}

// withComponent sets what Gantry says of a component, and keeps the rest, such as the names
// in its certificate.
func withComponent(stored, wanted any) any {
	fields, ok := stored.(map[string]any)
	if !ok {
		fields = map[string]any{}
	}
	ours, _ := wanted.(map[string]any)
	for _, key := range []string{"extraArgs", "extraVolumes"} {
		delete(fields, key)
		if value, ok := ours[key]; ok {
			fields[key] = value
		}
	}
	return fields
}

// clusterConfiguration reads the document of kubeadm-config in the one format that all
// supported versions of kubeadm read.
func clusterConfiguration(stored *corev1.ConfigMap) (map[string]any, error) {
	config, err := document(stored.Data[clusterConfigKey])
	if err != nil {
		return nil, fmt.Errorf("its %s is not valid: %w", clusterConfigKey, err)
	}
	if format := text(config, "apiVersion"); format != kubeadmFormat || text(config, "kind") != clusterConfigKey {
		return nil, fmt.Errorf("its %s is in the format %q, and not in %s, which kubeadm of all supported versions reads; "+
			"convert it with `kubeadm config migrate`", clusterConfigKey, format, kubeadmFormat)
	}
	return config, nil
}

// updateKubeletConfig sets the keys that are Gantry's in the configuration of all
// kubelets. What kubeadm has filled in, and others have set, stays.
func (a *api) updateKubeletConfig(ctx context.Context, kubelet []byte) error {
	ours, err := document(string(kubelet))
	if err != nil {
		return err
	}
	want := &corev1.ConfigMap{ObjectMeta: systemMeta(kubeletConfigMap), Data: map[string]string{kubeletConfigKey: string(kubelet)}}
	var broken error
	err = put(ctx, a.clients.CoreV1().ConfigMaps(metav1.NamespaceSystem), want, func(have *corev1.ConfigMap) bool {
		config, err := document(have.Data[kubeletConfigKey])
		if err != nil {
			broken = err
			return false
		}
		changed := false
		for key, value := range ours {
			if !reflect.DeepEqual(config[key], value) {
				config[key] = value
				changed = true
			}
		}
		raw, err := yaml.Marshal(config)
		if err != nil {
			broken = err
			return false
		}
		if changed {
			have.Data[kubeletConfigKey] = string(raw)
		}
		return changed
	})
	if broken != nil {
		return fmt.Errorf("its configuration is not valid: %w", broken)
	}
	return err
}

// document reads a YAML document of fields.
func document(raw string) (map[string]any, error) {
	if len(raw) > maxKubeadmDocument {
		return nil, fmt.Errorf("it has %d bytes", len(raw))
	}
	var out map[string]any
	if err := yaml.Unmarshal([]byte(raw), &out); err != nil {
		return nil, err
	}
	if out == nil {
		return nil, fmt.Errorf("it is empty")
	}
	return out, nil
}

func text(document map[string]any, key string) string {
	value, _ := document[key].(string)
	return strings.TrimSpace(value)
}
