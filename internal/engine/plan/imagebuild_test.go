package plan_test

import (
	"encoding/base64"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/bootstrap"
	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/engine/plan"
)

// building is a cluster whose image has to be built, and what there is of it.
func building(addresses int) (*model.ClusterSpec, *model.Limits) {
	s := small(1, 1)
	s.Image = model.Built(model.Build{Base: model.Image{Template: "node"}, Scripts: []string{"true"}, CPU: 2, MemoryGB: 4}, "")
	l := limitsFor(s, addresses)
	l.Site.Base = l.Site.Template
	l.Site.Template = model.Template{}
	return s, l
}

func TestBudgetHasTheAddressOfAnImageThatIsBuilt(t *testing.T) {
	t.Parallel()
	s, l := building(5)
	p := checked(s, &model.Facts{}, l)
	want := "6 are needed: 1 for building the image, 1 for the VIP, 1 for the extra, 1 for the control plane, 1 for worker pool w, " +
		"1 for rolling workers (expand_first)."
	if len(p.Problems) != 1 || !strings.Contains(p.Problems[0].Detail, want) {
		t.Errorf("got %v", p.Problems)
	}
	s, l = building(6)
	if p := checked(s, &model.Facts{}, l); len(p.Problems) > 0 {
		t.Errorf("with one more: %v", p.Problems)
	}
	// One that is there takes none.
	s, l = building(5)
	l.Site.Template = l.Site.Base
	if p := checked(s, &model.Facts{}, l); len(p.Problems) > 0 {
		t.Errorf("with the image: %v", p.Problems)
	}
}

func TestBuildThatDoesNotFitIsRefused(t *testing.T) {
	t.Parallel()
	content := make([]byte, 60<<10)
	random := rand.NewChaCha8([32]byte{})
	_, _ = random.Read(content)
	s, l := building(1000)
	s.Image.Build.Files = []bootstrap.File{
		{Path: "/etc/large", Content: base64.StdEncoding.EncodeToString(content), Permissions: "0644", Owner: "root:root"},
	}
	p := checked(s, &model.Facts{}, l)
	if len(p.Problems) != 1 || p.Problems[0].Fields[0] != model.ClusterField(model.FieldBuild) ||
		!strings.Contains(p.Problems[0].Detail, "at most 65536") {
		t.Errorf("got %v", p.Problems)
	}
	s.Image.Build.Files = nil
	s.Image.Build.Packages = &bootstrap.Packages{Version: "1.30.1"}
	p = checked(s, &model.Facts{}, l)
	if len(p.Problems) != 1 || !strings.Contains(p.Problems[0].Detail, "1.31 or newer") {
		t.Errorf("got %v", p.Problems)
	}
}

// left is the VM of a killed run in which an image was built.
func left(f *model.Facts) {
	f.Builders = append(f.Builders, model.Machine{Ref: "vm-left", Path: "/dc/vm/left", Marker: model.Marker{
		SchemaVersion: model.MarkerSchema, Cluster: clusterID, Node: "image-1", Role: model.RoleBuilder, NodePool: model.BuilderPool,
		Address: netip.PrefixFrom(claim(f, poolID, "image-1"), 16), IPPool: poolID,
	}})
}

// Its step gives its address back, and it counts as no node.
func TestWhatABuildHasLeftIsDeleted(t *testing.T) {
	t.Parallel()
	f := running(1, 1)
	left(f)
	wantSteps(t, planned(small(1, 1), f), "delete_builder image-1")
	target := small(1, 1).Target()
	got := names(plan.Destroy(target, f, &model.Limits{}))
	if !strings.Contains(got, "delete_builder image-1") || strings.Contains(got, "release_address image-1") {
		t.Errorf("the destruction is %s", got)
	}
	// An address that has lost its tag is not claimed again beside that.
	lost := running(1, 1)
	left(lost)
	lost.Unclaimed = lost.Claims[len(lost.Claims)-1:]
	lost.Claims = lost.Claims[:len(lost.Claims)-1]
	wantSteps(t, planned(small(1, 1), lost), "delete_builder image-1")
	// One that is only not seen keeps it.
	vm := model.KnownMachine{Node: "image-1", Ref: "VirtualMachine:vm-left"}
	f.UnseenBuilder = &model.UnseenMachine{KnownMachine: vm, Why: "it may not be read"}
	f.Builders = nil
	p := planned(small(1, 1), f)
	wantSteps(t, p, "")
	if !says(p.Warnings, "image-1 (vm-left: it may not be read)", "It keeps its address") {
		t.Errorf("the warnings are %v", p.Warnings)
	}
	// Nothing is built beside it: the VM would have its address.
	s, l := building(1000)
	p = checked(s, &model.Facts{UnseenBuilder: f.UnseenBuilder}, l)
	if !says(on(p.Problems, model.ClusterField(model.FieldBuild)), "vm-left") {
		t.Errorf("the problems are %v", p.Problems)
	}
	// An address without a VM is given back.
	f.UnseenBuilder = nil
	wantSteps(t, planned(small(1, 1), f), "release_address image-1")
}

