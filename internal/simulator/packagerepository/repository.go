// Package packagerepository is a package repository for apt as Kubernetes has one: a folder deb with
// packages, an index of them and the key by which that is signed.
package packagerepository

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/armor"
	"github.com/ProtonMail/go-crypto/openpgp/clearsign"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
)

// architecture is this machine's, as Debian calls it.
func architecture() string { return runtime.GOARCH }

// Write makes the folder deb in a directory.
func Write(dir string, packages ...Package) error {
	deb := filepath.Join(dir, "deb")
	if err := os.MkdirAll(deb, 0o755); err != nil {
		return err
	}
	var index strings.Builder
	for _, p := range packages {
		if err := p.write(deb); err != nil {
			return err
		}
		size, digest, err := measure(filepath.Join(deb, p.fileName()))
		if err != nil {
			return err
		}
		fmt.Fprintf(&index, "%sFilename: ./%s\nSize: %d\nSHA256: %s\n\n", p.control(), p.fileName(), size, digest)
	}
	if err := os.WriteFile(filepath.Join(deb, "Packages"), []byte(index.String()), 0o644); err != nil {
		return err
	}
	release := fmt.Sprintf("Origin: kubernetes\nLabel: kubernetes\nArchitectures: %s\nDate: %s\nSHA256:\n %x %d Packages\n",
		architecture(), time.Now().UTC().Format(time.RFC1123), sha256.Sum256([]byte(index.String())), index.Len())
	return sign(deb, release)
}

func measure(name string) (size int64, digest string, err error) {
	file, err := os.Open(name)
	if err != nil {
		return 0, "", err
	}
	defer func() { _ = file.Close() }()
	hash := sha256.New()
	size, err = io.Copy(hash, file)
	return size, fmt.Sprintf("%x", hash.Sum(nil)), err
}

// sign writes a release, signed by a key of its own, and that key.
func sign(deb, release string) error {
	config := &packet.Config{RSABits: 2048}
	entity, err := openpgp.NewEntity("packages", "", "packages@example.com", config)
	if err != nil {
		return err
	}
	var signed, key bytes.Buffer
	text, err := clearsign.Encode(&signed, entity.PrivateKey, config)
	if err != nil {
		return err
	}
	if _, err := io.WriteString(text, release); err != nil {
		return err
	}
	if err := text.Close(); err != nil {
		return err
	}
	armored, err := armor.Encode(&key, openpgp.PublicKeyType, nil)
	if err != nil {
		return err
	}
	if err := entity.Serialize(armored); err != nil {
		return err
	}
	if err := armored.Close(); err != nil {
		return err
	}
	for name, content := range map[string][]byte{"InRelease": signed.Bytes(), "Release.key": key.Bytes()} {
		if err := os.WriteFile(filepath.Join(deb, name), content, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// Handler serves what Write has made.
func Handler(dir string) http.Handler { return http.FileServer(http.Dir(dir)) }
