// Package cpi plays the vSphere cloud provider (kubernetes/cloud-provider-vsphere, as of
// v1.34.0): what it reads of its configuration and its Secret, and what it says of a node.
// It refuses what that refuses. Where it runs, and what it does to nodes, is package
// kubeapi's.
package cpi

import (
	"errors"
	"fmt"
)

// Cloud is the vCenter that a cloud provider finds the VMs of nodes in.
type Cloud interface {
	// Login returns why a login fails.
	Login(l Login) error
	// Instance describes a VM; ErrNoVM where the search does not find it.
	Instance(vm string, s Search) (Instance, error)
}

// Login is how a cloud provider connects to a vCenter.
type Login struct {
	Server         string
	Port           uint
	User, Password string
	Insecure       bool
}

// Search says where a VM is looked for, and the tag categories of its zone. Without
// datacenters it is looked for in all.
type Search struct {
	Datacenters  []string
	Region, Zone string
}

// Instance is a VM as vCenter describes it.
type Instance struct {
	CPU          int32
	MemoryMB     int32
	GuestID      string
	Region, Zone string
}

// Errors of a Cloud.
var (
	ErrNoVM  = errors.New("no VM found")
	ErrLogin = errors.New("cannot complete login due to an incorrect user name or password")
)

// guestSystems are the words for guest systems that occur here.
var guestSystems = map[string]string{
	"ubuntu64Guest": "ubuntu", "other3xLinux64Guest": "linux", "debian10_64Guest": "debian10", "debian11_64Guest": "debian11",
}

// Type is the value of the label of the instance type.
func (i Instance) Type() string {
	system, ok := guestSystems[i.GuestID]
	if !ok {
		system = "unknown"
	}
	return fmt.Sprintf("vsphere-vm.cpu-%d.mem-%dgb.os-%s", i.CPU, i.MemoryMB/1024, system)
}

// Find looks a VM up in the vCenters of the configuration, one after the other.
func (c *Config) Find(cloud Cloud, vm string, secret func(namespace, name string) (map[string][]byte, error)) (Instance, *VCenter, error) {
	failed := ErrNoVM
	if cloud == nil {
		return Instance{}, nil, errors.New("no route to a vCenter")
	}
	for i := range c.VCenters {
		vc := &c.VCenters[i]
		if err := vc.login(cloud, secret); err != nil {
			failed = fmt.Errorf("vCenter %s: %w", vc.Server, err)
			continue
		}
		search := Search{Datacenters: vc.Datacenters}
		if c.Region != "" && c.Zone != "" { // zones are looked up with both or not at all
			search.Region, search.Zone = c.Region, c.Zone
		}
		found, err := cloud.Instance(vm, search)
		if err == nil {
			return found, vc, nil
		}
		if !errors.Is(err, ErrNoVM) {
			failed = err
		}
	}
	return Instance{}, nil, failed
}

// login tries the credentials of the configuration, and then those of the Secret.
func (vc *VCenter) login(cloud Cloud, secret func(namespace, name string) (map[string][]byte, error)) error {
	login := Login{
		Server:   vc.Server,
		Port:     vc.Port,
		User:     vc.User,
		Password: vc.Password,
		Insecure: vc.InsecureFlag,
	}
	err := cloud.Login(login)
	if !errors.Is(err, ErrLogin) || vc.SecretName == "" {
		return err
	}
	data, err := secret(vc.SecretNamespace, vc.SecretName)
	if err != nil {
		return err
	}
	if login.User, login.Password, err = credentials(data, vc.Server); err != nil {
		return err
	}
	return cloud.Login(login)
}
