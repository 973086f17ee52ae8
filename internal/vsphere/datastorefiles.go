package vsphere

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"

	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// partialSuffix is that of a file that is being uploaded.
const partialSuffix = ".partial"

// datastoreFolder is a folder at the top of a datastore.
type datastoreFolder struct {
	datacenter types.ManagedObjectReference
	dcPath     string
	datastore  types.ManagedObjectReference
	dsName     string
	browser    types.ManagedObjectReference
	// namespaces is set where folders at the top are objects of the datastore's own, as
	// on vSAN and vVols.
	namespaces bool
	url        string
	// name is what the folder is called, or, where it is an object of its own and its path
	// was resolved, the object's id.
	name string
}

// path is a file of the folder as vCenter writes it; an empty name is the folder.
func (f *datastoreFolder) path(name string) string {
	return fmt.Sprintf("[%s] %s", f.dsName, path.Join(f.name, name))
}

// StoreFile writes a file into a folder at the top of a datastore and makes the folder
// where it is missing. What is written streams through vCenter into a file of another
// name, which is renamed once vCenter says that all of it is there; a part is deleted. A
// file of the name is replaced.
// Besides the upload it takes seven calls and the looks at two tasks.
func (c *Client) StoreFile(ctx context.Context, in model.DatastoreFolder, name string, write func(io.Writer) error) error {
	f, err := c.datastoreFolder(ctx, in)
	if err != nil {
		return c.failed("find datastore", err)
	}
	op := fmt.Sprintf("upload %q", f.path(name))
	if err := c.makeDatastoreFolder(ctx, f); err != nil {
		return c.failed(fmt.Sprintf("make folder %q", f.path("")), err)
	}
	partial := name + partialSuffix
	size, err := c.upload(ctx, f, partial, write)
	if err == nil {
		err = c.checkUploaded(ctx, f, partial, size)
	}
	if err == nil {
		err = c.moveFile(ctx, f, partial, name)
	}
	if err != nil {
		clean := context.WithoutCancel(ctx)
		if derr := c.deleteFile(clean, f, partial); derr != nil {
			return errors.Join(c.failed(op, err), derr)
		}
	}
	return c.failed(op, err)
}

// PruneFiles deletes those files of a folder whose names have the prefix, but for the last
// ones by name, and then the folder, if it is empty. Parts of uploads with the prefix are
// deleted, too. A folder that is not there is success.
func (c *Client) PruneFiles(ctx context.Context, in model.DatastoreFolder, prefix string, keep int) error {
	f, err := c.datastoreFolder(ctx, in)
	if err != nil {
		return c.failed("find datastore", err)
	}
	files, err := c.searchFolder(ctx, f)
	if errors.Is(err, model.ErrGone) {
		return nil
	}
	if err != nil {
		return c.failed(fmt.Sprintf("list %q", f.path("")), err)
	}
	var whole, gone []string
	for name := range files {
		switch {
		case !strings.HasPrefix(name, prefix):
		case strings.HasSuffix(name, partialSuffix):
			gone = append(gone, name)
		default:
			whole = append(whole, name)
		}
	}
	slices.Sort(whole)
	gone = append(gone, whole[:max(0, len(whole)-keep)]...)
	for _, name := range gone {
		if err := c.deleteFile(ctx, f, name); err != nil {
			return err
		}
	}
	if len(gone) < len(files) || keep > 0 {
		return nil
	}
	if f.namespaces {
		return c.failed(fmt.Sprintf("delete %q", f.path("")), c.deleteNamespace(ctx, f))
	}
	return c.deleteFile(ctx, f, "")
}

func (c *Client) datastoreFolder(ctx context.Context, in model.DatastoreFolder) (*datastoreFolder, error) {
	_, dc, err := c.folderTree(ctx, in.Datacenter, 0)
	if err != nil {
		return nil, err
	}
	ref, err := parseRef("Datastore", in.Datastore)
	if err != nil {
		return nil, err
	}
	found, err := c.retrieve(ctx, objectsSpec([]types.ManagedObjectReference{ref},
		map[string][]string{"Datastore": {"name", "browser", "capability", "summary.url"}}))
	if err != nil {
		return nil, err
	}
	if len(found) == 0 || found[0].vanished() {
		return nil, &Error{Reason: "the datastore no longer exists", kind: kindGone}
	}
	if f := found[0].denied(); f != nil {
		return nil, c.explainFault(f, "")
	}
	return &datastoreFolder{
		datacenter: dc.ref,
		dcPath:     dc.path,
		datastore:  ref,
		dsName:     value[string](found[0], "name"),
		browser:    value[types.ManagedObjectReference](found[0], "browser"),
		namespaces: hasNamespaces(found[0]),
		url:        value[string](found[0], "summary.url"),
		name:       in.Name,
	}, nil
}

// makeDatastoreFolder makes the folder unless it is there.
func (c *Client) makeDatastoreFolder(ctx context.Context, f *datastoreFolder) error {
	if f.namespaces {
		return c.makeNamespace(ctx, f)
	}
	_, err := methods.MakeDirectory(ctx, c.soap, &types.MakeDirectory{
		This: *c.soap.content.FileManager, Name: f.path(""), Datacenter: &f.datacenter,
	})
	if isFault[*types.FileAlreadyExists](err) {
		return nil
	}
	return err
}

