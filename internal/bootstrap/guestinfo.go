package bootstrap

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"fmt"
)

// The guestinfo keys that cloud-init's VMware data source reads.
const (
	MetadataKey         = "guestinfo.metadata"
	MetadataEncodingKey = "guestinfo.metadata.encoding"
	UserdataKey         = "guestinfo.userdata"
	UserdataEncodingKey = "guestinfo.userdata.encoding"
)

// The guestinfo keys in which a guest reports, again at each boot: what it sets may not outlive
// its power. A clone begins without them, whatever its template has.
const (
	// PhaseKey is how far it came, after LogKey, the tail of its log.
	PhaseKey = "guestinfo.gantry.phase"
	LogKey   = "guestinfo.gantry.log"
	// AddressKey is the address that a machine with a lease bootstrapped with: a node's from
	// the phase kubeadm on, a load balancer's from PhaseWaiting on.
	AddressKey = "guestinfo.gantry.address"
	// LeaseKey is the address that it has now. It is set once that is another than the one
	// it bootstrapped with, and is the same again where that one has come back.
	LeaseKey = "guestinfo.gantry.lease"
	// AppliedKey is the value of BackendsKey by which HAProxy runs.
	AppliedKey = "guestinfo.gantry.backends.applied"
)

// BackendsKey tells a load balancer the addresses of the control plane, as Backends renders
// them.
const BackendsKey = "guestinfo.gantry.backends"

// The phases that only a load balancer reports; it fails as nodes do.
const (
	// PhaseWaiting is of one that is up and has no backends yet.
	PhaseWaiting = "waiting"
	// PhaseServing is of one whose HAProxy runs by the backends in AppliedKey.
	PhaseServing = "serving"
)

// Values of the encoding keys. The metadata is not packed: the vSphere cloud provider
// reads it where it is not, and takes the address in it for the node's. Of a node that
// holds the VIP it would otherwise take what the guest tools report first.
const (
	encodingPlain  = "base64"
	encodingPacked = "gzip+base64"
)

// MaxValueBytes bounds a guestinfo value after encoding: what is longer does
// not reach the guest whole.
const MaxValueBytes = 64 << 10

// SizeError is returned for a document that does not fit into guestinfo.
type SizeError struct {
	// Node is the name of the node that the document is for.
	Node string
	// Key is the guestinfo key, Bytes its encoded size.
	Key   string
	Bytes int
}

// Error names the size, the bound and what usually makes a document long.
func (e *SizeError) Error() string {
	return fmt.Sprintf("%s of node %s has %d bytes after encoding; guestinfo carries at most %d. "+
		"A long proxy CA bundle or many SSH keys are the usual reason", e.Key, e.Node, e.Bytes, MaxValueBytes)
}

// GuestInfo renders the guestinfo keys to set on the node's virtual machine in
// the clone call. The values of a node that may not boot (an invalid field, a
// *SizeError) are never returned.
func GuestInfo(n Node) (map[string]string, error) {
	metadata, err := Metadata(n)
	if err != nil {
		return nil, err
	}
	userdata, err := Userdata(n)
	if err != nil {
		return nil, err
	}
	return guestInfo(n.Name, metadata, userdata)
}

// guestInfo packs the documents of a machine, whose sizes are bounded.
func guestInfo(name string, metadata, userdata []byte) (map[string]string, error) {
	packed, err := pack(userdata)
	if err != nil {
		return nil, fmt.Errorf("encode %s of node %s: %w", UserdataKey, name, err)
	}
	values := map[string]string{
		MetadataKey: base64.StdEncoding.EncodeToString(metadata), MetadataEncodingKey: encodingPlain,
		UserdataKey: packed, UserdataEncodingKey: encodingPacked,
	}
	for _, key := range []string{MetadataKey, UserdataKey} {
		if size := len(values[key]); size > MaxValueBytes {
			return nil, &SizeError{Node: name, Key: key, Bytes: size}
		}
	}
	return values, nil
}

func pack(document []byte) (string, error) {
	var packed bytes.Buffer
	writer, err := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	if err != nil {
		return "", err
	}
	if _, err := writer.Write(document); err != nil {
		return "", err
	}
	if err := writer.Close(); err != nil {
		return "", err
	}
	return base64.StdEncoding.EncodeToString(packed.Bytes()), nil
}
