package vsphere

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

const (
	ovfItemPath      = "/com/vmware/vcenter/ovf/library-item"
	templateItemPath = "/vcenter/vm-template/library-items"
)

// How long the content of a subscribed item may take to come into its library, how often it is
// looked for, and how long a deployment may take.
const (
	syncLimit   = time.Hour
	syncPause   = time.Second
	deployLimit = 2 * time.Hour
)

// SyncImage implements model.VCenter.
func (c *Client) SyncImage(ctx context.Context, image model.Image) error {
	return c.syncImage(ctx, image, syncLimit)
}

func (c *Client) syncImage(ctx context.Context, image model.Image, limit time.Duration) error {
	op := "synchronize the item " + image.Title()
	item, err := c.libraryItem(ctx, image.Library.Content.ID)
	if err != nil || item.Cached {
		return c.failed(op, err)
	}
	err = c.rest.call(ctx, http.MethodPost, subscribedPath+"/id:"+item.ID+"?~action=sync", map[string]any{"force_sync_content": true}, nil)
	if err != nil {
		return c.failed(op, err)
	}
	bounded, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for pause := syncPause; ; pause = min(2*pause, 10*time.Second) {
		item, err := c.libraryItem(bounded, item.ID)
		if ctx.Err() == nil && bounded.Err() != nil {
			return &Error{Op: op, Reason: fmt.Sprintf("its content was not in the content library after %s", limit),
				Advice: "look in the vSphere Client whether the synchronization fails or goes on; vCenter has to reach the library that publishes it"}
		}
		if err != nil || item.Cached {
			return c.failed(op, err)
		}
		select {
		case <-bounded.Done():
		case <-time.After(pause):
		}
	}
}

// DeployImage implements model.VCenter.
func (c *Client) DeployImage(ctx context.Context, req model.LibraryRequest) (string, error) {
	defer c.site.changed()
	defer c.reads.libraries.forget()
	op := "deploy the item " + req.Image.Title()
	place, err := c.libraryPlace(req)
	if err != nil {
		return "", c.failed(op, err)
	}
	item, err := c.unchanged(ctx, req.Image)
	if err != nil {
		return "", c.failed(op, err)
	}
	slow, cancel := context.WithTimeout(context.WithValue(ctx, slowCall{}, true), deployLimit)
	defer cancel()
	vm := ""
	if item.Type == model.LibraryVMTemplate {
		vm, err = c.deployTemplate(slow, req.Image, place)
	} else {
		vm, err = c.deployOVF(slow, req.Image, place)
	}
	if err != nil && slow.Err() != nil && ctx.Err() == nil {
		return "", &Error{Op: op, Reason: fmt.Sprintf("vCenter has not deployed it after %s", deployLimit),
			Advice: "look at its task in the vSphere Client, and apply again when that has ended"}
	}
	if err != nil {
		return "", c.failed(op, c.explainDeployment(err))
	}
	// What was deployed while the item changed may be of either version.
	_, err = c.unchanged(ctx, req.Image)
	return vm, c.failed(op, err)
}

// unchanged is the item of an image, which has to have the version that the image is of.
func (c *Client) unchanged(ctx context.Context, image model.Image) (itemBody, error) {
	content := image.Library.Content
	item, err := c.libraryItem(ctx, content.ID)
	switch {
	case notFound(err):
		return item, &Error{Reason: "it is not in its content library any more", Advice: "choose another item, or add it again"}
	case err != nil:
		return item, err
	case item.ContentVersion != content.Version:
		return item, &Error{
			Reason: fmt.Sprintf("it has version %s by now, and version %s was to be deployed", item.ContentVersion, content.Version),
			Advice: "plan and apply again",
		}
	}
	return item, nil
}

// libraryTarget is where an item is deployed, in references.
type libraryTarget struct {
	folder, pool, datastore, network types.ManagedObjectReference
	host                             *types.ManagedObjectReference
}

