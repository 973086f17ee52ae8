package hardening

import (
	"fmt"
	"strings"
)

// Guide renders the table for people, in Markdown.
func Guide() string {
	var page strings.Builder
	page.WriteString("## What holds\n")
	for _, s := range sections() {
		fmt.Fprintf(&page, "\n### %s\n\n| check | what holds | by |\n| :--- | :--- | :--- |\n", s.title)
		for _, r := range s.rows {
			id := r.ID
			if r.Exception != "" {
				id += " (exception)"
			}
			fmt.Fprintf(&page, "| %s | %s | %s |\n", id, r.Holds, r.By)
		}
	}
	page.WriteString("\n## Exceptions\n\n| checks | reason |\n| :--- | :--- |\n")
	var reasons []string
	ids := map[string][]string{}
	for _, r := range Table() {
		if r.Exception == "" {
			continue
		}
		if ids[r.Exception] == nil {
			reasons = append(reasons, r.Exception)
		}
		ids[r.Exception] = append(ids[r.Exception], r.ID)
	}
	for _, reason := range reasons {
		fmt.Fprintf(&page, "| %s | %s |\n", strings.Join(ids[reason], ", "), reason)
	}
	return page.String()
}
