package agent_test

import (
	"encoding/json"
	"slices"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/gantry/terraform-provider-gantry/internal/agent"
)

// asPublished is where the makers of an image publish it.
func asPublished(image string) string { return image }

func network(t *testing.T, cidr string) []string {
	t.Helper()
	list, err := agent.Network(cidr, asPublished)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestNetworkConfiguration(t *testing.T) {
	t.Parallel()
	for cidr, want := range map[string]string{
		"192.168.0.0/16": `{"Backend":{"Type":"vxlan"},"Network":"192.168.0.0/16"}`,
		"fd00:10::/56":   `{"Backend":{"Type":"vxlan"},"EnableIPv4":false,"EnableIPv6":true,"IPv6Network":"fd00:10::/56"}`,
	} {
		data := object[corev1.ConfigMap](t, network(t, cidr), "ConfigMap").Data
		if got := data["net-conf.json"]; got != want {
			t.Errorf("%s: got %s, want %s", cidr, got, want)
		}
		var list struct{ Plugins []struct{ Type string } }
		err := json.Unmarshal([]byte(data["cni-conf.json"]), &list)
		if err != nil || len(list.Plugins) != 2 || list.Plugins[0].Type != "flannel" {
			t.Errorf("%s: CNI configuration %s: %v", cidr, data["cni-conf.json"], err)
		}
	}
	if _, err := agent.Network("not a network", asPublished); err == nil {
		t.Error("a network that is none was taken")
	}
}

func TestNetworkRunsOnEveryNode(t *testing.T) {
	t.Parallel()
	list := network(t, "192.168.0.0/16")
	d := object[appsv1.DaemonSet](t, list, "DaemonSet")
	pod := d.Spec.Template.Spec
	tolerates := func(t corev1.Toleration) bool {
		return t.Operator == corev1.TolerationOpExists && t.Key == "" && t.Effect == ""
	}
	if !pod.HostNetwork || !slices.ContainsFunc(pod.Tolerations, tolerates) {
		t.Errorf("host network %v, tolerations %v", pod.HostNetwork, pod.Tolerations)
	}
	volumes := map[string]bool{}
	for _, v := range pod.Volumes {
		volumes[v.Name] = true
	}
	for _, c := range append(pod.InitContainers, pod.Containers...) {
		for _, m := range c.VolumeMounts {
			if !volumes[m.Name] {
				t.Errorf("container %s mounts %s, which is no volume", c.Name, m.Name)
			}
		}
	}
	account := object[corev1.ServiceAccount](t, list, "ServiceAccount")
	binding := object[rbacv1.ClusterRoleBinding](t, list, "ClusterRoleBinding")
	role := object[rbacv1.ClusterRole](t, list, "ClusterRole")
	if pod.ServiceAccountName != account.Name || binding.Subjects[0].Name != account.Name ||
		binding.Subjects[0].Namespace != account.Namespace || binding.RoleRef.Name != role.Name || d.Namespace != account.Namespace {
		t.Errorf("the daemons run as %s, and the role is bound to %+v", pod.ServiceAccountName, binding.Subjects)
	}
	if ns := object[corev1.Namespace](t, list, "Namespace"); ns.Labels["pod-security.kubernetes.io/enforce"] != "privileged" {
		t.Error("Pod Security would refuse the daemons")
	}
}
