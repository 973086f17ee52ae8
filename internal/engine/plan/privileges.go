package plan

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/privileges"
)

// privilegedObject is an object on which a plan needs privileges.
type privilegedObject struct {
	ref   string // empty: it was not found
	name  string // for messages
	kind  privileges.Object
	field model.Field
	uses  privileges.Case
	// makes is set where what is below the object will be the cluster's folder.
	makes bool
}

// needed are the ids of the privileges that are used on the object.
func (o privilegedObject) needed() []string {
	ids := privileges.Needed(privileges.ClusterLevel, o.kind, o.uses)
	if o.makes {
		ids = append(ids, privileges.Needed(privileges.ClusterLevel, privileges.ParentFolder, o.uses)...)
	}
	return ids
}

// Privileges returns the ids of the privileges that whoever carries a plan out needs, by the
// reference of the object; none where nothing is changed in vCenter.
func Privileges(spec *model.ClusterSpec, facts *model.Facts, p *model.Plan, site model.Site) map[string][]string {
	return idsOf(newCheck(spec, facts, p, &model.Limits{Site: site}).privilegedObjects())
}

// idsOf are the ids of what is needed on objects, by their references.
func idsOf(objects []privilegedObject) map[string][]string {
	needed := map[string][]string{}
	for _, o := range objects {
		for _, id := range o.needed() {
			if !slices.Contains(needed[o.ref], id) {
				needed[o.ref] = append(needed[o.ref], id)
			}
		}
	}
	return needed
}

// missingPrivileges warns of what whoever carries the plan out lacks.
func (c check) missingPrivileges() model.Findings {
	if len(c.limits.Lacks) == 0 {
		return model.Findings{}
	}
	return c.lacking(c.privilegedObjects())
}

// lacking warns of what is lacking on objects.
func (c check) lacking(objects []privilegedObject) model.Findings {
	var f model.Findings
	user := "The provider's own user"
	if c.limits.User != "" {
		user = fmt.Sprintf("The account %q", c.limits.User)
	}
	for _, o := range objects {
		if o.kind == privileges.ComputeCluster {
			continue // without it nothing fails
		}
		var lacks []string
		for _, id := range o.needed() {
			if slices.Contains(c.limits.Lacks[o.ref], id) {
				lacks = append(lacks, privileges.Describe(id))
			}
		}
		if len(lacks) > 0 {
			f.Warn(o.field, fmt.Sprintf("Privileges are missing on %s %q", o.kind, o.name),
				"%s lacks %s. An apply fails where it needs them. Grant them there; the guide on privileges has the commands.",
				user, model.Listed(lacks))
		}
	}
	return f
}

// privilegedObjects are the objects of the site that the steps of the plan touch, those that
// were found.
func (c check) privilegedObjects() []privilegedObject {
	if !slices.ContainsFunc(c.plan.Steps(), changesVM) {
		return c.ruledObjects()
	}
	objects := []privilegedObject{c.folderObject()}
	if _, builds := c.buildsImage(); builds {
		objects = append(objects, c.imageFolderObject())
	}
	if len(c.builds) > 0 {
		objects = append(objects, c.templateObjects()...)
		for _, ref := range c.placements() {
			objects = append(objects, c.placementObjects(ref)...)
		}
	}
	objects = append(objects, c.ruledObjects()...)
	return slices.DeleteFunc(objects, func(o privilegedObject) bool { return o.ref == "" })
}

// changesVM reports whether a step changes a VM in vCenter.
func changesVM(step model.Step) bool {
	switch step.(type) {
	case model.CreateNode, model.DeleteNode, model.MoveNodes, model.PowerOnNode, model.RestartNode,
		model.CreateLoadBalancer, model.ReplaceLoadBalancer, model.RestartLoadBalancer, model.UpdateBackends, model.DeleteLoadBalancer,
		model.BuildImage, model.DeleteBuilder, model.WipeUserdata, model.UpdateDescription, model.UpdateVMTags:
		return true
	}
	return false
}

func (c check) privilegeCase() privileges.Case {
	return privileges.Case{
		MovesNodes:  c.moves != nil,
		TagsVMs:     c.tagsObjects(),
		MakesFolder: len(c.limits.Site.Folder.Missing) > 0,
		CSI: slices.ContainsFunc(c.spec.Packs, func(pack model.Pack) bool {
			return pack.Layer == model.LayerCSI
		}),
	}
}

