package record_test

import (
	"strings"
	"testing"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
)

const gateway = "d94ab10c-5e2a-4b57-9e2e-3b21f31f2d5b"

func TestRefsOnTheWireAndInWords(t *testing.T) {
	t.Parallel()
	ofGateway := record.Ref{Kind: record.KindIPPool, GatewayID: uuid.MustParse(gateway), Name: "lab: two"}
	for wire, want := range map[string]struct {
		ref   record.Ref
		words string
	}{
		"cluster:-/prod":                   {record.Ref{Kind: record.KindCluster, Name: "prod"}, `cluster "prod"`},
		"gateway:-/dc1":                    {record.Ref{Kind: record.KindGateway, Name: "dc1"}, `gateway "dc1"`},
		"cloud-account:-/team a/b":         {record.Ref{Kind: record.KindCloudAccount, Name: "team a/b"}, `cloud account "team a/b"`},
		"ip-pool:" + gateway + "/lab: two": {ofGateway, `IP pool "lab: two"`},
		"future-kind:-/x":                  {record.Ref{Kind: "future-kind", Name: "x"}, `future-kind "x"`},
	} {
		if got := want.ref.String(); got != wire {
			t.Errorf("%+v is written as %q, want %q", want.ref, got, wire)
		}
		got, err := record.ParseRef(wire)
		if err != nil || got != want.ref {
			t.Errorf("%q is read as %+v (%v)", wire, got, err)
		}
		if words := want.ref.Describe(); words != want.words {
			t.Errorf("%q is described as %s, want %s", wire, words, want.words)
		}
	}
}

func TestWhatIsNoRef(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"", "x", "cluster", "cluster:", "cluster:-", "cluster:-/", "cluster:/prod", ":-/prod", "Cluster:-/prod", "IP pool:-/lab",
		"cluster:prod/-", "cluster:- /prod", "cluster:-/ prod", "cluster:-/prod ", "cluster:-/a\nb", "cluster:-/\xff",
		"cluster:00000000-0000-0000-0000-000000000000/prod", "cluster:" + strings.ToUpper(gateway) + "/prod", "cluster:{" + gateway + "}/prod",
		"cluster:-/" + strings.Repeat("x", record.MaxRef),
	} {
		if ref, err := record.ParseRef(text); err == nil {
			t.Errorf("%q is read as %+v", text, ref)
		}
	}
}

func TestUnknownRefsAreDescribed(t *testing.T) {
	t.Parallel()
	for want, ref := range map[string]record.Ref{
		"an unknown object":             {},
		`an object noted as "by \"me"`:  {Name: `by "me`},
		`an object noted as "cluster:"`: {Name: "cluster:"},
	} {
		if got := ref.Describe(); got != want {
			t.Errorf("%+v is described as %s, want %s", ref, got, want)
		}
	}
}

// TestValidRefsReadBack draws references: what is valid is read back, and what is
// not is not read at all.
func TestValidRefsReadBack(t *testing.T) {
	t.Parallel()
	kind := rapid.SampledFrom([]record.Kind{
		record.KindCluster, record.KindGateway, record.KindIPPool, record.KindCloudAccount, "future", "", "a:b", "x/",
	})
	name := rapid.OneOf(rapid.StringN(0, 20, 300), rapid.StringMatching(`[a-z /:-]{0,8}`), rapid.StringOfN(rapid.Just('x'), 200, 260, -1))
	rapid.Check(t, func(t *rapid.T) {
		ref := record.Ref{Kind: kind.Draw(t, "kind"), Name: name.Draw(t, "name")}
		if rapid.Bool().Draw(t, "of a gateway") {
			copy(ref.GatewayID[:], rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "gateway"))
		}
		got, err := record.ParseRef(ref.String())
		if ref.Validate() == nil && (err != nil || got != ref) {
			t.Fatalf("%+v reads back as %+v (%v)", ref, got, err)
		}
		if err == nil && got.Validate() != nil {
			t.Fatalf("%q is read as the invalid %+v", ref, got)
		}
	})
}

// FuzzParseRef reads any text: what is read is written the same.
func FuzzParseRef(f *testing.F) {
	for _, seed := range []string{"cluster:-/prod", "ip-pool:" + gateway + "/a:b/c", "x:-/\u00a0", "cluster:-", ""} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		ref, err := record.ParseRef(text)
		if err != nil {
			return
		}
		if ref.String() != text {
			t.Fatalf("%q is read as %+v, which is written as %q", text, ref, ref)
		}
		if err := ref.Validate(); err != nil {
			t.Fatalf("%q is read as the invalid %+v: %v", text, ref, err)
		}
	})
}
