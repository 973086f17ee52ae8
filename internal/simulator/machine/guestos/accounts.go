package guestos

import (
	"strconv"
	"strings"
)

// firstUser is the lowest id of people's accounts.
const firstUser, nobodyID = 1000, 65534

// systemAccounts keeps the lines of passwd or group that a distribution comes
// with: people of the host have no account in the machine.
func systemAccounts(text string) string {
	var kept strings.Builder
	for line := range strings.Lines(text) {
		fields := strings.Split(strings.TrimSpace(line), ":")
		if len(fields) < 4 {
			continue
		}
		id, err := strconv.Atoi(fields[2])
		if err != nil || id >= firstUser && id != nobodyID {
			continue
		}
		if len(fields) == 4 {
			fields[3] = "" // members may be people
		}
		kept.WriteString(strings.Join(fields, ":") + "\n")
	}
	return kept.String()
}

// locked makes a shadow file in which no account of passwd or group has a
// password.
func locked(accounts string) string {
	var shadow strings.Builder
	for line := range strings.Lines(accounts) {
		name, rest, _ := strings.Cut(line, ":")
		if strings.Count(rest, ":") == 2 { // a group
			shadow.WriteString(name + ":*::\n")
		} else {
			shadow.WriteString(name + ":*:19000:0:99999:7:::\n")
		}
	}
	return shadow.String()
}
