package guestos_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/simulator/machine/guestos"
)

// Nothing of the host's people gets into the image, least of all passwords.
func TestAccounts(t *testing.T) {
	t.Parallel()
	const passwd = "root:x:0:0:root:/root:/bin/bash\ndaemon:x:1:1::/:/bin/false\n" +
		"alice:x:1000:1000::/home/alice:/bin/bash\nnobody:x:65534:65534::/:/bin/false\nbroken\n"
	const group = "root:x:0:\nsudo:x:27:alice\nalice:x:1000:\n"
	kept := guestos.SystemAccounts(passwd)
	if want := "root:x:0:0:root:/root:/bin/bash\ndaemon:x:1:1::/:/bin/false\nnobody:x:65534:65534::/:/bin/false\n"; kept != want {
		t.Errorf("passwd is %q", kept)
	}
	if got := guestos.SystemAccounts(group); got != "root:x:0:\nsudo:x:27:\n" {
		t.Errorf("group is %q", got)
	}
	if got := guestos.Locked(kept); !strings.HasPrefix(got, "root:*:19000:0:99999:7:::\n") || strings.Count(got, ":*:") != 3 {
		t.Errorf("shadow is %q", got)
	}
	if got := guestos.Locked("root:x:0:\n"); got != "root:*::\n" {
		t.Errorf("gshadow is %q", got)
	}
}

// What makes a host itself is not copied into machines.
func TestHostStaysOutOfTheImage(t *testing.T) {
	t.Parallel()
	for _, name := range []string{
		"machine-id", "hostname", "hosts", "resolv.conf", "shadow", "gshadow", "passwd", "group", "kubernetes", "ssl", "ssl/private",
		"ssh", "fstab", "containerd", "cni", "systemd", "environment",
	} {
		if slices.Contains(guestos.CopiedFromHost, name) {
			t.Errorf("/etc/%s is copied", name)
		}
	}
}

func TestExceptionsHaveReasons(t *testing.T) {
	t.Parallel()
	var printed strings.Builder
	guestos.PrintExceptions(&printed)
	for _, d := range []guestos.Distribution{guestos.Borrowed, guestos.Whole} {
		seen := map[string]bool{}
		for _, e := range guestos.Exceptions(d) {
			key := string(e.Kind) + " " + e.Name
			if e.Kind == "" || e.Name == "" || len(e.Reason) < 20 || !strings.HasSuffix(e.Reason, ".") {
				t.Errorf("%s: no reason worth the name: %q", key, e.Reason)
			}
			if seen[key] {
				t.Errorf("%s is in the table twice", key)
			}
			seen[key] = true
			if !strings.Contains(printed.String(), key) || !strings.Contains(printed.String(), e.Reason) {
				t.Errorf("%s is not printed", e.Name)
			}
		}
	}
}

// A service that talks for ever fills no disk, and its last lines are at hand.
func TestLogIsBounded(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "x.log")
	log := guestos.NewLogFile(path)
	long := strings.Repeat("x", 64<<10)
	for i := range 3*guestos.LogLimit/len(long) + 1 {
		log.Add(fmt.Sprint(i, " ", long))
	}
	log.Add("the end")
	size := int64(0)
	for _, file := range []string{path, path + ".1"} {
		info, err := os.Stat(file)
		if err != nil {
			t.Fatal(err)
		}
		size += info.Size()
	}
	if limit := int64(2*guestos.LogLimit + 4*len(long)); size > limit {
		t.Errorf("logs have %d bytes, more than %d", size, limit)
	}
	last := log.Last()
	if len(last) != 10 || last[9] != "the end" || len(last[0]) > 400 {
		t.Errorf("the last lines are %d: %.40q", len(last), last)
	}
}
