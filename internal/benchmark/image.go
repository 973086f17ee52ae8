package main

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"

	"github.com/gantry/terraform-provider-gantry/internal/ova/ovatest"
)

// largeImage is the OVA of a node image with the systems and container images that they have.
const largeImage = 1 << 30

// images measures what the import of an OVA adds to a creation.
func (e environment) images(ctx context.Context) error {
	fmt.Println("| what | measured | aim |")
	fmt.Println("| :--- | :--- | :--- |")
	return e.importOVA(ctx)
}

// importOVA creates the same cluster from a template and from an OVA that is downloaded.
func (e environment) importOVA(ctx context.Context) error {
	files, err := os.MkdirTemp("", "gantry-benchmark")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(files) }()
	digest, err := writeOVA(filepath.Join(files, "node-1.37.2.ova"))
	if err != nil {
		return err
	}
	server := httptest.NewServer(http.FileServer(http.Dir(files)))
	defer server.Close()
	plain := fmt.Sprintf(configuration, e.parallel, 1, 1)
	imported := strings.Replace(plain, `image = { template = "gantry-node-1.37.2" }`,
		fmt.Sprintf(`image = { ova_url = "%s/node-1.37.2.ova", sha256 = %q }`, server.URL, digest), 1)

	create := func(config string) (p phase, err error) {
		err = e.inDatacenter(ctx, nil, func(dir string, dc *datacenter) error {
			if err := e.configure(dir, config); err != nil {
				return err
			}
			p, err = e.phase(ctx, dir, dc, "apply", "-auto-approve")
			return err
		})
		return p, err
	}
	without, err := create(plain)
	if err != nil {
		return err
	}
	with, err := create(imported)
	if err != nil {
		return err
	}
	aim("import of a 1 GB OVA", fmt.Sprintf("%d calls, %d of them reads; %d MB of memory at most, %d MB without; %.0f s more",
		with.calls()-without.calls(), with.reads-without.reads, with.peakKB>>10, without.peakKB>>10, (with.took-without.took).Seconds()),
		"at most 40 calls and one in ten seconds, at most 40 MB more")
	return nil
}

func writeOVA(name string) (digest string, err error) {
	f, err := os.Create(name)
	if err != nil {
		return "", err
	}
	if digest, err = ovatest.Write(f, ovatest.Image{DiskBytes: largeImage}); err != nil {
		_ = f.Close()
		return "", err
	}
	return digest, f.Close()
}
