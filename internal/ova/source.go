package ova

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

var _ model.ImageSource = Source{}

// Source opens OVAs. Its zero value is ready for use.
type Source struct {
	// Retries is how often a download is resumed that makes no progress; 0: DefaultRetries.
	Retries int
	// Pause is the first pause between two attempts, which doubles; 0: a second.
	Pause time.Duration
	// Stall is how long a server may send nothing; 0: a minute.
	Stall time.Duration
}

// DefaultRetries is as many as wait, with their pauses, for a server that is away for some
// minutes.
const DefaultRetries = 8

// Check implements model.ImageSource.
func (Source) Check(image model.OVA) error {
	name, local := LocalPath(image.URL)
	if !local {
		return nil
	}
	f, _, err := openFile(name)
	if err != nil {
		return err
	}
	return f.Close()
}

// Open implements model.ImageSource.
func (s Source) Open(ctx context.Context, image model.OVA, proxy *model.Proxy) (model.ImageArchive, error) {
	from, size, err := s.open(ctx, image, proxy)
	if err != nil {
		return nil, err
	}
	archive, err := newArchive(from, size, image.SHA256)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", Shown(image.URL), err), from.Close())
	}
	archive.name = Shown(image.URL)
	return archive, nil
}

// open returns what is to be read, and its size; less than 0 where that is not known.
func (s Source) open(ctx context.Context, image model.OVA, proxy *model.Proxy) (io.ReadCloser, int64, error) {
	if name, local := LocalPath(image.URL); local {
		return openFile(name)
	}
	d, err := s.download(ctx, image, proxy)
	if err != nil {
		return nil, 0, err
	}
	return d, d.size, nil
}

func openFile(name string) (io.ReadCloser, int64, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, 0, fmt.Errorf("the OVA cannot be read: %w", err)
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is not a file", name)
	}
	if err != nil {
		return nil, 0, errors.Join(err, f.Close())
	}
	return f, info.Size(), nil
}

// LocalPath is the path of an OVA on the machine that runs Terraform; false for one that is
// fetched by URL.
func LocalPath(location string) (string, bool) {
	u, err := url.Parse(location)
	if err != nil || u.Scheme == "" || len(u.Scheme) == 1 { // a drive of Windows
		return location, true
	}
	if u.Scheme == "file" {
		return u.Path, true
	}
	return "", false
}

// Shown is where an OVA comes from, without what may be secret in a URL: user, password and
// the parameters, in which a signature may be.
func Shown(location string) string {
	if _, local := LocalPath(location); local {
		return location
	}
	u, err := url.Parse(location)
	if err != nil {
		return "the OVA"
	}
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String()
}
