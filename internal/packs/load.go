package packs

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"

	"helm.sh/helm/v4/pkg/action"
	chartapi "helm.sh/helm/v4/pkg/chart"
	"helm.sh/helm/v4/pkg/chart/common"
	"helm.sh/helm/v4/pkg/chart/common/util"
	chartv2 "helm.sh/helm/v4/pkg/chart/v2"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	chartutil "helm.sh/helm/v4/pkg/chart/v2/util"

	"github.com/gantry/terraform-provider-gantry/internal/chartvalues"
	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/printable"
)

// load returns a chart and the digest of its files. Each call returns another copy: Helm changes a chart
// when it renders it.
func (c *charts) load(ctx context.Context, chart model.Chart) (*chartv2.Chart, string, error) {
	if chart.Path != "" {
		content, err := loader.Load(chart.Path)
		if err != nil {
			return nil, "", fmt.Errorf("the chart %s cannot be read: %w", chart.Path, err)
		}
		return content, digestOfFiles(content), nil
	}
	archive, err := c.archive(ctx, chart)
	if err != nil {
		return nil, "", err
	}
	content, err := loader.LoadArchive(bytes.NewReader(archive))
	if err != nil {
		return nil, "", fmt.Errorf("what was downloaded is not a chart: %w", err)
	}
	if content.Metadata.Version != chart.Version {
		return nil, "", fmt.Errorf("the chart that is published as version %s says of itself that it is %s",
			chart.Version, content.Metadata.Version)
	}
	return content, digestOfFiles(content), nil
}

// digestOfFiles is the digest of what a chart consists of, by the names of its files: the same
// however it is packed, and wherever it is from. Of charts that are packed in it, too: their
// archives hold when they were made.
func digestOfFiles(content *chartv2.Chart) string {
	files := slices.Clone(content.Raw)
	files = slices.DeleteFunc(files, func(f *common.File) bool {
		return strings.HasPrefix(f.Name, "charts/") && strings.HasSuffix(f.Name, ".tgz")
	})
	slices.SortFunc(files, func(a, b *common.File) int { return strings.Compare(a.Name, b.Name) })
	h := sha256.New()
	for _, f := range files {
		fmt.Fprintf(h, "%s\x00%d\x00", f.Name, len(f.Data))
		h.Write(f.Data)
	}
	var packed []string
	for _, dependency := range content.Dependencies() {
		packed = append(packed, digestOfFiles(dependency))
	}
	slices.Sort(packed)
	for _, digest := range packed {
		h.Write([]byte(digest))
	}
	return "sha256:" + hex.EncodeToString(h.Sum(nil))
}

// check is an error where a chart cannot be installed with its values on a version of
// Kubernetes, as far as the chart itself says.
func check(content *chartv2.Chart, chart model.Chart, kubernetesVersion string) error {
	meta := content.Metadata
	if strings.EqualFold(meta.Type, "library") {
		return fmt.Errorf("the chart %s is a library for other charts, and installs nothing by itself", meta.Name)
	}
	if meta.KubeVersion != "" && !chartutil.IsCompatibleRange(meta.KubeVersion, "v"+kubernetesVersion) {
		return fmt.Errorf("the chart %s %s is for Kubernetes %s, and the cluster's version is %s",
			meta.Name, meta.Version, meta.KubeVersion, kubernetesVersion)
	}
	accessor, err := chartapi.NewAccessor(content)
	if err != nil {
		return err
	}
	if err := action.CheckDependencies(content, accessor.MetaDependencies()); err != nil {
		return fmt.Errorf("charts that the chart %s depends on are not in it (%w): run `helm dependency build` in its folder",
			meta.Name, err)
	}
	values, err := chartvalues.Merge(chart.AllValues())
	if err != nil {
		return err
	}
	if err := chartutil.ProcessDependencies(content, values); err != nil {
		return fmt.Errorf("the values do not fit the chart %s %s: %w", meta.Name, meta.Version, err)
	}
	const unchecked = true // Helm's check repeats values, which may be secret, and fetches what schemas refer to
	all, err := util.ToRenderValuesWithSchemaValidation(
		content, values, common.ReleaseOptions{}, common.DefaultCapabilities.Copy(), unchecked)
	if err == nil {
		given, _ := all["Values"].(common.Values)
		err = validateValues(content, given)
	}
	if err != nil {
		return fmt.Errorf("the values do not fit the chart %s %s: %w", meta.Name, meta.Version, err)
	}
	return nil
}

// maxWords bounds an error that repeats what comes from outside.
const maxWords = 2000

// sentence is an error as a sentence for users.
func sentence(err error) string {
	text := printable.Text(strings.TrimSpace(err.Error()), maxWords)
	if text == "" {
		text = errors.New("unknown error").Error()
	}
	return strings.ToUpper(text[:1]) + strings.TrimSuffix(text[1:], ".") + "."
}
