package model

import (
	"fmt"
	"slices"
	"strconv"
)

// The formats of the Secret of a pack's credentials: of which program they are read.
const (
	FormatCPI = "cpi" // cloud-provider-vsphere
	FormatCSI = "csi" // vsphere-csi-driver
)

// Credentials are a Secret by which a pack logs in to vCenter, as the cluster's account.
type Credentials struct {
	Namespace string
	Secret    string
	Format    string
	// Topology are the tag categories by which the CSI driver knows where nodes are, with a comma
	// between them; empty: it does not.
	Topology string `json:",omitempty"`
	// Identity identifies what the Secret has, and does not tell it: a hash that is keyed with
	// the cluster's authorities, as BuiltWith. Empty: it is not known, as in a refresh.
	Identity string
}

// Target names the Secret.
func (c Credentials) Target() string { return c.Namespace + "/" + c.Secret }

// Account is the cluster's account in vCenter.
type Account struct {
	Server   string // host or host:port
	Username string
	// Password is empty where it is not known, as in a refresh.
	Password string
	// Version is the number that users give a write-only password, which no state has, nor
	// anything that is made of it; nil: the state has the password.
	Version       *int64
	CACertificate string // PEM; empty: the system's authorities
	Insecure      bool
}

// String hides the password.
func (a Account) String() string { return a.Username + " at " + a.Server }

// GoString hides the password.
func (a Account) GoString() string { return fmt.Sprintf("model.Account{%s}", a) }

// setCredentials derives what identifies the credentials of each pack, where the secrets are
// at hand and the account is known.
func (s *ClusterSpec) setCredentials(secrets *Secrets) {
	s.Packs = slices.Clone(s.Packs) // they are the caller's
	for i, pack := range s.Packs {
		if pack.Credentials == nil {
			continue
		}
		c := *pack.Credentials
		c.Identity = ""
		if s.Account != nil && secrets != nil && secrets.Authorities != nil {
			password := s.Account.Password
			if s.Account.Version != nil {
				password = strconv.FormatInt(*s.Account.Version, 10)
			}
			a := s.Account
			c.Identity = keyedHash(secrets.Authorities, "credentials", []string{
				c.Namespace, c.Secret, c.Format, a.Server, a.Username, a.CACertificate, strconv.FormatBool(a.Insecure),
				s.Datacenter, strconv.FormatBool(a.Version != nil), password,
			})
		}
		s.Packs[i].Credentials = &c
	}
}

// CredentialsApplied reports whether the Secret of a pack's credentials is what the cluster
// holds, as far as is known.
func (k Pack) CredentialsApplied(have AppliedPack) bool {
	if k.Credentials == nil || have.Credentials == nil {
		return k.Credentials == nil && have.Credentials == nil
	}
	want := *k.Credentials
	if want.Identity == "" || have.Credentials.Identity == "" {
		want.Identity = have.Credentials.Identity
	}
	return want == *have.Credentials
}

// WriteCredentials writes the Secret of a pack's credentials, and restarts the workloads of
// the pack that mount it.
type WriteCredentials struct {
	Pack Pack
}

// DeleteCredentials deletes the Secret of credentials that a pack had.
type DeleteCredentials struct {
	Pack        string
	Credentials Credentials
}

// Change implements Step.
func (s WriteCredentials) Change() Change {
	return Change{ActionWriteCredentials, s.Pack.Name + " (" + s.Pack.Credentials.Target() + ")"}
}

// Change implements Step.
func (s DeleteCredentials) Change() Change {
	return Change{ActionDeleteCredentials, s.Pack + " (" + s.Credentials.Target() + ")"}
}
