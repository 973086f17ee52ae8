package packs

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"helm.sh/helm/v4/pkg/action"
	chartv2 "helm.sh/helm/v4/pkg/chart/v2"
	"helm.sh/helm/v4/pkg/kube"
	helmrelease "helm.sh/helm/v4/pkg/release"
	"helm.sh/helm/v4/pkg/release/common"
	releasev1 "helm.sh/helm/v4/pkg/release/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/client-go/kubernetes"

	"github.com/gantry/terraform-provider-gantry/internal/chartvalues"
	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// maxHistory is how many revisions of a release are kept, as by the command helm.
const maxHistory = 10

// serverSide has Helm apply on the server's side also what was applied on the client's, as
// by a Helm of version 3.
const serverSide = "true"

// checkedBefore leaves out Helm's own check of values, which would repeat them in its error and
// fetch what schemas refer to: whoever resolved the chart has checked them.
const checkedBefore = true

// content is what a release is to be.
type content struct {
	chart    model.Chart
	loaded   *chartv2.Chart
	values   map[string]any
	identity string
}

// Apply implements model.Releases.
func (r *releases) Apply(
	ctx context.Context, name string, chart model.Chart, check func(context.Context) error,
) ([]model.ObjectKind, error) {
	if chart.Resolved.Problem != "" {
		return nil, errors.New(chart.Resolved.Problem)
	}
	loaded, digest, err := r.charts.load(ctx, chart)
	if err != nil {
		return nil, err
	}
	if digest != chart.Resolved.Digest {
		return nil, fmt.Errorf("the chart has changed since the plan: its digest was %s and is %s. Plan again", chart.Resolved.Digest, digest)
	}
	values, err := chartvalues.Merge(chart.AllValues())
	if err != nil {
		return nil, err
	}
	o := r.operation(ctx, chart.Namespace, name, check)
	made, err := o.apply(content{chart: chart, loaded: loaded, values: values, identity: chart.Identity()})
	if err != nil {
		return nil, err
	}
	return retiring(made), nil
}

// apply makes the release what it is to be, and returns its revision.
func (o *operation) apply(want content) (helmrelease.Releaser, error) {
	revisions, err := o.settle(want.chart)
	if err != nil {
		return nil, err
	}
	begun := len(revisions) > 0
	if begun && lastGood(revisions) == nil {
		if begun, err = o.resumeInstallation(revisions); err != nil {
			return nil, err
		}
	}
	if !begun {
		return o.install(want)
	}
	last := revisions[len(revisions)-1]
	if last.Info.Status == common.StatusDeployed && last.Labels[contentLabel] == want.identity {
		return last, nil // by a run that could not say so any more
	}
	return o.upgrade(want, last)
}

// strategy is how an action waits for the objects of a chart.
func strategy(chart model.Chart) kube.WaitStrategy {
	if chart.Wait {
		return kube.StatusWatcherStrategy
	}
	return kube.HookOnlyStrategy
}

func (o *operation) install(want content) (helmrelease.Releaser, error) {
	if err := o.ensureNamespace(); err != nil {
		return nil, err
	}
	cfg, err := o.helm()
	if err != nil {
		return nil, err
	}
	install := action.NewInstall(cfg)
	install.ReleaseName = o.name
	install.Namespace = o.namespace
	install.WaitStrategy = strategy(want.chart)
	install.WaitOptions = o.waitOptions()
	install.Timeout = want.chart.Timeout
	install.Labels = o.labels(want.identity)
	install.SkipSchemaValidation = checkedBefore
	made, err := install.RunWithContext(o.ctx, want.loaded, want.values)
	if err == nil {
		return made, nil
	}
	outcome := "The release stays as it is; the next apply resumes it."
	if revisions, unread := o.revisions(); unread == nil && len(revisions) == 0 {
		outcome = "No release was made: but for definitions in the chart's folder crds, nothing was installed."
	}
	return nil, o.failed(made, err, outcome)
}

// ensureNamespace makes the namespace of the release where it is missing.
func (o *operation) ensureNamespace() error {
	client, err := kubernetes.NewForConfig(o.config)
	if err != nil {
		return err
	}
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: o.namespace}}
	_, err = client.CoreV1().Namespaces().Get(o.ctx, o.namespace, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		_, err = client.CoreV1().Namespaces().Create(o.ctx, ns, metav1.CreateOptions{FieldManager: fieldManager})
	}
	if err != nil && !apierrors.IsAlreadyExists(err) {
		return o.done(fmt.Errorf("make the namespace %s: %w", o.namespace, err))
	}
	return nil
}

