package cpi

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"
)

// Config is a cloud provider's configuration, as it validates and completes it.
type Config struct {
	VCenters     []VCenter // sorted by server
	Region, Zone string    // tag categories
}

// VCenter is a vCenter of the configuration.
type VCenter struct {
	User            string   `json:"user"`
	Password        string   `json:"password"`
	Server          string   `json:"server"`
	Port            uint     `json:"port"`
	InsecureFlag    bool     `json:"insecureFlag"`
	Datacenters     []string `json:"datacenters"`
	SecretName      string   `json:"secretName"`
	SecretNamespace string   `json:"secretNamespace"`
	IPFamily        []string `json:"ipFamily"`
}

// ReadConfig reads the file of --cloud-config. The old form, INI, is not understood here.
func ReadConfig(text string) (*Config, error) {
	var file struct {
		Global  VCenter             `json:"global"`
		VCenter map[string]*VCenter `json:"vcenter"`
		Labels  struct {
			Region string `json:"region"`
			Zone   string `json:"zone"`
		} `json:"labels"`
	}
	if strings.TrimSpace(text) == "" {
		return nil, errors.New("no vSphere cloud provider config file given")
	}
	if err := yaml.Unmarshal([]byte(text), &file); err != nil {
		return nil, fmt.Errorf("ReadCPIConfigYAML failed: %w", err)
	}
	global := file.Global
	if global.Server != "" && file.VCenter[global.Server] == nil {
		own := global
		if file.VCenter == nil {
			file.VCenter = map[string]*VCenter{}
		}
		file.VCenter[global.Server] = &own
	}
	if len(file.VCenter) == 0 {
		return nil, errors.New("no virtual center hosts defined")
	}
	config := &Config{Region: file.Labels.Region, Zone: file.Labels.Zone}
	for _, vc := range file.VCenter {
		if vc == nil || vc.Server == "" {
			return nil, errors.New("vsphere.conf does not have the VirtualCenter IP address specified")
		}
		if err := vc.complete(global); err != nil {
			return nil, err
		}
		config.VCenters = append(config.VCenters, *vc)
	}
	slices.SortFunc(config.VCenters, func(a, b VCenter) int { return strings.Compare(a.Server, b.Server) })
	return config, nil
}

// complete takes over what the vCenter's own section leaves out.
func (vc *VCenter) complete(global VCenter) error {
	ownSecret := vc.SecretName != "" && vc.SecretNamespace != ""
	if !ownSecret {
		vc.SecretName, vc.SecretNamespace = "", ""
		if global.SecretName != "" && global.SecretNamespace != "" {
			vc.SecretName, vc.SecretNamespace = global.SecretName, global.SecretNamespace
		}
	}
	if vc.SecretName == "" {
		if vc.User == "" {
			vc.User = global.User
		}
		if vc.Password == "" {
			vc.Password = global.Password
		}
		switch "" {
		case vc.User:
			return errors.New("username is missing")
		case vc.Password:
			return errors.New("password is missing")
		}
	}
	for _, port := range []uint{global.Port, 443} {
		if vc.Port == 0 {
			vc.Port = port
		}
	}
	if len(vc.Datacenters) == 0 {
		vc.Datacenters = global.Datacenters
	}
	if len(vc.IPFamily) == 0 {
		vc.IPFamily = global.IPFamily
	}
	if len(vc.IPFamily) == 0 {
		vc.IPFamily = []string{"ipv4"}
	}
	vc.InsecureFlag = vc.InsecureFlag || global.InsecureFlag
	if len(vc.IPFamily) > 1 {
		return errors.New("multiple IP families specified, but ENABLE_ALPHA_DUAL_STACK env var is not set")
	}
	return nil
}

// credentials reads the user and the password for a server out of a Secret. A key that is
// not understood, and a set that is not complete, make all of it useless.
func credentials(data map[string][]byte, server string) (user, password string, err error) {
	if len(data) == 0 {
		return "", "", errors.New("credentials are missing")
	}
	users, passwords := map[string]string{}, map[string]string{}
	for key, value := range data {
		text := strings.TrimSuffix(string(value), "\n")
		word, id, alternative := strings.Cut(key, "_")
		switch {
		case strings.HasSuffix(key, ".username"):
			users[strings.TrimSuffix(key, ".username")] = text
		case strings.HasSuffix(key, ".password"):
			passwords[strings.TrimSuffix(key, ".password")] = text
		case alternative && id != "" && (word == "username" || word == "password"):
			if _, ok := data["server_"+id]; !ok {
				return "", "", errors.New("incomplete credential set")
			}
		case alternative && id != "" && word == "server":
			users[text] = string(data["username_"+id])
			passwords[text] = string(data["password_"+id])
		default:
			return "", "", errors.New("unknown secret key")
		}
	}
	for _, named := range []map[string]string{users, passwords} {
		for name := range named {
			if users[name] == "" || passwords[name] == "" {
				return "", "", fmt.Errorf("credentials are missing for server %s", name)
			}
		}
	}
	if users[server] == "" {
		return "", "", fmt.Errorf("credentials not found for server %s", server)
	}
	return users[server], passwords[server], nil
}
