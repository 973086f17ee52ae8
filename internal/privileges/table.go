package privileges

var (
	until70 = []string{"6.7", "7.0"}
	since70 = []string{"7.0", "8.0"}
	since80 = []string{"8.0"}
)

func sections() []section {
	all := rootSections()
	all = append(all, clusterSections()...)
	all = append(all, machineSections()...)
	return append(all, ledgerSections()...)
}

// rootSections are granted on the root object and the datacenters.
func rootSections() []section {
	root := func(group string, privileges ...privilege) section {
		return section{role: RootLevel, group: group, privileges: privileges}
	}
	policies := func(name string) privilege {
		return named(name, "StorageProfile.View", csi(Root, "storage policies"), in(Elsewhere, Root, "storage_policy"))
	}
	return []section{
		root("Cns", named("Searchable", "Cns.Searchable", csi(Root, "volumes"))),
		root("Datastore", named("Browse datastore", "Datastore.Browse")),
		root("Host > Configuration",
			named("Storage partition configuration", "Host.Config.Storage", csi(Root, "file volumes"))),
		root("vSphere Tagging",
			named("Create vSphere Tag", "InventoryService.Tagging.CreateTag"),
			named("Edit vSphere Tag", "InventoryService.Tagging.EditTag")),
		root("Network", named("Assign network", "Network.Assign")),
		root("Sessions", named("Validate session", "Sessions.ValidateSession")),
		{RootLevel, "Profile-driven storage", until70, []privilege{policies("Profile-driven storage view")}},
		{RootLevel, "VM storage policies", since80, []privilege{policies("View VM storage policies")}},
		root("Storage views", named("View", "StorageViews.View")),
	}
}

// clusterSections are granted on what clusters are made of.
func clusterSections() []section {
	return []section{
		cluster("Image template folder", named("Read only", "System.Read", gantry(Template, "clone"))),
		cluster("Cns", named("Searchable", "Cns.Searchable")),
		cluster("Datastore",
			named("Allocate space", "Datastore.AllocateSpace", gantry(Datastore, "clone")),
			named("Browse datastore", "Datastore.Browse", in(StoresSnapshots, Datastore, "snapshots of etcd")),
			named("Low level file operations", "Datastore.FileManagement",
				in(StoresSnapshots, Datastore, "snapshots of etcd"), csi(Datastore, "volumes")),
			named("Remove file", "Datastore.DeleteFile"),
			named("Update virtual machine files", "Datastore.UpdateVirtualMachineFiles"),
			named("Update virtual machine metadata", "Datastore.UpdateVirtualMachineMetadata"),
			privilege{
				name: "Configure datastore", id: "Datastore.Config", optional: true,
				uses: []Use{in(Elsewhere, Datastore, "snapshots of etcd on vSAN and vVols")},
			}),
		cluster("Folder",
			named("Create folder", "Folder.Create", in(MakesFolder, ParentFolder, "make the folder")),
			named("Delete folder", "Folder.Delete", in(MakesFolder, ParentFolder, "delete the folder")),
			named("Move folder", "Folder.Move"),
			named("Rename folder", "Folder.Rename")),
		cluster("Global", logEvent()),
		cluster("Host > Inventory", privilege{
			name: "Modify cluster", id: "Host.Inventory.EditCluster", optional: true,
			uses: []Use{in(MakesRules, ComputeCluster, "anti-affinity rules, host groups, VM groups")},
		}),
		cluster("Host > Local operations", named("Reconfigure virtual machine", "Host.Local.ReconfigVM")),
		cluster("vSphere Tagging",
			named("Assign or Unassign vSphere Tag", "InventoryService.Tagging.AttachTag"),
			named("Create vSphere Tag", "InventoryService.Tagging.CreateTag"),
			named("Delete vSphere Tag", "InventoryService.Tagging.DeleteTag"),
			named("Edit vSphere Tag", "InventoryService.Tagging.EditTag")),
		{role: ClusterLevel, group: "vSphere Tagging", versions: since70, privileges: []privilege{{
			name: "Assign or Unassign vSphere Tag on Object", id: "InventoryService.Tagging.ObjectAttachable", optional: true,
			uses: []Use{in(TagsVMs, Folder, "vm_tags")},
		}}},
		cluster("Network", named("Assign network", "Network.Assign", gantry(Network, "clone"))),
		cluster("Resource",
			named("Apply recommendation", "Resource.ApplyRecommendation"),
			named("Assign virtual machine to resource pool", "Resource.AssignVMToPool", gantry(ResourcePool, "clone")),
			named("Migrate powered off virtual machine", "Resource.ColdMigrate"),
			named("Migrate powered on virtual machine", "Resource.HotMigrate"),
			named("Query vMotion", "Resource.QueryVMotion")),
		cluster("Sessions", named("Validate session", "Sessions.ValidateSession")),
		{ClusterLevel, "Profile-driven storage", until70, []privilege{named("Profile-driven storage view", "StorageProfile.View")}},
		{ClusterLevel, "VM storage policies", since80, []privilege{named("View VM storage policies", "StorageProfile.View")}},
		cluster("Storage views",
			named("Configure service", "StorageViews.ConfigureService"),
			named("View", "StorageViews.View")),
		cluster("Tasks",
			named("Create task", "Task.Create"),
			named("Update task", "Task.Update")),
		cluster("vApp",
			named("Export", "VApp.Export"),
			named("Import", "VApp.Import",
				in(ImportsImage, ResourcePool, "import images"), in(Elsewhere, Folder, "deploy items of content libraries")),
			named("View OVF environment", "VApp.ExtractOvfEnvironment"),
			named("vApp application configuration", "VApp.ApplicationConfig", gantry(Folder, "clone without the template's vApp options")),
			named("vApp instance configuration", "VApp.InstanceConfig")),
	}
}

