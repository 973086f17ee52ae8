// Package haproxy reads a configuration as HAProxy does, as far as a load balancer of API
// servers needs one, and refuses what HAProxy refuses, what it would not balance by, and what
// it would show to others. Nothing here is shared with what renders it.
package haproxy

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// Config is what of a configuration shows.
type Config struct {
	Bind     netip.AddrPort
	Backends []netip.AddrPort
	// CAFile verifies the backends, beside the configuration.
	CAFile string
	// Says is what the status page on the loopback interface says.
	Says string
}

// keywords are those that are understood, by section.
var keywords = map[string][]string{
	"global": {"log", "maxconn", "default-path", "hard-stop-after"},
	"defaults": {"mode", "log", "option", "retries", "timeout", "clitcpka-idle", "clitcpka-intvl", "clitcpka-cnt",
		"srvtcpka-idle", "srvtcpka-intvl", "srvtcpka-cnt"},
	"frontend": {"bind", "mode", "timeout", "stats", "http-request", "default_backend"},
	"backend":  {"balance", "option", "http-check", "default-server", "server"},
}

// section is a part of the file, with its lines by their first word.
type section struct {
	kind, name string
	lines      map[string][][]string
}

func (s section) has(words ...string) bool {
	return slices.ContainsFunc(s.lines[words[0]], func(line []string) bool {
		for i, word := range words[1:] {
			if len(line) <= i || line[i] != word {
				return false
			}
		}
		return true
	})
}

// Parse reads a configuration.
func Parse(text string) (*Config, error) {
	sections, err := split(text)
	if err != nil {
		return nil, err
	}
	c := &Config{}
	var problems []error
	for _, s := range sections {
		switch s.kind {
		case "global":
			problems = append(problems, needs(s, []string{"maxconn"}, []string{"default-path", "config"}, []string{"hard-stop-after"}))
		case "defaults":
			problems = append(problems, needs(s, []string{"mode", "tcp"}, []string{"timeout", "connect"}, []string{"timeout", "client"},
				[]string{"timeout", "server"}, []string{"timeout", "tunnel", "1h"}, []string{"option", "redispatch"}))
		case "frontend":
			problems = append(problems, c.frontend(s))
		case "backend":
			problems = append(problems, c.backend(s))
		}
	}
	if !c.Bind.IsValid() {
		problems = append(problems, errors.New("nothing listens for the API"))
	}
	if len(c.Backends) == 0 {
		problems = append(problems, errors.New("backend has no server available"))
	}
	return c, errors.Join(problems...)
}

func split(text string) ([]section, error) {
	var sections []section
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		if len(words) == 0 || strings.HasPrefix(words[0], "#") {
			continue
		}
		if _, begins := keywords[words[0]]; begins && !strings.HasPrefix(line, " ") {
			s := section{kind: words[0], lines: map[string][][]string{}}
			if len(words) > 1 {
				s.name = words[1]
			}
			sections = append(sections, s)
			continue
		}
		if len(sections) == 0 {
			return nil, fmt.Errorf("unknown keyword '%s' out of section", words[0])
		}
		s := sections[len(sections)-1]
		if !slices.Contains(keywords[s.kind], words[0]) {
			return nil, fmt.Errorf("unknown keyword '%s' in '%s' section", words[0], s.kind)
		}
		s.lines[words[0]] = append(s.lines[words[0]], words[1:])
	}
	return sections, nil
}

func needs(s section, lines ...[]string) error {
	var problems []error
	for _, line := range lines {
		if !s.has(line...) {
			problems = append(problems, fmt.Errorf("%s lacks: %s", s.kind, strings.Join(line, " ")))
		}
	}
	return errors.Join(problems...)
}

// frontend is that of the API, or the status page of HAProxy itself.
func (c *Config) frontend(s section) error {
	if len(s.lines["bind"]) != 1 || len(s.lines["bind"][0]) == 0 {
		return fmt.Errorf("frontend %s binds to none or several", s.name)
	}
	at, err := netip.ParseAddrPort(s.lines["bind"][0][0])
	if err != nil {
		return fmt.Errorf("frontend %s: bind: %w", s.name, err)
	}
	if s.has("default_backend") {
		if at.Addr().IsLoopback() {
			return fmt.Errorf("frontend %s: no other machine reaches %s", s.name, at)
		}
		c.Bind = at
		return nil
	}
	if !at.Addr().IsLoopback() {
		return fmt.Errorf("frontend %s: statistics at %s are open to the outside", s.name, at)
	}
	for _, line := range s.lines["http-request"] {
		if i := slices.Index(line, "string"); line[0] == "return" && i > 0 && len(line) > i+1 {
			c.Says = strings.Trim(line[i+1], `"`)
		}
	}
	return nil
}

func (c *Config) backend(s section) error {
	var problems []error
	problems = append(problems, needs(s, []string{"option", "httpchk"}, []string{"http-check", "send", "meth", "GET", "uri", "/readyz"},
		[]string{"http-check", "expect", "status", "200"}))
	settings := slices.Concat(s.lines["default-server"]...)
	for _, word := range []string{"check", "check-ssl", "verify", "ca-file", "verifyhost", "on-marked-down"} {
		if !slices.Contains(settings, word) {
			problems = append(problems, fmt.Errorf("backend %s: default-server lacks %s", s.name, word))
		}
	}
	for word, want := range map[string]string{"verify": "required", "verifyhost": "kubernetes", "on-marked-down": "shutdown-sessions"} {
		if i := slices.Index(settings, word); i >= 0 && (len(settings) <= i+1 || settings[i+1] != want) {
			problems = append(problems, fmt.Errorf("backend %s: %s is not %s", s.name, word, want))
		}
	}
	if i := slices.Index(settings, "ca-file"); i >= 0 && len(settings) > i+1 {
		c.CAFile = settings[i+1]
	}
	names := map[string]bool{}
	for _, server := range s.lines["server"] {
		if len(server) < 2 || names[server[0]] {
			problems = append(problems, fmt.Errorf("backend %s: 'server' %v has no address, or another one has its name", s.name, server))
			continue
		}
		names[server[0]] = true
		at, err := netip.ParseAddrPort(server[1])
		if err != nil {
			problems = append(problems, fmt.Errorf("backend %s: could not resolve address '%s'", s.name, server[1]))
			continue
		}
		c.Backends = append(c.Backends, at)
	}
	return errors.Join(problems...)
}
