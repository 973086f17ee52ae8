package kube_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/kube"
	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest/kubeapi"
)

// counted notes the calls for objects of an API.
func (c *cluster) counted() func() []string {
	var mu sync.Mutex
	var calls []string
	before := func(r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if len(strings.Split(r.URL.Path, "/")) > 4 || r.URL.Path == "/api/v1/configmaps" {
			calls = append(calls, strings.TrimSuffix(r.URL.Path+" "+r.URL.Query().Get("limit"), " "))
		}
	}
	c.before.Store(&before)
	return func() []string {
		mu.Lock()
		defer mu.Unlock()
		all := calls
		calls = nil
		return all
	}
}

// ofRelease are ConfigMaps in the manifest of a release.
func ofRelease(count int, of string) string {
	var text strings.Builder
	for n := range count {
		fmt.Fprintf(&text, "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: "+of+"}\n", n)
	}
	return strings.TrimPrefix(text.String(), "---\n")
}

// TestReleaseDriftReadsFewOfOthers has many objects of other releases before those of this one: it
// reads no more of them by a list than it has objects, and takes no more calls than these and one.
func TestReleaseDriftReadsFewOfOthers(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	first := ofRelease(6, "x-%02d")
	second := strings.ReplaceAll(first, "metadata: {", "metadata: {namespace: kube-system, ")
	for _, namespace := range []string{"default", "kube-system"} {
		theirs := strings.ReplaceAll(ofRelease(40, "a-%02d"), "metadata: {", "metadata: {namespace: "+namespace+", ")
		c.release(t, theirs, true)
	}
	c.release(t, first, true)
	c.release(t, second, true)
	calls := c.counted()
	if drift, err := c.ReleaseDrift(t.Context(), deployed(first+"---\n"+second)); err != nil || len(drift) > 0 {
		t.Errorf("drift %v, %v", drift, err)
	}
	lists := 0
	all := calls()
	for _, call := range all {
		if strings.HasSuffix(call, "/configmaps 6") {
			lists++
		} else if strings.Contains(call, "/configmaps ") {
			t.Errorf("a list of another size: %s", call)
		}
	}
	if len(all) > 13 || lists != 1 {
		t.Errorf("%d lists of %d calls: %q", lists, len(all), all)
	}
}

// TestReleaseDriftAsksForDefinitionsAlone lists no definitions, which others may have many of.
func TestReleaseDriftAsksForDefinitionsAlone(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	var text []string
	for n := range 8 {
		text = append(text, strings.ReplaceAll(strings.TrimSpace(definition), "widgets", fmt.Sprintf("w%ds", n)))
	}
	all := strings.Join(text, "\n---\n")
	calls := c.counted()
	if _, err := c.ReleaseDrift(t.Context(), deployed(all)); err != nil {
		t.Error(err)
	}
	got := calls()
	for _, call := range got {
		if strings.Contains(call, "customresourcedefinitions ") || strings.HasSuffix(call, "customresourcedefinitions") {
			t.Errorf("a list: %s", call)
		}
	}
	if len(got) != 8 {
		t.Errorf("the calls %q", got)
	}
}

// TestReleaseDriftOfManyNamespacesIsOneList reads what a release has in many namespaces by one list.
func TestReleaseDriftOfManyNamespacesIsOneList(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	text := ""
	for n := range 30 {
		name := fmt.Sprintf("team-%02d", n)
		c.store.Put(&corev1.Namespace{
			TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Namespace"}, ObjectMeta: metav1.ObjectMeta{Name: name},
		}, kubeapi.Namespaces)
		text += fmt.Sprintf("---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: %s}\ndata: {a: b}\n", name)
	}
	text = strings.TrimPrefix(text, "---\n")
	c.release(t, text, true)
	calls := c.counted()
	if drift, err := c.ReleaseDrift(t.Context(), deployed(text)); err != nil || len(drift) > 0 {
		t.Errorf("drift %v, %v", drift, err)
	}
	if got := calls(); len(got) != 1 || got[0] != "/api/v1/configmaps 30" {
		t.Errorf("the calls %q", got)
	}
	c.gone(t, kubeapi.ConfigMaps, "team-07", "a")
	drift, err := c.ReleaseDrift(t.Context(), deployed(text))
	if err != nil || len(drift) != 1 || drift[0].Namespace != "team-07" || !drift[0].Missing() {
		t.Errorf("drift %v, %v", drift, err)
	}
}

