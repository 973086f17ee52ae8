package model

// Restore is a snapshot of etcd with which a control plane begins.
type Restore struct {
	URL           string // a secret: it may be presigned
	SHA256        string // of the file, 64 hex digits in lower case
	CACertificate string // PEM, of the server; empty: those that the node trusts
}

// ID identifies the snapshot in the record, which has room for few characters, and in
// markers.
func (r Restore) ID() string { return r.SHA256[:min(len(r.SHA256), 10)] }

// String keeps the URL out of logs and errors.
func (Restore) String() string { return "model.Restore(redacted)" }

// GoString keeps it out of %#v.
func (r Restore) GoString() string { return r.String() }
