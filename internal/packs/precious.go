package packs

import (
	"fmt"
	"strings"

	"helm.sh/helm/v4/pkg/kube"
	releasev1 "helm.sh/helm/v4/pkg/release/v1"
	releaseutil "helm.sh/helm/v4/pkg/release/v1/util"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"sigs.k8s.io/yaml"
)

// spares is an error where an uninstallation would delete, with an object of the chart, what
// users have made: a namespace with all in it, or a definition with the resources of its kind.
func (o *operation) spares(last *releasev1.Release) error {
	var names []string
	for _, text := range releaseutil.SplitManifests(last.Manifest) {
		var object struct {
			metav1.TypeMeta   `json:",inline"`
			metav1.ObjectMeta `json:"metadata"`
		}
		if yaml.Unmarshal([]byte(text), &object) != nil || object.Annotations[kube.ResourcePolicyAnno] == kube.KeepPolicy {
			continue
		}
		switch object.Kind {
		case "Namespace":
			names = append(names, "Namespace "+object.Name)
		case "CustomResourceDefinition":
			used, err := o.hasInstances(text)
			if err != nil {
				return err
			}
			if used {
				names = append(names, "CustomResourceDefinition "+object.Name)
			}
		}
	}
	if len(names) == 0 {
		return nil
	}
	return fmt.Errorf("its chart has made objects that would take along what users have made: %s. Have the chart keep them, "+
		"by the annotation %s: %s in its templates or by its values, and apply that first; or delete what is in them, or the release itself by "+
		"`helm uninstall -n %s %s`, by hand", strings.Join(names, ", "), kube.ResourcePolicyAnno, kube.KeepPolicy, o.namespace, o.name)
}

// hasInstances reports whether there are resources of the kind that a definition defines.
func (o *operation) hasInstances(definition string) (bool, error) {
	var crd struct {
		Metadata struct {
			Name string `json:"name"`
		} `json:"metadata"`
		Spec struct {
			Group string `json:"group"`
			Names struct {
				Plural string `json:"plural"`
			} `json:"names"`
			Versions []struct {
				Name   string `json:"name"`
				Served bool   `json:"served"`
			} `json:"versions"`
		} `json:"spec"`
	}
	if err := yaml.Unmarshal([]byte(definition), &crd); err != nil {
		return false, fmt.Errorf("read a definition of its chart: %w", err)
	}
	client, err := dynamic.NewForConfig(o.config)
	if err != nil {
		return false, err
	}
	for _, version := range crd.Spec.Versions {
		if !version.Served {
			continue
		}
		kind := schema.GroupVersionResource{Group: crd.Spec.Group, Version: version.Name, Resource: crd.Spec.Names.Plural}
		list, err := client.Resource(kind).List(o.ctx, metav1.ListOptions{Limit: 1})
		if apierrors.IsNotFound(err) {
			return false, nil
		}
		if err != nil {
			return false, o.done(fmt.Errorf("look for resources of %s: %w", crd.Metadata.Name, err))
		}
		return len(list.Items) > 0, nil
	}
	return false, nil
}
