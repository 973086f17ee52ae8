// Command terraform-provider-gantry is the Terraform provider that builds
// Kubernetes clusters on VMware vSphere. Terraform starts it; it is not meant
// to be run by hand, but for debugging with -debug.
package main

import (
	"context"
	"flag"
	"log"
	"os"
	"runtime"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/providerserver"

	"github.com/gantry/terraform-provider-gantry/internal/provider"
	"github.com/gantry/terraform-provider-gantry/internal/provider/connection"
)

// address is where Terraform finds the provider in its registry.
const address = "registry.terraform.io/gantry/gantry"

// logoutTimeout bounds the goodbye to vCenter: Terraform kills a provider two
// seconds after it has asked it to stop.
const logoutTimeout = 1500 * time.Millisecond

// version is set by the release build.
var version = "dev"

func main() {
	debug := flag.Bool("debug", false, "serve for a debugger and print how Terraform attaches")
	flag.Parse()
	if !*debug {
		quiet() // a debugger's user reads the logs
		go endWithParent(os.Getppid, time.Tick(parentCheck), func() { os.Exit(1) })
	}
	spare := spareCollector()

	err := providerserver.Serve(context.Background(), provider.New(version), providerserver.ServeOpts{
		Address: address,
		Debug:   *debug,
	})

	ctx, cancel := context.WithTimeout(context.Background(), logoutTimeout)
	connection.LogoutAll(ctx)
	cancel()
	runtime.KeepAlive(spare)

	if err != nil {
		log.Fatal(err)
	}
}
