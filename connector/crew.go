package connector

import "context"

// crewQueue is how many tasks may be given before one is taken.
const crewQueue = 64

// A crew makes the attempts of one runner. Its goroutines take one attempt after the other, since a fresh one would first have to grow its
// stack to what HTTP needs, which costs as much as a third of the request. They end with the runner. The runner alone uses it.
type crew struct {
	tasks chan task
	size  int // goroutines
}

// A task is one attempt to be made.
type task struct {
	ctx       context.Context //nolint:containedctx // each task has its own: that of the runner when it was claimed
	attempter *attempter
	work      Work
}

// give has a task done; busy is how many before it have not been taken from done, or were and wait for their commit. A goroutine beyond
// these is free, or will be in a moment.
func (c *crew) give(t task, busy int, done chan<- outcome) {
	if busy < c.size {
		c.tasks <- t
		return
	}
	c.size++
	go func() {
		for {
			done <- t.attempter.attempt(t.ctx, t.work)
			var more bool
			if t, more = <-c.tasks; !more {
				return
			}
		}
	}()
}
