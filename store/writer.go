package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"todosync/internal/identity"
)

// longest is how long a transaction goes on taking operations; with the last of them it stays under 50 ms.
const longest = 25 * time.Millisecond

// Operations that are in no hurry wait for others to share their commit with, until this many times as long as the last commit took have
// gone by since: so commits take a fifth of the writer's time at most, whatever the disk and the load are. But never longer than patience.
const (
	respite  = 4
	patience = 8 * time.Millisecond
)

// errClosed is the cause of what is asked of a closed store.
var errClosed = errors.New("closed")

// A writer shares commits: operations that come while a transaction is under way wait together for the next one. It has no
// goroutine of its own. A caller that finds nobody at work runs what is queued, its own operation among it, then hands
// the place to the first of those who queued meanwhile. So an operation that comes alone costs no switch of goroutines, and
// nobody serves others for longer than one transaction.
type writer struct {
	now   func() time.Time
	last  atomic.Pointer[error] // the trouble of the last transaction, nil after one that was committed
	mu    sync.Mutex            // guards what follows
	queue []*operation
	busy  bool
	over  bool
	idle  *sync.Cond // signalled when busy ends

	committed func(took time.Duration, operations int) // optional, see Config
	behind    func() error                             // catches up with what other processes have changed; nil where there are none

	wide bool // operations of several connections run abreast; where each statement is a way to the database and back

	joined chan struct{} // holds a token when an operation was queued

	// Used by the leader alone.
	session  session
	ended    time.Time     // when the last transaction did
	took     time.Duration // its commit
	expected int           // how many calm operations can come at once
}

// An operation is one caller's share of a transaction.
type operation struct {
	do    func(*tx) error
	reach func() reach // nil: everything
	err   error
	after []func()
	doubt []func()
	panic any
	turn  chan bool // true: lead; false: it is done
	calm  bool      // it may wait for others
	conn  int64     // not 0: all that it reaches is one connection
	from  identity.From
}

func newWriter(s session, now func() time.Time) *writer {
	w := &writer{session: s, now: now, joined: make(chan struct{}, 1)}
	w.idle = sync.NewCond(&w.mu)
	return w
}

// A reach says what an operation may read and change beside what only grows. Two operations of which one reaches what the other
// does never run at the same time, in whatever process.
type reach struct {
	everything bool
	accepting  bool    // the position, the events, the numbers of both
	conns      []int64 // their todos, lanes and deliveries
}

// write runs do, which may change anything, in a transaction that others may share. When it returns nil the transaction is committed and durable. do may
// run more than once, each time on a fresh transaction: it must set what it gives out anew. A ctx that ends takes the operation
// back only while it has not begun.
func (w *writer) write(ctx context.Context, op string, do func(*tx) error) error {
	return w.run(ctx, op, &operation{do: do, turn: make(chan bool, 1)})
}

// within is write for an operation that keeps to a reach, so that other processes may write beside it.
func (w *writer) within(ctx context.Context, op string, r func() reach, do func(*tx) error) error {
	return w.run(ctx, op, &operation{do: do, reach: r, turn: make(chan bool, 1)})
}

// calmly is within for what may wait a few milliseconds while many others write too.
func (w *writer) calmly(ctx context.Context, op string, r func() reach, do func(*tx) error) error {
	return w.run(ctx, op, &operation{do: do, reach: r, turn: make(chan bool, 1), calm: true})
}

func (w *writer) run(ctx context.Context, op string, o *operation) error {
	if err := ctx.Err(); err != nil {
		return failed(op, err)
	}
	w.mu.Lock()
	if w.over {
		w.mu.Unlock()
		return failed(op, errClosed)
	}
	o.from = identity.FromOf(ctx)
	w.queue = append(w.queue, o)
	lead := !w.busy
	w.busy = true
	w.mu.Unlock()
	if !lead {
		select {
		case w.joined <- struct{}{}:
		default:
		}
		select {
		case lead = <-o.turn:
		case <-ctx.Done():
			if w.withdraw(o) {
				return failed(op, ctx.Err())
			}
			lead = <-o.turn
		}
	}
	if lead {
		w.lead()
	}
	if o.panic != nil {
		panic(o.panic)
	}
	return failed(op, o.err)
}

// withdraw takes an operation out of the queue unless it has been taken, or is to lead.
func (w *writer) withdraw(o *operation) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	i := slices.Index(w.queue, o)
	if i < 0 || len(o.turn) > 0 {
		return false
	}
	w.queue = slices.Delete(w.queue, i, i+1)
	return true
}

// gather waits while all that is queued is calm and others are expected.
func (w *writer) gather() {
	until := w.ended.Add(min(respite*w.took, patience))
	wait := time.Until(until)
	if wait <= 0 || !w.calm() {
		return
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
			return
		case <-w.joined:
			if !w.calm() {
				return
			}
		}
	}
}

// calm reports whether everything that is queued may wait and more is expected.
func (w *writer) calm() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.queue) < w.expected && !slices.ContainsFunc(w.queue, func(o *operation) bool { return !o.calm })
}

