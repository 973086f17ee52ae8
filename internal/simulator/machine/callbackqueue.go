package machine

import (
	"context"
	"strings"
	"sync"
)

// callbackQueue runs callbacks one after the other and in order, without blocking
// the callers of enqueue.
type callbackQueue struct {
	wake chan struct{}
	quit chan struct{}
	stop func()

	mu    sync.Mutex
	queue []callback
}

type callback struct {
	ctx  context.Context
	call func()
}

func newCallbackQueue() *callbackQueue {
	c := &callbackQueue{wake: make(chan struct{}, 1), quit: make(chan struct{})}
	c.stop = sync.OnceFunc(func() { close(c.quit) })
	return c
}

// enqueue queues a call, which is dropped if ctx ends before its turn comes.
func (c *callbackQueue) enqueue(ctx context.Context, call func()) {
	c.mu.Lock()
	c.queue = append(c.queue, callback{ctx, call})
	c.mu.Unlock()
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// run makes the calls until ctx ends or stop is called.
func (c *callbackQueue) run(ctx context.Context) {
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
			for _, callback := range queue {
				if callback.ctx.Err() == nil {
					callback.call()
				}
			}
		}
	}
}

// lastLine returns the last line of a text that is not blank.
func lastLine(text string) string {
	text = strings.TrimRight(text, " \t\r\n")
	return strings.TrimSpace(text[strings.LastIndexByte(text, '\n')+1:])
}
