// Package cpimanifest has the manifest of a vSphere cloud provider for tests. It has the
// objects, the names and the settings of the manifest that
// kubernetes/cloud-provider-vsphere releases for v1.34.0
// (releases/v1.34/vsphere-cloud-controller-manager.yaml), with one vCenter.
package cpimanifest

import (
	"fmt"
	"net"
)

// Manifest renders the manifest for the vCenter at server, which is host:port, and a
// user of it; without a name, the Secret that its configuration refers to is left out. With
// zones, the tag categories k8s-region and k8s-zone become labels.
func Manifest(server, username, password string, zones bool) string {
	host, port, err := net.SplitHostPort(server)
	if err != nil {
		host, port = server, "443"
	}
	labels := ""
	if zones {
		labels = "labels: {region: k8s-region, zone: k8s-zone}"
	}
	secret := ""
	if username != "" {
		secret = fmt.Sprintf(login, host, username, password)
	}
	return account + secret + fmt.Sprintf(configuration, host, port, labels) + rights + daemonSet
}

const account = `apiVersion: v1
kind: ServiceAccount
metadata:
  name: cloud-controller-manager
  namespace: kube-system
  labels: {component: cloud-controller-manager}
`

const login = `---
apiVersion: v1
kind: Secret
metadata:
  name: vsphere-cloud-secret
  namespace: kube-system
  labels: {component: cloud-controller-manager}
stringData:
  %s.username: %q
  %[1]s.password: %[3]q
`

const configuration = `---
apiVersion: v1
kind: ConfigMap
metadata:
  name: vsphere-cloud-config
  namespace: kube-system
  labels: {component: cloud-controller-manager}
data:
  vsphere.conf: |
    global:
      insecureFlag: true
      secretName: vsphere-cloud-secret
      secretNamespace: kube-system
    vcenter:
      main:
        server: %[1]s
        port: %[2]s
        datacenters: [dc-1]
    %[3]s
`

const rights = `---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata:
  name: servicecatalog.k8s.io:apiserver-authentication-reader
  namespace: kube-system
  labels: {component: cloud-controller-manager}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: extension-apiserver-authentication-reader}
subjects:
  - {kind: ServiceAccount, name: cloud-controller-manager, namespace: kube-system}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata:
  name: system:cloud-controller-manager
  labels: {component: cloud-controller-manager}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: system:cloud-controller-manager}
subjects:
  - {kind: ServiceAccount, name: cloud-controller-manager, namespace: kube-system}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  name: system:cloud-controller-manager
  labels: {component: cloud-controller-manager}
rules:
  - {apiGroups: [""], resources: [events], verbs: [create, patch, update]}
  - {apiGroups: [""], resources: [nodes], verbs: ["*"]}
  - {apiGroups: [""], resources: [nodes/status], verbs: [patch]}
  - {apiGroups: [""], resources: [services], verbs: [list, patch, update, watch]}
  - {apiGroups: [""], resources: [services/status], verbs: [patch]}
  - {apiGroups: [""], resources: [serviceaccounts], verbs: [create, get, list, watch, update]}
  - {apiGroups: [""], resources: [persistentvolumes], verbs: [get, list, update, watch]}
  - {apiGroups: [""], resources: [endpoints], verbs: [create, get, list, watch, update]}
  - {apiGroups: [""], resources: [secrets], verbs: [get, list, watch]}
  - {apiGroups: [coordination.k8s.io], resources: [leases], verbs: [create, get, list, watch, update]}
`

const daemonSet = `---
apiVersion: apps/v1
kind: DaemonSet
metadata:
  name: vsphere-cloud-controller-manager
  namespace: kube-system
  labels: {component: cloud-controller-manager, tier: control-plane}
spec:
  selector:
    matchLabels: {name: vsphere-cloud-controller-manager}
  updateStrategy: {type: RollingUpdate}
  template:
    metadata:
      labels: {name: vsphere-cloud-controller-manager, component: cloud-controller-manager, tier: control-plane}
    spec:
      serviceAccountName: cloud-controller-manager
      priorityClassName: system-node-critical
      hostNetwork: true
      securityContext: {runAsUser: 1001}
      tolerations:
        - {key: node.cloudprovider.kubernetes.io/uninitialized, value: "true", effect: NoSchedule}
        - {key: node-role.kubernetes.io/control-plane, operator: Exists, effect: NoSchedule}
        - {key: node.kubernetes.io/not-ready, operator: Exists, effect: NoSchedule}
      affinity:
        nodeAffinity:
          requiredDuringSchedulingIgnoredDuringExecution:
            nodeSelectorTerms:
              - matchExpressions: [{key: node-role.kubernetes.io/control-plane, operator: Exists}]
              - matchExpressions: [{key: node-role.kubernetes.io/master, operator: Exists}]
      containers:
        - name: vsphere-cloud-controller-manager
          image: registry.k8s.io/cloud-pv-vsphere/cloud-provider-vsphere:v1.34.0
          args: [--cloud-provider=vsphere, --v=2, --cloud-config=/etc/cloud/vsphere.conf]
          resources: {requests: {cpu: 200m}}
          volumeMounts: [{name: vsphere-config-volume, mountPath: /etc/cloud, readOnly: true}]
      volumes:
        - name: vsphere-config-volume
          configMap: {name: vsphere-cloud-config}
`
