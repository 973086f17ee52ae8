package bootstrap

import (
	_ "embed"
	"errors"
	"net"
	"net/url"
	"regexp"

	"github.com/gantry/terraform-provider-gantry/internal/pki"
)

// fetchSnapshot fetches a snapshot. It is Python, which cloud-init brings to every image.
//
//go:embed fetch-snapshot.py
var fetchSnapshot string

// restoreScript is the part of the script that restores it.
//
//go:embed restore.sh
var restoreScript string

const restoreDirectory = "/etc/gantry/restore/"

var sha256Pattern = regexp.MustCompile(`^[0-9a-f]{64}$`)

// Restore is a snapshot of etcd that the first control-plane node begins with.
type Restore struct {
	// URL is where it is served, by http or https. It is a secret: it may be presigned.
	URL string
	// SHA256 is that of the file, in 64 hex digits.
	SHA256 string
	// CACertificate, in PEM, is trusted for the URL beside what the node trusts.
	CACertificate string
}

// String keeps the URL out of logs and errors.
func (Restore) String() string { return "bootstrap.Restore(redacted)" }

// GoString keeps the URL out of %#v.
func (r Restore) GoString() string { return r.String() }

// CheckSnapshotURL returns an error for what no snapshot can be fetched from. The error
// does not quote it: it is a secret.
func CheckSnapshotURL(text string) error {
	address, err := url.Parse(text)
	switch {
	case err != nil || address.Hostname() == "" || address.Scheme != "http" && address.Scheme != "https" ||
		!isPort(address.Port()) || !printable(text):
		return errors.New("not a URL such as https://files.example.com/snapshot.db, of the scheme http or https")
	case address.User != nil:
		return errors.New("a URL with a user or a password, which is not supported: use a presigned URL, or a server that asks for none")
	}
	return nil
}

// CheckSHA256 returns an error for what is not a SHA-256.
func CheckSHA256(text string) error {
	if !sha256Pattern.MatchString(text) {
		return errors.New("not 64 hex digits in lower case, as sha256sum prints them")
	}
	return nil
}

func (n Node) validateRestore(p *problems) {
	if n.Restore == nil {
		return
	}
	if n.Role != FirstControlPlane {
		p.add("Restore", "only the first control-plane node restores a snapshot")
		return
	}
	if err := CheckSnapshotURL(n.Restore.URL); err != nil {
		p.add("Restore.URL", "%v", err)
	}
	if err := CheckSHA256(n.Restore.SHA256); err != nil {
		p.add("Restore.SHA256", "%v", err)
	}
	if n.Restore.CACertificate != "" {
		if _, err := pki.ParseBundle(n.Restore.CACertificate); err != nil {
			p.add("Restore.CACertificate", "not PEM certificates")
		}
	}
}

// restoreFiles are what the script restores by. The name and the address of the member are
// those that kubeadm gives it.
func (n Node) restoreFiles() []writeFile {
	if n.Restore == nil {
		return nil
	}
	files := []writeFile{
		{Path: restoreDirectory + "restore.sh", Permissions: modePublic, Content: restoreScript},
		{Path: restoreDirectory + "fetch-snapshot.py", Permissions: modePublic, Content: fetchSnapshot},
		{Path: restoreDirectory + "url", Permissions: modePrivate, Content: n.Restore.URL + "\n"},
		{Path: restoreDirectory + "sha256", Permissions: modePublic, Content: n.Restore.SHA256 + "\n"},
		{Path: restoreDirectory + "member", Permissions: modePublic, Content: n.Name + "\n"},
		{Path: restoreDirectory + "peer-url", Permissions: modePublic, Content: n.peerURL() + "\n"},
		{Path: restoreDirectory + "endpoint", Permissions: modePublic, Content: n.Endpoint.hostPort() + "\n"},
	}
	if n.Restore.CACertificate != "" {
		files = append(files, writeFile{
			Path: restoreDirectory + "ca.crt", Permissions: modePublic, Content: withNewline(n.Restore.CACertificate),
		})
	}
	return files
}

// peerURL is where the node's member of etcd is reached by others.
func (n Node) peerURL() string {
	return "https://" + net.JoinHostPort(n.ownAddress(), etcdPeerPort)
}

const etcdPeerPort = "2380"
