package kubeapi

import (
	"crypto/subtle"
	"crypto/x509"
	"encoding/base64"
	"net/http"
	"strings"
	"time"
)

var anonymous = User{Name: "system:anonymous", Groups: []string{"system:unauthenticated"}}

// authenticate returns the user of a request; ok is false where it brought
// credentials that are not good, which is not the same as none.
func (s *Server) authenticate(r *http.Request) (User, bool) {
	if r.TLS != nil && len(r.TLS.PeerCertificates) > 0 {
		cert := r.TLS.PeerCertificates[0]
		_, err := cert.Verify(x509.VerifyOptions{
			Roots: s.clientCAs, CurrentTime: s.store.now(), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
		})
		if err != nil {
			return User{}, false
		}
		groups := append([]string{"system:authenticated"}, cert.Subject.Organization...)
		return User{Name: cert.Subject.CommonName, Groups: groups}, true
	}
	token, bears := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !bears {
		return anonymous, true
	}
	id, _, _ := strings.Cut(token, ".")
	t, ok := s.store.Token(id)
	if o, err := s.store.Get(Secrets, "kube-system", "bootstrap-token-"+id); ok && err == nil {
		ok = s.store.readable(keysOf(r.Context()), Secrets, o) == nil
	}
	if !ok || !t.Authentication || subtle.ConstantTimeCompare([]byte(token), []byte(t.ID+"."+t.Secret)) != 1 {
		return User{}, false
	}
	return User{Name: "system:bootstrap:" + id, Groups: append([]string{"system:bootstrappers", "system:authenticated"}, t.Groups...)}, true
}

// Token is a bootstrap token that is good now.
type Token struct {
	ID, Secret              string
	Groups                  []string
	Authentication, Signing bool
}

// Token returns a bootstrap token, unless it does not exist or has expired.
func (s *Store) Token(id string) (Token, bool) {
	o, err := s.Get(Secrets, "kube-system", "bootstrap-token-"+id)
	if err != nil {
		return Token{}, false
	}
	return s.token(o)
}

// tokens returns all bootstrap tokens that are good now.
func (s *Store) tokens() []Token {
	var all []Token
	secrets, _ := s.List(Secrets, "kube-system")
	for _, o := range secrets {
		if t, ok := s.token(o); ok {
			all = append(all, t)
		}
	}
	return all
}

func (s *Store) token(o *Object) (Token, bool) {
	if o.Object["type"] != "bootstrap.kubernetes.io/token" || o.GetDeletionTimestamp() != nil {
		return Token{}, false
	}
	data, _ := o.Object["data"].(map[string]any)
	field := func(name string) string {
		text, _ := data[name].(string)
		raw, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			return ""
		}
		return string(raw)
	}
	t := Token{
		ID: field("token-id"), Secret: field("token-secret"),
		Authentication: field("usage-bootstrap-authentication") == "true",
		Signing:        field("usage-bootstrap-signing") == "true",
	}
	if t.ID == "" || t.Secret == "" || o.GetName() != "bootstrap-token-"+t.ID {
		return Token{}, false
	}
	if text := field("expiration"); text != "" {
		// An expiration that can't be read counts as passed, as in Kubernetes.
		expires, err := time.Parse(time.RFC3339, text)
		if err != nil || !s.now().Before(expires) {
			return Token{}, false
		}
	}
	for group := range strings.SplitSeq(field("auth-extra-groups"), ",") {
		if strings.HasPrefix(group, "system:bootstrappers:") {
			t.Groups = append(t.Groups, group)
		}
	}
	return t, true
}
