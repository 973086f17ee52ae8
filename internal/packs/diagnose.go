package packs

import (
	"bufio"
	"errors"
	"io"
	"strings"

	releasev1 "helm.sh/helm/v4/pkg/release/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/restmapper"
	"sigs.k8s.io/yaml"

	"github.com/gantry/terraform-provider-gantry/internal/readiness"
)

// diagnose returns what the cluster says of the objects of a release that are not ready, in
// whole sentences; empty where it says nothing.
func (o *operation) diagnose(release *releasev1.Release) string {
	clients, err := kubernetes.NewForConfig(o.config)
	if err != nil {
		return ""
	}
	dyn, err := dynamic.NewForConfig(o.config)
	if err != nil {
		return ""
	}
	cached := memory.NewMemCacheClient(discovery.NewDiscoveryClient(clients.Discovery().RESTClient()))
	cluster := readiness.Cluster{Clients: clients, Dynamic: dyn, Mapper: restmapper.NewDeferredDiscoveryRESTMapper(cached)}

	said := cluster.Explain(o.ctx, objects(release.Manifest), o.namespace, readiness.KStatus)
	var hooks string
	for _, hook := range release.Hooks {
		if hook.LastRun.Phase == releasev1.HookPhaseFailed || hook.LastRun.Phase == releasev1.HookPhaseRunning {
			hooks += "\n---\n" + hook.Manifest
		}
	}
	return strings.TrimSpace(said + " " + cluster.Explain(o.ctx, objects(hooks), o.namespace, judgeHook))
}

// judgeHook judges what a hook has made: unlike other Jobs, its one is waited for until it has
// completed.
func judgeHook(of *unstructured.Unstructured) readiness.Verdict {
	return readiness.Judge(of, func() readiness.Classes { return readiness.Classes{} })
}

// objects are those of the documents that can be read.
func objects(manifests string) []*unstructured.Unstructured {
	var list []*unstructured.Unstructured
	documents := utilyaml.NewYAMLReader(bufio.NewReader(strings.NewReader(manifests)))
	for {
		text, err := documents.Read()
		if errors.Is(err, io.EOF) || err != nil {
			return list
		}
		object := &unstructured.Unstructured{}
		if yaml.Unmarshal(text, &object.Object) == nil && object.GetKind() != "" && object.GetName() != "" {
			list = append(list, object)
		}
	}
}
