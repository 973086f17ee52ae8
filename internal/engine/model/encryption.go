package model

import (
	"slices"
	"strconv"
	"strings"
)

// MaxEncryptionVersion is the highest version of a key: a control plane that begins with a
// snapshot has all keys that there ever were.
const MaxEncryptionVersion = 100

// Unencrypted is the version of a key that stands for none: what is written with it is in
// clear text.
const Unencrypted = 0

// EncryptionKeys are the versions of the keys by which the API server of a control-plane
// node reads Secrets in etcd, separated by commas. It writes them with the first. Empty:
// nothing is encrypted.
type EncryptionKeys string

// NewEncryptionKeys are the keys of some versions, each once.
func NewEncryptionKeys(versions ...int) EncryptionKeys {
	var words []string
	for i, version := range versions {
		if !slices.Contains(versions[:i], version) {
			words = append(words, strconv.Itoa(version))
		}
	}
	if keys := strings.Join(words, ","); keys != strconv.Itoa(Unencrypted) {
		return EncryptionKeys(keys)
	}
	return ""
}

// Versions are those of the keys, in their order. What cannot be read, as in a marker that
// was edited, is none.
func (k EncryptionKeys) Versions() []int {
	if k == "" {
		return []int{Unencrypted}
	}
	var versions []int
	for word := range strings.SplitSeq(string(k), ",") {
		if version, err := strconv.Atoi(word); err == nil && version >= Unencrypted && version <= MaxEncryptionVersion {
			versions = append(versions, version)
		}
	}
	return versions
}

// Reads reports whether Secrets that were written with a key can be read.
func (k EncryptionKeys) Reads(version int) bool { return slices.Contains(k.Versions(), version) }

// Writes reports whether Secrets are written with a key.
func (k EncryptionKeys) Writes(version int) bool {
	versions := k.Versions()
	return len(versions) > 0 && versions[0] == version
}

// ActionRewriteSecrets has all Secrets written with the key that the control plane writes
// with; target: the cluster.
const ActionRewriteSecrets Action = "rewrite_secrets"

// RewriteSecrets writes all Secrets again, with the key of a version.
type RewriteSecrets struct {
	Cluster string
	Version int
}

// Change implements Step.
func (s RewriteSecrets) Change() Change { return Change{ActionRewriteSecrets, s.Cluster} }
