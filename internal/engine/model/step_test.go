package model_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
)

// steps has one of each type, with the change that it is shown as.
var steps = []struct {
	step   model.Step
	change string
}{
	{model.CreateRecord{Cluster: "c"}, "create_record c"},
	{model.ResetControlPlane{Cluster: "c"}, "reset_control_plane c"},
	{model.CreateIPPool{Name: "pool"}, "create_ip_pool pool"},
	{model.CreateFolder{Path: "k8s/c"}, "create_folder k8s/c"},
	{model.ImportImage{Image: model.Image{Template: "node-a"}}, "import_image node-a"},
	{model.BuildImage{Image: model.Image{Template: "node-a", Build: &model.Build{}}}, "build_image node-a"},
	{model.DeleteBuilder{Machine: model.Machine{Marker: model.Marker{Node: "node-a"}}}, "delete_builder node-a"},
	{model.MoveNodes{Path: "k8s/c", VMs: []string{"vm"}}, "move_nodes k8s/c"},
	{model.CreateLoadBalancer{Name: "c-lb"}, "create_load_balancer c-lb"},
	{model.ReplaceLoadBalancer{Machine: model.Machine{Marker: model.Marker{Node: "c-lb"}}}, "replace_load_balancer c-lb"},
	{model.RestartLoadBalancer{Machine: model.Machine{Marker: model.Marker{Node: "c-lb"}}}, "restart_load_balancer c-lb"},
	{model.UpdateBackends{Name: "c-lb"}, "update_backends c-lb"},
	{model.DeleteLoadBalancer{Machine: model.Machine{Marker: model.Marker{Node: "c-lb"}}}, "delete_load_balancer c-lb"},
	{model.ReserveEndpoint{Cluster: "c", IPPool: uuid.New()}, "reserve_endpoint c"},
	{model.ClaimAddress{Claim: model.Claim{Owner: model.OwnerVIP}}, "claim_address vip"},
	{model.ReleaseAddress{Claim: model.Claim{Owner: "n"}}, "release_address n"},
	{model.RemoveLostNode{Node: "n"}, "remove_lost_node n"},
	{model.RemoveStaleNodes{Cluster: "c"}, "remove_stale_nodes c"},
	{model.ReconnectWorkers{Cluster: "c", Workers: []model.Machine{{}}}, "reconnect_workers c"},
	{model.DeleteNode{Machine: model.Machine{Ref: "vm", Marker: model.Marker{Node: "n"}}}, "delete_node n"},
	{model.CreateNode{Node: "n", NodePool: model.NodePool{Name: "w"}}, "create_node n"},
	{model.PowerOnNode{Machine: model.Machine{Marker: model.Marker{Node: "n"}}}, "power_on_node n"},
	{model.RestartNode{Machine: model.Machine{Marker: model.Marker{Node: "n"}}}, "restart_node n"},
	{model.WipeUserdata{Node: "n", VM: "vm"}, "wipe_userdata n"},
	{model.UpdateNodeMetadata{Node: "n"}, "update_node_metadata n"},
	{model.UpdateDescription{Cluster: "c", VMs: []string{"vm"}}, "update_description c"},
	{model.UpdateVMTags{Cluster: "c"}, "update_vm_tags c"},
	{model.UncordonNode{Node: "n"}, "uncordon_node n"},
	{model.StoreImportData{Cluster: "c"}, "store_import_data c"},
	{model.SnapshotEtcd{Cluster: "c", Directory: "/snapshots"}, "snapshot_etcd c"},
	{model.DeleteSnapshots{Cluster: "c", Datastore: "Datastore:datastore-1"}, "delete_snapshots c"},
	{model.SpreadNodes{ComputeCluster: "ClusterComputeResource:domain-c1", Name: "cluster-a"}, "spread_nodes cluster-a"},
	{model.DeleteRules{Cluster: "c"}, "delete_rules c"},
	{model.PlaceNodes{ComputeCluster: "ClusterComputeResource:domain-c1", Name: "cluster-a"}, "place_nodes cluster-a"},
	{model.BindAdmins{Cluster: "c"}, "bind_administrators c"},
	{model.ApplyPack{Pack: model.Pack{Name: "cni"}}, "apply_pack cni"},
	{model.WaitForPack{Pack: model.Pack{Name: "cni"}}, "wait_for_pack cni"},
	{model.InstallPack{Pack: chartPack}, "install_pack app (demo 1.0.0)"},
	{model.UpgradePack{Pack: chartPack}, "upgrade_pack app (demo 1.0.0)"},
	{model.WriteCredentials{Pack: withLogin}, "write_credentials csi (storage/login)"},
	{model.DeleteCredentials{Pack: "csi", Credentials: *withLogin.Credentials}, "delete_credentials csi (storage/login)"},
	{model.UninstallPack{Pack: "app", Release: chartPack.Release()}, "uninstall_pack app (demo 1.0.0)"},
	{model.UpdateKubeadmConfig{Cluster: "c", Version: "1.37.2"}, "update_kubeadm_config c"},
	{model.UpdateAddon{Name: model.AddonCoreDNS, AddonImage: model.AddonImage{Version: "1.14.6"}}, "update_addon coredns"},
	{model.RewriteSecrets{Cluster: "c", Version: 2}, "rewrite_secrets c"},
	{model.ReserveRange{ReservedRange: model.ReservedRange{Name: "web"}}, "reserve_range web"},
	{model.ReleaseRange{Name: "web"}, "release_range web"},
	{model.ReleaseEndpoint{Cluster: "c"}, "release_endpoint c"},
	{model.DeleteFolder{Datacenter: "dc", Folder: record.Folder{Path: "k8s/c"}}, "delete_folder k8s/c"},
	{model.DeleteIPPool{Name: "pool"}, "delete_ip_pool pool"},
	{model.DeleteRecord{Cluster: "c"}, "delete_record c"},
}

