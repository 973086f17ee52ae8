// Package recordingtest records a vCenter for tests, as govc object.save does.
package recordingtest

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"

	"github.com/vmware/govmomi"
	"github.com/vmware/govmomi/property"
	"github.com/vmware/govmomi/view"
	"github.com/vmware/govmomi/vim25"
	"github.com/vmware/govmomi/vim25/types"
	"github.com/vmware/govmomi/vim25/xml"

	"github.com/gantry/terraform-provider-gantry/internal/simulator"
)

// Record writes the inventory of a simulated vCenter into a directory: the service
// instance, some of its managers, and all that its root folder contains.
func Record(ctx context.Context, sim *simulator.Simulator, dir string) error {
	u := &url.URL{Scheme: "https", Host: sim.Server(), Path: "/sdk", User: url.UserPassword(sim.Username(), sim.Password())}
	client, err := govmomi.NewClient(ctx, u, true)
	if err != nil {
		return err
	}
	return errors.Join(record(ctx, client.Client, dir), client.Logout(ctx))
}

func record(ctx context.Context, client *vim25.Client, dir string) error {
	collector := property.DefaultCollector(client)
	var all []types.ObjectContent
	if err := collector.RetrieveOne(ctx, vim25.ServiceInstance, []string{"content"}, &all); err != nil {
		return err
	}
	container, err := view.NewManager(client).CreateContainerView(ctx, client.ServiceContent.RootFolder, nil, true)
	if err != nil {
		return err
	}
	inventory, err := container.Find(ctx, []string{"ManagedEntity"}, nil)
	if err != nil {
		return err
	}
	content := client.ServiceContent
	objects := append([]types.ManagedObjectReference{content.RootFolder, *content.TaskManager, *content.SessionManager}, inventory...)
	var recorded []types.ObjectContent
	if err := collector.Retrieve(ctx, objects, nil, &recorded); err != nil {
		return err
	}
	for i, object := range append(all, recorded...) {
		if err := write(filepath.Join(dir, fmt.Sprintf("%04d-%s.xml", i, object.Obj.Encode())), object); err != nil {
			return err
		}
	}
	return nil
}

func write(name string, object types.ObjectContent) error {
	file, err := os.Create(name)
	if err != nil {
		return err
	}
	encoder := xml.NewEncoder(file)
	encoder.Indent("", "  ")
	return errors.Join(encoder.Encode(object), file.Close())
}
