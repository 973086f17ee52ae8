package pki

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// maxPair bounds a certificate or key that is read, far above the longest in use:
// arithmetic with a number of a megabyte takes minutes.
const maxPair = 16 << 10

// ReadAuthorities reads authorities as json.Marshal wrote them, from where others
// may have written: they are validated, and nothing but their certificates and keys
// is left. No error quotes what was read.
func ReadAuthorities(raw []byte) (*Authorities, error) {
	var read Authorities
	if err := json.Unmarshal(raw, &read); err != nil {
		return nil, errors.New("the certificate authorities are not the JSON that Gantry writes")
	}
	return read.normalized()
}

// AuthorityFiles are the files of authorities, as kubeadm names them below
// /etc/kubernetes/pki.
func AuthorityFiles() []string {
	var none Authorities
	return slices.Sorted(maps.Keys(none.byFile()))
}

// AuthoritiesFromFiles reads authorities from the content of AuthorityFiles, as
// ReadAuthorities does. Its error names the files that are missing.
func AuthoritiesFromFiles(content map[string][]byte) (*Authorities, error) {
	var read Authorities
	var missing []string
	for _, name := range AuthorityFiles() {
		if len(content[name]) == 0 {
			missing = append(missing, name)
		}
		*read.byFile()[name] = content[name]
	}
	if len(missing) > 0 {
		return nil, fmt.Errorf("of the certificate authorities, these files are missing: %s", strings.Join(missing, ", "))
	}
	return read.normalized()
}

// byFile are the certificates and keys by kubeadm's names of their files.
func (a *Authorities) byFile() map[string]*[]byte {
	return map[string]*[]byte{
		"ca.crt":             &a.CA.Cert,
		"ca.key":             &a.CA.Key,
		"front-proxy-ca.crt": &a.FrontProxy.Cert,
		"front-proxy-ca.key": &a.FrontProxy.Key,
		"etcd/ca.crt":        &a.Etcd.Cert,
		"etcd/ca.key":        &a.Etcd.Key,
		"sa.pub":             &a.ServiceAccount.Cert,
		"sa.key":             &a.ServiceAccount.Key,
	}
}

// normalized validates authorities and encodes them anew, as Gantry would have
// written them, so that the fingerprint is that of the certificate alone.
func (a *Authorities) normalized() (*Authorities, error) {
	for name, data := range a.byFile() {
		if len(*data) > maxPair {
			return nil, fmt.Errorf("%s is larger than %d bytes", name, maxPair)
		}
	}
	if err := a.Validate(); err != nil {
		return nil, err
	}
	out := &Authorities{}
	for _, pair := range []struct{ from, to *KeyPair }{
		{&a.CA, &out.CA}, {&a.FrontProxy, &out.FrontProxy}, {&a.Etcd, &out.Etcd},
	} {
		certificate, key, err := pair.from.parse()
		if err != nil {
			return nil, err
		}
		private, err := encodePrivateKey(key)
		if err != nil {
			return nil, err
		}
		*pair.to = KeyPair{Cert: encodeCertificate(certificate.Raw), Key: private}
	}
	pair, err := normalizedPublic(a.ServiceAccount)
	if err != nil {
		return nil, err
	}
	out.ServiceAccount = pair
	return out, nil
}

func normalizedPublic(pair KeyPair) (KeyPair, error) {
	key, err := parsePrivateKey(pair.Key)
	if err != nil {
		return KeyPair{}, err
	}
	cert, err := encodePublicKey(key.Public())
	if err != nil {
		return KeyPair{}, err
	}
	private, err := encodePrivateKey(key)
	return KeyPair{Cert: cert, Key: private}, err
}
