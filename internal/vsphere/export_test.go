package vsphere

// SetPageSize bounds the objects of one answer of the property collector, and
// answers a function that undoes it. No test that runs at the same time may
// count calls.
func SetPageSize(n int32) func() {
	old := pageSize
	pageSize = n
	return func() { pageSize = old }
}
