package main

import "os"

// quiet turns logs off that are not read: a provider logs each step of each request at
// level trace, and Terraform takes the lines apart one by one and drops them, unless TF_LOG
// or TF_LOG_PROVIDER asks for them. That is a twelfth of what a plan of many clusters costs
// the provider.
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

// spareCollector makes collections rarer. A plan of many clusters needs some 25 MiB at a
// time and turns over 1.2 GiB, since the framework copies values and schemas at each step:
// the collector would run 65 times, which is a quarter of the processor time of the plan,
// and runs 17 times. It counts what is allocated here as in use, so that the next run is
// due later by that much, however large the heap becomes; nothing is written to it, so that
// it takes no memory itself. The process takes 75 MiB more at its peak. What is returned
// has to stay reachable.
func spareCollector() []byte { return make([]byte, spareMemory) }
