package machine

import (
	"context"
	"strings"
	"sync"
)

// courier calls back, one after the other and in order, without keeping those
// waiting who have something to tell.
type courier struct {
	wake chan struct{}
	quit chan struct{}
	stop func()

	mu    sync.Mutex
	queue []letter
}

type letter struct {
	ctx  context.Context
	tell func()
}

func newCourier() *courier {
	c := &courier{wake: make(chan struct{}, 1), quit: make(chan struct{})}
	c.stop = sync.OnceFunc(func() { close(c.quit) })
	return c
}

// send queues a call, which is dropped if ctx ends before its turn comes.
func (c *courier) send(ctx context.Context, tell func()) {
	c.mu.Lock()
	c.queue = append(c.queue, letter{ctx, tell})
	c.mu.Unlock()
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// run makes the calls until ctx ends or stop is called.
func (c *courier) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-c.quit:
			return
		case <-c.wake:
		}
		for {
			c.mu.Lock()
			queue := c.queue
			c.queue = nil
			c.mu.Unlock()
			if len(queue) == 0 {
				break
			}
			for _, letter := range queue {
				if letter.ctx.Err() == nil {
					letter.tell()
				}
			}
		}
	}
}

// lastLine returns the last line of a text that says anything.
func lastLine(text string) string {
	text = strings.TrimRight(text, " \t\r\n")
	return strings.TrimSpace(text[strings.LastIndexByte(text, '\n')+1:])
}
