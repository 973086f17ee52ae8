package model

import (
	"context"
	"io"
	"net/netip"
	"time"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
	"github.com/gantry/terraform-provider-gantry/internal/pki"
)

// VCenter is what the engine needs of vSphere. The adapter behind it retries
// nothing but a lost session; budgets and backoff are the runner's.
//
// Errors: a call fails with an error for which Transient is true when the same
// call may work a moment later, and with ErrPermission where a privilege is
// missing. Absence is never an error of Survey: it is what the survey says.
type VCenter interface {
	// InstanceUUID identifies the vCenter (ServiceContent.About.InstanceUuid).
	InstanceUUID(ctx context.Context) (string, error)

	// Survey reads everything that a plan needs in a constant number of calls,
	// however many nodes there are.
	Survey(ctx context.Context, req SurveyRequest) (*Survey, error)

	// Zones reads the k8s-region tag of the datacenter and the k8s-zone tags of the
	// compute clusters. It is one call, which callers share by maxAge as in SurveyRequest,
	// one for each tag and category that was not read before, and two more at most where
	// none is seen.
	Zones(ctx context.Context, datacenter string, computeClusters []string, maxAge time.Duration) (ZoneTags, error)

	// MachineZones returns the tags of Zones for where VMs are now, by the references of the
	// VMs. One whose compute cluster is not known, or has what cannot be a node label, is
	// not in it. It is one call, which callers share by maxAge as in SurveyRequest, and one
	// for each tag and category that was not read before.
	MachineZones(ctx context.Context, vms []string, maxAge time.Duration) (map[string]Zone, error)

	// StorageCompliance returns what vCenter says of VMs and their storage policies, by the
	// references of the VMs. One of which it says nothing is not in it. It is one call, and one
	// more the first time.
	StorageCompliance(ctx context.Context, vms []string) (map[string]StorageCompliance, error)

	// FindVMTags finds tags of vSphere by their names in a spec, each on its own. It is one
	// call for a tag of which known has the id, or whose name is one, and for another one for
	// each tag of its category, of which it has to be read at most once.
	FindVMTags(ctx context.Context, names []string, known map[string]uuid.UUID) ([]FoundVMTag, error)
	// VMTags returns the tags of VMs by the references of the VMs, those that the account may
	// see; one call.
	VMTags(ctx context.Context, vms []string) (map[string][]uuid.UUID, error)
	// AttachVMTag gives VMs a tag, and DetachVMTag takes it from them; one call each.
	AttachVMTag(ctx context.Context, tag uuid.UUID, vms []string) error
	DetachVMTag(ctx context.Context, tag uuid.UUID, vms []string) error

	// CreateFolder creates the missing part of a VM folder path below the VM folder
	// of the datacenter (a reference), and returns the folders of the path, outermost
	// first. Each missing one is a call. What is there already is taken from a survey that
	// is at most maxAge old, if there is one, and read in one call otherwise.
	CreateFolder(ctx context.Context, datacenter, path string, maxAge time.Duration) (levels []record.Folder, err error)
	// FindFolder returns the reference of the folder with a path, as in CreateFolder;
	// empty where there is none. It is one call.
	FindFolder(ctx context.Context, datacenter, path string) (ref string, err error)
	// DeleteFolder deletes an empty folder by its reference and leaves one with anything
	// in it alone, which it reports. A folder that is gone is success.
	DeleteFolder(ctx context.Context, ref string) (left bool, err error)
	// MoveIntoFolder moves those of the VMs into a folder that are in another one, all in
	// one task, which moves them one after the other and ends at the first that it cannot
	// move. The task is empty where there is none to move; one that is gone is none.
	// It takes two calls.
	MoveIntoFolder(ctx context.Context, folder string, vms []string) (task string, err error)

	// Clone starts one clone task and does not wait for it. The VM that it makes is
	// powered off.
	Clone(ctx context.Context, c CloneRequest) (task string, err error)
	// SetIncarnation changes the incarnation in the marker of a VM, and nothing else of
	// it; a task.
	SetIncarnation(ctx context.Context, vm string, incarnation record.Incarnation) (task string, err error)
	// Clones returns the clone tasks that are under way and that this process has not
	// started, as far as the account may see them; one call.
	Clones(ctx context.Context) (tasks []string, err error)
	// SetNotes replaces the notes of a VM; a task.
	SetNotes(ctx context.Context, vm, notes string) (task string, err error)
	// SetGuestInfo writes what a guest that is not running boots with, or the backends of a
	// load balancer, which runs; a task.
	SetGuestInfo(ctx context.Context, vm string, guestInfo map[string]string) (task string, err error)
	// WipeUserdata removes the bootstrap data from a VM's configuration; a task.
	WipeUserdata(ctx context.Context, vm string) (task string, err error)
	// PowerOn is a task that fails with vCenter's reason, as where admission control
	// refuses. A VM that is on already is success.
	PowerOn(ctx context.Context, vm string) (task string, err error)
	// PowerOff is a task. A VM that is off already is success.
	PowerOff(ctx context.Context, vm string) (task string, err error)
	// DetachDisks removes disks from a powered-off VM and keeps their files; a task.
	DetachDisks(ctx context.Context, vm string, keys []int32) (task string, err error)
	// Destroy deletes a VM and its files; a task.
	Destroy(ctx context.Context, vm string) (task string, err error)

	// FindImage looks for what there is of an image that Gantry makes; two calls, and one more
	// where something else has the name of an image from a library.
	FindImage(ctx context.Context, q ImageQuery) (*FoundImage, error)
	// MadeImage returns what there is of a template that Gantry has made; one call, one more where
	// the inventory does not show it, and one more with its users, however many VMs there are. By
	// a name, none, and several, are an error.
	MadeImage(ctx context.Context, q MadeImageQuery) (*MadeImage, error)
	// ImageFolder returns the reference of the folder with a path, as in CreateFolder, which
	// it makes where it is missing; an empty path is the datacenter's own folder.
	ImageFolder(ctx context.Context, datacenter, path string) (ref string, err error)
	// BeginImport makes the VM of an image, powered off, with the devices that clones may
	// have, and begins the upload of its disks. An OVF of what is not supported is an error.
	BeginImport(ctx context.Context, req ImportRequest) (ImageUpload, error)
	// SyncImage has the content of an item brought into its library, where it is not there,
	// and waits for that, for an hour at most.
	SyncImage(ctx context.Context, image Image) error
	// DeployImage makes the VM of an image of an item, powered off, and waits until it is
	// whole: vCenter has no task of it that could be looked at. The VM carries no marker
	// before SealImage; until then, FindImage knows it by its notes. An item that has another
	// version by then is an error.
	DeployImage(ctx context.Context, req LibraryRequest) (vm string, err error)
	// Licenses is how many license agreements whoever deploys an item has to accept, given
	// a resource pool to which it could be deployed; one call.
	Licenses(ctx context.Context, image Image, resourcePool string) (int, error)
	// SealImage marks the VM of an image as whole, and takes from it what clones must not
	// have; a task. What was deployed and makes no node image is an error.
	SealImage(ctx context.Context, vm string, image Image) (task string, err error)
	// SnapshotImage takes the snapshot that linked clones are made of; a task.
	SnapshotImage(ctx context.Context, vm string) (task string, err error)
	// MarkAsTemplate makes a template of a VM; one that is one already is success.
	MarkAsTemplate(ctx context.Context, vm string) error

	// EditRules adds, changes and deletes anti-affinity rules of a compute cluster, each by its
	// key, VM groups with their rules, and who is in VM groups of others, all in one task. What
	// others have besides is left alone.
	EditRules(ctx context.Context, edits RuleEdits) (task string, err error)
	// Rules are those that a cluster has in a compute cluster, its VM groups, and those of others
	// with all that are in them; one call.
	Rules(ctx context.Context, computeCluster string, cluster uuid.UUID) (OwnRules, error)

	// StoreFile writes a file into a folder at the top of a datastore, and makes the folder
	// where it is missing. A file that cannot be written whole is not there.
	StoreFile(ctx context.Context, in DatastoreFolder, name string, write func(io.Writer) error) error
	// LacksForFiles are the privileges that a user lacks to store and prune files in a
	// folder at the top of a datastore; two calls. An empty user is the session's own.
	LacksForFiles(ctx context.Context, user, datastore string) (privileges []string, err error)
	// Lacks returns what a user lacks of the privileges that are asked for, by object; one
	// call at most. What vCenter says nothing of is not in the result: an object that is gone
	// or hidden, and every one of a user who is named without the domain.
	Lacks(ctx context.Context, req PrivilegeRequest) (map[string][]string, error)
	// PruneFiles deletes the files of a folder whose names begin with a prefix, but for the
	// last ones by name, and the folder where it keeps none and nothing else is in it. What
	// is not there is success.
	PruneFiles(ctx context.Context, in DatastoreFolder, prefix string, keep int) error

	// LogEvent adds an event to those of a VM; one call. It is ErrPermission where the
	// account may not.
	LogEvent(ctx context.Context, vm, message string) error

	// Poll reads the state of all the given tasks and VMs in one batched call. A
	// reference that vCenter no longer knows is in Gone.
	Poll(ctx context.Context, req PollRequest) (*PollResult, error)
}