func TestStepsAreShownAsAnActionAndItsTarget(t *testing.T) {
	t.Parallel()
	for _, c := range steps {
		if got := c.step.Change().String(); got != c.change {
			t.Errorf("%T is shown as %q, want %q", c.step, got, c.change)
		}
	}
}

// The datacenter's own VM folder has no path.
func TestMoveIntoTheDatacentersFolderHasATarget(t *testing.T) {
	t.Parallel()
	if got := (model.MoveNodes{VMs: []string{"vm"}}).Change().String(); got != "move_nodes /" {
		t.Errorf("shown as %q", got)
	}
}

func TestEveryStepTypeHasAnActionOfItsOwn(t *testing.T) {
	t.Parallel()
	var types, used []string
	for _, c := range steps {
		types = append(types, reflect.TypeOf(c.step).Name())
		used = append(used, string(c.step.Change().Action))
	}
	declaredTypes, declaredActions := declared(t)
	compare(t, "step types", types, declaredTypes)
	compare(t, "actions", used, declaredActions)
}

// compare expects two lists to have the same elements, each once.
func compare(t *testing.T, what string, listed, declared []string) {
	t.Helper()
	slices.Sort(listed)
	slices.Sort(declared)
	if len(declared) == 0 || !slices.Equal(listed, declared) {
		t.Errorf("%s listed:   %v", what, listed)
		t.Errorf("%s declared: %v", what, declared)
	}
}

// declared are the types of the package's source that have a method Change, and the
// values of its constants of type Action.
func declared(t *testing.T) (types, actions []string) {
	t.Helper()
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if !strings.HasSuffix(entry.Name(), ".go") || strings.HasSuffix(entry.Name(), "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), entry.Name(), nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, decl := range file.Decls {
			switch decl := decl.(type) {
			case *ast.FuncDecl:
				if name, ok := receiver(decl); ok && decl.Name.Name == "Change" {
					types = append(types, name)
				}
			case *ast.GenDecl:
				actions = append(actions, constants(t, decl)...)
			}
		}
	}
	return types, actions
}

// receiver is the name of the type that a method is of.
func receiver(method *ast.FuncDecl) (string, bool) {
	if method.Recv == nil {
		return "", false
	}
	of := method.Recv.List[0].Type
	if star, ok := of.(*ast.StarExpr); ok {
		of = star.X
	}
	name, ok := of.(*ast.Ident)
	if !ok {
		return "", false
	}
	return name.Name, true
}

// constants are the values of the constants of type Action in a declaration.
func constants(t *testing.T, decl *ast.GenDecl) []string {
	t.Helper()
	var values []string
	for _, spec := range decl.Specs {
		value, ok := spec.(*ast.ValueSpec)
		if !ok || decl.Tok != token.CONST {
			continue
		}
		if of, ok := value.Type.(*ast.Ident); !ok || of.Name != "Action" {
			continue
		}
		for _, v := range value.Values {
			text, err := strconv.Unquote(v.(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			values = append(values, text)
		}
	}
	return values
}

func TestCreateNodeKnowsItsPlacementAndIPPool(t *testing.T) {
	t.Parallel()
	other := uuid.New()
	step := model.CreateNode{
		NodePool:  model.NodePool{Name: "w", Placements: []model.Placement{{IPPoolID: uuid.New()}, {ComputeCluster: "b", IPPoolID: other}}},
		Placement: model.PlacementRef{NodePool: "w", Index: 1},
	}
	if step.IPPool() != other || step.Place().ComputeCluster != "b" {
		t.Errorf("got %s on %s", step.IPPool(), step.Place().ComputeCluster)
	}
}

var withLogin = model.Pack{Name: "csi", Credentials: &model.Credentials{Namespace: "storage", Secret: "login", Format: model.FormatCSI}}

var chartPack = model.Pack{Name: "app", Chart: &model.Chart{Name: "demo", Version: "1.0.0"}}