func logEvent() privilege {
	uses := []Use{in(Elsewhere, Folder, "events of what is done to VMs")}
	return privilege{name: "Log event", id: "Global.LogEvent", optional: true, uses: uses}
}

// ledgerSections are what the ledger of the provider's user needs.
func ledgerSections() []section {
	ledger := func(operation string) Use { return in(Elsewhere, Root, operation) }
	zoneTag := func(name, id string) privilege {
		return privilege{name: name, id: id, optional: true, uses: []Use{ledger("zone tags that gantry_zone_tag sets")}}
	}
	return []section{{role: Ledger, group: "vSphere Tagging", privileges: []privilege{
		named("Create vSphere Tag", "InventoryService.Tagging.CreateTag", ledger("records, claims and locks")),
		named("Delete vSphere Tag", "InventoryService.Tagging.DeleteTag", ledger("records, claims and locks")),
		named("Edit vSphere Tag", "InventoryService.Tagging.EditTag", ledger("records, claims and locks")),
		{
			name: "Create vSphere Tag Category", id: "InventoryService.Tagging.CreateCategory", optional: true,
			uses: []Use{ledger("the categories, unless an administrator makes them")},
		},
		{
			name: "Assign or Unassign vSphere Tag", id: "InventoryService.Tagging.AttachTag", optional: true,
			uses: []Use{ledger("zone tags that gantry_zone_tag sets"), ledger("vm_tags, of the account that builds, which needs no other of these")},
		},
	}}, {role: Ledger, group: "Content library", privileges: []privilege{{
		name: "Sync library item", id: "ContentLibrary.SyncLibraryItem", optional: true,
		uses: []Use{ledger("content of subscribed libraries, of the account that builds, which needs no other of these")},
	}}}, {role: Ledger, group: "Virtual machine > Provisioning", privileges: []privilege{{
		name: "Deploy template", id: "VirtualMachine.Provisioning.DeployTemplate", optional: true,
		uses: []Use{ledger("items of libraries that are VM templates, of the account that builds, which needs no other of these")},
	}}}, {role: Ledger, group: "vSphere Tagging", versions: since70, privileges: []privilege{
		zoneTag("Assign or Unassign vSphere Tag on Object", "InventoryService.Tagging.ObjectAttachable"),
	}}}
}

func cluster(group string, privileges ...privilege) section {
	return section{role: ClusterLevel, group: group, privileges: privileges}
}
