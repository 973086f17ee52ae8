package bootstrap

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"
)

// aloneDropIn comes after kubeadm's, whose kubelet waits for a kubeconfig. systemd by itself
// does not look where the script does.
const aloneDropIn = `[Service]
ExecStart=
ExecStart=/usr/bin/env PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/opt/bin kubelet --config=` + aloneConfigPath + `
`

type aloneKubelet struct {
	APIVersion     string              `json:"apiVersion"`
	Kind           string              `json:"kind"`
	Authentication aloneAuthentication `json:"authentication"`
	Authorization  aloneAuthorization  `json:"authorization"`
	Address        string              `json:"address"`
	EnableServer   bool                `json:"enableServer"`
	CgroupDriver   string              `json:"cgroupDriver"`
	Endpoint       string              `json:"containerRuntimeEndpoint"`
	StaticPodPath  string              `json:"staticPodPath"`
	PodPIDsLimit   int                 `json:"podPidsLimit"`
	SeccompDefault bool                `json:"seccompDefault"`
}

type aloneAuthentication struct {
	Anonymous enabled `json:"anonymous"`
	Webhook   enabled `json:"webhook"`
}

type aloneAuthorization struct {
	Mode string `json:"mode"`
}

type enabled struct {
	Enabled bool `json:"enabled"`
}

// aloneConfiguration is that of a kubelet without an API, which could ask none who its clients
// are: it has no server.
func aloneConfiguration() aloneKubelet {
	common := kubelet()
	return aloneKubelet{
		APIVersion:     common.APIVersion,
		Kind:           common.Kind,
		Authorization:  aloneAuthorization{Mode: "AlwaysAllow"},
		Address:        "127.0.0.1",
		CgroupDriver:   common.CgroupDriver,
		Endpoint:       criSocket,
		StaticPodPath:  staticPods,
		PodPIDsLimit:   common.PodPIDsLimit,
		SeccompDefault: common.SeccompDefault,
	}
}

// haproxy renders the static pod, which the script gives to kubelet once there are backends.
func (lb LoadBalancer) haproxy() ([]byte, error) {
	directory := corev1.HostPathDirectory
	priority := int32(systemCriticalWeight)
	no, yes := false, true
	pod := corev1.Pod{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"},
		ObjectMeta: metav1.ObjectMeta{Name: "haproxy", Namespace: metav1.NamespaceSystem},
		Spec: corev1.PodSpec{
			HostNetwork:       true,
			PriorityClassName: "system-node-critical",
			Priority:          &priority,
			Containers: []corev1.Container{{
				Name:            "haproxy",
				Image:           lb.HAProxyImage,
				ImagePullPolicy: corev1.PullIfNotPresent,
				// The master process is the container's first, which the script signals.
				Command: []string{"haproxy", "-W", "-db", "-f", haproxyConfigInside},
				SecurityContext: &corev1.SecurityContext{
					AllowPrivilegeEscalation: &no,
					ReadOnlyRootFilesystem:   &yes,
					Capabilities:             &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
				},
				VolumeMounts: []corev1.VolumeMount{{Name: "configuration", MountPath: haproxyInside, ReadOnly: true}},
			}},
			Volumes: []corev1.Volume{{Name: "configuration", VolumeSource: corev1.VolumeSource{
				HostPath: &corev1.HostPathVolumeSource{Path: haproxyDirectory, Type: &directory},
			}}},
		},
	}
	data, err := yaml.Marshal(pod)
	if err != nil {
		return nil, fmt.Errorf("HAProxy's manifest of load balancer %s: %w", lb.Name, err)
	}
	return data, nil
}
