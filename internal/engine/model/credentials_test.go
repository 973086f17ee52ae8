package model_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// TestIdentityOfCredentials changes with the account: of a write-only password with its
// version alone, so that nothing that a state has is made of it.
func TestIdentityOfCredentials(t *testing.T) {
	t.Parallel()
	secrets := authorities(t)
	base := model.Account{Server: "vc.example.com", Username: "k8s", Password: "hunter2"}
	identity := func(change func(*model.Account)) string {
		account := base
		change(&account)
		original := []model.Pack{{Name: "csi", Credentials: &model.Credentials{Namespace: "a", Secret: "b", Format: model.FormatCSI}}}
		s := model.ClusterSpec{Account: &account, Packs: original}
		s.SetBuiltWith(secrets)
		if original[0].Credentials.Identity != "" {
			t.Error("the caller's packs have changed")
		}
		return s.Packs[0].Credentials.Identity
	}
	version := func(n int64, password string) func(*model.Account) {
		return func(a *model.Account) {
			a.Version = &n
			a.Password = password
		}
	}
	first := identity(func(*model.Account) {})
	if first == "" || first != identity(func(*model.Account) {}) {
		t.Errorf("identity %q", first)
	}
	for name, change := range map[string]func(*model.Account){
		"password": func(a *model.Account) { a.Password = "other" }, "user": func(a *model.Account) { a.Username = "other" },
		"vCenter": func(a *model.Account) { a.Server = "other" }, "certificate": func(a *model.Account) { a.CACertificate = "pem" },
		"write-only": version(1, "hunter2"),
	} {
		if identity(change) == first {
			t.Errorf("another %s is not another identity", name)
		}
	}
	if identity(version(1, "a")) != identity(version(1, "b")) || identity(version(1, "a")) == identity(version(2, "a")) {
		t.Error("a write-only password is not known by its version alone")
	}
	raw, err := json.Marshal(model.AppliedPack{Credentials: &model.Credentials{Identity: first}})
	if said := fmt.Sprintf("%v %+v %#v %s", base, base, base, raw); err != nil || strings.Contains(said, base.Password) {
		t.Errorf("the password is in %s, %v", said, err)
	}
}
