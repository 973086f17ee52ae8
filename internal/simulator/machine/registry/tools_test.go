package registry_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/simulator/machine/registry"
)

func TestLibrariesOfEveryArchitecture(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, listing string
		want          []string
	}{
		{
			name: "amd64, many files",
			listing: `/usr/sbin/xtables-nft-multi:
	linux-vdso.so.1 (0x00007ffc0ab3f000)
	libmnl.so.0 => /lib/x86_64-linux-gnu/libmnl.so.0 (0x00007f6c4d3e5000)
	libc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f6c4d1d7000)
	/lib64/ld-linux-x86-64.so.2 (0x00007f6c4d44a000)
/usr/lib/x86_64-linux-gnu/xtables/libxt_tcp.so:
	libc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f1b2a000000)
	statically linked
`,
			want: []string{"/lib/x86_64-linux-gnu/libmnl.so.0", "/lib/x86_64-linux-gnu/libc.so.6", "/lib64/ld-linux-x86-64.so.2"},
		},
		{
			name: "arm64",
			listing: `	linux-vdso.so.1 (0x0000ffffa1b5c000)
	libxtables.so.12 => /lib/aarch64-linux-gnu/libxtables.so.12 (0x0000ffffa1a90000)
	libc.so.6 => /lib/aarch64-linux-gnu/libc.so.6 (0x0000ffffa18b0000)
	/lib/ld-linux-aarch64.so.1 (0x0000ffffa1b1f000)
`,
			want: []string{"/lib/aarch64-linux-gnu/libxtables.so.12", "/lib/aarch64-linux-gnu/libc.so.6", "/lib/ld-linux-aarch64.so.1"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, err := registry.ParseLibraries(c.listing)
			if err != nil || !slices.Equal(got, c.want) {
				t.Errorf("%v: %q, want %q", err, got, c.want)
			}
		})
	}
}

func TestLibraryThatIsMissing(t *testing.T) {
	t.Parallel()
	_, err := registry.ParseLibraries("\tlibmnl.so.0 => not found\n")
	if err == nil || !strings.Contains(err.Error(), "libmnl.so.0") {
		t.Errorf("%v, want the library's name", err)
	}
}
