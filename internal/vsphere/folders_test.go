package vsphere_test

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/engine"
)

func TestFoldersComeAndGo(t *testing.T) {
	t.Parallel()
	v := start(t)
	site := v.site()
	ref, created, err := v.client.CreateFolder(t.Context(), site.Datacenter, "k8s/prod-1/nodes")
	v.must(err)
	if want := []string{"k8s/prod-1", "k8s/prod-1/nodes"}; !slices.Equal(created, want) {
		t.Fatalf("created %q, want %q", created, want)
	}
	again, created, err := v.client.CreateFolder(t.Context(), "dc-1", "/dc-1/vm/k8s/prod-1/nodes")
	if v.must(err); again != ref || len(created) > 0 {
		t.Fatalf("again: %q, created %q", again, created)
	}
	v.clone(request(site, "inmate", func(r *engine.CloneRequest) { r.Folder = ref }))
	remove := func(path string) {
		t.Helper()
		v.must(v.client.DeleteFolder(t.Context(), site.Datacenter, path))
	}
	remove("k8s/prod-1/nodes")
	remove("k8s/prod-1")
	if got := v.Leftovers().Folders; len(got) != 2 {
		t.Fatalf("folders with something in them were deleted: %q are left", got)
	}
	v.must(v.DeleteVM("inmate"))
	remove("k8s/prod-1/nodes")
	remove("k8s/prod-1/nodes") // gone already
	remove("k8s/prod-1")
	if got := v.Leftovers().Folders; len(got) > 0 {
		t.Fatalf("%q are left", got)
	}
}

func TestConcurrentRunsMakeAFolderOnce(t *testing.T) {
	t.Parallel()
	v := start(t)
	var (
		mu    sync.Mutex
		refs  []string
		wg    sync.WaitGroup
		total int
	)
	for range 6 {
		wg.Go(func() {
			ref, created, err := v.client.CreateFolder(t.Context(), "dc-1", "a/b")
			if err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			refs, total = append(refs, ref), total+len(created)
		})
	}
	wg.Wait()
	if len(slices.Compact(refs)) != 1 || total != 2 {
		t.Fatalf("folders %q, %d created", refs, total)
	}
}

func TestFolderWithoutPrivilege(t *testing.T) {
	t.Parallel()
	v := start(t)
	v.DenyPrivilege("", "Folder.Create")
	_, _, err := v.client.CreateFolder(t.Context(), "dc-1", "k8s/prod-1")
	if !errors.Is(err, engine.ErrPermission) || !strings.Contains(err.Error(), "Folder.Create") || !strings.Contains(err.Error(), "/dc-1/vm/k8s") {
		t.Fatalf("error %v", err)
	}
	// What exists needs no privilege.
	if _, _, err := v.client.CreateFolder(t.Context(), "dc-1", "k8s"); err != nil {
		t.Fatal(err)
	}
}
