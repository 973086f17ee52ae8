package packs_test

import (
	"net/http"
	"strings"
	"testing"

	"helm.sh/helm/v4/pkg/release/common"
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
