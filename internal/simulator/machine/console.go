package machine

import (
	"bytes"
	"fmt"
	"sync"
)

// consoleLimit bounds what is kept of a console: enough for the log of a failed
// kubeadm with what went before.
const consoleLimit = 64 << 10

// console is the end of a machine's console.
type console struct {
	mu   sync.Mutex
	text []byte
	// shown is the last result of String; waiters for a guest poll it often.
	shown string
	fresh bool // shown is up to date
}

// Write adds output of the machine.
func (c *console) Write(output []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.text, c.fresh = append(c.text, output...), false
	if len(c.text) > 2*consoleLimit {
		c.text = bytes.Clone(tail(c.text))
	}
	return len(output), nil
}

// printf adds a line of the host's.
func (c *console) printf(format string, args ...any) {
	fmt.Fprintf(c, format+"\n", args...)
}

// String returns the end of the console.
func (c *console) String() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.fresh {
		c.shown = string(tail(c.text))
		c.fresh = true
	}
	return c.shown
}

// tail cuts to whole lines.
func tail(text []byte) []byte {
	if len(text) <= consoleLimit {
		return text
	}
	text = text[len(text)-consoleLimit:]
	if _, rest, ok := bytes.Cut(text, []byte("\n")); ok && len(rest) > 0 {
		return rest
	}
	return text
}
