// Package registry is the image registry of guests that run Kubernetes: an http.Handler
// of the OCI distribution API, read only, whose images are made on demand from programs
// on disk.
//
// # What there is
//
// recipes is the table of images: which programs each has, and why it differs from the
// image of that name. The programs are those that internal/tools/build-kubernetes builds
// from the projects' Go modules, the iptables, ip and busybox of the machine that the
// simulator runs on with the libraries they load, and stand-ins where a program can't be
// had. A tag with a version in it exists when the programs of that version do: of
// etcd:3.6.5-0, etcd-v3.6.5 and etcdctl-v3.6.5. KubeadmImages lists which of them a
// version of Kubernetes needs.
//
// Everything else is not found, in the words of the specification, so that a pod that
// asks for it shows what it would show anywhere. That includes tags and digests which
// are published elsewhere under these names: an image that is made here has a digest of
// its own, and a digest is found only after the image was pulled by its tag. A manifest
// that pins a digest has to be given tags for guests.
//
// # How it is reached
//
// A container runtime requests the path without the host from a mirror, with the host in the
// query as ns. For containerd, certs.d/_default/hosts.toml makes this registry the mirror
// of all others; with it as the server, too, what is not found here is not requested from
// the internet:
//
//	server = "http://192.0.2.1:5000"
//	[host."http://192.0.2.1:5000"]
//	capabilities = ["pull", "resolve"]
//
// # What it costs
//
// An image's files are read once for the digests, at its first request, and again
// for every pull; layers are not compressed. Only headers, padding and documents are in
// memory. A file that has changed since makes the image anew; a pull under way fails
// rather than get bytes that don't match their digest. The same programs make the same
// digests, whenever and wherever.
package registry
