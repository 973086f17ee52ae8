package packs_test

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"helm.sh/helm/v4/pkg/release/common"
	releasev1 "helm.sh/helm/v4/pkg/release/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// TestDeployedIsWhatHelmHasStored reads by one call what is deployed of a release, without hooks and
// definitions of its chart. One that is pending or has failed since is none, and one that is not
// there, or another's, is an error.
func TestDeployedIsWhatHelmHasStored(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	of := model.Release{Namespace: "apps", Name: "app"}
	deployed := func() string {
		t.Helper()
		got, err := c.releases.Deployed(t.Context(), of)
		if err != nil {
			return err.Error()
		}
		if got.Manifest != "" && (got.Namespace != "apps" || got.Name != "app") {
			t.Errorf("it is %+v", got)
		}
		return got.Manifest
	}
	if got := deployed(); !strings.Contains(got, "not in the cluster any more") {
		t.Errorf("before it is installed: %q", got)
	}
	chart := func(text string) model.Chart {
		return c.chart(map[string]string{
			"a.yaml": configMap("a", text), "hook.yaml": configMap("hooked", "now", "helm.sh/hook: post-install"),
		})
	}
	for _, text := range []string{"one", "two", "three"} {
		c.must(c.apply(chart(text)))
	}
	c.expect("1 superseded", "2 superseded", "3 deployed")
	var calls []string
	c.refusing(func(r *http.Request) bool {
		calls = append(calls, r.Method+" "+r.URL.Query().Get("labelSelector"))
		return r.Method != http.MethodGet
	})
	got := deployed()
	if !strings.Contains(got, "'three'") || strings.Contains(got, "two") || strings.Contains(got, "hooked") {
		t.Errorf("it is %q", got)
	}
	if !slices.Equal(calls, []string{"GET name=app,owner=helm,status!=superseded"}) {
		t.Errorf("the calls %q", calls)
	}
	c.refusing(nil)

	for _, status := range []common.Status{common.StatusPendingUpgrade, common.StatusPendingRollback, common.StatusFailed} {
		c.pend(3, status)
		if got := deployed(); got != "" {
			t.Errorf("while it is %s: %q", status, got)
		}
		c.pend(2, common.StatusDeployed) // as while an upgrade runs
		if got := deployed(); got != "" {
			t.Errorf("while it is %s: %q", status, got)
		}
	}
	c.pend(2, common.StatusSuperseded)
	c.pend(3, common.StatusUninstalled)
	if got := deployed(); !strings.Contains(got, "not in the cluster any more") {
		t.Errorf("taken out with its history: %q", got)
	}
	c.record(3, func(r *releasev1.Release) { r.Labels["gantry.io/pack"] = "other" })
	if got := deployed(); !strings.Contains(got, "was not made for this pack") {
		t.Errorf("of another pack: %q", got)
	}
}

// TestDeployedUnpacksTheLastRevisionAlone has revisions that have failed before, of which nothing can be
// read, and one that unpacks to far more than it is.
func TestDeployedUnpacksTheLastRevisionAlone(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	of := model.Release{Namespace: "apps", Name: "app"}
	chart := c.chart(map[string]string{"a.yaml": configMap("a", "one")})
	c.must(c.apply(chart))
	for version := range 6 {
		c.put(100+version, common.StatusFailed, []byte("nothing that can be read"))
	}
	c.put(107, common.StatusDeployed, packed(`{"manifest": "a: b", "apply_method": "csa", "chart": {"metadata": {"version": "2.0.0"}}}`))
	got, err := c.releases.Deployed(t.Context(), of)
	want := model.DeployedRelease{Namespace: "apps", Name: "app", Revision: 107, Version: "2.0.0", Manifest: "a: b"}
	if err != nil || got != want {
		t.Errorf("it is %+v, %v", got, err)
	}
	c.put(108, common.StatusDeployed, packed(`{"manifest": "`+strings.Repeat("a", 40<<20)+`"}`))
	if _, err := c.releases.Deployed(t.Context(), of); err == nil || !strings.Contains(err.Error(), "unpacks to more than 32 MiB") {
		t.Errorf("of one that unpacks to more: %v", err)
	}
	c.put(109, common.StatusDeployed, []byte("nothing that can be read"))
	if _, err := c.releases.Deployed(t.Context(), of); err == nil || !strings.Contains(err.Error(), "cannot be read") {
		t.Errorf("of one that cannot be read: %v", err)
	}
	c.put(110, common.StatusUninstalling, nil)
	if got, err := c.releases.Deployed(t.Context(), of); err != nil || got != (model.DeployedRelease{}) {
		t.Errorf("while it is taken out: %+v, %v", got, err)
	}
	c.put(111, common.StatusUninstalled, nil)
	if _, err := c.releases.Deployed(t.Context(), of); !errors.Is(err, model.ErrReleaseGone) {
		t.Errorf("taken out: %v", err)
	}
}

// put stores a revision of the pack's release as Helm does.
func (c *cluster) put(version int, status common.Status, content []byte) {
	c.Helper()
	clients, err := kubernetes.NewForConfig(c.config)
	c.must(err)
	labels := map[string]string{"owner": "helm", "name": "app", "version": strconv.Itoa(version), "status": status.String()}
	first, err := clients.CoreV1().Secrets("apps").Get(c.Context(), "sh.helm.release.v1.app.v1", metav1.GetOptions{})
	c.must(err)
	for _, label := range []string{"gantry.io/cluster", "gantry.io/pack"} {
		labels[label] = first.Labels[label]
	}
	_, err = clients.CoreV1().Secrets("apps").Create(c.Context(), &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: "sh.helm.release.v1.app.v" + strconv.Itoa(version), Labels: labels},
		Data:       map[string][]byte{"release": content},
	}, metav1.CreateOptions{})
	c.must(err)
}

func packed(text string) []byte {
	var to bytes.Buffer
	zip := gzip.NewWriter(&to)
	_, _ = zip.Write([]byte(text))
	_ = zip.Close()
	return []byte(base64.StdEncoding.EncodeToString(to.Bytes()))
}
