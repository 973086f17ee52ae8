package vsphere_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"pgregory.net/rapid"

	"github.com/gantry/terraform-provider-gantry/internal/vsphere"
)

func TestWhatNothingReadsIsLeftOutOfResponses(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                          "",
		"<a>1 &lt;ipConfig&gt;</a>": "<a>1 &lt;ipConfig&gt;</a>",
		`<nic><ipConfig xsi:type="x"><ip>1</ip></ipConfig><ip/></nic>`: "<nic><ip/></nic>",
		"<nic><ipConfig/><dnsConfig />2<ipConfig></ipConfig></nic>":    "<nic>2</nic>",
		"<ipConfig><ipConfigs>1</ipConfigs></ipConfig><ipConfigs/>":    "<ipConfigs/>",
		"<ipConfig>\n</ipConfig\n><connectable\n></connectable>\n":     "\n",
		"<name>connected</name><connected>true</connected>":            "<name>connected</name>",
	} {
		for name, from := range map[string]io.Reader{
			"at once":      strings.NewReader(text),
			"byte by byte": iotest.OneByteReader(strings.NewReader(text)),
			"end with it":  iotest.DataErrReader(strings.NewReader(text)),
		} {
			got, err := io.ReadAll(vsphere.LeanBody(io.NopCloser(from)))
			if err != nil || string(got) != want {
				t.Errorf("%q, read %s: %q, %v; want %q", text, name, got, err, want)
			}
		}
	}
}

func TestALeanResponseThatBreaksOffIsAnError(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"<a><ipConfig><b>", "<a><ipConfig", "<ipConfig></ipConfig"} {
		if got, err := io.ReadAll(vsphere.LeanBody(io.NopCloser(strings.NewReader(text)))); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%q: %q, %v", text, got, err)
		}
	}
	broken := errors.New("broken")
	from := io.MultiReader(strings.NewReader("<a><b>1</b>"), iotest.ErrReader(broken))
	if got, err := io.ReadAll(vsphere.LeanBody(io.NopCloser(from))); string(got) != "<a><b>1</b>" || !errors.Is(err, broken) {
		t.Errorf("%q, %v", got, err)
	}
}

// Whatever stands between, and however the response comes in and is read: exactly the
// elements that nothing reads are left out.
func TestPropertyOnlyUnreadElementsAreLeftOut(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var whole, lean bytes.Buffer
		for range rapid.IntRange(0, 30).Draw(t, "elements") {
			name := rapid.SampledFrom([]string{"ipAddress", "macAddress", "ipConfigState", "connect", "val"}).Draw(t, "name")
			element := "<" + name + ">" + strings.Repeat("x", rapid.IntRange(0, 100_000).Draw(t, "length")) + "</" + name + ">"
			whole.WriteString(element)
			if !rapid.Bool().Draw(t, "left out") {
				lean.WriteString(element)
				continue
			}
			whole.Truncate(whole.Len() - len(element))
			outer := rapid.SampledFrom([]string{"ipConfig", "connected", "deviceInfo"}).Draw(t, "outer")
			whole.WriteString("<" + outer + ` xsi:type="T">` + element + "</" + outer + ">")
		}
		var from io.Reader = bytes.NewReader(whole.Bytes())
		if rapid.Bool().Draw(t, "halves") {
			from = iotest.HalfReader(from)
		}
		var got bytes.Buffer
		page := make([]byte, rapid.IntRange(1, 5000).Draw(t, "page"))
		_, err := io.CopyBuffer(struct{ io.Writer }{&got}, struct{ io.Reader }{vsphere.LeanBody(io.NopCloser(from))}, page)
		if err != nil || !bytes.Equal(got.Bytes(), lean.Bytes()) {
			t.Fatalf("%d bytes of %d are left, want %d: %v", got.Len(), whole.Len(), lean.Len(), err)
		}
	})
}
