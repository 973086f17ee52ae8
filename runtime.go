package main

import "os"

// quiet turns off what nobody reads: a provider logs each step of each request at level
// trace, and Terraform takes the lines apart one by one and drops them, unless TF_LOG or
// TF_LOG_PROVIDER asks for them. That is a tenth of what a plan of many clusters costs the
// provider, and as much again in Terraform.
func quiet() {
	for _, asked := range []string{"TF_LOG", "TF_LOG_PROVIDER"} {
		if os.Getenv(asked) != "" {
			return
		}
	}
	for _, level := range []string{"TF_LOG_SDK", "TF_LOG_PROVIDER_GANTRY"} {
		if os.Getenv(level) == "" {
			_ = os.Setenv(level, "OFF") // it fails for names of another form alone
		}
	}
}

// spareMemory is how much more the heap grows between two collections than it would by
// itself.
const spareMemory = 64 << 20

// spareCollector makes collections rarer: what a plan needs at a time is some 25 MiB, and
// the collector would go through them for each 25 MiB that the values of resources are
// turned over in, which is a quarter of the time that a plan of many clusters takes. It
// counts what is allocated here as in use, so that the next collection is due later by
// that much, however large the heap becomes; nothing writes to it, so that it takes no
// memory itself. What is returned has to stay reachable.
func spareCollector() []byte { return make([]byte, spareMemory) }