func (o *operation) upgrade(want content, last *releasev1.Release) (helmrelease.Releaser, error) {
	cfg, err := o.helm()
	if err != nil {
		return nil, err
	}
	upgrade := action.NewUpgrade(cfg)
	upgrade.Namespace = o.namespace
	upgrade.WaitStrategy = strategy(want.chart)
	upgrade.WaitOptions = o.waitOptions()
	upgrade.Timeout = want.chart.Timeout
	upgrade.ResetValues = true // what left the values goes back to the chart's own
	upgrade.ServerSideApply = serverSide
	upgrade.ForceConflicts = true
	upgrade.MaxHistory = maxHistory
	upgrade.Labels = o.labels(want.identity)
	upgrade.SkipSchemaValidation = checkedBefore
	made, err := upgrade.RunWithContext(o.ctx, o.name, want.loaded, want.values)
	if err == nil {
		return made, nil
	}
	return nil, o.upgradeFailed(want, last, made, err)
}

// upgradeFailed rolls back what an upgrade has done. The first one after an installation
// that failed has nothing to go back to.
func (o *operation) upgradeFailed(want content, last *releasev1.Release, made helmrelease.Releaser, cause error) error {
	if o.ctx.Err() != nil || o.gate.refusal() != nil {
		return o.done(cause) // the next run does
	}
	revisions, err := o.revisions()
	if err != nil {
		return errors.Join(cause, err)
	}
	good := lastGood(revisions)
	if len(revisions) == 0 || revisions[len(revisions)-1].Version == last.Version {
		return o.failed(made, cause, "Nothing of the upgrade was applied.")
	}
	if good == nil {
		return o.failed(made, cause, "There is no revision to roll back to, so the release stays as it is; the next apply resumes it.")
	}
	failure := o.failed(made, cause, fmt.Sprintf("The release is rolled back to revision %d, of version %s of the chart.",
		good.Version, good.Chart.Metadata.Version))
	if err := o.rollback(good, want.chart); err != nil {
		return fmt.Errorf("%w The rollback failed, too: %w", failure, err)
	}
	return failure
}

func (o *operation) revisions() ([]*releasev1.Release, error) {
	cfg, err := o.helm()
	if err != nil {
		return nil, err
	}
	return o.history(cfg)
}

func (o *operation) rollback(to *releasev1.Release, chart model.Chart) error {
	cfg, err := o.helm()
	if err != nil {
		return err
	}
	rollback := action.NewRollback(cfg)
	rollback.Version = to.Version
	rollback.WaitStrategy = strategy(chart)
	rollback.WaitOptions = o.waitOptions()
	rollback.Timeout = chart.Timeout
	rollback.ServerSideApply = serverSide
	rollback.ForceConflicts = true
	rollback.MaxHistory = maxHistory
	if err := rollback.Run(o.name); err != nil {
		if o.stopped() {
			return o.done(err)
		}
		return errors.Join(err, o.endPending()) // Helm leaves it pending where a hook fails
	}
	return nil
}

// failed is why an action did not come to its end: what Helm says, what the cluster says
// of the objects that are not ready, and what has become of the release.
func (o *operation) failed(made helmrelease.Releaser, cause error, outcome string) error {
	if err := o.done(cause); o.ctx.Err() != nil || o.gate.refusal() != nil {
		return err
	}
	said := strings.TrimSuffix(cause.Error(), ".") + "."
	if recordTooLarge(cause) {
		said += " Helm keeps the chart's files and what they render to in one Secret a revision, compressed, " +
			"and the API takes no Secret of more than 1 MiB: leave out of the chart what it does not need, such as by its .helmignore."
	}
	release, _ := made.(*releasev1.Release)
	if release != nil {
		if found := o.diagnose(release); found != "" {
			said += " " + found
		}
	}
	return fmt.Errorf("%s %s", said, outcome)
}

// recordTooLarge reports whether the API has refused Helm's record of a revision for its size.
func recordTooLarge(err error) bool {
	var refused *apierrors.StatusError
	if !errors.As(err, &refused) {
		return false
	}
	details := refused.Status().Details
	return apierrors.IsRequestEntityTooLargeError(refused) || details != nil && details.Kind == "Secret" &&
		slices.ContainsFunc(details.Causes, func(c metav1.StatusCause) bool { return c.Type == metav1.CauseType(field.ErrorTypeTooLong) })
}
