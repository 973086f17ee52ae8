package vsphere_test

import (
	"github.com/vmware/govmomi"
	"github.com/vmware/govmomi/vapi/rest"
	"github.com/vmware/govmomi/vapi/tags"
	"github.com/vmware/govmomi/vim25/soap"
)

// manager is the tagging service, by a client of its own.
func (v *vcenter) manager() *tags.Manager {
	v.t.Helper()
	u, err := soap.ParseURL(v.URL())
	v.must(err)
	u.User = userinfo(v.Username(), v.Password())
	client, err := govmomi.NewClient(v.t.Context(), u, true)
	v.must(err)
	rc := rest.NewClient(client.Client)
	v.must(rc.Login(v.t.Context(), u.User))
	return tags.NewManager(rc)
}

func (v *vcenter) categoryID() string {
	v.t.Helper()
	category, err := v.manager().GetCategory(v.t.Context(), "gantry")
	v.must(err)
	return category.ID
}

// rest makes a call as an administrator.
func (v *vcenter) rest(method, path string) {
	v.t.Helper()
	m := v.manager()
	v.must(m.Do(v.t.Context(), m.Resource(path).Request(method), nil))
}
