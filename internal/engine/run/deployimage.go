package run

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// clearLimit bounds how long what a deployment has left is cleared when it has failed.
const clearLimit = 5 * time.Minute

// deploy has vCenter deploy the image from its library. The VM counts only once it is sealed:
// what fails before that, or is killed, is deleted, here or by the next import.
func (i *imageImport) deploy(ctx context.Context, folder string) (string, error) {
	if !i.image.Library.Content.Cached {
		i.say(ctx, "has vCenter synchronize its content")
		if err := i.vc.SyncImage(ctx, i.image); err != nil {
			return "", err
		}
	}
	i.say(ctx, fmt.Sprintf("has vCenter deploy version %s as %q", i.image.Library.Content.Version, i.image.Template))
	vm, err := i.vc.DeployImage(ctx, model.LibraryRequest{
		Image: i.image, Folder: folder, Placement: i.World.Limits.Site.Placements[model.ImportPlacement],
	})
	if err == nil {
		err = i.changes.task(ctx, func(ctx context.Context) (string, error) { return i.vc.SealImage(ctx, vm, i.image) })
	}
	if err == nil {
		i.say(ctx, "deployed")
		return vm, nil
	}
	var away interface{ Unanswered() bool }
	switch {
	case errors.As(err, &away) && away.Unanswered():
		return "", &brokenUploadError{err}
	case model.Transient(err) || ctx.Err() != nil:
		return "", err // the next attempt clears, this run's or another's
	}
	clearing, cancel := context.WithTimeout(context.WithoutCancel(ctx), clearLimit)
	defer cancel()
	return "", errors.Join(err, i.clear(clearing))
}
