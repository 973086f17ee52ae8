package registry

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// searchPath is the PATH in images: kubeadm's pods call programs by their bare names.
const searchPath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// image is a manifest and the blobs that it refers to.
type image struct {
	manifest blob
	blobs    []blob
}

// blob is content that can be requested by its digest.
type blob struct {
	digest  v1.Hash
	media   types.MediaType
	content *content
}

func (i *image) current() error {
	for _, part := range i.blobs {
		if err := part.content.current(); err != nil {
			return err
		}
	}
	return nil
}

// programs returns the files of the host that an image of a version is about, by their paths
// in it. It fails with fs.ErrNotExist where one is missing.
func (o Options) programs(recipe Recipe, version string) (map[string]string, error) {
	programs := map[string]string{}
	if recipe.StandIn {
		programs[recipe.Path] = o.Guest
	}
	for i, command := range recipe.Commands {
		name := recipe.Path
		if i > 0 {
			name = path.Join(path.Dir(recipe.Path), command)
		}
		programs[name] = filepath.Join(o.Binaries, command+"-v"+version)
	}
	for _, file := range programs {
		if info, err := os.Stat(file); err != nil {
			return nil, err
		} else if !info.Mode().IsRegular() {
			return nil, fmt.Errorf("%s: %w as a file", file, fs.ErrNotExist)
		}
	}
	return programs, nil
}

// layers puts together what an image consists of, what many share first.
func layers(recipe Recipe, programs map[string]string) ([]tree, error) {
	base := tree{}
	for _, name := range merged {
		base.directory("/usr/"+name, 0o755)
		base.link("/"+name, "usr/"+name)
	}
	base.directory("/tmp", fs.ModeSticky|0o777)
	base.directory("/run", 0o755)
	base.directory("/root", 0o700)
	base.text("/etc/passwd", "root:x:0:0:root:/root:/bin/sh\ntfc-agent:x:1000:1000::/home/tfc-agent:/bin/sh\n"+
		"nobody:x:65534:65534:nobody:/:/bin/false\n")
	base.text("/etc/group", "root:x:0:\ntfc-agent:x:1000:\nnogroup:x:65534:\n")
	base.text("/etc/nsswitch.conf", "hosts: files dns\n")
	made := []tree{base}
	tools := tree{}
	for _, add := range []struct {
		wanted bool
		tools  func() error
	}{
		{recipe.Shell, tools.addShell},
		{recipe.Tables, tools.addTables},
		{recipe.IP, func() error { return tools.addTool("ip") }},
		{recipe.Tool != "", func() error { return tools.addTool(recipe.Tool) }},
	} {
		if !add.wanted {
			continue
		}
		if err := add.tools(); err != nil {
			return nil, err
		}
	}
	if len(tools) > 0 {
		made = append(made, tools)
	}
	own := tree{}
	for name, file := range programs {
		own.host(name, file, 0o755)
	}
	if len(own) > 0 {
		made = append(made, own)
	}
	return made, nil
}

// makeImage reads every file once, for the digests.
func makeImage(recipe Recipe, programs map[string]string) (*image, error) {
	trees, err := layers(recipe, programs)
	if err != nil {
		return nil, err
	}
	made := &image{}
	manifest := v1.Manifest{SchemaVersion: 2, MediaType: types.OCIManifestSchema1}
	config := v1.ConfigFile{
		Architecture: runtime.GOARCH,
		OS:           "linux",
		Created:      v1.Time{Time: time.Unix(0, 0).UTC()},
		RootFS:       v1.RootFS{Type: "layers"},
		Config:       v1.Config{Env: []string{searchPath}, Entrypoint: recipe.Entrypoint, User: recipe.User, WorkingDir: "/"},
	}
	for _, tree := range trees {
		archive, err := tree.archive()
		if err != nil {
			return nil, err
		}
		layer, err := made.add(types.OCIUncompressedLayer, archive)
		if err != nil {
			return nil, err
		}
		manifest.Layers = append(manifest.Layers, layer)
		config.RootFS.DiffIDs = append(config.RootFS.DiffIDs, layer.Digest)
		config.History = append(config.History, v1.History{Created: config.Created, CreatedBy: "gantry-simulator"})
	}
	if manifest.Config, err = made.addJSON(types.OCIConfigJSON, config); err != nil {
		return nil, err
	}
	if _, err := made.addJSON(types.OCIManifestSchema1, manifest); err != nil {
		return nil, err
	}
	made.manifest = made.blobs[len(made.blobs)-1]
	return made, nil
}

func (i *image) add(media types.MediaType, of *content) (v1.Descriptor, error) {
	digest, err := of.digest()
	if err != nil {
		return v1.Descriptor{}, err
	}
	i.blobs = append(i.blobs, blob{digest: digest, media: media, content: of})
	return v1.Descriptor{MediaType: media, Size: of.size, Digest: digest}, nil
}

func (i *image) addJSON(media types.MediaType, value any) (v1.Descriptor, error) {
	text, err := json.Marshal(value)
	if err != nil {
		return v1.Descriptor{}, fmt.Errorf("render a document of an image: %w", err)
	}
	document := &content{}
	document.append(text)
	return i.add(media, document)
}
