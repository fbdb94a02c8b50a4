package intake

import (
	"sync"

	"github.com/nats-io/nats.go/jetstream"
)

// What a queue holds at most, and so a batch, too.
const (
	queueMessages = 1000
	queueBytes    = 8 << 20
)

// A queue stands between the client library, which delivers on a goroutine of its own, and the session, which takes all
// that is there at once: when it is idle a message is taken as soon as it comes, and while a batch is being accepted the
// next one gathers.
type queue struct {
	mu    sync.Mutex // guards msgs and bytes
	msgs  []jetstream.Msg
	bytes int

	ready chan struct{} // holds a token while msgs is not empty
	room  chan struct{} // holds a token after a take
	done  chan struct{} // closed when the session is over
}

func newQueue() *queue {
	return &queue{ready: make(chan struct{}, 1), room: make(chan struct{}, 1), done: make(chan struct{})}
}

// put adds a message, and waits while the queue is full; after the session it drops it. One goroutine calls it.
func (q *queue) put(m jetstream.Msg) {
	for {
		q.mu.Lock()
		if len(q.msgs) < queueMessages && q.bytes < queueBytes {
			q.msgs = append(q.msgs, m)
			q.bytes += len(m.Data())
			q.mu.Unlock()
			signal(q.ready)
			return
		}
		q.mu.Unlock()
		select {
		case <-q.room:
		case <-q.done:
			return
		}
	}
}

// take gives all messages that are there, in the order in which they came.
func (q *queue) take() []jetstream.Msg {
	q.mu.Lock()
	msgs := q.msgs
	q.msgs, q.bytes = nil, 0
	q.mu.Unlock()
	signal(q.room)
	return msgs
}

// signal leaves a token unless there is one.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
