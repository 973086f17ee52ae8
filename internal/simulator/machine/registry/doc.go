// Package registry is the image registry of guests that run Kubernetes. It serves, read
// only, the images that a cluster asks for, made on demand from programs on disk: those
// that were built from the projects' Go modules, the host's iptables and busybox, and
// stand-ins where a program can't be had. Nothing is written to disk or held in memory
// but the headers of the archives.
//
// recipe.go has the table of what there is. Everything else is not found, so that a
// cluster which asks for it shows what it would show anywhere.
package registry