// folderObject is the cluster's folder; while that is missing, the one that it is made in.
func (c check) folderObject() privilegedObject {
	folder := c.limits.Site.Folder
	name := "vm" // the datacenter's own
	if len(folder.Levels) > 0 {
		name = folder.Levels[len(folder.Levels)-1].Path
	}
	return privilegedObject{
		ref:   cmp.Or(folder.Ref, folder.Parent),
		name:  name,
		kind:  privileges.Folder,
		field: model.ClusterField(model.FieldFolder),
		uses:  c.privilegeCase(),
		makes: folder.Ref == "",
	}
}

// imageFolderObject is the folder that an image is built in.
func (c check) imageFolderObject() privilegedObject {
	folder := c.limits.Site.ImageFolder
	return privilegedObject{
		ref:   folder.Ref,
		name:  folder.Path,
		kind:  privileges.Folder,
		field: model.ClusterField(model.FieldImageFolder),
		uses:  privileges.Case{BuildsImage: true, MakesFolder: folder.Missing},
		makes: folder.Missing,
	}
}

// importsImage reports whether the plan imports an image that the datacenter does not have, or
// what one is built of.
func (c check) importsImage() bool {
	return slices.ContainsFunc(c.built(), func(pool model.NodePool) bool {
		return c.spec.ImageOf(pool).Source().Made() && c.limits.Site.TemplateOf(pool).Ref == ""
	})
}

// ruledObjects are the compute clusters in which the plan makes or changes rules.
func (c check) ruledObjects() []privilegedObject {
	var objects []privilegedObject
	add := func(ref, name string, field model.Field) {
		if ref != "" && !slices.ContainsFunc(objects, func(o privilegedObject) bool { return o.ref == ref }) {
			objects = append(objects, privilegedObject{
				ref: ref, name: name, kind: privileges.ComputeCluster, field: field, uses: privileges.Case{MakesRules: true},
			})
		}
	}
	for _, step := range c.plan.Steps() {
		switch s := step.(type) {
		case model.SpreadNodes:
			add(s.ComputeCluster, s.Name, nameField)
		case model.PlaceNodes:
			add(s.ComputeCluster, s.Name, nameField)
		}
	}
	for _, ref := range c.placements() {
		pool, _ := c.spec.NodePool(ref.NodePool)
		ruled := pool.Spreads() || c.place(ref).HostGroup+c.place(ref).VMGroup != ""
		if found := c.limits.Site.Placements[ref]; ruled && len(c.builds) > 0 && found.DRS {
			add(found.ComputeCluster, found.ComputeClusterName, ref.Field(model.FieldComputeCluster))
		}
	}
	return objects
}

func (c check) templateObjects() []privilegedObject {
	var objects []privilegedObject
	for _, pool := range c.built() {
		template := c.limits.Site.TemplateOf(pool)
		objects = append(objects, privilegedObject{
			ref: template.Ref, name: template.Path, kind: privileges.Template, field: TemplateField(pool),
			uses: privileges.Case{ClonesVM: template.IsVM},
		})
	}
	if base := c.limits.Site.Base; base.Ref != "" {
		objects = append(objects, privilegedObject{
			ref: base.Ref, name: base.Path, kind: privileges.Template, field: model.ClusterField(model.FieldTemplate),
			uses: privileges.Case{ClonesVM: base.IsVM},
		})
	}
	return objects
}

func (c check) placementObjects(ref model.PlacementRef) []privilegedObject {
	found := c.limits.Site.Placements[ref]
	place := c.place(ref)
	uses := c.privilegeCase()
	uses.ImportsImage = ref == model.ImportPlacement && c.importsImage()
	// Where this plan stores one, what is missing for it is an error.
	uses.StoresSnapshots = ref.NodePool == model.ControlPlanePool && c.spec.EtcdSnapshots != nil &&
		c.spec.EtcdSnapshots.Directory == "" && StoresSnapshot(c.plan, c.limits.Site, c.facts.Record.Snapshots) == ""
	stored, _ := place.Storage()
	object := func(reference, name string, kind privileges.Object, field model.FieldName) privilegedObject {
		return privilegedObject{ref: reference, name: name, kind: kind, field: ref.Field(field), uses: uses}
	}
	var objects []privilegedObject
	files := found.Files(c.facts.Record.Snapshots...)
	for _, choice := range found.Choices {
		o := object(choice.Ref, choice.Name, privileges.Datastore, stored)
		o.uses.StoresSnapshots = uses.StoresSnapshots && choice.Ref == files
		objects = append(objects, o)
	}
	if found.Datastore != "" {
		objects = append(objects, object(found.Datastore, place.Datastore, privileges.Datastore, stored))
	}
	return append(objects,
		object(found.Network.Ref, place.Network, privileges.Network, model.FieldNetwork),
		object(found.ResourcePool, cmp.Or(place.ResourcePool, place.ComputeCluster), privileges.ResourcePool, model.FieldResourcePool))
}
