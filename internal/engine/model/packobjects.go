package model

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/google/uuid"
	"sigs.k8s.io/yaml"
)

// ObjectRef names an object of a cluster. Versions of its kind are the same object.
type ObjectRef struct {
	Group     string `json:",omitempty"`
	Kind      string
	Namespace string `json:",omitempty"`
	Name      string
}

// String is the object in users' words: `Deployment kube-system/coredns`.
func (o ObjectRef) String() string {
	if o.Namespace != "" {
		return fmt.Sprintf("%s %s/%s", o.Kind, o.Namespace, o.Name)
	}
	return o.Kind + " " + o.Name
}

// Names reports whether a manifest's object is this one, which the API has named: a manifest
// may leave out the namespace default, and say one of what is in none.
func (o ObjectRef) Names(written ObjectRef) bool {
	if o.Group != written.Group || o.Kind != written.Kind || o.Name != written.Name {
		return false
	}
	return o.Namespace == "" || o.Namespace == cmp.Or(written.Namespace, "default")
}

// PackOwner is the pack, and the cluster, whose marks an object has.
type PackOwner struct {
	Cluster uuid.UUID
	Pack    string
}

// PackObject is an object of a pack of manifests.
type PackObject struct {
	ObjectRef
	// TakenOver says that it was there before the pack, made by others: it has no marks, and
	// stays when it leaves the pack.
	TakenOver bool `json:",omitempty"`
	// Version is that of its kind in which it was applied, and Set what the apply has set. Empty:
	// no apply of it has come to its end, or an older Gantry has applied it.
	Version string     `json:",omitempty"`
	Set     *SetFields `json:",omitempty"`
	// SetBack identify the fields in which it had changed when it was set back, each for itself,
	// and Manifest its manifest then: with another one it begins anew.
	SetBack  []string `json:",omitempty"`
	Manifest string   `json:",omitempty"`
	// AsksToGo says that it had the annotation by which it goes with its pack in any case.
	AsksToGo bool `json:",omitempty"`
	// Shared says that another pack has it, too. It is not stored.
	Shared bool `json:"-"`
}

// Inventory are the objects that applies of a pack of manifests have made or taken over. It is
// stored in the cluster before anything is applied, as what was there and what is to be, and
// after it as what is: a run that is killed loses none.
type Inventory struct {
	// Cluster is the one whose marks the objects have. It is another one's where the cluster
	// began with the data of that one.
	Cluster uuid.UUID
	Objects []PackObject
}

// Find returns the object of that name.
func (i *Inventory) Find(ref ObjectRef) (PackObject, bool) {
	at := slices.IndexFunc(i.Objects, func(o PackObject) bool { return o.ObjectRef == ref })
	if at < 0 {
		return PackObject{}, false
	}
	return i.Objects[at], true
}

// With returns the inventory with other objects after its own.
func (i Inventory) With(objects []PackObject) Inventory {
	i.Objects = slices.Clone(i.Objects)
	for _, o := range objects {
		if _, known := i.Find(o.ObjectRef); !known {
			i.Objects = append(i.Objects, o)
		}
	}
	return i
}

// InventorySecret is the Secret of kube-system in which the inventory of a pack is, under
// InventoryKey.
func InventorySecret(pack string) string { return "gantry-pack-" + pack }

// InventoryKey is the key of the Secret of an inventory.
const InventoryKey = "inventory"

// maxInventory bounds what an inventory takes when it is read: the cluster's administrators
// may have written anything.
const maxInventory = 4 << 20

// maxStored bounds what an inventory takes in its Secret, which may have 1 MiB.
const maxStored = 900 << 10

// Encode returns the inventory as it is stored. Of a pack with too many objects it is without
// what they are compared by: they are not, but they go with their pack.
func (i Inventory) Encode() ([]byte, error) {
	raw, err := i.encode()
	if err == nil && len(raw) <= maxStored {
		return raw, nil
	}
	i.Objects = slices.Clone(i.Objects)
	for at := range i.Objects {
		i.Objects[at].Set = nil
	}
	return i.encode()
}

func (i Inventory) encode() ([]byte, error) {
	content, err := json.Marshal(i)
	if err != nil {
		return nil, err
	}
	if len(content) > maxInventory {
		return nil, fmt.Errorf("the list of the %d objects of the pack is too long: make several packs of it", len(i.Objects))
	}
	var compressed bytes.Buffer
	to := gzip.NewWriter(&compressed)
	if _, err := to.Write(content); err != nil {
		return nil, err
	}
	if err := to.Close(); err != nil {
		return nil, err
	}
	return compressed.Bytes(), nil
}

