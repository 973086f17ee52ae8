package plan

import (
	"fmt"
	"net/netip"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/bootstrap"
	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// builderCleanup deletes the VMs in which runs that were interrupted have built images: no other
// run of the cluster is at work now.
func builderCleanup(facts *model.Facts) []model.Step {
	var steps []model.Step
	for _, m := range facts.Builders {
		steps = append(steps, model.DeleteBuilder{Machine: m})
	}
	return steps
}

// builderDeletions are those of a destruction, which leaves what is a newer creation's.
func builderDeletions(target model.Target, facts *model.Facts) []model.Step {
	var steps []model.Step
	for _, m := range facts.Builders {
		if owns(target, facts, m) {
			steps = append(steps, model.DeleteBuilder{Machine: m})
		}
	}
	return steps
}

// builderOf reports whether a VM in which an image was to be built has the name, or may have it.
func builderOf(facts *model.Facts, name string) bool {
	if m := facts.UnseenBuilder; m != nil && m.Node == name {
		return true
	}
	for _, m := range facts.Builders {
		if m.Marker.Node == name {
			return true
		}
	}
	return false
}

// MayBuild reports whether a VM in which an image is to be built may yet appear: a run has noted
// that it makes one.
func MayBuild(facts *model.Facts) bool {
	noted := facts.Record.Builder.Name
	return facts.Record.Found && noted != "" && !builderOf(facts, noted)
}

// unseenBuilder warns of a VM that may be there.
func unseenBuilder(facts *model.Facts) model.Findings {
	var f model.Findings
	if m := facts.UnseenBuilder; m != nil {
		f.Warn(nameField, "VM of an image not visible in vCenter",
			"vCenter does not show the VM in which an image was built to this user, and does not say that it is gone: %s. It keeps its address. "+
				"Move it back or grant the privilege, and the next apply deletes it; or have it deleted by a user who sees it.",
			hiddenWords([]model.UnseenMachine{*m})[0])
	}
	return f
}

// BuilderPlacement is where images are built.
func BuilderPlacement(spec *model.ClusterSpec) model.Placement {
	return spec.ControlPlane.Placements[0]
}

// buildsImage is the image that the plan may have to build: that of a step, or one from which the
// cluster has nodes, but which the datacenter has no more.
func (c check) buildsImage() (model.Image, bool) {
	for _, pool := range c.built() {
		if image := c.spec.ImageOf(pool); image.Build != nil && c.limits.Site.TemplateOf(pool).Ref == "" {
			return image, true
		}
	}
	return model.Image{}, false
}

// builderAddress counts the address of the VM in which an image is built. Others do not get it
// in the same run, as it has to cool down.
func (c check) builderAddress(u *usageCounter) {
	image, builds := c.buildsImage()
	if !builds || c.spec.DHCP() || len(c.spec.ControlPlane.Placements) == 0 {
		return
	}
	field := model.PlacementRef{NodePool: model.ControlPlanePool}.Field(model.FieldIPPool)
	u.take(BuilderPlacement(c.spec).IPPoolID, field, image.Template, "building the image")
}

// BuilderDocument is the part of the documents of the VM in which an image is built that follows
// from the spec.
func BuilderDocument(spec *model.ClusterSpec, build *model.Build, ip model.IPPool) bootstrap.Builder {
	node := Document(spec, spec.ControlPlane, model.BuilderHostName, ip)
	return bootstrap.Builder{
		Name:          node.Name,
		DHCP:          node.DHCP,
		Gateway:       node.Gateway,
		Nameservers:   node.Nameservers,
		SearchDomains: node.SearchDomains,
		Proxy:         node.Proxy,
		Files:         build.Files,
		Scripts:       build.Scripts,
		Packages:      build.Packages,
	}
}

// builderDocument refuses scripts and files that do not fit, or could not be written. What an IP
// pool or a proxy is to blame for, nodes are told of.
func (c check) builderDocument() model.Findings {
	var f model.Findings
	image, builds := c.buildsImage()
	if !builds || len(c.spec.ControlPlane.Placements) == 0 {
		return f
	}
	if m := c.facts.UnseenBuilder; m != nil {
		f.Refuse(model.ClusterField(model.FieldBuild), fmt.Sprintf("The image %q cannot be built", image.Template),
			"vCenter does not show the VM in which an image was built before to this user, and does not say that it is gone: %s. Another "+
				"one could get its address. Move it back or grant the privilege, and the next apply deletes it; or have it deleted by a "+
				"user who sees it.", hiddenWords([]model.UnseenMachine{*m})[0])
	}
	ip := c.limits.IPPools[BuilderPlacement(c.spec).IPPoolID]
	node, ok := sample(c.spec, c.spec.ControlPlane, ip)
	if !ok {
		return f
	}
	doc := BuilderDocument(c.spec, image.Build, ip)
	doc.InstanceID = uuid.Nil.String()
	doc.MAC, _ = MACAddress(netip.Addr{}, uuid.Nil, func(string) bool { return false })
	doc.Address = node.Address
	for _, fault := range bootstrap.CheckBuilder(doc) {
		if fault.Field == "Setup" || fault.Field == "Packages" {
			f.Refuse(model.ClusterField(model.FieldBuild), fmt.Sprintf("The image %q cannot be built", image.Template),
				"%s. Correct the scripts, files and packages of build.", capitalized(fault.Reason))
		}
	}
	return f
}
