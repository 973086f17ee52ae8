// Package ova reads an OVA once, from its beginning to its end, from a URL or a local file:
// nothing of it is kept on disk, and memory does not grow with it. A download that breaks off
// is resumed where it ended. The archive and each file in it are hashed as they pass by, and
// compared at the end with the digest that the caller has and with the OVA's own manifest.
package ova
