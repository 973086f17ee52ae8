package vsphere

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/types"
)

// deployment is how the deployment of an OVF has ended. One that has failed is a success of
// the call, too.
type deployment struct {
	Succeeded bool `json:"succeeded"`
	Resource  struct {
		Type string `json:"type"`
		ID   string `json:"id"`
	} `json:"resource_id"`
	Error struct {
		Errors []deploymentError `json:"errors"`
	} `json:"error"`
}

type restMessage struct {
	Text string `json:"default_message"`
}

type deploymentError struct {
	Category string       `json:"category"`
	Message  *restMessage `json:"message"`
	Error    *struct {
		Class    string        `json:"@class"`
		Messages []restMessage `json:"messages"`
	} `json:"error"`
	Issues []struct {
		File    string      `json:"file"`
		Message restMessage `json:"message"`
	} `json:"issues"`
}

// words are all that an error says.
func (e deploymentError) words() string {
	var words []string
	add := func(text string) {
		if text = strings.TrimSpace(text); text != "" && !slices.Contains(words, text) {
			words = append(words, text)
		}
	}
	if e.Message != nil {
		add(e.Message.Text)
	}
	if e.Error != nil {
		for _, m := range e.Error.Messages {
			add(m.Text)
		}
	}
	for _, issue := range e.Issues {
		add(strings.TrimPrefix(issue.File+": "+issue.Message.Text, ": "))
	}
	if len(words) == 0 && e.Error != nil {
		add(e.Error.Class)
	}
	return strings.Join(words, "; ")
}

func (e deploymentError) class() string {
	if e.Error == nil {
		return ""
	}
	return e.Error.Class[strings.LastIndex(e.Error.Class, ".")+1:]
}

// failure is why a deployment has failed.
func (d deployment) failure(user string) *Error {
	var said []string
	e := &Error{Advice: "look at its task in the vSphere Client"}
	for _, failed := range d.Error.Errors {
		words := failed.words()
		said = append(said, words)
		switch class := failed.class(); {
		case class == "already_exists":
			return nameInUse(words)
		case class == "unauthorized":
			e.kind = kindPermission
			e.Advice = fmt.Sprintf("grant the account %q what the guide on privileges lists for the import of images", user)
		case slices.Contains([]string{"resource_busy", "service_unavailable", "timed_out", "concurrent_change"}, class):
			e.kind = kindTransient
		case class == "unable_to_allocate_resource" || strings.Contains(strings.ToLower(words), "disk space"):
			e.kind = kindNoRoom
			e.Advice = "make room on the datastore, or choose another one"
		case failed.Category == "VALIDATION" || failed.Category == "INPUT":
			e.Advice = "use an item that was made for this version of vSphere, and that needs no values of its properties"
		}
	}
	if len(said) == 0 {
		said = []string{"vCenter does not say why"}
	}
	e.Reason = "vCenter could not: " + strings.Join(said, "; ")
	return e
}

// vAppLimit is how long the deletion of a vApp may take.
const vAppLimit = 5 * time.Minute

// unwantedVApp deletes a vApp that was deployed, and says why: nodes are made of one VM.
func (c *Client) unwantedVApp(ctx context.Context, made types.ManagedObjectReference) error {
	unwanted := &Error{Reason: "it makes a vApp, of several VMs, and a node is one", Advice: "use an item of one VM"}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), vAppLimit)
	defer cancel()
	res, err := methods.Destroy_Task(ctx, c.soap, &types.Destroy_Task{This: made})
	for err == nil {
		var found []properties
		found, err = c.retrieve(ctx, objectsSpec([]types.ManagedObjectReference{res.Returnval}, map[string][]string{"Task": {"info.state"}}))
		if err == nil && (len(found) == 0 || found[0].vanished()) {
			err = errors.New("its task is not there any more")
		}
		if err != nil {
			break
		}
		switch value[types.TaskInfoState](found[0], "info.state") {
		case types.TaskInfoStateSuccess:
			return unwanted
		case types.TaskInfoStateError:
			err = fmt.Errorf("its task failed")
		}
		select {
		case <-ctx.Done():
		case <-time.After(100 * time.Millisecond):
		}
	}
	unwanted.Advice += fmt.Sprintf("; the vApp %s could not be deleted (%v): delete it", made.Value, err)
	return unwanted
}
