package guest

import "strings"

const (
	consoleLimit = 16 << 10
	// tailLimit is how much of its log a guest reports.
	tailLimit = 2 << 10
)

// console is a machine's log, its end at least.
type console struct {
	text    string
	secrets []string
}

// Hide keeps a secret out of everything printed later. The messages of the
// simulated tools hold none; this is for the day when one does.
func (c *console) Hide(secrets ...string) {
	for _, s := range secrets {
		if len(s) >= 6 {
			c.secrets = append(c.secrets, s)
		}
	}
}

// Print adds a line.
func (c *console) Print(line string) {
	for _, s := range c.secrets {
		line = strings.ReplaceAll(line, s, "<hidden>")
	}
	c.text = end(c.text+line+"\n", consoleLimit)
}

// String returns the log.
func (c *console) String() string { return c.text }

// Tail returns the part of the log that is reported.
func (c *console) Tail() string { return end(c.text, tailLimit) }

// end cuts to whole lines from the end.
func end(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	text = text[len(text)-limit:]
	if _, rest, ok := strings.Cut(text, "\n"); ok && rest != "" {
		return rest
	}
	return text
}
