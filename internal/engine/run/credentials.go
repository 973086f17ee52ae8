package run

import (
	"context"
	"errors"
	"slices"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/loginsecret"
)

// writeCredentials writes the Secret of a pack's credentials and has its workloads read it.
// What it has is noted after both: a run that dies in between is gone through again, and
// restarts what has not been restarted.
func (r *Runner) writeCredentials(ctx context.Context, pack model.Pack) error {
	account := r.Spec.Account
	if account == nil || account.Password == "" {
		return errors.New("the password of the cluster's account is not known here")
	}
	if i := slices.IndexFunc(r.Spec.Packs, func(k model.Pack) bool { return k.Name == pack.Name }); i >= 0 {
		pack = r.Spec.Packs[i] // the authorities that its identity is keyed with may be other ones than at the plan
	}
	login := loginsecret.Login{
		Server: account.Server, Username: account.Username, Password: account.Password,
		CACertificate: account.CACertificate, Insecure: account.Insecure,
	}
	data := loginsecret.CPI(login)
	if pack.Credentials.Format == model.FormatCSI {
		data = loginsecret.CSI(login, r.Spec.ID.String(), r.Spec.Datacenter, pack.Credentials.Topology)
	}
	api, err := r.api.wait(ctx)
	if err != nil {
		return err
	}
	bounded, cancel := context.WithTimeout(ctx, r.Timing.APITimeout)
	defer cancel()
	Waiting(ctx, "the cluster's API, which stores the Secret "+pack.Credentials.Target())
	if err := api.PutCredentials(bounded, pack, data); err != nil {
		return err
	}
	if err := api.RestartMounting(bounded, pack); err != nil {
		return err
	}
	r.packs.setCredentials(pack.Name, pack.Credentials)
	return nil
}

func (r *Runner) deleteCredentials(ctx context.Context, s model.DeleteCredentials) error {
	api, err := r.api.wait(ctx)
	if err != nil {
		return err
	}
	bounded, cancel := context.WithTimeout(ctx, r.Timing.APITimeout)
	defer cancel()
	if err := api.DeleteCredentials(bounded, s.Pack, s.Credentials); err != nil {
		return err
	}
	r.packs.setCredentials(s.Pack, nil)
	return nil
}