// ImageSource opens the OVAs of images.
type ImageSource interface {
	// Check returns an error for a local OVA that is not there.
	Check(ova OVA) error
	// Open begins to read an OVA, by a proxy where the environment has none; nil: without.
	Open(ctx context.Context, ova OVA, proxy *Proxy) (ImageArchive, error)
}

// ImageArchive is an OVA that is read once.
type ImageArchive interface {
	// Descriptor is the OVF.
	Descriptor() []byte
	// Next is the next file. At the end it is io.EOF, once all digests were found to be
	// right, and another error where one is wrong.
	Next() (name string, size int64, content io.Reader, err error)
	// Size is that of all, less than 0 where it is not known, and Read how much was read.
	Size() int64
	Read() int64
	io.Closer
}

// Kube connects to a cluster's API. Of a kubeconfig it takes what
// pki.ParseKubeconfig returns. With the authority of the cluster's etcd it issues the
// client certificates that etcd wants; without one, the calls of etcd fail.
type Kube interface {
	Connect(kubeconfig []byte, etcd pki.KeyPair) (API, error)
	// ConnectAt is Connect for one API server itself, or a load balancer, by its address. It is
	// verified by the name kubernetes, which the certificates of all API servers have.
	ConnectAt(kubeconfig []byte, at netip.Addr) (API, error)
}

