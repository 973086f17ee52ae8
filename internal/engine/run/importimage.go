package run

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
)

const (
	// maxUploads is how often an upload begins that breaks off: each begins with the
	// download.
	maxUploads = 3
	// releaseLimit bounds the release of an image's lock when the run has ended.
	releaseLimit = 15 * time.Second
)

// imageImport is an image that is being made.
type imageImport struct {
	*Runner
	asked model.Image
	image model.Image // the same, of the version of its base that there is
	ref   record.Ref
	id    uuid.UUID // of its record
	check func(context.Context) error
	vc    model.VCenter // checks both locks
}

func (i *imageImport) find(ctx context.Context) (found *model.FoundImage, err error) {
	err = retry(ctx, i.Timing, func(ctx context.Context) error {
		found, err = i.vc.FindImage(ctx, model.ImageQuery{Datacenter: i.World.Limits.Site.Datacenter, Image: i.asked})
		return err
	})
	return found, err
}

// underLock goes on where an earlier import has stopped. What it has begun and not uploaded
// whole is deleted first.
func (i *imageImport) underLock(ctx context.Context) (model.Template, error) {
	found, err := i.find(ctx)
	if err == nil && found.Image.Template != i.image.Template {
		err = fmt.Errorf("the template that the image %q is built of was changed a moment ago; apply again", i.asked.Template)
	}
	if err == nil && found.Template.Ref != "" {
		err = i.complete(ctx, found.Template.Ref)
	}
	if err != nil || found.Template.Ref != "" {
		return usable(found, err)
	}
	if found.Holder != "" {
		return model.Template{}, fmt.Errorf("%s, which Gantry has not made, has the name of the image; rename or remove it, or set "+
			"another image_folder", found.Holder)
	}
	noted, err := i.register(ctx)
	if err != nil {
		return model.Template{}, err
	}
	vm := found.Uploaded
	if vm != "" && noted.Template == vm && !noted.Marking {
		return model.Template{}, fmt.Errorf("the template of the image %q was converted to a VM; convert it back to a template, or delete it, "+
			"and it is made again", i.image.Template)
	}
	if vm == "" {
		if vm, err = i.make(ctx, found); err != nil {
			return model.Template{}, errors.Join(err, i.forget(ctx))
		}
		if i.Spec.Kind == record.KindImage {
			noted.Builder = "" // a cluster's build says nothing of one that was begun for none
		}
	}
	noted.Template = vm
	noted.Marking = true
	if err := i.finish(ctx, noted, found.Snapshot != "" && found.Uploaded != ""); err != nil {
		return model.Template{}, err
	}
	made, err := usable(i.find(ctx))
	if err != nil {
		return made, err
	}
	if made.Ref == "" {
		return made, fmt.Errorf("the image %q was made and is not there any more", i.image.Template)
	}
	noted.Template = made.Ref
	noted.Marking = false
	return made, i.call(ctx, func(ctx context.Context) error { return i.rewrite(ctx, noted) })
}

// make makes the VM of the image, of which all is there.
func (i *imageImport) make(ctx context.Context, found *model.FoundImage) (string, error) {
	if i.image.Build != nil {
		return i.build(ctx, found)
	}
	return i.uploaded(ctx)
}

// forget removes the record of an image that could not be imported and of which nothing is
// left. While vCenter is away, or has still to delete the VM, it stays for the next import.
func (i *imageImport) forget(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	if i.check(ctx) != nil {
		return nil // another run has it
	}
	found, err := i.vc.FindImage(ctx, model.ImageQuery{Datacenter: i.World.Limits.Site.Datacenter, Image: i.asked})
	if err != nil || len(found.Begun) > 0 || found.Uploaded != "" || found.Template.Ref != "" {
		return nil // see above
	}
	rec, err := i.Ledger.Record(ctx, i.id)
	if err != nil {
		return nil // see above
	}
	if noted, err := rec.Image(); err != nil || noted.Builder != "" {
		return nil // it has an address, perhaps
	}
	if err := i.Ledger.Unregister(ctx, i.id); err != nil && !model.Transient(err) {
		return err
	}
	return nil
}

// finish makes a template of a VM of which all was uploaded. Its reference, which stays the
// same, is noted first: what was made a template is known to the ledger.
func (i *imageImport) finish(ctx context.Context, noted record.Image, snapshotted bool) error {
	vm := noted.Template
	if !snapshotted {
		err := i.changes.task(ctx, func(ctx context.Context) (string, error) { return i.vc.SnapshotImage(ctx, vm) })
		if err != nil {
			return err
		}
	}
	if err := i.call(ctx, func(ctx context.Context) error { return i.rewrite(ctx, noted) }); err != nil {
		return err
	}
	return i.changes.call(ctx, func(ctx context.Context) error { return i.vc.MarkAsTemplate(ctx, vm) })
}

