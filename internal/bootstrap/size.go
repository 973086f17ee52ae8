package bootstrap

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"

	"github.com/gantry/terraform-provider-gantry/internal/pki"
)

// smallBytes of what users add fit in any case: the rest of the user data takes less
// than a third of the bound (a test holds that), and encoding adds a third to what does not
// compress.
const smallBytes = 24 << 10

// checkSize adds an error where the user data would not fit into guestinfo, on what takes
// the most room. The node's credentials, which a plan does not have, take as much as real
// ones; of a control plane the first node has the largest.
func (n Node) checkSize(p *problems) {
	if n.largest().total <= smallBytes {
		return // most plans are spared the rendering
	}
	if n.Role == Worker {
		n.Token = placeholder("token", 23)
		n.CAHash = placeholder("hash", 71)
	} else {
		n.Role = FirstControlPlane
		n.Authorities = placeholderAuthorities()
	}
	document, err := n.render()
	if err != nil {
		p.add("Settings", "%v", err)
		return
	}
	packed, err := pack(document)
	if err == nil && len(packed) <= MaxValueBytes {
		return
	}
	p.add(n.largest().field, "the user data of a node would have %d bytes, compressed and encoded, and the guestinfo of a VM "+
		"carries at most %d", len(packed), MaxValueBytes)
}

// bulk is how much users add, and the field that takes the most room.
type bulk struct {
	field       string
	most, total int
}

func (b *bulk) add(field string, size int) {
	b.total += size
	if size > b.most {
		b.field = field
		b.most = size
	}
}

func (n Node) largest() bulk {
	b := bulk{field: "Setup"}
	setup := 0
	for _, file := range n.setupFiles() {
		setup += len(file.Path) + len(file.Content)
	}
	b.add("Setup", setup)
	b.add("Settings.AuditPolicy", len(n.Settings.AuditPolicy))
	b.add("Settings.KubeletConfig", len(n.Settings.KubeletConfig))
	settings := 0
	for _, arguments := range []Arguments{n.Settings.APIServer, n.Settings.ControllerManager, n.Settings.Scheduler, n.Settings.Kubelet} {
		for name, value := range arguments {
			settings += len(name) + len(value)
		}
	}
	if oidc := n.Settings.OIDC; oidc != nil {
		settings += len(oidc.CACertificate)
	}
	b.add("Settings", settings)
	b.add("SSHAuthorizedKeys", len(strings.Join(n.SSHAuthorizedKeys, "\n")))
	b.add("Registry.CACertificate", len(n.Registry.CACertificate))
	if n.Proxy != nil {
		b.add("Proxy.CACertificate", len(n.Proxy.CACertificate))
	}
	return b
}

func placeholderAuthorities() *pki.Authorities {
	pair := func(name string, cert, key int) pki.KeyPair {
		return pki.KeyPair{Cert: []byte(placeholder(name+".crt", cert)), Key: []byte(placeholder(name+".key", key))}
	}
	return &pki.Authorities{
		CA:             pair("ca", 700, 230),
		FrontProxy:     pair("front-proxy", 700, 230),
		Etcd:           pair("etcd", 700, 230),
		ServiceAccount: pair("sa", 460, 1710),
	}
}

// placeholder is a text of a size that does not compress better than a key does.
func placeholder(name string, size int) string {
	var text strings.Builder
	for i := 0; text.Len() < size; i++ {
		sum := sha256.Sum256(fmt.Append(nil, name, i))
		text.WriteString(base64.StdEncoding.EncodeToString(sum[:]))
	}
	return text.String()[:size]
}
