// Command guest is the first process of machines that test the host's side: it
// makes a root of its own and runs the script in guestinfo.test.script. It is
// also what the scripts use: get, set, tools, echo, ask.
package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gantry/terraform-provider-gantry/internal/simulator/machine/wire"
)

const toolsDirectory = "/run/vmware"

func main() {
	if err := run(os.Args[1], os.Args[2:]); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

func run(verb string, arguments []string) error {
	switch verb {
	case "init":
		return boot(arguments[0])
	case "get":
		return call(http.MethodGet, "/guestinfo/"+arguments[0], nil)
	case "set":
		return call(http.MethodPut, "/guestinfo/"+arguments[0], []byte(arguments[1]))
	case "tools":
		body, err := json.Marshal(wire.Network{Hostname: arguments[0], Addresses: arguments[1:]})
		if err != nil {
			return err
		}
		return call(http.MethodPut, "/network", body)
	case "echo":
		return echo(arguments[0], arguments[1])
	case "ask":
		conn, err := net.DialTimeout("tcp", arguments[0], time.Second)
		if err != nil {
			fmt.Println(err)
			return nil
		}
		_ = conn.SetDeadline(time.Now().Add(time.Second))
		line, _ := bufio.NewReader(conn).ReadString('\n')
		fmt.Print(line)
		return nil
	}
	return fmt.Errorf("no verb %s", verb)
}

// boot becomes a machine: a root on a tmpfs with the host's programs, the disk
// at /disk and the guest's own binary on the path.
func boot(file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var config wire.Config
	if err := json.Unmarshal(text, &config); err != nil {
		return err
	}
	if err := mountRoot(config); err != nil {
		return err
	}
	if err := mountGroups(config.Root); err != nil {
		return err
	}
	if err := unix.Chroot(config.Root); err != nil {
		return err
	}
	if err := os.Chdir("/"); err != nil {
		return err
	}
	if err := os.WriteFile("/config.json", text, 0o644); err != nil {
		return err
	}
	if err := os.Symlink("/guest/"+filepath.Base(config.Guest), "/g"); err != nil {
		return err
	}
	return runScript()
}

// mountRoot mounts the root, with the host's programs bound into it.
func mountRoot(config wire.Config) error {
	if err := unix.Mount("root", config.Root, "tmpfs", 0, ""); err != nil {
		return err
	}
	binds := map[string]string{
		config.Disk:                "/disk",
		config.Tools:               toolsDirectory,
		"/dev":                     "/dev",
		filepath.Dir(config.Guest): "/guest",
	}
	for _, dir := range []string{"/usr", "/bin", "/sbin", "/lib", "/lib64", "/etc"} {
		if _, err := os.Stat(dir); err == nil {
			binds[dir] = dir
		}
	}
	for source, target := range binds {
		target = filepath.Join(config.Root, target)
		if err := os.MkdirAll(target, 0o755); err != nil {
			return err
		}
		if err := unix.Mount(source, target, "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
			return fmt.Errorf("bind %s: %w", source, err)
		}
	}
	proc := filepath.Join(config.Root, "proc")
	if err := os.Mkdir(proc, 0o755); err != nil {
		return err
	}
	if err := unix.Mount("proc", proc, "proc", 0, ""); err != nil {
		return err
	}
	return nil
}

// mountGroups mounts control groups as the namespace shows them, where they are
// of version 1.
func mountGroups(root string) error {
	for _, controller := range []string{"freezer", "memory", "pids"} {
		dir := filepath.Join(root, "cgroup", controller)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
		if err := unix.Mount("cgroup", dir, "cgroup", 0, controller); err != nil {
			_ = os.Remove(dir)
		}
	}
	return nil
}

// runScript runs the script of the VM's guestinfo, then reaps and never returns.
func runScript() error {
	var script bytes.Buffer
	if err := request(http.MethodGet, "/guestinfo/test.script", nil, &script); err != nil {
		return err
	}
	command := exec.Command("/bin/sh", "-c", script.String())
	command.Stdout = os.Stdout
	command.Stderr = os.Stderr
	if err := command.Run(); err != nil {
		return fmt.Errorf("script: %w", err)
	}
	fmt.Println("script ended")
	for {
		var status unix.WaitStatus
		if _, err := unix.Wait4(-1, &status, 0, nil); err == unix.ECHILD {
			_ = unix.Pause()
		}
	}
}

func call(method, path string, body []byte) error { return request(method, path, body, os.Stdout) }

func request(method, path string, body []byte, answer io.Writer) error {
	client := http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", toolsDirectory+"/"+wire.Socket)
	}}}
	r, err := http.NewRequest(method, "http://host"+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	response, err := client.Do(r)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode >= http.StatusBadRequest {
		err = fmt.Errorf("%s: %s", response.Status, strings.TrimSpace(string(text)))
	}
	if err == nil {
		_, err = answer.Write(text)
	}
	return err
}

// echo serves a greeting to each client, then echoes its input.
func echo(address, greeting string) error {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	for {
		conn, err := listener.Accept()
		if err != nil {
			return err
		}
		go func() {
			defer conn.Close()
			_, _ = fmt.Fprintln(conn, greeting)
			_, _ = io.Copy(conn, conn)
		}()
	}
}
