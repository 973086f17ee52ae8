package observe

import "context"

// ReadEtcd asks etcd for its members, where the API answers. That it does not answer is
// an observation, not an error.
func (w *World) ReadEtcd(ctx context.Context) {
	if w.API == nil || !w.Facts.API.Answered() {
		return
	}
	etcd := &w.Limits.Etcd
	etcd.Asked = true
	etcd.Members, etcd.Error = w.API.EtcdMembers(ctx)
}