// DecodeInventory reads what Encode has returned.
func DecodeInventory(raw []byte) (*Inventory, error) {
	from, err := gzip.NewReader(bytes.NewReader(raw))
	if err != nil {
		return nil, err
	}
	content, err := io.ReadAll(io.LimitReader(from, maxInventory))
	if err != nil {
		return nil, err
	}
	var i Inventory
	if err := json.Unmarshal(content, &i); err != nil {
		return nil, err
	}
	return &i, nil
}

// Objects are what the manifests of the pack name, as they are written, each once. What is not
// an object is left out: an apply says so.
func (k Pack) Objects() []ObjectRef {
	type object struct {
		APIVersion string `json:"apiVersion"`
		Kind       string `json:"kind"`
		Metadata   struct {
			Name      string `json:"name"`
			Namespace string `json:"namespace"`
		} `json:"metadata"`
	}
	var refs []ObjectRef
	add := func(o object) {
		group, _, grouped := strings.Cut(o.APIVersion, "/")
		if !grouped {
			group = ""
		}
		ref := ObjectRef{Group: group, Kind: o.Kind, Namespace: o.Metadata.Namespace, Name: o.Metadata.Name}
		if ref.Kind != "" && ref.Name != "" && !slices.Contains(refs, ref) {
			refs = append(refs, ref)
		}
	}
	for _, text := range k.documents() {
		var list struct {
			object
			Items []object `json:"items"`
		}
		if yaml.Unmarshal([]byte(text), &list) != nil {
			continue
		}
		if len(list.Items) == 0 || !strings.HasSuffix(list.Kind, "List") {
			list.Items = []object{list.object}
		}
		for _, o := range list.Items {
			add(o)
		}
	}
	return refs
}

// documents are the YAML documents of all manifests.
func (k Pack) documents() []string {
	var all []string
	for _, manifest := range k.Manifests {
		var document strings.Builder
		for line := range strings.Lines(manifest) {
			if strings.HasPrefix(line, "---") {
				all = append(all, document.String())
				document.Reset()
				continue
			}
			document.WriteString(line)
		}
		all = append(all, document.String())
	}
	return all
}

// Precious reports whether an object is kept unless it asks to go, since what cannot be made
// again goes with it: all that is in a namespace, and the data of a volume.
func (o ObjectRef) Precious() bool {
	return o.Group == "" && slices.Contains([]string{"Namespace", "PersistentVolumeClaim", "PersistentVolume"}, o.Kind)
}

// Leaving are the objects of an inventory that no pack's manifests name, as far as can be told
// without the API, and that are not kept in any case: precious ones are, but for those that ask
// to go.
func Leaving(inventory, asking []ObjectRef, packs []Pack) []ObjectRef {
	var written []ObjectRef
	for _, pack := range packs {
		written = append(written, pack.Objects()...)
	}
	var leaving []ObjectRef
	for _, ref := range inventory {
		if ref.Precious() && !slices.Contains(asking, ref) || slices.ContainsFunc(written, ref.Names) {
			continue
		}
		leaving = append(leaving, ref)
	}
	return leaving
}

// BuiltIn reports whether a group is one of Kubernetes itself.
func BuiltIn(group string) bool {
	return !strings.Contains(group, ".") || slices.Contains(builtInGroups, group)
}

// builtInGroups are the groups of Kubernetes itself whose names have a dot.
var builtInGroups = []string{
	"admissionregistration.k8s.io", "apiextensions.k8s.io", "apiregistration.k8s.io", "authentication.k8s.io", "authorization.k8s.io",
	"certificates.k8s.io", "coordination.k8s.io", "discovery.k8s.io", "events.k8s.io", "flowcontrol.apiserver.k8s.io",
	"internal.apiserver.k8s.io", "networking.k8s.io", "node.k8s.io", "rbac.authorization.k8s.io", "resource.k8s.io",
	"scheduling.k8s.io", "storage.k8s.io", "storagemigration.k8s.io",
}

// DeletionWaves are objects in the order in which they are deleted, in the reverse of the one in
// which they were applied: each wave has to be gone before the next. First go custom resources,
// since what runs in the pack may have to finish them; definitions and namespaces are last,
// since others live by them. Of the rest, webhooks come first: without what runs behind them
// they may refuse everything.
func DeletionWaves(objects []PackObject) [][]PackObject {
	waves := make([][]PackObject, 3)
	for _, o := range slices.Backward(objects) {
		switch {
		case !BuiltIn(o.Group):
			waves[0] = append(waves[0], o)
		case o.Group == "apiextensions.k8s.io", o.Group == "" && o.Kind == "Namespace":
			waves[2] = append(waves[2], o)
		default:
			waves[1] = append(waves[1], o)
		}
	}
	slices.SortStableFunc(waves[1], func(a, b PackObject) int {
		return rank(a) - rank(b)
	})
	return slices.DeleteFunc(waves, func(wave []PackObject) bool { return len(wave) == 0 })
}

func rank(o PackObject) int {
	if o.Group == "admissionregistration.k8s.io" {
		return 0
	}
	return 1
}
