package vsphere_test

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/vmware/govmomi"
	"github.com/vmware/govmomi/object"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// createFolder creates a VM folder, and returns its reference.
func (v *vcenter) createFolder(datacenter, folder string) (string, error) {
	levels, err := v.client.CreateFolder(v.t.Context(), datacenter, folder, 0)
	if err != nil || len(levels) == 0 {
		return "", err
	}
	return levels[len(levels)-1].Ref, nil
}

// deleteFolder finds a VM folder by its path, and deletes it.
func (v *vcenter) deleteFolder(datacenter, folder string) (left bool, err error) {
	ref, err := v.client.FindFolder(v.t.Context(), datacenter, folder)
	if err != nil || ref == "" {
		return false, err
	}
	return v.client.DeleteFolder(v.t.Context(), ref)
}

func TestFoldersComeAndGo(t *testing.T) {
	t.Parallel()
	v := start(t)
	site := v.site()
	var ref string
	calls := v.calls(func() {
		var err error
		ref, err = v.createFolder(site.Datacenter, "k8s/prod-1/nodes")
		v.must(err)
	})
	if calls.SOAP["CreateFolder"] != 2 {
		t.Fatalf("two missing folders took %+v", calls)
	}
	if want := []string{"/dc-1/vm/k8s/prod-1", "/dc-1/vm/k8s/prod-1/nodes"}; !slices.Equal(v.Leftovers().Folders, want) {
		t.Fatalf("created %q, want %q", v.Leftovers().Folders, want)
	}
	calls = v.calls(func() {
		again, err := v.createFolder(site.Datacenter, "/dc-1/vm/k8s/prod-1/nodes")
		if v.must(err); again != ref {
			t.Fatalf("again: %q", again)
		}
	})
	if calls.SOAP["CreateFolder"] != 0 {
		t.Fatalf("a folder that exists took %+v", calls)
	}
	v.clone(request(site, "inmate", func(r *model.CloneRequest) { r.Folder = ref }))
	remove := func(path string, inUse bool) {
		t.Helper()
		left, err := v.deleteFolder(site.Datacenter, path)
		if v.must(err); left != inUse {
			t.Fatalf("%s is left: %v", path, left)
		}
	}
	remove("k8s/prod-1/nodes", true)
	remove("k8s/prod-1", true)
	if got := v.Leftovers().Folders; len(got) != 2 {
		t.Fatalf("folders with something in them were deleted: %q are left", got)
	}
	v.must(v.DeleteVM("inmate"))
	remove("k8s/prod-1/nodes", false)
	remove("k8s/prod-1/nodes", false) // gone already
	remove("k8s/prod-1", false)
	if got := v.Leftovers().Folders; len(got) > 0 {
		t.Fatalf("%q are left", got)
	}
}

// TestFolderNamesAreEscapedOnce creates a folder whose name has what vCenter escapes,
// however it is spelled, and finds and deletes it.
func TestFolderNamesAreEscapedOnce(t *testing.T) {
	t.Parallel()
	v := start(t)
	dc := v.site().Datacenter
	ref, err := v.createFolder(dc, "k8s/a%2fb 50%25")
	v.must(err)
	if want := []string{"/dc-1/vm/k8s/a%2fb 50%25"}; !slices.Equal(v.Leftovers().Folders, want) {
		t.Fatalf("created %q, want %q", v.Leftovers().Folders, want)
	}
	for _, spelling := range []string{"k8s/a%2Fb 50%", "/dc-1/vm/k8s/a%2fb 50%25"} {
		if again, err := v.createFolder(dc, spelling); err != nil || again != ref {
			t.Errorf("%s is %s (%v), want %s", spelling, again, err, ref)
		}
	}
	_, err = v.deleteFolder(dc, "/old-name/vm/k8s/a%2fb 50%25") // the datacenter had it once
	v.must(err)
	if got := v.Leftovers().Folders; len(got) > 0 {
		t.Errorf("%q are left", got)
	}
}

func TestConcurrentRunsMakeAFolderOnce(t *testing.T) {
	t.Parallel()
	v := start(t)
	dc := v.site().Datacenter
	var (
		mu   sync.Mutex
		refs []string
		wg   sync.WaitGroup
	)
	for range 6 {
		wg.Go(func() {
			ref, err := v.createFolder(dc, "a/b")
			if err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			refs = append(refs, ref)
		})
	}
	wg.Wait()
	if created := v.Leftovers().Folders; len(slices.Compact(refs)) != 1 || len(created) != 2 {
		t.Fatalf("folders %q, created %q", refs, created)
	}
}

func TestFolderWithoutPrivilege(t *testing.T) {
	t.Parallel()
	v := start(t)
	dc := v.site().Datacenter
	v.DenyPrivilege("", "Folder.Create")
	_, err := v.createFolder(dc, "k8s/prod-1")
	if !errors.Is(err, model.ErrPermission) || !strings.Contains(err.Error(), "Folder.Create") ||
		!strings.Contains(err.Error(), "/dc-1/vm/k8s") {
		t.Fatalf("error %v", err)
	}
	// What exists needs no privilege.
	if _, err := v.createFolder(dc, "k8s"); err != nil {
		t.Fatal(err)
	}
}

func TestFoldersOfADatacenterThatIsGone(t *testing.T) {
	t.Parallel()
	v := start(t)
	const gone = "Datacenter:datacenter-404"
	if _, err := v.createFolder(gone, "k8s"); !errors.Is(err, model.ErrGone) {
		t.Errorf("create: %v", err)
	}
	if _, err := v.deleteFolder(gone, "k8s"); err != nil {
		t.Errorf("delete: %v", err)
	}
	if _, err := v.createFolder("dc-1", "k8s"); err == nil || !strings.Contains(err.Error(), "not a reference") {
		t.Errorf("a name instead of a reference: %v", err)
	}
}

// TestFolderIsCreatedByWhatASurveyHasShown creates a folder right after a survey. What is
// there is not read again, unless it must be new or is gone by now.
func TestFolderIsCreatedByWhatASurveyHasShown(t *testing.T) {
	t.Parallel()
	v := start(t)
	dc := v.site().Datacenter
	create := func(path string, maxAge time.Duration, wanted int) string {
		t.Helper()
		var ref string
		calls := v.calls(func() {
			levels, err := v.client.CreateFolder(t.Context(), dc, path, maxAge)
			v.must(err)
			ref = levels[len(levels)-1].Ref
		})
		if calls.SOAP[reads] != wanted || calls.Total != wanted+calls.SOAP["CreateFolder"] {
			t.Errorf("%s by what is at most %s old took %+v, want %d reads", path, maxAge, calls, wanted)
		}
		return ref
	}
	v.fresh()
	first := create("k8s/surveyed", age, 0)
	if again := create("k8s/surveyed", age, 1); again != first { // it changed what the survey has shown
		t.Errorf("the folder is %s, and then %s", first, again)
	}
	v.fresh()
	create("k8s/new", 0, 1)

	v.fresh()
	v.remove(first)
	if again := create("k8s/surveyed/below", age, 1); again == first {
		t.Error("a folder that is gone was taken for one that is there")
	}
}

// remove deletes a folder as an administrator would.
func (v *vcenter) remove(ref string) {
	v.t.Helper()
	v.admin(func(client *govmomi.Client) {
		task, err := object.NewFolder(client.Client, reference(ref)).Destroy(v.t.Context())
		v.must(err)
		v.must(task.Wait(v.t.Context()))
	})
}
