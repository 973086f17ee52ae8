package guestos

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"
)

// console is the machine's screen: the first process's standard output.
type console struct {
	mu    sync.Mutex
	out   io.Writer
	start time.Time
}

func newConsole(out io.Writer) *console { return &console{out: out, start: time.Now()} }

// printf writes one line with the seconds since the machine was switched on.
func (c *console) printf(format string, arguments ...any) {
	text := strings.TrimRight(fmt.Sprintf(format, arguments...), "\n")
	c.mu.Lock()
	defer c.mu.Unlock()
	for line := range strings.SplitSeq(text, "\n") {
		_, _ = fmt.Fprintf(c.out, "[%9.3f] %s\n", time.Since(c.start).Seconds(), line)
	}
}

// pipe returns a file for a child's output, whose lines appear behind a name.
func (c *console) pipe(name string) (*os.File, error) {
	return lines(func(line string) {
		if line = strings.TrimRight(line, " \r"); line != "" {
			c.printf("%s: %s", name, line)
		}
	})
}

// longestLine keeps a program that writes without line ends from growing its
// buffer for ever.
const longestLine = 64 << 10

// lines returns a file that hands what is written to it on, line by line. The
// reader ends when the last writer has closed it.
func lines(sink func(string)) (*os.File, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	go func() {
		defer func() { _ = r.Close() }()
		reader := bufio.NewReaderSize(r, longestLine)
		for {
			line, err := reader.ReadSlice('\n')
			if len(line) > 0 {
				sink(strings.TrimRight(string(line), "\n"))
			}
			if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
				return
			}
		}
	}()
	return w, nil
}

// follow shows the lines that are added to a file, from its present end on.
func (c *console) follow(name, path string) {
	var offset int64
	if info, err := os.Stat(path); err == nil {
		offset = info.Size()
	}
	var rest string
	for range time.Tick(500 * time.Millisecond) {
		file, err := os.Open(path)
		if err != nil {
			continue
		}
		data, _ := io.ReadAll(io.NewSectionReader(file, offset, 1<<20))
		_ = file.Close()
		offset += int64(len(data))
		all := strings.Split(rest+string(data), "\n")
		rest = all[len(all)-1]
		for _, line := range all[:len(all)-1] {
			c.printf("%s: %s", name, line)
		}
	}
}
