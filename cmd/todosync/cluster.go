package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"todosync/connector"
	"todosync/connector/intake"
	"todosync/web/api"
)

const (
	// readingEvery is how often the worker that reads the stream says so, and readingGone after how long nobody does who has not.
	readingEvery = 3 * time.Second
	readingGone  = 25 * time.Second
	// refreshEvery is how often settings are looked at that another worker may have changed: a wake-up can get lost.
	refreshEvery = 5 * time.Second
)

// A cluster is what this process has to do with others on the same store and stream: it tells them where to look, and hears it
// from them.
type cluster struct {
	app  *app
	bell *intake.Bell

	mu     sync.Mutex           // guards what follows
	reader string               // who said last that he reads the stream
	heard  time.Time            // and when
	others map[string]time.Time // when each other worker was heard last
}

// sharing is how the worker shares connections with others; nil where this process is the only one that can have the store open.
func (a *app) sharing() connector.Sharing { return a.store.Sharing() }

// openCluster makes the way to other workers where there can be any.
func (a *app) openCluster() error {
	if a.sharing() == nil {
		return nil
	}
	c := &cluster{app: a, others: map[string]time.Time{}}
	var err error
	c.bell, err = intake.NewBell(intake.BellConfig{
		Conn: a.conn, Log: a.log, Name: a.worker.Seating().ID, Stream: a.cfg.stream, Rung: c.rung,
	})
	a.cluster = c
	return err
}

// changed is told by the store of connections that have changed or may go on. The store calls it from its first moment on.
func (a *app) changed(conns []int64) {
	if a.worker != nil {
		a.worker.Wake(conns)
	}
	a.ring(intake.Ring{Conns: conns, Settings: true})
}

// followed is told by the store of connections that another process has changed.
func (a *app) followed(conns []int64) {
	if a.worker != nil {
		a.worker.Wake(conns)
	}
}

// fresh is told by the inbox of connections that have fresh work.
func (a *app) fresh(conns []int64) {
	a.worker.Wake(conns)
	a.ring(intake.Ring{Conns: conns})
}

// tell is told by the worker of connections that it has given away.
func (a *app) tell(conns []int64) { a.ring(intake.Ring{Conns: conns}) }

// recordsChanged is told by the store of deliveries that have changed.
func (a *app) recordsChanged(numbers []int64) { a.ring(intake.Ring{Records: numbers}) }

// ring tells other workers, where there are any.
func (a *app) ring(r intake.Ring) {
	if a.cluster != nil {
		a.cluster.bell.Ring(r)
	}
}

// run tells and hears until ctx ends.
func (c *cluster) run(ctx context.Context) error {
	var parts sync.WaitGroup
	defer parts.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	parts.Go(func() { _ = c.app.reader.Stand(ctx) }) // it ends with ctx alone
	parts.Go(func() { c.tick(ctx) })
	return c.bell.Run(ctx)
}

// tick does what is done now and then.
func (c *cluster) tick(ctx context.Context) {
	reading, refresh := time.NewTicker(readingEvery), time.NewTicker(refreshEvery)
	defer reading.Stop()
	defer refresh.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-reading.C:
			s := c.app.worker.Seating()
			if s.Reader && s.Sure {
				c.note(s.ID)
			}
			c.bell.Ring(intake.Ring{Reads: s.Reader && s.Sure}) // also by who has nothing to tell: silence means that he is gone
			if c.missing() {
				c.app.store.AnnounceLost()
			}
		case <-refresh.C:
			c.refresh(ctx)
		}
	}
}

// rung takes in what another worker tells.
func (c *cluster) rung(ctx context.Context, r intake.Ring) {
	c.hear(r.From)
	if r.Reads {
		c.note(r.From)
	}
	if r.Settings {
		c.refresh(ctx)
	}
	if r.Failing {
		c.app.digester.Poke()
	}
	if r.Lost {
		c.app.store.AnnounceLost()
	}
	c.app.store.Announce(r.Records)
	if len(r.Conns) > 0 {
		c.app.worker.Wake(r.Conns)
	}
}

// refresh has the store take over what other processes have changed.
func (c *cluster) refresh(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, refreshEvery)
	defer cancel()
	if err := c.app.store.Refresh(ctx); err != nil && ctx.Err() == nil {
		c.app.log.DebugContext(ctx, "the store could not be refreshed", "error", err) // /readyz says what is wrong with it
	}
}

// hear remembers that another worker was heard.
func (c *cluster) hear(who string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if who != "" {
		c.others[who] = time.Now()
	}
}

// missing reports whether a worker has fallen silent: he may have been killed before he told of what he had committed.
func (c *cluster) missing() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	gone := false
	for who, at := range c.others {
		if time.Since(at) > readingGone {
			delete(c.others, who)
			gone = true
		}
	}
	return gone
}

// note remembers who reads the stream.
func (c *cluster) note(who string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.reader, c.heard = who, time.Now()
}

// reads is who reads the stream, as far as it was told of late; empty: nobody said so.
func (c *cluster) reads() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Since(c.heard) > readingGone {
		return ""
	}
	return c.reader
}

// health says how the workers share the work.
func (c *cluster) health() api.Part {
	s := c.app.worker.Seating()
	part := api.Part{Name: "workers", State: api.PartOK}
	part.Detail = fmt.Sprintf("%s; this is %s and serves %s", plural(len(s.Alive), "1 worker", "%d workers"), s.ID,
		plural(s.Connections, "1 connection", "%d connections"))
	reader := c.reads()
	switch {
	case !s.Sure:
		part.State = api.PartDown
		part.Detail = "this worker has no lease in the store, so it sends nothing; it gets one when the store answers"
	case s.Reader:
		part.Detail += "; it reads the stream"
	case reader != "":
		part.Detail += "; " + reader + " reads the stream"
	default:
		part.State = api.PartWarning
		part.Detail += "; nobody has said of late that he reads the stream"
	}
	return part
}