// A claim of an image is of what is written; from another place the same OVA is the same image.
func TestDigestOfABuiltImage(t *testing.T) {
	t.Parallel()
	build := func(change func(*model.Build)) string {
		b := model.Build{Base: model.Image{Template: "node"}, Scripts: []string{"one", "two"}, CPU: 2,
			Files: []bootstrap.File{{Path: "/etc/a", Content: "a", Permissions: "0644", Owner: "root:root"}}}
		change(&b)
		return model.Built(b, "images").Digest()
	}
	same := build(func(*model.Build) {})
	for name, change := range map[string]func(*model.Build){
		"script":  func(b *model.Build) { b.Scripts[1] = "three" },
		"order":   func(b *model.Build) { b.Scripts = []string{"two", "one"} },
		"joined":  func(b *model.Build) { b.Scripts = []string{"onetwo"} },
		"content": func(b *model.Build) { b.Files[0].Content = "b" },
		"mode":    func(b *model.Build) { b.Files[0].Permissions = "0600" },
		"Kubernetes": func(b *model.Build) {
			b.Packages = &bootstrap.Packages{Version: "1.37.2"}
		},
		"OVA": func(b *model.Build) {
			b.Base = model.Imported(model.OVA{URL: "a", SHA256: strings.Repeat("a", 64)}, "")
		},
	} {
		if build(change) == same {
			t.Errorf("%s makes no other image", name)
		}
	}
	for name, change := range map[string]func(*model.Build){
		"size of the VM":           func(b *model.Build) { b.CPU = 8 },
		"spelling of the template": func(b *model.Build) { b.Base.Template = "images/node" }, // nodes have it in their markers
	} {
		if build(change) != same {
			t.Errorf("another %s makes another image", name)
		}
	}
	packages := func(version, repository string) string {
		return build(func(b *model.Build) { b.Packages = &bootstrap.Packages{Version: version, Repository: repository} })
	}
	if packages("1.37.2", "") == packages("1.37.3", "") || packages("1.37.2", "") != packages("1.37.2", "https://mirror.example.com") {
		t.Error("the version, and not the place of packages, makes another image")
	}
	imported := func(url string) model.Build {
		return model.Build{Base: model.Imported(model.OVA{URL: url, SHA256: strings.Repeat("a", 64)}, "")}
	}
	if model.Built(imported("a.ova"), "").Digest() != model.Built(imported("b.ova"), "").Digest() {
		t.Error("the place of an OVA makes another image")
	}
	long := imported("https://f.example.com/" + strings.Repeat("long", 40) + ".ova")
	long.Packages = &bootstrap.Packages{Version: "1.37.2"}
	image := model.Built(long, "").OfBase("12345678", "/dc/vm/long")
	if len(image.Template) > 63 || !strings.Contains(image.Template, "-kube-v1.37.2-") {
		t.Errorf("the name %s is too long", image.Template)
	}
}

// The template that an image is built of is compared as templates are: another way to write its
// name, and another name of the same one, roll nothing.
func TestNodesOfABuiltImageFollowItsBase(t *testing.T) {
	t.Parallel()
	from := func(template string) *model.ClusterSpec {
		s := small(1, 1)
		s.Image = model.Built(model.Build{Base: model.Image{Template: template}, Scripts: []string{"true"}, CPU: 2, MemoryGB: 4}, "")
		return s
	}
	site := model.Site{BaseRef: "vm-base"}
	for template, rolls := range map[string]bool{
		"images/node":        false,
		"/dc/vm/images/node": false,
		"node":               false,
		"other/node":         true,
		"renamed":            false, // the reference is the same
		"another":            true,
	} {
		f := running(1, 1)
		for i := range f.Machines {
			f.Machines[i].Marker.Template = from("images/node").Image.Template
			f.Machines[i].Marker.Base = "images/node"
			f.Machines[i].Marker.BaseRef = "vm-base"
		}
		site.BaseRef = "vm-other"
		if template == "renamed" {
			site.BaseRef = "vm-base"
		}
		s := from(template).Resolved(site)
		if got := names(planned(&s, f)); strings.Contains(got, "create_node c-w-2") != rolls {
			t.Errorf("of %s the steps are %q", template, got)
		}
	}
}

// Whoever builds an image needs in its folder what makes and deletes a VM, and makes a template of it.
func TestPlanSaysWhatIsMissingInTheImageFolder(t *testing.T) {
	t.Parallel()
	s, l := building(1000)
	l.Site.ImageFolder = model.ImageFolder{Ref: "folder-images", Path: "/dc/vm/images"}
	l.Lacks = map[string][]string{"folder-images": {
		"VirtualMachine.Provisioning.MarkAsTemplate", "VirtualMachine.Inventory.CreateFromExisting",
	}}
	p := checked(s, &model.Facts{}, l)
	warned := on(p.Warnings, model.ClusterField(model.FieldImageFolder))
	if !says(warned, "/dc/vm/images", "VirtualMachine.Provisioning.MarkAsTemplate", "VirtualMachine.Inventory.CreateFromExisting") {
		t.Errorf("the warnings are %v", p.Warnings)
	}
	needed := plan.Privileges(s, &model.Facts{}, p, l.Site)["folder-images"]
	if !slices.Contains(needed, "VirtualMachine.State.CreateSnapshot") {
		t.Errorf("asked for are %v", needed)
	}
	l.Site.Template = l.Site.Base // it is there
	if p := checked(s, &model.Facts{}, l); len(on(p.Warnings, model.ClusterField(model.FieldImageFolder))) > 0 {
		t.Errorf("with the image the warnings are %v", p.Warnings)
	}
}