// TestReleaseDriftEndsInTime has a kind not answer: the others are compared, and it is late.
func TestReleaseDriftEndsInTime(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	text := ofRelease(1, "x-%d") + "---\napiVersion: v1\nkind: Secret\nmetadata: {name: gone}\n"
	c.release(t, ofRelease(1, "x-%d"), true)
	if _, err := c.ReleaseDrift(t.Context(), deployed(text)); err != nil { // the kinds are known
		t.Fatal(err)
	}
	kube.SetKindTime(c.API, 200*time.Millisecond)
	before := func(r *http.Request) {
		if strings.Contains(r.URL.Path, "/configmaps/") {
			<-r.Context().Done()
		}
	}
	c.before.Store(&before)
	drift, err := c.ReleaseDrift(t.Context(), deployed(text))
	if !errors.Is(err, model.ErrNotInTime) || len(drift) != 1 || drift[0].Name != "gone" {
		t.Errorf("drift %v, %v", drift, err)
	}
	_, err = c.ReleaseDrift(t.Context(), func(ctx context.Context) (model.DeployedRelease, error) {
		<-ctx.Done()
		return model.DeployedRelease{}, errors.New("no answer")
	})
	if !errors.Is(err, model.ErrNotInTime) {
		t.Errorf("of a release that is not answered: %v", err)
	}
}

// TestOneManifestIsReadAtATime compares releases at once: no two of their manifests are read.
func TestOneManifestIsReadAtATime(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	var reading, most atomic.Int32
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			_, err := c.ReleaseDrift(t.Context(), func(context.Context) (model.DeployedRelease, error) {
				if n := reading.Add(1); n > most.Load() {
					most.Store(n)
				}
				time.Sleep(20 * time.Millisecond)
				reading.Add(-1)
				return model.DeployedRelease{Namespace: "default", Name: "shop"}, nil
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if most.Load() != 1 {
		t.Errorf("%d manifests were read at once", most.Load())
	}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.ReleaseDrift(over, deployed(shopChart)); !errors.Is(err, model.ErrNotInTime) {
		t.Errorf("after its time: %v", err)
	}
}

// TestManifestIsNotHeld reads a large manifest: what is held of it is hardly larger, goes as its objects are
// compared, and reading it ends with its time.
func TestManifestIsNotHeld(t *testing.T) {
	t.Parallel()
	manifest := largeManifest()
	objects, held, compareAll, err := kube.ReadRelease(t.Context(), manifest)
	if err != nil || objects != 200 || held > len(manifest)*11/10 || held < len(manifest)/2 {
		t.Errorf("%d objects, of which %d bytes are held, of %d: %v", objects, held, len(manifest), err)
	}
	if left := compareAll(); left > 0 {
		t.Errorf("%d objects are held after they are compared", left)
	}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if objects, _, _, err := kube.ReadRelease(over, manifest); objects > 0 || !errors.Is(err, model.ErrNotInTime) {
		t.Errorf("after its time: %d objects, %v", objects, err)
	}
	jobs := "apiVersion: batch/v1\nkind: Job\nmetadata: {name: migrate}\n---\n{no YAML\n---\n# nothing\n---\n"
	objects, _, _, err = kube.ReadRelease(t.Context(), jobs+ofRelease(1, "x-%d"))
	if objects != 1 || err == nil || !strings.Contains(err.Error(), "1 of the documents") || strings.Contains(err.Error(), "no YAML") {
		t.Errorf("of a document that is none: %d objects, %v", objects, err)
	}
}

func largeManifest() string {
	return strings.ReplaceAll(ofRelease(200, "x-%03d"), "kind: ConfigMap\n",
		"kind: ConfigMap\ndata:\n"+strings.Repeat("  a: some text that is long enough\n", 1)+"  b: "+strings.Repeat("much text ", 500)+"\n")
}

// BenchmarkReadRelease is the memory that it takes to read a manifest of a megabyte.
func BenchmarkReadRelease(b *testing.B) {
	manifest := largeManifest()
	b.ReportAllocs()
	b.SetBytes(int64(len(manifest)))
	for b.Loop() {
		_, held, _, err := kube.ReadRelease(b.Context(), manifest)
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(held), "held-B")
	}
}

// TestReleaseDriftNamesWhatDoesNotGo names an object that was deleted long ago and waits for a
// finalizer, and not of one that has just been.
func TestReleaseDriftNamesWhatDoesNotGo(t *testing.T) {
	t.Parallel()
	for ago, want := range map[time.Duration]string{
		time.Minute:   "",
		2 * time.Hour: "ConfigMap default/first (waits for example.com/stuck)",
	} {
		c := newCluster(t)
		c.release(t, shopChart, true)
		c.edit(t, kubeapi.ConfigMaps.WithVersion("v1"), first, func(o *kubeapi.Object) {
			o.SetFinalizers([]string{"example.com/stuck"})
		})
		c.gone(t, kubeapi.ConfigMaps, "default", "first")
		_, err := c.store.Change(kubeapi.ConfigMaps, "default", "first", func(o *kubeapi.Object) error {
			o.SetDeletionTimestamp(&metav1.Time{Time: time.Now().Add(-ago)})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(c.released(t), "; "); got != want {
			t.Errorf("%s after it was deleted: it says %q", ago, got)
		}
	}
}
