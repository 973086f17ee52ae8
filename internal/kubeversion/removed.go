package kubeversion

// removedIn are the minor releases that no longer serve a version of an API: that of a
// kind, or, without one, of all kinds. Of releases up to 1.32 it is the deprecation guide
// (https://kubernetes.io/docs/reference/using-api/deprecation-guide/), of later ones
// APILifecycleRemoved in the sources of k8s.io/api.
var removedIn = map[string]int{
	"extensions/v1beta1": 22,
	"apps/v1beta1":       16,
	"apps/v1beta2":       16,
	"admissionregistration.k8s.io/v1beta1 MutatingWebhookConfiguration":      22,
	"admissionregistration.k8s.io/v1beta1 ValidatingWebhookConfiguration":    22,
	"admissionregistration.k8s.io/v1alpha1 ValidatingAdmissionPolicy":        32,
	"admissionregistration.k8s.io/v1alpha1 ValidatingAdmissionPolicyBinding": 32,
	"admissionregistration.k8s.io/v1beta1 ValidatingAdmissionPolicy":         34,
	"admissionregistration.k8s.io/v1beta1 ValidatingAdmissionPolicyBinding":  34,
	"admissionregistration.k8s.io/v1alpha1 MutatingAdmissionPolicy":          38,
	"admissionregistration.k8s.io/v1alpha1 MutatingAdmissionPolicyBinding":   38,
	"apiextensions.k8s.io/v1beta1":                                           22,
	"apiregistration.k8s.io/v1beta1":                                         22,
	"autoscaling/v2beta1":                                                    25,
	"autoscaling/v2beta2":                                                    26,
	"batch/v1beta1":                                                          25,
	"certificates.k8s.io/v1beta1 CertificateSigningRequest":                  22,
	"certificates.k8s.io/v1alpha1 ClusterTrustBundle":                        37,
	"coordination.k8s.io/v1beta1 Lease":                                      22,
	"discovery.k8s.io/v1beta1":                                               25,
	"events.k8s.io/v1beta1":                                                  25,
	"flowcontrol.apiserver.k8s.io/v1beta1":                                   26,
	"flowcontrol.apiserver.k8s.io/v1beta2":                                   29,
	"flowcontrol.apiserver.k8s.io/v1beta3":                                   32,
	"networking.k8s.io/v1beta1 Ingress":                                      22,
	"networking.k8s.io/v1beta1 IngressClass":                                 22,
	"networking.k8s.io/v1beta1 IPAddress":                                    37,
	"networking.k8s.io/v1beta1 ServiceCIDR":                                  37,
	"node.k8s.io/v1beta1":                                                    25,
	"policy/v1beta1":                                                         25,
	"rbac.authorization.k8s.io/v1beta1":                                      22,
	"resource.k8s.io/v1beta1":                                                38,
	"scheduling.k8s.io/v1beta1 PriorityClass":                                22,
	"storage.k8s.io/v1alpha1 VolumeAttributesClass":                          35,
	"storage.k8s.io/v1beta1 CSIDriver":                                       22,
	"storage.k8s.io/v1beta1 CSINode":                                         22,
	"storage.k8s.io/v1beta1 CSIStorageCapacity":                              27,
	"storage.k8s.io/v1beta1 StorageClass":                                    22,
	"storage.k8s.io/v1beta1 VolumeAttachment":                                22,
	"storage.k8s.io/v1beta1 VolumeAttributesClass":                           37,
}

// Retiring reports whether a minor release that is known does not serve a kind in that version of its
// API.
func Retiring(apiVersion, kind string) bool {
	_, ofKind := removedIn[apiVersion+" "+kind]
	_, ofAll := removedIn[apiVersion]
	return ofKind || ofAll
}

// Removed reports whether the version no longer serves a kind in that version of its API,
// and since which minor release.
func (v Version) Removed(apiVersion, kind string) (since Version, removed bool) {
	minor, known := removedIn[apiVersion+" "+kind]
	if !known {
		minor, known = removedIn[apiVersion]
	}
	since = Version{Major: 1, Minor: minor}
	return since, known && v.CompareMinor(since) >= 0
}
