package engine_test

import (
	"fmt"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/simulator"
	"github.com/gantry/terraform-provider-gantry/internal/testing/cpimanifest"
	"github.com/gantry/terraform-provider-gantry/internal/testing/testchart"
)

// account is one whose password no state has, of a version.
func (w *world) account(username, password string, version int64) *model.Account {
	return &model.Account{Server: w.sim.Server(), Username: username, Password: password, Version: &version, Insecure: true}
}

// secretData are the data of a Secret of a cluster; nil where there is none.
func (w *world) secretData(secrets *model.Secrets, namespace, name string) map[string][]byte {
	w.t.Helper()
	s, err := w.clients(secrets).CoreV1().Secrets(namespace).Get(w.t.Context(), name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil
	}
	w.must(err)
	return s.Data
}

// TestCloudProviderLogsInAsTheAccount has a cloud provider whose manifest has no Secret: it
// initializes the nodes by the one that is written for it.
func TestCloudProviderLogsInAsTheAccount(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	spec := w.spec(1, 1)
	spec.Account = w.account(w.sim.Username(), w.sim.Password(), 1)
	pack := model.Pack{Name: "vsphere", Layer: model.LayerCPI, Manifests: []string{cpimanifest.Manifest(w.sim.Server(), "", "", true)}}
	pack.Credentials = &model.Credentials{Namespace: "kube-system", Secret: "vsphere-cloud-secret", Format: model.FormatCPI}
	spec.Packs = []model.Pack{network, pack}
	spec, secrets, out := w.applied(spec)
	if c := statusCondition(t, out.Status, "NodesInitialized"); out.Status.State != model.StateRunning || c.Status != model.ConditionTrue {
		t.Fatalf("%+v", out.Status)
	}
	w.expectPlan(spec, secrets)
}

const mountsLogin = `apiVersion: apps/v1
kind: Deployment
metadata: {name: %s, namespace: storage}
spec:
  selector: {matchLabels: {app: %[1]s}}
  template:
    metadata: {labels: {app: %[1]s}}
    spec:
      containers:
        - name: driver
          image: registry.example.com/driver:1
          volumeMounts: [{name: login, mountPath: /etc/login}]
      volumes: [{name: login, secret: {secretName: login}}]
`

// TestCredentialsFollowTheAccount has a chart and a manifest whose pods mount the Secret of
// their pack: it is there before them, also in the place of one that the chart had made, is
// renewed with the account's password, whereupon they restart and others do not, and goes with
// the pack.
func TestCredentialsFollowTheAccount(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	folder := testchart.Folder(t, testchart.Files("1.0.0"))
	app := chartPack(folder, "missing: login")
	app.Credentials = &model.Credentials{Namespace: "apps", Secret: "login", Format: model.FormatCPI}
	csi := model.Pack{Name: "csi", Layer: model.LayerCSI, Manifests: []string{fmt.Sprintf(mountsLogin, "controller")}}
	csi.Credentials = &model.Credentials{Namespace: "storage", Secret: "login", Format: model.FormatCSI, Topology: "rack"}
	spec := w.spec(1, 1)
	spec.Account = w.account("k8s@vsphere.local", "first", 1)
	spec.Packs = []model.Pack{network, csi, chartPack(folder, "missing: login", "login: login")}
	spec, secrets, out := w.applied(spec)
	if out.Status.State != model.StateRunning {
		t.Fatalf("%+v", out.Status)
	}
	conf := string(w.secretData(secrets, "storage", "login")["csi-vsphere.conf"])
	for _, want := range []string{`topology-categories = "rack"`, `password = "first"`, fmt.Sprintf("cluster-id = %q", spec.ID)} {
		if !strings.Contains(conf, want) {
			t.Errorf("it lacks %s: %s", want, conf)
		}
	}
	spec.Packs[2] = app
	w.expectPlan(spec, secrets, "write_credentials app (apps/login)", "upgrade_pack app (demo 1.0.0)")
	w.change(spec, secrets)
	if w.secretData(secrets, "apps", "login") == nil {
		t.Error("the chart has deleted the Secret")
	}
	w.expectPlan(spec, secrets)
	w.byHand(w.kubeAPI(secrets), fmt.Sprintf(mountsLogin, "other"))

	spec.Account = w.account("k8s@vsphere.local", "second", 2)
	w.expectPlan(spec, secrets, "write_credentials csi (storage/login)", "write_credentials app (apps/login)")
	w.change(spec, secrets)
	if conf := string(w.secretData(secrets, "storage", "login")["csi-vsphere.conf"]); !strings.Contains(conf, `password = "second"`) {
		t.Errorf("it is %s", conf)
	}
	for name, want := range map[string]bool{"storage/controller": true, "storage/other": false, "apps/app": true} {
		if got := w.deployment(secrets, name).Spec.Template.Annotations["gantry.io/credentials-version"] != ""; got != want {
			t.Errorf("%s restarts: %t", name, got)
		}
	}
	w.expectPlan(spec, secrets)

	spec.Packs = []model.Pack{network, {Name: "csi", Layer: model.LayerCSI, Manifests: csi.Manifests}}
	w.expectPlan(spec, secrets,
		"uninstall_pack app (demo 1.0.0)", "delete_credentials app (apps/login)", "delete_credentials csi (storage/login)")
	w.change(spec, secrets)
	if w.secretData(secrets, "storage", "login") != nil || w.secretData(secrets, "apps", "login") != nil {
		t.Error("a Secret is left")
	}
	w.expectPlan(spec, secrets)
}

func (w *world) deployment(secrets *model.Secrets, name string) *appsv1.Deployment {
	w.t.Helper()
	namespace, name, _ := strings.Cut(name, "/")
	d, err := w.clients(secrets).AppsV1().Deployments(namespace).Get(w.t.Context(), name, metav1.GetOptions{})
	w.must(err)
	return d
}

// kubeAPI is the cluster's API as the engine has it.
func (w *world) kubeAPI(secrets *model.Secrets) model.API {
	w.t.Helper()
	api, err := w.engine().Kube.Connect(secrets.Kubeconfig, secrets.Authorities.Etcd)
	w.must(err)
	return api
}
