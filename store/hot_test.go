package store

import (
	"testing"
	"testing/synctest"
	"time"

	"todosync/connector"
)

// TestHotIsForgotten ends deliveries in every way: none of them stays in memory.
func TestHotIsForgotten(t *testing.T) {
	t.Parallel()
	h := newHot()
	e := &connector.Event{Payload: []byte("payload")}
	lane := &connector.Lane{}
	for n := range int64(3) {
		h.keep(&connector.Delivery{N: n, EventN: 7}, lane, e)
	}
	if len(h.deliveries) != 3 || len(h.events) != 1 || h.bytes != parsedWeight*len(e.Payload) {
		t.Fatalf("kept %d deliveries, %d events, %d bytes", len(h.deliveries), len(h.events), h.bytes)
	}
	for n := range int64(4) {
		h.forget(n)
		h.forget(n)
	}
	if len(h.deliveries) != 0 || len(h.events) != 0 || h.bytes != 0 {
		t.Errorf("left %d deliveries, %d events, %d bytes", len(h.deliveries), len(h.events), h.bytes)
	}
	if len(h.queues) != 0 {
		t.Errorf("left %d queues", len(h.queues))
	}
}

// TestHotGivesWay keeps what is new: a connection that does not move gives room.
func TestHotGivesWay(t *testing.T) {
	t.Parallel()
	h := newHot()
	lane := &connector.Lane{}
	n := int64(0)
	keep := func(conn int64) {
		n++
		h.keep(&connector.Delivery{N: n, EventN: n, Conn: conn}, lane, &connector.Event{Payload: []byte("payload")})
	}
	for range hotDeliveries {
		keep(1)
	}
	for range 100 {
		keep(2)
	}
	if len(h.deliveries) > hotDeliveries {
		t.Errorf("it keeps %d deliveries, more than it may", len(h.deliveries))
	}
	if got := h.queues[2].count; got != 100 {
		t.Errorf("of the connection that came later %d of 100 are kept", got)
	}
	if got := h.queues[1].count; got != len(h.deliveries)-100 || got < hotDeliveries/2-100 {
		t.Errorf("of the connection that does not move %d are kept", got)
	}
}

// TestAcceptWaitsForThoseThatMove is about how far Accept may run ahead.
func TestAcceptWaitsForThoseThatMove(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newHot()
		lane := &connector.Lane{}
		for n := range int64(aheadMost) {
			h.keep(&connector.Delivery{N: n, EventN: n, Conn: 1}, lane, &connector.Event{})
		}
		waited := func(events int) time.Duration {
			began := time.Now()
			h.pace(t.Context(), events)
			return time.Since(began)
		}
		h.measure()
		if got := waited(aheadBatch - 1); got != 0 {
			t.Errorf("a small batch waited %v", got)
		}
		if got := waited(aheadBatch); got != aheadLook {
			t.Errorf("with nothing going it waited %v, not %v", got, aheadLook)
		}
		done := make(chan struct{})
		go func() { // one each 100 µs
			defer close(done)
			for n := range int64(1000) {
				time.Sleep(100 * time.Microsecond)
				h.take(n, flight{key: connector.TodoKey{Conn: 1}})
			}
		}()
		if got, want := waited(aheadBatch), aheadBatch*100*time.Microsecond; got != want {
			t.Errorf("it waited %v until there was room, not %v", got, want)
		}
		<-done
		time.Sleep(aheadStill)
		h.measure()
		if got := waited(aheadMost); got != 0 {
			t.Errorf("it waited %v for a connection that does not move", got)
		}
	})
}
