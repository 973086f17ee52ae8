package kubeadm

import (
	"errors"
	"fmt"
)

// LoadInit reads the file of `kubeadm init --config`. The tool is kubeadm's
// own version; the zero version stands for an image of unknown version, and
// then it is that of the configuration.
func LoadInit(file []byte, tool Version) (*Init, error) {
	docs, err := split(file)
	if err != nil {
		return nil, err
	}
	if tool, err = toolVersion(docs, tool); err != nil {
		return nil, err
	}
	out := &Init{}
	var c cluster
	var local apiEndpoint
	found := false
	for _, d := range docs {
		if known, err := d.component(); known || err != nil {
			if err != nil {
				return nil, err
			}
			if d.Kind == "KubeletConfiguration" {
				out.KubeletDocument = string(d.raw)
			}
			continue
		}
		if err := d.readable(tool); err != nil {
			return nil, err
		}
		switch d.Kind {
		case "ClusterConfiguration":
			found = true
			out.ClusterDocument = string(d.raw)
			if c, err = decodeCluster(d); err != nil {
				return nil, err
			}
		case "InitConfiguration":
			found = true
			if local, err = out.decode(d); err != nil {
				return nil, err
			}
		case "JoinConfiguration":
			out.Warnings = append(out.Warnings, "ignored YAML document of kind JoinConfiguration")
		default:
			return nil, fmt.Errorf("no kind %q is registered for version %q", d.Kind, d.APIVersion)
		}
	}
	if !found {
		return nil, errors.New("no InitConfiguration or ClusterConfiguration kind was found in the YAML file")
	}
	if err := out.complete(c, local, tool); err != nil {
		return nil, err
	}
	return out, nil
}

// toolVersion falls back to the version of the file.
func toolVersion(docs []document, tool Version) (Version, error) {
	if tool != (Version{}) {
		return tool, nil
	}
	for _, d := range docs {
		if d.Kind != "ClusterConfiguration" {
			continue
		}
		c, err := decodeCluster(d)
		if err != nil {
			return Version{}, err
		}
		return ParseVersion(c.version)
	}
	return Version{1, 31, 0}, nil
}

func decodeCluster(d document) (cluster, error) {
	var doc v1beta4Cluster
	err := d.decode(&doc)
	return doc.normal(), err
}

func (i *Init) decode(d document) (apiEndpoint, error) {
	var doc v1beta4Init
	if err := d.decode(&doc); err != nil {
		return apiEndpoint{}, err
	}
	if doc.DryRun {
		return apiEndpoint{}, errors.New("dryRun is set: nothing would be created")
	}
	i.Node = doc.NodeRegistration.normal()
	i.Node.Patches = doc.Patches.directory()
	i.Tokens = doc.BootstrapTokens
	i.SkipPhases = doc.SkipPhases
	i.CertificateKey = doc.CertificateKey
	return doc.LocalAPIEndpoint, nil
}

// LoadJoin reads the file of `kubeadm join --config`.
func LoadJoin(file []byte, tool Version) (*Join, error) {
	docs, err := split(file)
	if err != nil {
		return nil, err
	}
	if tool, err = toolVersion(docs, tool); err != nil {
		return nil, err
	}
	out := &Join{}
	var disc discovery
	var cp *joinControlPlane
	found := false
	for _, d := range docs {
		if known, err := d.component(); known || err != nil {
			if err != nil {
				return nil, err
			}
			continue
		}
		if err := d.readable(tool); err != nil {
			return nil, err
		}
		switch d.Kind {
		case "JoinConfiguration":
			found = true
			if disc, cp, err = out.decode(d); err != nil {
				return nil, err
			}
		case "InitConfiguration", "ClusterConfiguration":
			out.Warnings = append(out.Warnings, "ignored YAML document of kind "+d.Kind)
		default:
			return nil, fmt.Errorf("no kind %q is registered for version %q", d.Kind, d.APIVersion)
		}
	}
	if !found {
		return nil, errors.New("no JoinConfiguration kind was found in the YAML file")
	}
	if err := out.complete(disc, cp); err != nil {
		return nil, err
	}
	return out, nil
}

func (j *Join) decode(d document) (discovery, *joinControlPlane, error) {
	var doc v1beta4Join
	if err := d.decode(&doc); err != nil {
		return discovery{}, nil, err
	}
	if doc.DryRun {
		return discovery{}, nil, errors.New("dryRun is set: nothing would be created")
	}
	j.Node = doc.NodeRegistration.normal()
	j.Node.Patches = doc.Patches.directory()
	return doc.Discovery, doc.ControlPlane, nil
}
