package kubeapi

import (
	"encoding/base64"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest/cpi"
)

// isCloudController reports whether a pod is one of vSphere's cloud provider.
func isCloudController(pod *Object) bool {
	for _, c := range mapsAt(pod, "spec", "containers") {
		image, _ := c["image"].(string)
		repository, _, _ := strings.Cut(image, "@")
		if path.Base(strings.TrimSuffix(repository, ":"+tag(repository))) == "cloud-provider-vsphere" {
			return true
		}
	}
	return false
}

func tag(image string) string {
	if i := strings.LastIndex(image, ":"); i > strings.LastIndex(image, "/") {
		return image[i+1:]
	}
	return ""
}

// cloudController is the process in a pod of the cloud provider.
type cloudController struct {
	user   User
	config *cpi.Config
}

// cloudControllerFlags are those that the process knows and that make sense here.
var cloudControllerFlags = map[string]bool{
	"cloud-provider": true, "cloud-config": true, "v": true, "bind-address": true, "secure-port": true, "leader-elect": true,
	"cluster-name": true, "controllers": true, "configure-cloud-routes": true, "node-monitor-period": true, "kubeconfig": true,
	"authentication-kubeconfig": true, "authorization-kubeconfig": true, "authentication-skip-lookup": true, "node-labels": true,
}

// startCloudController returns the process that a pod runs, or why it ends.
func (p *pass) startCloudController(pod *Object) (*cloudController, error) {
	var typed corev1.Pod
	if !convert(pod, &typed) {
		return nil, errors.New("not a pod")
	}
	flags := map[string]string{}
	container := typed.Spec.Containers[0]
	for _, argument := range container.Args {
		name, value, _ := strings.Cut(strings.TrimLeft(argument, "-"), "=")
		if !strings.HasPrefix(argument, "-") || !cloudControllerFlags[name] {
			return nil, fmt.Errorf("unknown flag: %s", argument)
		}
		flags[name] = value
	}
	if provider, set := flags["cloud-provider"]; set && provider != "vsphere" {
		return nil, fmt.Errorf("unknown cloud provider %s, only 'vsphere' and 'vsphere-paravirtual' are supported", provider)
	}
	user := serviceAccountUser(typed.Namespace, typed.Spec.ServiceAccountName)
	if err := p.mayStart(user); err != nil {
		return nil, err
	}
	text, err := p.fileOf(&typed, flags["cloud-config"])
	if err != nil {
		return nil, err
	}
	config, err := cpi.ReadConfig(text)
	if err != nil {
		return nil, err
	}
	return &cloudController{user: user, config: config}, nil
}

func serviceAccountUser(namespace, name string) User {
	if name == "" {
		name = "default"
	}
	return User{
		Name:   "system:serviceaccount:" + namespace + ":" + name,
		Groups: []string{"system:serviceaccounts", "system:serviceaccounts:" + namespace, "system:authenticated"},
	}
}

// mayStart checks the rights without which the process ends at its start: it reads how
// requests to itself are authenticated, and leads with a lease.
func (p *pass) mayStart(user User) error {
	for _, verb := range []string{"get", "list", "watch"} {
		a := attributes{verb: verb, resource: "configmaps", namespace: "kube-system", name: "extension-apiserver-authentication"}
		if !p.allowed(user, a) {
			return errors.New("unable to load configmap based request-header-client-ca-file: configmaps " +
				"\"extension-apiserver-authentication\" is forbidden")
		}
	}
	return p.may(user, "coordination.k8s.io", "leases", "kube-system", "create", "get", "update")
}

// may returns the first verb that a user lacks.
func (p *pass) may(user User, group, resource, namespace string, verbs ...string) error {
	for _, verb := range verbs {
		if !p.allowed(user, attributes{verb: verb, group: group, resource: resource, namespace: namespace}) {
			return fmt.Errorf("%s is forbidden: User %q cannot %s resource %q", resource, user.Name, verb, resource)
		}
	}
	return nil
}

// fileOf reads a file in a pod's first container. It comes from a ConfigMap or a Secret.
func (p *pass) fileOf(pod *corev1.Pod, file string) (string, error) {
	missing := fmt.Errorf("open %q: no such file or directory", file)
	if file == "" {
		return "", errors.New("no vSphere cloud provider config file given")
	}
	for _, mount := range pod.Spec.Containers[0].VolumeMounts {
		inside, ok := strings.CutPrefix(file, strings.TrimSuffix(mount.MountPath, "/")+"/")
		if mount.SubPath != "" && file == mount.MountPath {
			inside, ok = mount.SubPath, true
		}
		if !ok {
			continue
		}
		for _, volume := range pod.Spec.Volumes {
			if volume.Name == mount.Name {
				return p.fileIn(pod.Namespace, volume, inside, missing)
			}
		}
	}
	return "", missing
}

func (p *pass) fileIn(namespace string, volume corev1.Volume, file string, missing error) (string, error) {
	var items []corev1.KeyToPath
	if source := volume.ConfigMap; source != nil {
		items = source.Items
	} else if source := volume.Secret; source != nil {
		items = source.Items
	}
	for _, item := range items {
		if item.Path == file {
			file, items = item.Key, nil
			break
		}
	}
	if len(items) > 0 {
		return "", missing // items leave all other keys out
	}
	switch {
	case volume.ConfigMap != nil:
		o, err := p.Get(ConfigMaps, namespace, volume.ConfigMap.Name)
		if text, ok := at(o, "data", file).(string); err == nil && ok {
			return text, nil
		}
	case volume.Secret != nil:
		if data, err := p.secretData(namespace, volume.Secret.SecretName); err == nil && data[file] != nil {
			return string(data[file]), nil
		}
	}
	return "", missing
}

// secretData is the content of a Secret.
func (p *pass) secretData(namespace, name string) (map[string][]byte, error) {
	o, err := p.Get(Secrets, namespace, name)
	if err != nil {
		return nil, err
	}
	data := map[string][]byte{}
	encoded, _ := at(o, "data").(map[string]any)
	for key, value := range encoded {
		text, _ := value.(string)
		if data[key], err = base64.StdEncoding.DecodeString(text); err != nil {
			return nil, err
		}
	}
	return data, nil
}

// volumesReady reports whether all that a pod mounts from ConfigMaps and Secrets is
// there; kubelet starts no container of it before, and ignores a volume that no container mounts.
func (p *pass) volumesReady(pod *Object) bool {
	var typed corev1.Pod
	if !convert(pod, &typed) {
		return true
	}
	mounted := map[string]bool{}
	for _, c := range slices.Concat(typed.Spec.InitContainers, typed.Spec.Containers) {
		for _, mount := range c.VolumeMounts {
			mounted[mount.Name] = true
		}
	}
	for _, volume := range typed.Spec.Volumes {
		if !mounted[volume.Name] {
			continue
		}
		var err error
		if source := volume.ConfigMap; source != nil && (source.Optional == nil || !*source.Optional) {
			_, err = p.Get(ConfigMaps, typed.Namespace, source.Name)
		} else if source := volume.Secret; source != nil && (source.Optional == nil || !*source.Optional) {
			_, err = p.Get(Secrets, typed.Namespace, source.SecretName)
		}
		if err != nil {
			return false
		}
	}
	return true
}
