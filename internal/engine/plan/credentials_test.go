package plan_test

import (
	"slices"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

func withCredentials(k model.Pack, secret, identity string) model.Pack {
	k.Credentials = &model.Credentials{Namespace: "storage", Secret: secret, Format: model.FormatCSI, Identity: identity}
	return k
}

// TestPlanOfCredentials has what is done about the Secret of a pack, by what the cluster
// holds.
func TestPlanOfCredentials(t *testing.T) {
	t.Parallel()
	chart := chartPack("app", "1.0.0", "sha256:1")
	plain := applied(chart, 1)
	had := plain
	had.Credentials = withCredentials(chart, "login", "1").Credentials
	written := model.AppliedPack{Credentials: had.Credentials}
	const write, del = "write_credentials app (storage/login)", "delete_credentials app (storage/login)"
	const install = "install_pack app (demo 1.0.0)"
	for name, c := range map[string]struct {
		want *model.Pack
		have model.AppliedPack
		do   []string
	}{
		"new":                   {new(withCredentials(chart, "login", "1")), model.AppliedPack{}, []string{write, install}},
		"as it was":             {new(withCredentials(chart, "login", "1")), had, nil},
		"not known, in refresh": {new(withCredentials(chart, "login", "")), had, nil},
		"another password":      {new(withCredentials(chart, "login", "2")), had, []string{write}},
		"of a pack without":     {new(withCredentials(chart, "login", "1")), plain, []string{write}},
		"another name": {new(withCredentials(chart, "other", "2")), had,
			[]string{del, "write_credentials app (storage/other)"}},
		"none any more":                       {&chart, had, []string{del}},
		"no pack any more":                    {nil, had, []string{"uninstall_pack app (demo 1.0.0)", del}},
		"a run that died before it":           {new(withCredentials(chart, "login", "1")), written, []string{install}},
		"one that died, and no pack any more": {nil, written, []string{del}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, f := small(3, 1), running(3, 1)
			s.Account = &model.Account{Username: "k8s@vsphere.local", Password: "secret"}
			s.Packs = slices.Clone(s.Packs)
			if c.want != nil {
				s.Packs = append(s.Packs, *c.want)
			}
			if !c.have.Nothing() {
				f.API.Packs["app"] = c.have
			}
			p := planned(s, f)
			if got := changes(p); !slices.Equal(got, c.do) || len(p.Problems) > 0 {
				t.Errorf("planned %v, %v", got, p.Problems)
			}
		})
	}
}

// TestPlanRefusesCredentialsOfNoUse has accounts that cannot be written, or that the CSI
// driver does not take.
func TestPlanRefusesCredentialsOfNoUse(t *testing.T) {
	t.Parallel()
	for want, account := range map[string]model.Account{
		"cloud_account_password_wo": {Username: "k8s@vsphere.local"},
		"user@domain":               {Username: "k8s", Password: "secret"},
	} {
		s, f := small(3, 1), running(3, 1)
		s.Account = &account
		s.Packs = append(slices.Clone(s.Packs), withCredentials(chartPack("app", "1.0.0", "sha256:1"), "login", "1"))
		if p := planned(s, f); !says(on(p.Problems, model.PackField("app", model.FieldCredentials)), want) {
			t.Errorf("%s: %v", want, p.Problems)
		}
	}
}