// API is what the engine needs of a cluster's Kubernetes API. Unreachable is an
// error, never an empty answer.
type API interface {
	CredentialsAPI
	ServicesAPI
	ManifestsAPI
	ReleasesAPI

	// Ready asks /readyz once. ErrNotReady says that it answers, and which checks failed.
	Ready(ctx context.Context) error
	Nodes(ctx context.Context) ([]KubeNode, error)
	// SetNodeMeta sets labels, annotations and taints of a node, removes those that
	// it set earlier, and leaves all others alone.
	SetNodeMeta(ctx context.Context, name string, want NodeMeta) error
	// Drain cordons a node that is to be deleted, which KubeNode.Cordoned reports from then
	// on with the reference of its VM, and evicts its pods through the eviction API.
	Drain(ctx context.Context, name, vm string, timeout time.Duration) error
	// DrainToRestart is Drain for a node that stays, of which KubeNode.Restarts is reported
	// instead.
	DrainToRestart(ctx context.Context, name string, timeout time.Duration) error
	// Uncordon undoes what either did to a node, which stays cordoned where it was before;
	// one that is gone is success. It is two calls.
	Uncordon(ctx context.Context, name string) error
	// DeleteNode deletes the node object; one that is gone is success.
	DeleteNode(ctx context.Context, name string) error

	// PutToken creates a bootstrap token with the usages and group of kubeadm's.
	PutToken(ctx context.Context, token string, expires time.Time) error
	DeleteToken(ctx context.Context, token string) error
	// PutCertificates stores what `kubeadm join --control-plane` downloads: the
	// Secret kubeadm-certs and the role by which a token may read it.
	PutCertificates(ctx context.Context, data map[string][]byte) error
	DeleteCertificates(ctx context.Context) error

	// Secret reads an Opaque Secret of kube-system; nil when there is none.
	Secret(ctx context.Context, name string) (map[string][]byte, error)
	PutSecret(ctx context.Context, name string, data map[string][]byte) error
	// DeleteSecret deletes a Secret of kube-system; one that is gone is success.
	DeleteSecret(ctx context.Context, name string) error

	// RewriteSecrets has all Secrets written again, so that the API server encrypts each with
	// its first key; one call a Secret, and one for each 200.
	RewriteSecrets(ctx context.Context) error

	// AdminsBound reports whether the group of the administrator's kubeconfig has its
	// rights by RBAC; BindAdmins gives them, unless an administrator has taken them away.
	// Each is one call or two.
	AdminsBound(ctx context.Context) (bool, error)
	BindAdmins(ctx context.Context) error

	// Kubeadm returns what kubeadm keeps in the cluster and has installed in it; three
	// calls.
	Kubeadm(ctx context.Context) (KubeadmFacts, error)
	// UpdateKubeadmConfig has joining nodes find a version of Kubernetes, settings of the
	// control plane's components (their arguments and volumes are set, and all else is kept
	// but for an image repository of Gantry's)
	// and a kubelet configuration (its keys are set, and the others kept), and the rights
	// that kubeadm of that version and the nodes that it makes need.
	UpdateKubeadmConfig(ctx context.Context, config KubeadmConfig) error
	// UpdateKubeProxy and UpdateCoreDNS set the image of an add-on. Where it is not as kubeadm
	// has installed it, they do nothing. CoreDNS gets its configuration migrated; an error
	// where it cannot be.
	UpdateKubeProxy(ctx context.Context, image AddonImage) error
	UpdateCoreDNS(ctx context.Context, image AddonImage) error

	// PostEvent writes an event, of a node into the namespace default, of the cluster into
	// kube-system; one call.
	PostEvent(ctx context.Context, event ClusterEvent) error

	// Available returns nil once all pods of a deployment are of its present version and
	// available.
	Available(ctx context.Context, namespace, deployment string) error
	// ContainerEnds returns why containers of a deployment's present version do not run.
	ContainerEnds(ctx context.Context, namespace, deployment string) ([]ContainerEnd, error)

	// ControlPlanePods returns the static pods of the control plane (kube-apiserver,
	// kube-controller-manager, kube-scheduler, etcd), by node and component, and whether
	// each is Ready; one call. One that has no pod object is not among them.
	ControlPlanePods(ctx context.Context) ([]ControlPlanePod, error)

	// ControlPlane returns what ControlPlanePods and, where there is more than one member,
	// EtcdMembers return; one call, and those of etcd, of which a member that does not
	// answer takes five seconds at most. It is an error only where the pods are not known.
	ControlPlane(ctx context.Context) (ControlPlane, error)

	// TakeRenewalLease takes the Lease for which control-plane nodes wait before they renew
	// their certificates and restart their static pods, or renews it; two calls. Where
	// another one holds it, that is returned, and nothing is changed, unless it is of the
	// version over, of which the caller knows that it is over.
	TakeRenewalLease(ctx context.Context, over string) (LeaseHolder, error)
	// ReleaseRenewalLease gives it back; where another one holds it, it does nothing.
	ReleaseRenewalLease(ctx context.Context) error

	// VIP returns who holds the VIP; one call.
	VIP(ctx context.Context) (VIP, error)
	// KubeVIPRuns reports whether kube-vip runs on a node, as its kubelet says; one call.
	KubeVIPRuns(ctx context.Context, node string) (bool, error)
	// NameVIPHolder writes another holder into the Lease of kube-vip, where that is of the version
	// given; two calls. It is an error where it is not any more, as by a renewal. The old holder
	// tries for ten seconds to renew the Lease and then lets go of the address; kube-vip on a
	// node that is named takes it within five seconds.
	NameVIPHolder(ctx context.Context, vip VIP, holder string) error

	// EtcdMembers returns the members of etcd by name, with what each answered; those
	// without a name come first. It is an error only where no member answers with the
	// list. Etcd is reached through the API's port-forward; a member that does not
	// answer takes ten seconds at most.
	EtcdMembers(ctx context.Context) ([]EtcdMember, error)
	// MoveEtcdLeader makes the member of another node leader, a healthy one that votes,
	// where the leader is the member of the node away; without an effect otherwise.
	MoveEtcdLeader(ctx context.Context, away string) error
	// RemoveEtcdMember removes a member by its id, asking a member of another node; one
	// that is gone is success.
	RemoveEtcdMember(ctx context.Context, id uint64) error
	// EtcdSnapshot writes a snapshot of etcd and checks it with the hash at its end. The
	// size is what was written, also where it returns an error: what was written then is
	// not a snapshot.
	EtcdSnapshot(ctx context.Context, to io.Writer) (size int64, err error)
}
