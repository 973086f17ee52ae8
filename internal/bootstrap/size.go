package bootstrap

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"

	"github.com/gantry/terraform-provider-gantry/internal/pki"
)

// checkSize adds an error where the user data would not fit into guestinfo, on what takes
// the most room. The node's credentials, which a plan does not have, take as much as real
// ones; of a control plane the first node has the largest.
func (n Node) checkSize(p *problems) {
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
	p.add(n.largest(), "the user data of a node would have %d bytes, compressed and encoded, and the guestinfo of a VM carries at most %d",
		len(packed), MaxValueBytes)
}

// largest is the field of those of any size that takes the most room.
func (n Node) largest() string {
	setup := 0
	for _, file := range n.setupFiles() {
		setup += len(file.Path) + len(file.Content)
	}
	name, most := "SSHAuthorizedKeys", len(strings.Join(n.SSHAuthorizedKeys, "\n"))
	for _, part := range []struct {
		name string
		size int
	}{
		{"Setup", setup},
		{"Settings.AuditPolicy", len(n.Settings.AuditPolicy)},
		{"Settings.KubeletConfig", len(n.Settings.KubeletConfig)},
		{"Proxy.CACertificate", n.Proxy.certificateSize()},
	} {
		if part.size > most {
			name = part.name
			most = part.size
		}
	}
	return name
}

func (p *Proxy) certificateSize() int {
	if p == nil {
		return 0
	}
	return len(p.CACertificate)
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
