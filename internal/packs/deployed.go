package packs

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"

	"helm.sh/helm/v4/pkg/release/common"
	releasev1 "helm.sh/helm/v4/pkg/release/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/kubernetes"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// standingPage is how many revisions are read by one call, each of up to a megabyte.
const standingPage = 5

// maxRelease bounds what a revision unpacks to: a megabyte may become a thousand.
const maxRelease = 32 << 20

// maxStanding bounds how many of them are looked through: as many have failed one after the other.
const maxStanding = 50

// Deployed implements model.Releases.
func (r *releases) Deployed(ctx context.Context, release model.Release) (model.DeployedRelease, error) {
	o := r.operation(ctx, release.Namespace, release.Name, readOnly)
	last, err := o.standing()
	if err != nil {
		return model.DeployedRelease{}, fmt.Errorf("read the release %s/%s: %w", release.Namespace, release.Name, o.done(err))
	}
	if !last.ours(o) {
		return model.DeployedRelease{}, fmt.Errorf("the release %s/%s was not made for this pack; the next change of the pack says how to "+
			"hand it over", release.Namespace, release.Name)
	}
	switch last.status {
	case common.StatusDeployed:
	case common.StatusUninstalled:
		return model.DeployedRelease{}, model.ErrReleaseGone
	default:
		return model.DeployedRelease{}, nil
	}
	content, err := unpacked(last.packed)
	if err != nil {
		return model.DeployedRelease{}, fmt.Errorf(
			"read revision %d of the release %s/%s: %w", last.revision, release.Namespace, release.Name, err)
	}
	return model.DeployedRelease{
		Namespace: release.Namespace, Name: release.Name, Revision: last.revision, Version: content.Chart.Metadata.Version,
		ServerSide: content.ApplyMethod == string(releasev1.ApplyMethodServerSideApply), Manifest: content.Manifest,
	}, nil
}

// readOnly refuses every request that changes anything.
func readOnly(context.Context) error { return errors.New("nothing is changed while a plan reads") }

// standing is the last of the revisions of a release that none has superseded.
type standing struct {
	revision int
	status   common.Status
	labels   map[string]string
	packed   []byte
	good     *standing // the last one that is deployed
}

// ours reports whether the release is this pack's. What is pending is judged by what it is to replace.
func (s *standing) ours(o *operation) bool {
	if s.status.IsPending() && s.good != nil {
		s = s.good
	}
	return o.made(&releasev1.Release{Labels: s.labels})
}

// standing reads the revisions that none has superseded: the former ones may be many and large. Of
// these, the last one's content alone is kept.
func (o *operation) standing() (*standing, error) {
	clients, err := kubernetes.NewForConfig(o.config)
	if err != nil {
		return nil, err
	}
	var last, good *standing
	selector := labels.Set{"owner": "helm", "name": o.name}.String() + ",status!=" + common.StatusSuperseded.String()
	options := metav1.ListOptions{LabelSelector: selector, Limit: standingPage}
	for range maxStanding / standingPage {
		page, err := clients.CoreV1().Secrets(o.namespace).List(o.ctx, options)
		if err != nil {
			return nil, err
		}
		for _, secret := range page.Items {
			s := standingOf(&secret)
			if last == nil || s.revision > last.revision {
				last = s
			}
			if s.status == common.StatusDeployed && (good == nil || s.revision > good.revision) {
				good = &standing{revision: s.revision, labels: s.labels}
			}
		}
		if options.Continue = page.Continue; options.Continue == "" {
			if last == nil {
				return nil, model.ErrReleaseGone
			}
			last.good = good
			return last, nil
		}
	}
	return nil, fmt.Errorf("more than %d of its revisions have failed: take the first of their Secrets out", maxStanding)
}

func standingOf(secret *corev1.Secret) *standing {
	revision, _ := strconv.Atoi(secret.Labels["version"])
	return &standing{
		revision: revision, status: common.Status(secret.Labels["status"]), labels: secret.Labels, packed: secret.Data["release"],
	}
}

// stored is what is read of what Helm stores of a revision: not the files of its chart.
type stored struct {
	Chart struct {
		Metadata struct {
			Version string `json:"version"`
		} `json:"metadata"`
	} `json:"chart"`
	Manifest    string `json:"manifest"`
	ApplyMethod string `json:"apply_method"`
}

// unpacked is what Helm has stored of a revision: JSON that is packed by gzip, but for old ones.
func unpacked(packed []byte) (stored, error) {
	unread := errors.New("what Helm has stored of it cannot be read")
	content := bufio.NewReader(base64.NewDecoder(base64.StdEncoding, bytes.NewReader(packed)))
	var reader io.Reader = content
	if begin, _ := content.Peek(2); bytes.Equal(begin, []byte{0x1f, 0x8b}) {
		unzipped, err := gzip.NewReader(content)
		if err != nil {
			return stored{}, unread
		}
		reader = unzipped
	}
	text, err := io.ReadAll(io.LimitReader(reader, maxRelease+1))
	if len(text) > maxRelease {
		return stored{}, fmt.Errorf("what Helm has stored of it unpacks to more than %d MiB, which is not compared", maxRelease>>20)
	}
	var s stored
	if err != nil || json.Unmarshal(text, &s) != nil {
		return stored{}, unread
	}
	return s, nil
}
