package privileges

import (
	"fmt"
	"strings"
)

// Guide renders the table and the commands that create its roles for people, in Markdown.
func Guide() string {
	var page strings.Builder
	page.WriteString("## The roles of a cloud account\n\n" +
		"Two roles, for vSphere 6.7, 7.0 and 8.0. What Gantry or the CSI driver use, and for what, stands in the last column; " +
		"a plan of a cluster warns where that is missing on the cluster's objects, and `missing_privileges` of the account lists what is " +
		"missing of the root-level role. The other privileges are for tools that share the account: nothing warns of them. " +
		"The cloud provider for vSphere needs to read, and nothing of the tables.\n\n" +
		"### Root-level role\n\nOn the root object and the datacenters alone: without propagation.\n")
	table(&page, RootLevel)
	page.WriteString("\n### Cluster role\n\n" +
		"With propagation, on the compute clusters (or the resource pools in them and the hosts), the VM folders of clusters, the folder " +
		"of the node images, the datastores, or the datastore clusters that these are in, and the networks. " +
		"A folder that Gantry makes gets it from the one that it is made in. " +
		"A distributed port group needs the role Read-only on its switch, too, without propagation.\n")
	table(&page, ClusterLevel)
	commands(&page)
	return page.String()
}

func table(page *strings.Builder, role Role) {
	page.WriteString("\n| group | privilege | id | used for |\n| :--- | :--- | :--- | :--- |\n")
	for _, row := range Table() {
		if row.Role != role {
			continue
		}
		name := row.Name
		if len(row.Versions) > 0 {
			name += " (" + strings.Join(row.Versions, ", ") + ")"
		}
		if row.Optional {
			name += " (where it is used)"
		}
		var uses []string
		for _, use := range row.Uses {
			operation := use.For
			if use.By != Gantry {
				operation += " (" + string(use.By) + ")"
			}
			uses = append(uses, operation)
		}
		fmt.Fprintf(page, "| %s | %s | `%s` | %s |\n", row.Group, name, row.ID, strings.Join(uses, "; "))
	}
}

// commands creates both roles and gives them to an account.
func commands(page *strings.Builder) {
	page.WriteString("\n### With govc\n\n" +
		"An administrator creates both roles once, with `GOVC_URL` and a login set. vCenter adds what every role has.\n\n```shell\n")
	create(page, "gantry-root", RootLevel)
	create(page, "gantry-cluster", ClusterLevel)
	page.WriteString("```\n\nEach account gets them on its objects. `govc permissions.set` leaves the permissions of others as they are. " +
		"The folders in between are to be read, so that the paths of what is in them can be.\n\n" +
		"```shell\n" +
		"account=team-a@vsphere.local\n" +
		"dc=/dc-1\n" +
		"govc permissions.set -principal \"$account\" -role gantry-root -propagate=false / \"$dc\"\n" +
		"govc permissions.set -principal \"$account\" -role ReadOnly -propagate=false \\\n" +
		"  \"$dc/vm\" \"$dc/host\" \"$dc/datastore\" \"$dc/network\"\n" +
		"govc permissions.set -principal \"$account\" -role gantry-cluster -propagate=true \\\n" +
		"  \"$dc/vm/k8s\" \"$dc/vm/templates\" \"$dc/host/cluster-a\" \"$dc/datastore/shared-1\" \"$dc/network/dvpg-nodes\"\n" +
		"govc permissions.set -principal \"$account\" -role ReadOnly -propagate=false \"$dc/network/dvs\"\n" +
		"```\n\n" +
		"The data source `gantry_privileges` shows the tables with what an account has and what it lacks:\n\n" +
		"```hcl\n" +
		"data \"gantry_privileges\" \"team_a\" {\n" +
		"  username = \"team-a@vsphere.local\"\n" +
		"  on = {\n" +
		"    datacenter      = \"dc-1\"\n" +
		"    compute_cluster = \"cluster-a\"\n" +
		"    datastore       = \"shared-1\"\n" +
		"    network         = \"dvpg-nodes\"\n" +
		"    folder          = \"k8s\"\n" +
		"    template        = \"gantry-node-1.37.2\"\n" +
		"  }\n" +
		"}\n\n" +
		"output \"missing\" {\n" +
		"  value = data.gantry_privileges.team_a.missing\n" +
		"}\n" +
		"```\n")
}

func create(page *strings.Builder, name string, role Role) {
	page.WriteString("govc role.create " + name)
	for _, id := range Granted(role, "") {
		page.WriteString(" \\\n  " + id)
	}
	page.WriteString("\n")
}
