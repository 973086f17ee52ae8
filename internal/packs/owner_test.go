package packs_test

import (
	"net/http"
	"strings"
	"testing"

	"helm.sh/helm/v4/pkg/release/common"
	releasev1 "helm.sh/helm/v4/pkg/release/v1"
)

// TestAReleaseOfAnotherIsNotTouched has a release of the pack's name that a user has made, and
// one of another cluster's pack: neither is upgraded, brought back nor uninstalled.
func TestAReleaseOfAnotherIsNotTouched(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	one, two := c.chart(map[string]string{"a.yaml": configMap("a", "one")}), c.chart(map[string]string{"a.yaml": configMap("a", "two")})
	c.must(c.apply(one))
	own := c.releases

	c.releases = c.connect() // of another cluster
	for name, err := range map[string]error{"apply": c.apply(two), "uninstall": c.uninstall()} {
		if err == nil || !strings.Contains(err.Error(), "was not made for this pack") || !strings.Contains(err.Error(), "kubectl label") {
			t.Errorf("%s: got %v", name, err)
		}
	}
	c.expect("1 deployed")

	c.releases = own
	c.record(1, func(r *releasev1.Release) { r.Labels = nil }) // as by `helm install`
	for _, status := range []common.Status{common.StatusDeployed, common.StatusPendingInstall, common.StatusPendingUpgrade} {
		c.pend(1, status)
		if err := c.apply(two); err == nil || !strings.Contains(err.Error(), "was not made for this pack") {
			t.Errorf("%s: got %v", status, err)
		}
		c.must(c.uninstall())
		c.expect("1 " + status.String())
	}
	if got := c.text("a"); got != "one" {
		t.Errorf("the user's object is %q", got)
	}
}

// TestWhatAUserInstalledMeanwhileStays refuses the first installation before there is a release.
func TestWhatAUserInstalledMeanwhileStays(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	chart := c.chart(map[string]string{"a.yaml": configMap("a", "one")})
	c.refusing(func(r *http.Request) bool {
		return r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/secrets")
	})
	if err := c.apply(chart); err == nil || !strings.Contains(err.Error(), "No release was made") {
		t.Errorf("got %v", err)
	}
	c.refusing(nil)
	c.must(c.apply(chart))
	c.record(1, func(r *releasev1.Release) { r.Labels = nil })
	c.must(c.uninstall())
	c.expect("1 deployed")
	if c.text("a") == "" {
		t.Error("the user's object is gone")
	}
}

// TestAReleaseThatHelm3HasUpgraded was applied on the client's side last.
func TestAReleaseThatHelm3HasUpgraded(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	c.must(c.apply(c.chart(map[string]string{"a.yaml": configMap("a", "one")})))
	c.record(1, func(r *releasev1.Release) { r.ApplyMethod = "" })
	c.must(c.apply(c.chart(map[string]string{"a.yaml": configMap("a", "two")})))
	c.expect("1 superseded", "2 deployed")

	c.record(1, func(r *releasev1.Release) { r.ApplyMethod = "" })
	c.pend(2, common.StatusPendingUpgrade)
	c.pend(1, common.StatusDeployed)
	c.must(c.apply(c.chart(map[string]string{"a.yaml": configMap("a", "one")})))
	c.expect("1 superseded", "2 failed", "3 deployed")
	if got := c.text("a"); got != "one" {
		t.Errorf("it is %q", got)
	}
}

// TestWhyAnUninstallationFailed has an object that cannot be deleted.
func TestWhyAnUninstallationFailed(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	c.must(c.apply(c.chart(map[string]string{"a.yaml": configMap("a", "one")})))
	c.refusing(func(r *http.Request) bool { return r.Method == http.MethodDelete })
	if err := c.uninstall(); err == nil || !strings.Contains(err.Error(), "not today") {
		t.Errorf("got %v", err)
	}
	c.refusing(nil)
	c.must(c.uninstall())
	c.expect()
}
