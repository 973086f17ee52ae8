package packs_test

import (
	"bytes"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"helm.sh/helm/v4/pkg/release/common"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// TestWhatCannotBeRolledBackIsUpgradedOver has an upgrade that a dead run has left, of a chart
// whose hook fails in each rollback.
func TestWhatCannotBeRolledBackIsUpgradedOver(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	hook := configMap("hooked", "now", "helm.sh/hook: pre-rollback")
	c.must(c.apply(c.chart(map[string]string{"a.yaml": configMap("a", "one"), "hook.yaml": hook})))
	c.must(c.apply(c.chart(map[string]string{"a.yaml": configMap("a", "two"), "hook.yaml": hook})))
	c.pend(1, common.StatusDeployed)
	c.pend(2, common.StatusPendingUpgrade)
	c.refusing(writes("hooked"))
	c.must(c.apply(c.chart(map[string]string{"a.yaml": configMap("a", "three"), "hook.yaml": hook})))
	c.expect("1 superseded", "2 failed", "3 failed", "4 deployed")
	if got := c.text("a"); got != "three" {
		t.Errorf("it is %q", got)
	}
}

// writes matches requests that change what has a name.
func writes(name string) func(*http.Request) bool {
	return func(r *http.Request) bool {
		return r.Method != http.MethodGet && strings.HasSuffix(r.URL.Path, "/"+name)
	}
}

// TestAnInstallationThatDidNotEndLosesNothing has one that is cut off, or fails, at each point:
// what is there stays, and what an upgrade does not run again is not taken for done.
func TestAnInstallationThatDidNotEndLosesNothing(t *testing.T) {
	t.Parallel()
	hook := configMap("prepared", "yes", "helm.sh/hook: post-install")
	templates := map[string]string{"a.yaml": configMap("a", "one"), "b.yaml": configMap("b", "one")}
	withHook := map[string]string{"a.yaml": configMap("a", "one"), "hook.yaml": hook}
	t.Run("nothing was made", func(t *testing.T) {
		t.Parallel()
		c := newCluster(t)
		first := map[string]string{"a.yaml": configMap("a", "one"), "hook.yaml": configMap("prepared", "yes", "helm.sh/hook: pre-install")}
		c.refusing(posts("prepared"))
		if err := c.apply(c.chart(first)); err == nil {
			t.Fatal("the hook failed, and the installation did not")
		}
		c.expect("1 failed")
		c.refusing(nil)
		c.must(c.apply(c.chart(first)))
		c.expect("1 deployed")
		if c.text("prepared") != "yes" || c.text("a") != "one" {
			t.Error("it was not installed with its hook")
		}
	})
	for name, status := range map[string]common.Status{"cut off": common.StatusPendingInstall, "failed": common.StatusFailed} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCluster(t)
			c.must(c.apply(c.chart(templates)))
			uid := c.object(configMaps, "apps", "a").GetUID()
			c.pend(1, status)
			c.must(c.apply(c.chart(map[string]string{"a.yaml": configMap("a", "two"), "b.yaml": configMap("b", "one")})))
			c.expect("1 superseded", "2 deployed")
			if o := c.object(configMaps, "apps", "a"); o == nil || o.GetUID() != uid || c.text("a") != "two" {
				t.Errorf("what was in use is %v", o)
			}
		})
	}
	t.Run("a hook is outstanding", func(t *testing.T) {
		t.Parallel()
		c := newCluster(t)
		c.refusing(posts("prepared"))
		_ = c.apply(c.chart(withHook))
		c.expect("1 failed")
		c.refusing(nil)
		err := c.apply(c.chart(withHook))
		if err == nil || !strings.Contains(err.Error(), "ConfigMap prepared") || !strings.Contains(err.Error(), "helm uninstall -n apps app") {
			t.Errorf("it counts as applied: %v", err)
		}
		if c.text("a") != "one" {
			t.Error("what was there is gone")
		}
	})
}

// TestAnInstallationFetchesNoSchema has a schema that refers to another one, which no server has.
func TestAnInstallationFetchesNoSchema(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	c.must(c.apply(c.chart(map[string]string{
		"a.yaml":                configMap("a", "one"),
		"../values.schema.json": `{"properties": {"a": {"$ref": "http://127.0.0.1:1/no.json"}}}`,
	})))
	c.expect("1 deployed")
}

// posts matches the request that makes what has a name.
func posts(name string) func(*http.Request) bool {
	return func(r *http.Request) bool {
		if r.Method == http.MethodPatch {
			return strings.HasSuffix(r.URL.Path, "/"+name)
		}
		if r.Method != http.MethodPost || r.Body == nil {
			return false
		}
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		return strings.Contains(string(body), `"name":"`+name+`"`)
	}
}

// TestWhatWillNotBeServedIsNoted has a release say what of it some version of Kubernetes does not
// serve, also where nothing was left to do, and no more once its chart is without.
func TestWhatWillNotBeServedIsNoted(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	const hook = "apiVersion: scheduling.k8s.io/v1beta1\nkind: PriorityClass\n" +
		"metadata: {name: high, annotations: {helm.sh/hook: pre-delete}}\nvalue: 1\n"
	chart := c.chart(map[string]string{"a.yaml": configMap("a", "one"), "hook.yaml": hook})
	want := []model.ObjectKind{{APIVersion: "scheduling.k8s.io/v1beta1", Kind: "PriorityClass"}}
	for range 2 {
		if got, err := c.releases.Apply(t.Context(), "app", chart, allowed); err != nil || !slices.Equal(got, want) {
			t.Errorf("got %v, %v", got, err)
		}
	}
	without := c.chart(map[string]string{"a.yaml": configMap("a", "two")})
	if got, err := c.releases.Apply(t.Context(), "app", without, allowed); err != nil || len(got) > 0 {
		t.Errorf("got %v, %v", got, err)
	}
}