func (c *Client) libraryPlace(req model.LibraryRequest) (t libraryTarget, err error) {
	if t.folder, err = parseRef("Folder", req.Folder); err != nil {
		return t, err
	}
	if t.pool, err = parseRef("", req.Placement.ResourcePool); err != nil {
		return t, err
	}
	if t.datastore, err = parseRef("Datastore", req.Placement.Files()); err != nil {
		return t, err
	}
	if t.network, err = parseRef("", req.Placement.Network.Ref); err != nil {
		return t, err
	}
	place := req.Placement
	place.Datastore = t.datastore.String()
	t.host, err = c.site.hosts.any(place)
	return t, err
}

// set sets the host, where it is known which.
func (t libraryTarget) set(spec map[string]any, host string) map[string]any {
	if t.host != nil {
		spec[host] = t.host.Value
	}
	return spec
}

// keyed is an entry of a map as the REST endpoint encodes it.
type keyed struct {
	Key   string            `json:"key"`
	Value map[string]string `json:"value"`
}

// templateNetworks maps the network cards of an item that is a VM template to the network of
// the placement. Without, they would stay on that of the template, which its new host may not
// have; they are taken from the image anyway.
func (c *Client) templateNetworks(ctx context.Context, path string, t libraryTarget) ([]keyed, error) {
	var info struct {
		NICs []struct {
			Key string `json:"key"`
		} `json:"nics"`
	}
	if err := c.rest.read(ctx, http.MethodGet, path, nil, &info); err != nil {
		return nil, err
	}
	nics := []keyed{}
	for _, nic := range info.NICs {
		nics = append(nics, keyed{Key: nic.Key, Value: map[string]string{"network": t.network.Value}})
	}
	return nics, nil
}

// deployTemplate makes a VM of an item that is a VM template.
func (c *Client) deployTemplate(ctx context.Context, image model.Image, t libraryTarget) (string, error) {
	storage := map[string]string{"datastore": t.datastore.Value}
	vm := ""
	path := templateItemPath + "/" + image.Library.Content.ID
	nics, err := c.templateNetworks(ctx, path, t)
	if err != nil {
		return "", err
	}
	err = c.rest.call(ctx, http.MethodPost, path+"?action=deploy", map[string]any{"spec": map[string]any{
		"name":            image.Template,
		"description":     deployingNotes(image),
		"placement":       t.set(map[string]any{"folder": t.folder.Value, "resource_pool": t.pool.Value}, "host"),
		"vm_home_storage": storage,
		"disk_storage":    storage,
		"powered_on":      false,

		"hardware_customization": map[string]any{"nics": nics},
	}}, &vm)
	if err != nil {
		return "", answerLost(err)
	}
	return types.ManagedObjectReference{Type: "VirtualMachine", Value: vm}.String(), nil
}

// ovfSummary is what vCenter says of an OVF and of what its deployment asks for.
type ovfSummary struct {
	EULAs    []string `json:"EULAs"`
	Networks []string `json:"networks"`
}

func (c *Client) summaryOf(ctx context.Context, image model.Image, target map[string]any) (ovfSummary, error) {
	var summary ovfSummary
	path := ovfItemPath + "/id:" + image.Library.Content.ID + "?~action=filter"
	return summary, c.rest.read(ctx, http.MethodPost, path, map[string]any{"target": target}, &summary)
}

// Licenses implements model.VCenter.
func (c *Client) Licenses(ctx context.Context, image model.Image, resourcePool string) (int, error) {
	pool, err := parseRef("", resourcePool)
	if err != nil {
		return 0, err
	}
	summary, err := c.summaryOf(ctx, image, map[string]any{"resource_pool_id": pool.Value})
	return len(summary.EULAs), c.failed("read the item "+image.Title(), err)
}

func (c *Client) ovfTarget(t libraryTarget) map[string]any {
	return t.set(map[string]any{"resource_pool_id": t.pool.Value, "folder_id": t.folder.Value}, "host_id")
}

