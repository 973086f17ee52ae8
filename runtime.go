package main

import (
	"os"
	"time"
)

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

// parentCheck is how often a provider looks whether the CLI that started it is still there.
const parentCheck = time.Second

// endWithParent calls end once the process has another parent than at its start: the CLI was
// killed and could not ask the provider to stop. No run waits for what it does, and the lock
// that it holds is free for the next one only when its heartbeat ends. Where the system never
// gives orphans another parent, as Windows, it does nothing.
func endWithParent(parent func() int, ticks <-chan time.Time, end func()) {
	first := parent()
	for range ticks {
		if parent() != first {
			end()
			return
		}
	}
}
