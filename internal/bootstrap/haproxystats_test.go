package bootstrap_test

import (
	"encoding/csv"
	"strconv"
	"strings"
)

// statistics are the rows of HAProxy's statistics, by proxy and server.
func statistics(text string) map[string]map[string]string {
	rows, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(text, "# "))).ReadAll()
	if err != nil || len(rows) == 0 {
		return nil
	}
	found := map[string]map[string]string{}
	for _, row := range rows[1:] {
		fields := map[string]string{}
		for i, name := range rows[0] {
			fields[name] = row[i]
		}
		found[fields["pxname"]+","+fields["svname"]] = fields
	}
	return found
}

// current is how many sessions a row has.
func current(text, row string) int {
	number, _ := strconv.Atoi(statistics(text)[row]["scur"]) // 0 where there is no such row
	return number
}

// down reports whether a backend is found not to be ready.
func down(text, backend string) bool {
	return statistics(text)["api-servers,"+backend]["status"] == "DOWN"
}
