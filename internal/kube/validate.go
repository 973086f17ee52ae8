package kube

// Validate reads a manifest as Apply would, without applying it.
func Validate(manifest string) error {
	_, err := parse([]string{manifest})
	return err
}