// upload streams a file to vCenter, which hands it on to a host.
func (c *Client) upload(ctx context.Context, f *datastoreFolder, name string, write func(io.Writer) error) (int64, error) {
	seen := c.soap.generation.Load()
	body, to := io.Pipe()
	counted := &countedReader{from: body}
	written := make(chan error, 1)
	go func() {
		err := write(to)
		to.CloseWithError(err) // nil: the end of the file
		written <- err
	}()
	status, err := c.put(ctx, f, name, counted)
	_ = body.CloseWithError(errors.New("vCenter takes no more of it"))
	// What is written may have failed because vCenter took no more, or the other way round:
	// the reason is what came first.
	switch werr := <-written; {
	case err == nil && status == http.StatusUnauthorized:
		if err := c.soap.renew(ctx, seen); err != nil {
			return 0, err
		}
		return 0, &Error{Reason: "vCenter did not accept the session for an upload; the account may lack " +
			"Datastore > Low level file operations", kind: kindTransient}
	case err == nil && status >= 300:
		return 0, c.explainUpload(f, status)
	case werr != nil && counted.failed:
		return 0, werr
	case err != nil:
		return 0, explainTransport(c.config.Server, err)
	default:
		return counted.n, werr
	}
}

func (c *Client) put(ctx context.Context, f *datastoreFolder, name string, body io.Reader) (int, error) {
	at := c.soap.client.URL()
	at.User = nil
	at.Path = "/folder/" + path.Join(f.name, name)
	at.RawQuery = url.Values{"dcPath": {f.dcPath}, "dsName": {f.dsName}}.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodPut, at.String(), io.NopCloser(body))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Content-Type", "application/octet-stream")
	res, err := c.soap.client.Client.Do(req)
	if err != nil {
		return 0, err
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, 1<<16))
	return res.StatusCode, res.Body.Close()
}

func (c *Client) explainUpload(f *datastoreFolder, status int) error {
	e := &Error{Reason: fmt.Sprintf("vCenter %s responded with %d %s", c.config.Server, status, http.StatusText(status))}
	switch {
	case status == http.StatusForbidden:
		e.kind = kindPermission
		e.Advice = fmt.Sprintf("grant %q Datastore > Low level file operations on datastore %q", c.config.Username, f.dsName)
	case startingUp(status):
		e.kind = kindTransient
	default:
		e.Advice = fmt.Sprintf("check that datastore %q is mounted on a connected host and has room", f.dsName)
	}
	return e
}

// countedReader counts what was read, and remembers that reading failed.
type countedReader struct {
	from   io.Reader
	n      int64
	failed bool
}

// Read implements io.Reader.
func (r *countedReader) Read(p []byte) (int, error) {
	n, err := r.from.Read(p)
	r.n += int64(n)
	r.failed = r.failed || err != nil && !errors.Is(err, io.EOF)
	return n, err
}

// checkUploaded fails where vCenter has not all of a file.
func (c *Client) checkUploaded(ctx context.Context, f *datastoreFolder, name string, size int64) error {
	files, err := c.searchFolder(ctx, f)
	if err != nil {
		return err
	}
	if has := files[name]; has != size {
		return &Error{Reason: fmt.Sprintf("of %d bytes %d were written", size, has), kind: kindTransient}
	}
	return nil
}

// searchFolder returns the sizes of the files in the folder, by name.
func (c *Client) searchFolder(ctx context.Context, f *datastoreFolder) (map[string]int64, error) {
	res, err := methods.SearchDatastore_Task(ctx, c.soap, &types.SearchDatastore_Task{
		This: f.browser, DatastorePath: f.path(""), SearchSpec: &types.HostDatastoreBrowserSearchSpec{
			Details: &types.FileQueryFlags{FileSize: true, FileType: true}, MatchPattern: []string{"*"},
		},
	})
	if err != nil {
		return nil, err
	}
	op := operation{name: fmt.Sprintf("list %q", f.path("")), done: fileNotFound}
	if err := c.wait(ctx, c.started(res.Returnval, op)); err != nil {
		return nil, err
	}
	found, err := c.retrieve(ctx, objectsSpec([]types.ManagedObjectReference{res.Returnval}, map[string][]string{"Task": {"info.result"}}))
	if err != nil {
		return nil, err
	}
	if len(found) == 0 || found[0].values["info.result"] == nil {
		return nil, &Error{Reason: "there is no such folder", kind: kindGone}
	}
	files := map[string]int64{}
	for _, file := range value[types.HostDatastoreBrowserSearchResults](found[0], "info.result").File {
		info := file.GetFileInfo()
		files[info.Path] = info.FileSize
	}
	return files, nil
}

// moveFile renames a file of the folder. One that has the name is replaced: it is what an
// attempt stored whose answer was lost.
func (c *Client) moveFile(ctx context.Context, f *datastoreFolder, from, to string) error {
	res, err := methods.MoveDatastoreFile_Task(ctx, c.soap, &types.MoveDatastoreFile_Task{
		This: *c.soap.content.FileManager, SourceName: f.path(from), SourceDatacenter: &f.datacenter,
		DestinationName: f.path(to), DestinationDatacenter: &f.datacenter,
		Force: types.NewBool(true),
	})
	if err != nil {
		return err
	}
	return c.wait(ctx, c.started(res.Returnval, operation{name: fmt.Sprintf("rename %q", f.path(from))}))
}

// deleteFile deletes a file of the folder; an empty name is the folder. One that is gone is
// success.
func (c *Client) deleteFile(ctx context.Context, f *datastoreFolder, name string) error {
	op := fmt.Sprintf("delete %q", f.path(name))
	res, err := methods.DeleteDatastoreFile_Task(ctx, c.soap, &types.DeleteDatastoreFile_Task{
		This: *c.soap.content.FileManager, Name: f.path(name), Datacenter: &f.datacenter,
	})
	if err == nil {
		err = c.wait(ctx, c.started(res.Returnval, operation{name: op, done: fileNotFound}))
	}
	return c.failed(op, err)
}

// fileNotFound reports whether a task failed because its file or folder is not there.
func fileNotFound(fault types.BaseMethodFault) bool {
	_, gone := fault.(*types.FileNotFound)
	return gone
}
