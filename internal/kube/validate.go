package kube

// Validate parses a manifest as Apply does, without applying it.
func Validate(manifest string) error {
	_, err := parse([]string{manifest})
	return err
}
