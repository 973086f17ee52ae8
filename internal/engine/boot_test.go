package engine_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"errors"
	"io"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/engine"
	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/engine/run"
	"github.com/gantry/terraform-provider-gantry/internal/simulator"
)

// tampering is a vCenter on whose way the documents of a node are changed.
type tampering struct {
	model.VCenter
	node   string
	change func(metadata, userdata string) (string, string)
}

func (v tampering) Clone(ctx context.Context, c model.CloneRequest) (string, error) {
	if c.Name == v.node {
		meta, user := v.change(string(decoded(c.GuestInfo["guestinfo.metadata"])), unpacked(c.GuestInfo["guestinfo.userdata"]))
		changed := map[string]string{}
		for k, value := range c.GuestInfo {
			changed[k] = value
		}
		changed["guestinfo.metadata"], changed["guestinfo.userdata"] = base64.StdEncoding.EncodeToString([]byte(meta)), packed(user)
		c.GuestInfo = changed
	}
	return v.VCenter.Clone(ctx, c)
}

func decoded(s string) []byte {
	raw, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		panic(err)
	}
	return raw
}

func unpacked(s string) string {
	r, err := gzip.NewReader(bytes.NewReader(decoded(s)))
	if err != nil {
		panic(err)
	}
	text, err := io.ReadAll(r)
	if err != nil {
		panic(err)
	}
	return string(text)
}

func packed(s string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := io.WriteString(w, s); err != nil {
		panic(err)
	}
	if err := w.Close(); err != nil {
		panic(err)
	}
	return base64.StdEncoding.EncodeToString(b.Bytes())
}

// everywhere replaces in text, also inside of base64, which is how files stand in
// userdata.
func everywhere(text, old, replacement string) string {
	encoded := regexp.MustCompile(`[A-Za-z0-9+/]{40,}={0,2}`)
	return encoded.ReplaceAllStringFunc(strings.ReplaceAll(text, old, replacement), func(s string) string {
		raw, err := base64.StdEncoding.DecodeString(s)
		if err != nil {
			return s
		}
		plain := string(raw)
		if r, err := gzip.NewReader(bytes.NewReader(raw)); err == nil {
			if inner, err := io.ReadAll(r); err == nil {
				if !strings.Contains(string(inner), old) {
					return s
				}
				return packed(strings.ReplaceAll(string(inner), old, replacement))
			}
		}
		return base64.StdEncoding.EncodeToString([]byte(strings.ReplaceAll(plain, old, replacement)))
	})
}

// TestBootFailsAsARealOneWould changes one thing in the documents of a node: its
// boot fails, and the error shows the end of the guest's log and no secret.
func TestBootFailsAsARealOneWould(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		node   string
		change func(metadata, userdata string) (string, string)
		past   bool // tokens are made in the past
		want   string
	}{
		"a typo in a kubeadm document": {
			node:   "prod-cp-1",
			change: func(m, u string) (string, string) { return m, everywhere(u, "podSubnet", "podSubent") },
			want:   "podSubent",
		},
		"a wrong CA hash": {
			node: "prod-general-1",
			change: func(m, u string) (string, string) {
				hash := regexp.MustCompile(`sha256:[0-9a-f]{64}`).FindString(u)
				return m, everywhere(u, hash, "sha256:"+strings.Repeat("0", 64))
			},
			want: "couldn't validate the identity of the API Server",
		},
		"an expired token": {node: "prod-general-1", past: true, want: "token"},
		"an address outside its prefix": {
			node: "prod-cp-1",
			change: func(m, u string) (string, string) {
				return regexp.MustCompile(`10\.10\.183\.\d+/18`).ReplaceAllString(m, "172.16.5.5/18"), u
			},
			want: "not on-link",
		},
		"a VIP that is the node's": {
			node: "prod-cp-1",
			change: func(m, u string) (string, string) {
				own := regexp.MustCompile(`10\.10\.183\.\d+`).FindString(m)
				vip := regexp.MustCompile(`controlPlaneEndpoint: "?(10\.10\.183\.\d+)`).FindStringSubmatch(u)[1]
				return m, everywhere(u, vip, own)
			},
			want: "10.10.183.",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, simulator.Options{JoinTimeout: 2 * time.Second})
			e := w.engine()
			if c.change != nil {
				e.Builder = tampering{e.Builder, c.node, c.change}
			}
			if c.past {
				e.Now = func() time.Time { return time.Now().Add(-24 * time.Hour) }
			}
			secrets := newSecrets(t)
			_, err := e.Apply(t.Context(), engine.Request{Spec: w.spec(1, 1), Secrets: secrets})
			var boot *run.BootError
			if !errors.As(err, &boot) || boot.Node != c.node || boot.State.LogTail == "" {
				t.Fatalf("got %v", err)
			}
			if !strings.Contains(err.Error(), boot.State.LogTail) || !strings.Contains(boot.State.LogTail, c.want) {
				t.Errorf("the error does not show %q: %v", c.want, err)
			}
			if strings.Contains(err.Error(), "PRIVATE KEY") || regexp.MustCompile(`\b[a-z0-9]{6}\.[a-z0-9]{16}\b`).MatchString(err.Error()) {
				t.Errorf("the error shows a secret: %v", err)
			}
			// After the failure the bootstrap data is gone from the VM all the same.
			survey, err := w.engine().Reader.Survey(t.Context(), model.SurveyRequest{Cluster: boot.Cluster})
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range survey.Machines {
				if m.Userdata {
					t.Errorf("%s still holds its bootstrap data", m.Path)
				}
			}
		})
	}
}