// deployOVF makes a VM of an item that is an OVF or OVA template. All of its networks are
// mapped to that of the placement: its network cards are taken from it anyway.
func (c *Client) deployOVF(ctx context.Context, image model.Image, t libraryTarget) (string, error) {
	path := ovfItemPath + "/id:" + image.Library.Content.ID
	target := c.ovfTarget(t)
	summary, err := c.summaryOf(ctx, image, target)
	if err != nil {
		return "", err
	}
	if len(summary.EULAs) > 0 && !image.Library.AcceptEULAs {
		return "", unacceptedLicenses(len(summary.EULAs))
	}
	var networks []map[string]string
	for _, name := range summary.Networks {
		networks = append(networks, map[string]string{"key": name, "value": t.network.Value})
	}
	var result deployment
	err = c.deployOnce(ctx, path, map[string]any{"target": target, "client_token": uuid.NewString(), "deployment_spec": map[string]any{
		"name":                 image.Template,
		"annotation":           deployingNotes(image),
		"accept_all_EULA":      image.Library.AcceptEULAs,
		"network_mappings":     networks,
		"storage_provisioning": "thin",
		"default_datastore_id": t.datastore.Value,
	}}, &result)
	if err != nil {
		return "", err
	}
	if !result.Succeeded || result.Resource.ID == "" {
		return "", result.failure(c.config.Username)
	}
	made := types.ManagedObjectReference{Type: result.Resource.Type, Value: result.Resource.ID}
	if made.Type != "VirtualMachine" {
		return "", c.unwantedVApp(ctx, made)
	}
	return made.String(), nil
}

// deployOnce asks for a deployment, and again where the answer is lost: by the token, vCenter
// knows what it has begun, and answers when that has ended.
func (c *Client) deployOnce(ctx context.Context, path string, in map[string]any, result *deployment) error {
	for early := 0; ; {
		began := time.Now()
		err := c.rest.call(ctx, http.MethodPost, path+"?~action=deploy", in, result)
		if err = answerLost(err); !unanswered(err) || ctx.Err() != nil {
			return err
		}
		if early++; time.Since(began) > earlyAnswer {
			early = 0
		}
		if early == maxEarly {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(askAgain):
		}
	}
}

// How long after its answer was lost a deployment is asked for again, and how often where it
// is lost at once: then vCenter is away.
const (
	askAgain    = time.Second
	earlyAnswer = 10 * time.Second
	maxEarly    = 4
)

// answerLost is the error of a call that may take long, where a proxy has given it up.
func answerLost(err error) error {
	status, ok := err.(*restError) //nolint:errorlint // the session returns it as it is
	if ok && status.Type == "" && (status.Status == http.StatusBadGateway || status.Status == http.StatusGatewayTimeout) {
		return &Error{Reason: "a proxy before vCenter waits no longer for the answer: " + status.Error(), kind: kindTransient, unanswered: true}
	}
	return err
}

func unanswered(err error) bool {
	var known *Error
	return errors.As(err, &known) && known.unanswered
}

func unacceptedLicenses(eulas int) *Error {
	return &Error{
		Reason: fmt.Sprintf("it has %d license agreements, and they are not accepted", eulas),
		Advice: "read them in the vSphere Client, and set accept_eulas = true",
	}
}

// explainDeployment adds what can be done to errors of calls whose names say little.
func (c *Client) explainDeployment(err error) error {
	status, ok := err.(*restError) //nolint:errorlint // the session returns it as it is
	if !ok {
		return err
	}
	switch status.Type {
	case "unauthorized":
		return &Error{Reason: c.explainStatus(status).Reason, kind: kindPermission,
			Advice: "grant it what the guide on privileges lists for the import of images, and, by a global permission, to read content " +
				"libraries and to deploy their VM templates"}
	case "already_exists":
		return nameInUse(status.Error())
	case "unable_to_allocate_resource":
		return &Error{Reason: cmp.Or(status.Message, status.Error()),
			Advice: "make room on the datastore and in the resource pool", kind: kindNoRoom}
	case "not_allowed_in_current_state":
		return &Error{Reason: cmp.Or(status.Message, status.Error()),
			Advice: "look in the vSphere Client whether the item has its content, and whether it is checked out or being changed"}
	}
	return err
}

// nameInUse is the error of a deployment whose name another one has taken that is under way:
// what else has the name is found before.
func nameInUse(said string) *Error {
	return &Error{Reason: "a VM of that name is being made, perhaps by the deployment of a run that has ended: " + strings.TrimSpace(said),
		Advice: "wait until it is made, and apply again", kind: kindTransient}
}
