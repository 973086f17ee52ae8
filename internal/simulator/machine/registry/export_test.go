package registry

// ParseLibraries opens the reading of what ldd prints to the tests: they have the listings
// of other architectures.
var ParseLibraries = parseLibraries