// lead runs what is queued in one transaction, answers, and hands on.
func (w *writer) lead() {
	w.gather()
	w.mu.Lock()
	batch := w.queue
	w.queue = nil
	w.mu.Unlock()

	done := w.runAll(batch)
	w.ended = time.Now()

	w.mu.Lock()
	w.queue = append(batch[done:len(batch):len(batch)], w.queue...)
	if len(w.queue) > 0 {
		w.queue[0].turn <- true
	} else {
		w.busy = false
		w.idle.Broadcast()
	}
	w.mu.Unlock()
	for _, o := range batch[1:done] { // the first is the leader's own
		o.turn <- false
	}
}

// runAll runs as many operations of a batch as one transaction may take, one at least, and says how many. If one of them
// fails after it has written, they are run again one by one, so that it harms nobody.
func (w *writer) runAll(batch []*operation) int {
	done, err := w.together(batch)
	if err == nil || len(batch) == 1 || away(err) {
		for _, o := range batch[:done] {
			if err != nil {
				o.err = err
			}
		}
		w.note(err)
		return done
	}
	for _, o := range batch[:done] {
		if _, err := w.together([]*operation{o}); err != nil {
			o.err = err
			if away(err) {
				w.note(err)
			}
			continue
		}
		w.note(nil)
	}
	return done
}

// note keeps what Health tells.
func (w *writer) note(err error) {
	switch {
	case err == nil:
		w.last.Store(nil)
	case away(err):
		w.last.Store(&err)
	}
}

// trouble is what the last transaction failed with, nil when it did not.
func (w *writer) trouble() error {
	if p := w.last.Load(); p != nil {
		return *p
	}
	return nil
}

// together runs operations in one transaction. The count says how many were begun; an error, that none of them took place.
// An operation that fails before it has written keeps its error to itself.
func (w *writer) together(batch []*operation) (begun int, err error) {
	for again := 0; ; again++ {
		begun, err = w.transact(batch)
		switch {
		case errors.Is(err, errStale) && again < followMost:
			if err = w.behind(); err == nil {
				continue
			}
		case crossed(err) && again < crossedMost:
			continue
		}
		break
	}
	if begun == 0 {
		begun = len(batch) // not even the transaction could begin: that concerns all
	}
	return begun, err
}

// How often a transaction that came behind others, or across them, is begun anew at once.
const (
	followMost  = 20
	crossedMost = 3
)

// reaching is what operations reach together.
func reaching(batch []*operation) reach {
	var all reach
	for _, o := range batch {
		if o.reach == nil {
			return reach{everything: true}
		}
		r := o.reach()
		all.everything = all.everything || r.everything
		all.accepting = all.accepting || r.accepting
		all.conns = append(all.conns, r.conns...)
	}
	return all
}

func (w *writer) transact(batch []*operation) (begun int, err error) {
	s := w.session
	if err := s.begin(reaching(batch)); err != nil {
		return 0, err
	}
	started := w.now()
	rebound, minted := new(bool), new(bool)
	var pragmas []string
	for begun < len(batch) {
		group := batch[begun : begun+w.abreast(batch[begun:])]
		begun += len(group)
		txs := make([]*tx, len(group))
		for i, o := range group {
			o.err, o.after, o.doubt, o.panic = nil, nil, nil, nil
			txs[i] = &tx{session: s, rebound: rebound, minted: minted, from: o.from}
		}
		if len(group) == 1 {
			group[0].err = group[0].guarded(txs[0])
		} else {
			runAbreast(s, group, txs)
		}
		for i, o := range group {
			if err := o.ended(s, txs[i]); err != nil {
				s.rollback()
				return begun, err
			}
			pragmas = append(pragmas, txs[i].pragmas...)
		}
		if err := s.seal(); err != nil {
			s.rollback()
			return begun, err
		}
		if w.now().Sub(started) > longest {
			break
		}
	}
	committing := time.Now()
	if err := s.commit(); err != nil {
		if errors.Is(err, errDoubt) {
			for _, o := range batch[:begun] {
				for _, f := range o.doubt {
					f()
				}
			}
		}
		return begun, err
	}
	w.took = time.Since(committing)
	if w.committed != nil {
		w.committed(w.now().Sub(started), begun)
	}
	for _, p := range pragmas {
		if err := s.rows(p, nil, nil); err != nil {
			return begun, err
		}
	}
	for _, o := range batch[:begun] {
		for _, f := range o.after {
			f()
		}
	}
	return begun, nil
}

// ended takes what an operation leaves. An error of it is one of the transaction, which can only be rolled back.
func (o *operation) ended(s session, t *tx) error {
	switch {
	case o.panic != nil && (t.wrote || s.spoilt()):
		return fmt.Errorf("panic: %v", o.panic)
	case o.err != nil && (t.wrote || away(o.err) || s.spoilt()):
		return o.err
	case o.err != nil || o.panic != nil:
		return s.flush() // what it asked for is nobody's any more
	}
	o.after, o.doubt = t.after, t.doubt
	return t.storeCome(s)
}

// guarded runs the operation and catches its panic, which belongs to its caller and not to whoever leads.
func (o *operation) guarded(t *tx) (err error) {
	defer func() { o.panic = recover() }()
	return o.do(t)
}

// close waits for the transaction under way and refuses all that follows.
func (w *writer) close() error {
	w.mu.Lock()
	w.over = true
	for w.busy {
		w.idle.Wait()
	}
	w.mu.Unlock()
	return w.session.close()
}
