package kubeapi

import (
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Resources of volumes.
var (
	claims         = schema.GroupResource{Resource: "persistentvolumeclaims"}
	storageClasses = schema.GroupResource{Group: "storage.k8s.io", Resource: "storageclasses"}
)

// bindClaims gives claims their volumes, which are made for them: of a class that waits for a
// consumer, once a pod that has the claim is on a node; of no class or one that is missing, never.
func (p *pass) bindClaims() {
	all, _ := p.List(claims, "")
	if len(all) == 0 {
		return
	}
	modes := map[string]storagev1.VolumeBindingMode{}
	classes, _ := p.List(storageClasses, "")
	for _, c := range classes {
		mode := storagev1.VolumeBindingImmediate
		if text := textAt(c, "volumeBindingMode"); text != "" {
			mode = storagev1.VolumeBindingMode(text)
		}
		modes[c.GetName()] = mode
		if c.GetAnnotations()["storageclass.kubernetes.io/is-default-class"] == "true" {
			modes[""] = mode
		}
	}
	used := map[string]bool{}
	for _, pods := range p.pods {
		for _, pod := range pods {
			for _, name := range claimsOf(pod) {
				used[pod.GetNamespace()+"/"+name] = true
			}
		}
	}
	for _, claim := range all {
		name, named := at(claim, "spec", "storageClassName").(string)
		mode, known := modes[name]
		none := named && name == ""
		byHand := textAt(claim, "spec", "volumeName") != ""
		waits := mode == storagev1.VolumeBindingWaitForFirstConsumer && !used[claim.GetNamespace()+"/"+claim.GetName()]
		phase := corev1.ClaimBound
		if !byHand && (none || !known || waits) {
			phase = corev1.ClaimPending
		}
		if textAt(claim, "status", "phase") == string(corev1.ClaimBound) {
			continue
		}
		_, _ = p.Change(claims, claim.GetNamespace(), claim.GetName(), func(o *Object) error {
			set(o, string(phase), "status", "phase")
			if phase == corev1.ClaimBound && !byHand {
				set(o, "pvc-"+string(o.GetUID()), "spec", "volumeName")
			}
			return nil
		})
	}
}

// claimsOf are the names of the claims that a pod has.
func claimsOf(pod *Object) []string {
	var names []string
	for _, volume := range mapsAt(pod, "spec", "volumes") {
		source, _ := volume["persistentVolumeClaim"].(map[string]any)
		if name, _ := source["claimName"].(string); name != "" {
			names = append(names, name)
		}
	}
	return names
}

// bound reports whether the claims of a pod have their volumes.
func (p *pass) bound(pod *Object) bool {
	for _, name := range claimsOf(pod) {
		claim, err := p.Get(claims, pod.GetNamespace(), name)
		if err != nil || textAt(claim, "status", "phase") != string(corev1.ClaimBound) {
			return false
		}
	}
	return true
}