// uploaded makes the VM of an image, and begins anew where an upload breaks off or vCenter
// is away for a while. Uploads are bounded by their number, as each may take long; how long
// vCenter may be away counts from the last of them.
func (i *imageImport) uploaded(ctx context.Context) (string, error) {
	folder, err := i.imageFolder(ctx)
	if err != nil {
		return "", err
	}
	began := time.Now()
	for uploads, pause := 0, i.Timing.Backoff; ; pause = min(pause*2, i.Timing.MaxTick) {
		vm, err := i.attempt(ctx, folder)
		var broken *brokenUploadError
		if errors.As(err, &broken) {
			uploads++
			began = time.Now()
		}
		if err == nil || !model.Transient(err) || ctx.Err() != nil || uploads >= maxUploads || time.Since(began) > i.Timing.RetryBudget {
			return vm, err
		}
		i.say(ctx, "begins anew: "+err.Error())
		if err := sleep(ctx, pause); err != nil {
			return "", err
		}
	}
}

// imageFolder is the folder of the image, which is made where it is missing. It stays with
// the image.
func (i *imageImport) imageFolder(ctx context.Context) (folder string, err error) {
	err = i.changes.call(ctx, func(ctx context.Context) error {
		folder, err = i.vc.ImageFolder(ctx, i.World.Limits.Site.Datacenter, i.image.Folder)
		return err
	})
	return folder, err
}

// clear deletes what imports have begun that are over. A VM whose upload vCenter still takes
// for alive cannot be deleted before its lease has ended.
func (i *imageImport) clear(ctx context.Context) error {
	found, err := i.find(ctx)
	if err != nil {
		return err
	}
	for _, vm := range found.Begun {
		err := i.changes.task(ctx, func(ctx context.Context) (string, error) { return i.vc.Destroy(ctx, vm) })
		if err != nil && !errors.Is(err, model.ErrGone) {
			return fmt.Errorf("delete what an interrupted import of the image %q has left: %w", i.image.Template, err)
		}
	}
	return nil
}

// attempt makes the VM of an image once. What there is of it from before is cleared first.
func (i *imageImport) attempt(ctx context.Context, folder string) (string, error) {
	if err := i.clear(ctx); err != nil {
		return "", err
	}
	if i.image.Library != nil {
		return i.deploy(ctx, folder)
	}
	return i.upload(ctx, folder)
}

// upload imports the image once: the archive is read from its beginning to its end while its
// disk goes to vCenter, and the VM counts only once all digests were found to be right.
func (i *imageImport) upload(ctx context.Context, folder string) (string, error) {
	archive, err := i.Images.Open(ctx, *i.image.OVA, i.Spec.Proxy)
	if err != nil {
		return "", err
	}
	defer archive.Close()
	place := i.World.Limits.Site.Placements[model.ImportPlacement]
	place.Datastore = place.Files()
	upload, err := i.vc.BeginImport(ctx, model.ImportRequest{
		Image: i.image, Descriptor: archive.Descriptor(), Folder: folder, Placement: place,
	})
	if err != nil {
		return "", err
	}
	if err := i.pass(ctx, archive, upload); err != nil {
		return "", errors.Join(err, upload.Abort())
	}
	if err := i.check(ctx); err != nil {
		return "", errors.Join(err, upload.Abort())
	}
	vm, err := upload.Complete()
	if err != nil {
		return "", errors.Join(&brokenUploadError{err}, upload.Abort())
	}
	i.say(ctx, "uploaded, and all digests are right")
	return vm, i.changes.task(ctx, func(ctx context.Context) (string, error) { return i.vc.SealImage(ctx, vm, i.image) })
}

// pass hands the files of an archive on.
func (i *imageImport) pass(ctx context.Context, archive model.ImageArchive, upload model.ImageUpload) error {
	p := &progress{archive: archive, upload: upload, every: i.Timing.ProgressEvery, began: time.Now(), say: func(message string) {
		i.say(ctx, message)
		Waiting(ctx, "vCenter, to which the image is uploaded: "+message)
	}}
	for {
		name, size, content, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		p.content = content
		if !upload.Takes(name) {
			continue
		}
		if err := upload.Upload(name, size, p); err != nil {
			return &brokenUploadError{err}
		}
	}
}

// brokenUploadError is an upload that failed.
type brokenUploadError struct{ cause error }

func (e *brokenUploadError) Error() string { return e.cause.Error() }

// Unwrap returns the cause.
func (e *brokenUploadError) Unwrap() error { return e.cause }

// progress reads a file of an archive and reports how far all of it has come.
type progress struct {
	archive model.ImageArchive
	upload  model.ImageUpload
	content io.Reader
	every   time.Duration // between two reports
	say     func(string)
	began   time.Time
	said    time.Time
}

// Read implements io.Reader.
func (p *progress) Read(to []byte) (int, error) {
	n, err := p.content.Read(to)
	read, size := p.archive.Read(), p.archive.Size()
	if size > 0 {
		p.upload.Progress(int(100 * read / size))
	}
	if now := time.Now(); now.Sub(p.said) >= p.every {
		p.said = now
		p.say(progressWords(read, size, now.Sub(p.began)))
	}
	return n, err
}

func progressWords(read, size int64, after time.Duration) string {
	const megabyte = 1 << 20
	rate := float64(read) / megabyte / max(after.Seconds(), 0.001)
	if size <= 0 {
		return fmt.Sprintf("%d MB, %.1f MB/s", read/megabyte, rate)
	}
	return fmt.Sprintf("%d%% of %d MB, %.1f MB/s", 100*read/size, size/megabyte, rate)
}
