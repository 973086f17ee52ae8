package kubeapi

import (
	"errors"
	"reflect"
	"sort"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

var errPrecondition = errors.New("the object is another one: precondition failed")

func same(a, b any) bool { return reflect.DeepEqual(a, b) }

// Kind is a served resource in one version.
type Kind struct {
	schema.GroupVersionKind
	Plural     string
	Singular   string
	Short      []string
	Namespaced bool
	// Status is true where the kind has a status subresource, so that a write to
	// the object itself leaves its status alone.
	Status bool
}

// Resource returns the key under which objects of the kind are stored. Versions of
// one kind share it.
func (k Kind) Resource() schema.GroupResource {
	return schema.GroupResource{Group: k.Group, Resource: k.Plural}
}

// Resources that code here names.
var (
	Nodes               = schema.GroupResource{Resource: "nodes"}
	Pods                = schema.GroupResource{Resource: "pods"}
	Secrets             = schema.GroupResource{Resource: "secrets"}
	ConfigMaps          = schema.GroupResource{Resource: "configmaps"}
	Namespaces          = schema.GroupResource{Resource: "namespaces"}
	ServiceAccounts     = schema.GroupResource{Resource: "serviceaccounts"}
	Services            = schema.GroupResource{Resource: "services"}
	Deployments         = schema.GroupResource{Group: "apps", Resource: "deployments"}
	DaemonSets          = schema.GroupResource{Group: "apps", Resource: "daemonsets"}
	StatefulSets        = schema.GroupResource{Group: "apps", Resource: "statefulsets"}
	ReplicaSets         = schema.GroupResource{Group: "apps", Resource: "replicasets"}
	Jobs                = schema.GroupResource{Group: "batch", Resource: "jobs"}
	Roles               = schema.GroupResource{Group: "rbac.authorization.k8s.io", Resource: "roles"}
	RoleBindings        = schema.GroupResource{Group: "rbac.authorization.k8s.io", Resource: "rolebindings"}
	ClusterRoles        = schema.GroupResource{Group: "rbac.authorization.k8s.io", Resource: "clusterroles"}
	ClusterRoleBindings = schema.GroupResource{Group: "rbac.authorization.k8s.io", Resource: "clusterrolebindings"}
	Budgets             = schema.GroupResource{Group: "policy", Resource: "poddisruptionbudgets"}
	CustomResources     = schema.GroupResource{Group: "apiextensions.k8s.io", Resource: "customresourcedefinitions"}
	Events              = schema.GroupResource{Group: "events.k8s.io", Resource: "events"}
	Leases              = schema.GroupResource{Group: "coordination.k8s.io", Resource: "leases"}
)

// builtIn lists what a fresh cluster serves: group/version, then
// kind:plural:flags:short names, with the flags n (namespaced) and s (status).
var builtIn = []string{
	"v1 Namespace:namespaces:s:ns Node:nodes:s:no Pod:pods:ns:po Secret:secrets:n ConfigMap:configmaps:n:cm" +
		" ServiceAccount:serviceaccounts:n:sa Service:services:ns:svc Endpoints:endpoints:n:ep Event:events:n:ev" +
		" PersistentVolume:persistentvolumes:s:pv PersistentVolumeClaim:persistentvolumeclaims:ns:pvc" +
		" ReplicationController:replicationcontrollers:ns:rc ResourceQuota:resourcequotas:ns:quota" +
		" LimitRange:limitranges:n:limits PodTemplate:podtemplates:n",
	"apps/v1 Deployment:deployments:ns:deploy DaemonSet:daemonsets:ns:ds StatefulSet:statefulsets:ns:sts" +
		" ReplicaSet:replicasets:ns:rs ControllerRevision:controllerrevisions:n",
	"batch/v1 Job:jobs:ns CronJob:cronjobs:ns:cj",
	"autoscaling/v2 HorizontalPodAutoscaler:horizontalpodautoscalers:ns:hpa",
	"rbac.authorization.k8s.io/v1 Role:roles:n RoleBinding:rolebindings:n ClusterRole:clusterroles: ClusterRoleBinding:clusterrolebindings:",
	"coordination.k8s.io/v1 Lease:leases:n",
	"policy/v1 PodDisruptionBudget:poddisruptionbudgets:ns:pdb",
	"apiextensions.k8s.io/v1 CustomResourceDefinition:customresourcedefinitions:s:crd",
	"apiregistration.k8s.io/v1 APIService:apiservices:s",
	"storage.k8s.io/v1 StorageClass:storageclasses::sc CSIDriver:csidrivers: CSINode:csinodes:" +
		" VolumeAttachment:volumeattachments:s CSIStorageCapacity:csistoragecapacities:n",
	"networking.k8s.io/v1 NetworkPolicy:networkpolicies:n:netpol Ingress:ingresses:ns:ing IngressClass:ingressclasses:",
	"discovery.k8s.io/v1 EndpointSlice:endpointslices:n",
	"events.k8s.io/v1 Event:events:n:ev",
	"scheduling.k8s.io/v1 PriorityClass:priorityclasses::pc",
	"node.k8s.io/v1 RuntimeClass:runtimeclasses:",
	"certificates.k8s.io/v1 CertificateSigningRequest:certificatesigningrequests:s:csr",
	"admissionregistration.k8s.io/v1 ValidatingWebhookConfiguration:validatingwebhookconfigurations:" +
		" MutatingWebhookConfiguration:mutatingwebhookconfigurations: ValidatingAdmissionPolicy:validatingadmissionpolicies:s" +
		" ValidatingAdmissionPolicyBinding:validatingadmissionpolicybindings:",
	"flowcontrol.apiserver.k8s.io/v1 FlowSchema:flowschemas:s PriorityLevelConfiguration:prioritylevelconfigurations:s",
}

var builtInKinds = parseBuiltIn()

func parseBuiltIn() []Kind {
	var kinds []Kind
	for _, line := range builtIn {
		words := strings.Fields(line)
		gv, err := schema.ParseGroupVersion(words[0])
		if err != nil {
			panic("kubeapi: malformed table of kinds: " + line)
		}
		for _, word := range words[1:] {
			parts := append(strings.Split(word, ":"), "", "")
			k := Kind{
				GroupVersionKind: gv.WithKind(parts[0]),
				Plural:           parts[1],
				Singular:         strings.ToLower(parts[0]),
				Namespaced:       strings.Contains(parts[2], "n"),
				Status:           strings.Contains(parts[2], "s"),
			}
			if parts[3] != "" {
				k.Short = []string{parts[3]}
			}
			kinds = append(kinds, k)
		}
	}
	return kinds
}

// kinds returns everything that is served now: built-in kinds and those of
// custom resource definitions.
func (s *Store) kinds() []Kind {
	kinds := append([]Kind(nil), builtInKinds...)
	definitions, _ := s.List(CustomResources, "")
	for _, d := range definitions {
		kinds = append(kinds, definedKinds(d)...)
	}
	return kinds
}

// kind finds the kind behind a path of the API.
func (s *Store) kind(gv schema.GroupVersion, plural string) (Kind, bool) {
	for _, k := range builtInKinds {
		if k.Plural == plural && k.GroupVersion() == gv {
			return k, true
		}
	}
	d, err := s.Get(CustomResources, "", plural+"."+gv.Group)
	if err != nil {
		return Kind{}, false
	}
	for _, k := range definedKinds(d) {
		if k.Version == gv.Version {
			return k, true
		}
	}
	return Kind{}, false
}

// definedKinds returns the served versions of a custom resource definition.
func definedKinds(definition *Object) []Kind {
	spec, _ := definition.Object["spec"].(map[string]any)
	names, _ := spec["names"].(map[string]any)
	kind, _ := names["kind"].(string)
	plural, _ := names["plural"].(string)
	singular, _ := names["singular"].(string)
	group, _ := spec["group"].(string)
	if singular == "" {
		singular = strings.ToLower(kind)
	}
	var short []string
	if list, ok := names["shortNames"].([]any); ok {
		for _, v := range list {
			if text, ok := v.(string); ok {
				short = append(short, text)
			}
		}
	}
	var kinds []Kind
	versions, _ := spec["versions"].([]any)
	for _, v := range versions {
		version, _ := v.(map[string]any)
		name, _ := version["name"].(string)
		if served, _ := version["served"].(bool); !served {
			continue
		}
		subresources, _ := version["subresources"].(map[string]any)
		_, status := subresources["status"]
		kinds = append(kinds, Kind{
			GroupVersionKind: schema.GroupVersionKind{Group: group, Version: name, Kind: kind},
			Plural:           plural,
			Singular:         singular,
			Short:            short,
			Namespaced:       spec["scope"] == "Namespaced",
			Status:           status,
		})
	}
	return kinds
}

// resourceList returns the discovery document of one group version.
func resourceList(gv schema.GroupVersion, kinds []Kind) *metav1.APIResourceList {
	list := &metav1.APIResourceList{
		TypeMeta:     metav1.TypeMeta{Kind: "APIResourceList", APIVersion: "v1"},
		GroupVersion: gv.String(), APIResources: []metav1.APIResource{},
	}
	for _, k := range kinds {
		if k.GroupVersion() != gv {
			continue
		}
		list.APIResources = append(list.APIResources, metav1.APIResource{
			Name:         k.Plural,
			SingularName: k.Singular,
			Namespaced:   k.Namespaced,
			Kind:         k.Kind,
			ShortNames:   k.Short,
			Verbs:        metav1.Verbs{"create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"},
		})
		if k.Status {
			list.APIResources = append(list.APIResources, metav1.APIResource{
				Name: k.Plural + "/status", Namespaced: k.Namespaced, Kind: k.Kind, Verbs: metav1.Verbs{"get", "patch", "update"},
			})
		}
		if k.Resource() == Pods {
			list.APIResources = append(list.APIResources, metav1.APIResource{
				Name:       "pods/eviction",
				Namespaced: true,
				Group:      "policy",
				Version:    "v1",
				Kind:       "Eviction",
				Verbs:      metav1.Verbs{"create"},
			})
		}
	}
	return list
}

// groupList returns the discovery document of all named groups.
func groupList(kinds []Kind) *metav1.APIGroupList {
	versions := map[string][]string{}
	for _, k := range kinds {
		if k.Group != "" && !contains(versions[k.Group], k.Version) {
			versions[k.Group] = append(versions[k.Group], k.Version)
		}
	}
	list := &metav1.APIGroupList{TypeMeta: metav1.TypeMeta{Kind: "APIGroupList", APIVersion: "v1"}}
	for group, names := range versions {
		g := metav1.APIGroup{Name: group}
		for _, name := range names {
			g.Versions = append(g.Versions, metav1.GroupVersionForDiscovery{GroupVersion: group + "/" + name, Version: name})
		}
		g.PreferredVersion = g.Versions[0]
		list.Groups = append(list.Groups, g)
	}
	sort.Slice(list.Groups, func(i, j int) bool { return list.Groups[i].Name < list.Groups[j].Name })
	return list
}

func contains(list []string, word string) bool {
	for _, w := range list {
		if w == word {
			return true
		}
	}
	return false
}
