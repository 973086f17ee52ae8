package bootstrap_test

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/bootstrap"
)

var roles = []bootstrap.Role{bootstrap.FirstControlPlane, bootstrap.ControlPlane, bootstrap.Worker}

// decode reverses gzip+base64.
func decode(t testing.TB, value string) []byte {
	t.Helper()
	packed, err := base64.StdEncoding.DecodeString(value)
	if err != nil {
		t.Fatal(err)
	}
	reader, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(reader)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestGuestInfo(t *testing.T) {
	t.Parallel()
	for _, role := range roles {
		t.Run(string(role), func(t *testing.T) {
			t.Parallel()
			node := newNode(t, role)
			values, err := bootstrap.GuestInfo(node)
			if err != nil {
				t.Fatal(err)
			}
			want := []string{"guestinfo.metadata", "guestinfo.metadata.encoding", "guestinfo.userdata", "guestinfo.userdata.encoding"}
			if got := slices.Sorted(maps.Keys(values)); !slices.Equal(got, want) {
				t.Fatalf("keys are %v", got)
			}
			if got := values["guestinfo.userdata.encoding"]; got != "gzip+base64" {
				t.Errorf("the encoding of the user data is %q", got)
			}
			// The vSphere cloud provider reads no other.
			if got := values["guestinfo.metadata.encoding"]; got != "base64" {
				t.Errorf("the encoding of the metadata is %q", got)
			}
			metadata, err := bootstrap.Metadata(node)
			if err != nil {
				t.Fatal(err)
			}
			if values["guestinfo.metadata"] != base64.StdEncoding.EncodeToString(metadata) {
				t.Error("the metadata does not decode to itself")
			}
			userdata, err := bootstrap.Userdata(node)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(decode(t, values["guestinfo.userdata"]), userdata) {
				t.Error("the user data does not decode to itself")
			}
			if again, err := bootstrap.GuestInfo(node); err != nil || !maps.Equal(again, values) {
				t.Errorf("the same node rendered differently (error %v)", err)
			}
		})
	}
}

func TestGuestInfoRefusesWhatIsTooLong(t *testing.T) {
	t.Parallel()
	node := newNode(t, bootstrap.Worker)
	for i := range 3000 { // text that does not compress to nothing
		sum := sha256.Sum256([]byte{byte(i), byte(i >> 8)})
		node.SSHAuthorizedKeys = append(node.SSHAuthorizedKeys,
			"ssh-ed25519 "+base64.StdEncoding.EncodeToString(fmt.Appendf(nil, "\x00\x00\x00\x0bssh-ed25519\x00\x00\x00\x20%s", sum[:])))
	}
	values, err := bootstrap.GuestInfo(node)
	size, ok := errors.AsType[*bootstrap.SizeError](err)
	if !ok {
		t.Fatalf("error %v, want a *SizeError", err)
	}
	if size.Key != "guestinfo.userdata" || size.Bytes <= 64<<10 || size.Node != node.Name {
		t.Errorf("error is %+v", size)
	}
	if !strings.Contains(err.Error(), fmt.Sprint(size.Bytes)) || !strings.Contains(err.Error(), "65536") {
		t.Errorf("the error does not name the sizes: %v", err)
	}
	if values != nil {
		t.Error("values came with the error")
	}
}

func TestOrdinaryNodesStayFarBelowTheBound(t *testing.T) {
	t.Parallel()
	for _, role := range roles {
		for _, node := range []bootstrap.Node{newNode(t, role), leased(newNode(t, role))} {
			values, err := bootstrap.GuestInfo(behindProxy(t, node))
			if err != nil {
				t.Fatal(err)
			}
			if size := len(values["guestinfo.userdata"]); 3*size > 64<<10 { // a third of the bound: the rest is for the files and commands of users
				t.Errorf("user data of a %s node has %d bytes", role, size)
			}
		}
	}
}

// What users add is counted apart from the keys: with as many as there can be, the least
// that is rendered to be measured still fits.
func TestAHundredKeysLeaveRoomForWhatUsersAdd(t *testing.T) {
	t.Parallel()
	node := restoring(t, newNode(t, bootstrap.FirstControlPlane))
	for i := range 100 {
		sum := sha256.Sum256([]byte{byte(i)})
		node.SecretKeys = append(node.SecretKeys, bootstrap.SecretKey{Name: fmt.Sprintf("v%d", i), Key: sum[:]})
	}
	values, err := bootstrap.GuestInfo(node)
	if err != nil {
		t.Fatal(err)
	}
	if size := len(values["guestinfo.userdata"]); size > 31<<10 {
		t.Errorf("the user data has %d bytes", size)
	}
}

func TestNodesPrintNoSecrets(t *testing.T) {
	t.Parallel()
	for _, role := range roles {
		node := behindProxy(t, newNode(t, role))
		for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
			for _, printed := range []string{fmt.Sprintf(verb, node), fmt.Sprintf(verb, &node), fmt.Sprintf(verb, *node.Proxy)} {
				for _, secret := range []string{token, certificateKey, "PRIVATE", "w0rd", "p'a$s"} {
					if strings.Contains(printed, secret) {
						t.Errorf("%s of a %s node prints %q", verb, role, secret)
					}
				}
			}
		}
	}
}
