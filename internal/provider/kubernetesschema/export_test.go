package kubernetesschema

import "github.com/hashicorp/terraform-plugin-framework/schema/validator"

// AuditPolicyValidators are those of the attribute audit_policy.
func AuditPolicyValidators() []validator.String { return auditPolicyAttribute().Validators }

// KubeletConfigValidators are those of the attribute config of kubelet.
func KubeletConfigValidators() []validator.String { return []validator.String{kubeletFields{}} }

// OtherValidators are those of other attributes.
func OtherValidators() map[string][]validator.String {
	return map[string][]validator.String{"issuer": {issuerURL{}}, "mode": {octalMode{}}, "owner": {fileOwner{}}, "path": {filePath{}}}
}
