//go:build linux && real

package guestos_test

import (
	"os"
	"testing"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/bootstrap"
)

func TestRealFirstControlPlaneNode(t *testing.T) {
	for _, version := range []string{"1.34.2", "1.30.4"} {
		t.Run(version, func(t *testing.T) {
			c := newCluster(t, version)
			c.boot(c.node("cp1", bootstrap.FirstControlPlane, "10.10.128.11"))
			c.await("cp1 has joined", 8*time.Minute, func() bool { return c.reported("cp1", "gantry.phase") == "joined" })
			if hold := os.Getenv("GANTRY_HOLD"); hold != "" {
				span, err := time.ParseDuration(hold)
				if err != nil {
					t.Fatal(err)
				}
				t.Log(c.state("cp1").Log)
				time.Sleep(span)
			}
			t.Log(c.state("cp1").Log)
		})
	}
}
