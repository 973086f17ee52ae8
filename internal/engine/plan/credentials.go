package plan

import (
	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/loginsecret"
)

// credentialsFindings refuse credentials that cannot be written, or that are of no use.
func credentialsFindings(v view) model.Findings {
	var f model.Findings
	account := v.spec.Account
	for _, pack := range v.spec.Packs {
		if pack.Credentials == nil || account == nil || pack.CredentialsApplied(v.facts.API.Packs[pack.Name]) {
			continue
		}
		at := model.PackField(pack.Name, model.FieldCredentials)
		if account.Password == "" {
			f.Refuse(at, "The account's password is not known",
				"The pack %q is to log in to vCenter as %s, and the state has no password of that account: give it with "+
					"cloud_account_password_wo and cloud_account_password_wo_version.", pack.Name, account.Username)
		}
		if pack.Credentials.Format != model.FormatCSI {
			continue
		}
		if err := loginsecret.CheckCSI(account.Username); err != nil {
			f.Refuse(at, "User name that the CSI driver does not take", "The pack %q is to log in to vCenter as %q, and %s. Use another account.",
				pack.Name, account.Username, err)
		}
	}
	return f
}
