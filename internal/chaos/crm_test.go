package chaos

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// A said is one event as the CRM said it.
type said struct {
	tenant, id, todo string
	n                int // its place in the todo's story, from 1; also its version
	action, status   string
	receivers        []string // who stands in it; nil where it names nobody
	finished         []string // those of them whose own status is finished
	body             []byte
	stored           time.Time // when JetStream confirmed it; zero: not yet
}

// A todo is what the CRM knows of one of its todos.
type todo struct {
	id        string
	n         int
	receivers []string
	over      bool // finished
	deleted   bool
}

// A story makes the events of one tenant, always the same from the same seed.
type story struct {
	tenant string
	rnd    *rand.Rand
	people int
	open   []*todo
	made   int
	prefix string
	plain  bool // no transfers, nothing finished by one receiver alone: every event concerns the same receivers
}

func newStory(seed uint64, tenant string, people int) *story {
	return &story{tenant: tenant, rnd: rand.New(rand.NewPCG(seed, hash(seed, tenant))), people: people}
}

// next is the next event: of a new todo, or of one that is under way.
func (s *story) next() *said {
	const wanted = 12 // todos under way at once
	i := s.rnd.IntN(wanted)
	if i >= len(s.open) {
		t := &todo{id: fmt.Sprintf("%s%s-%d", s.prefix, s.tenant, s.made)}
		s.made++
		t.receivers = s.some(1 + s.rnd.IntN(3))
		s.open = append(s.open, t)
		return s.say(t, "create", "pending", t.receivers, nil)
	}
	t := s.open[i]
	if t.over {
		s.open = slices.Delete(s.open, i, i+1)
		if s.rnd.IntN(3) > 0 || s.plain {
			return s.next()
		}
		s.open = append(s.open, t)
		t.over = false
		return s.say(t, "edit", "pending", t.receivers, nil) // reopened
	}
	dice := s.rnd.IntN(100)
	switch {
	case dice < 15:
		t.over = true
		if s.rnd.IntN(2) == 0 {
			return s.say(t, "edit", []string{"done", "approved", "canceled"}[s.rnd.IntN(3)], nil, nil)
		}
		return s.say(t, "edit", "done", t.receivers, nil)
	case dice < 22:
		s.open = slices.Delete(s.open, i, i+1)
		t.deleted = true
		return s.say(t, "delete", "pending", nil, nil)
	case dice < 40 && !s.plain:
		t.receivers = s.some(1 + s.rnd.IntN(3)) // transferred
	case dice < 50 && !s.plain:
		return s.say(t, "edit", "pending", t.receivers, t.receivers[:1])
	}
	return s.say(t, "edit", "pending", t.receivers, nil)
}

// some are n different receivers.
func (s *story) some(n int) []string {
	out := make([]string, n)
	for i, p := range s.rnd.Perm(s.people)[:n] {
		out[i] = "u" + strconv.Itoa(p)
	}
	return out
}

func (s *story) say(t *todo, action, status string, receivers, finished []string) *said {
	t.n++
	e := &said{
		tenant: s.tenant, id: fmt.Sprintf("%s/%d", t.id, t.n), todo: t.id, n: t.n, action: action, status: status,
		receivers: slices.Clone(receivers), finished: slices.Clone(finished),
	}
	type receiver struct {
		ID     string `json:"id"`
		Status string `json:"status"`
	}
	var people []receiver
	for _, r := range receivers {
		own := status
		if slices.Contains(finished, r) {
			own = "done"
		}
		people = append(people, receiver{r, own})
	}
	body := map[string]any{"id": e.id, "todo": map[string]any{
		"id": t.id, "version": t.n, "status": status, "receivers": people,
		"title": fmt.Sprintf("第%d版 <&\"%d\">", t.n, s.rnd.IntN(1000)),
	}}
	var err error
	if e.body, err = json.Marshal(body); err != nil {
		panic(err) // a map of strings and numbers
	}
	return e
}

// A crm publishes stories and remembers what it said.
type crm struct {
	stories []*story
	conn    *nats.Conn
	js      jetstream.JetStream

	mu     sync.Mutex // guards what follows
	events []*said
	trap   func(*said) // called once, at the next confirmation
}

// newCRM speaks to the NATS at these addresses.
func newCRM(urls string, stories []*story) (*crm, error) {
	conn, err := nats.Connect(urls, nats.MaxReconnects(-1), nats.ReconnectWait(20*time.Millisecond), nats.ReconnectJitter(0, 0),
		nats.RetryOnFailedConnect(true), nats.ReconnectBufSize(-1), nats.Timeout(2*time.Second), nats.DontRandomize())
	if err != nil {
		return nil, err
	}
	js, err := jetstream.New(conn)
	return &crm{stories: stories, conn: conn, js: js}, err
}

// speak publishes n events of each story, each tenant's one after another and all tenants at once, with a wait between two
// that keep gives; each is sent until JetStream has confirmed it. It ends early with the context. What the end of an earlier speech cut off
// comes first.
func (c *crm) speak(ctx context.Context, n int, pace time.Duration) {
	var wg sync.WaitGroup
	for _, s := range c.stories {
		wg.Go(func() {
			for _, e := range c.all() {
				if e.tenant == s.tenant && !c.send(ctx, e) {
					return
				}
			}
			for range n {
				if !c.publish(ctx, s.next()) || !pause(ctx, pace) {
					return
				}
			}
		})
	}
	wg.Wait()
}

// publish sends one event until it is confirmed; false: the context has ended, and nobody knows.
func (c *crm) publish(ctx context.Context, e *said) bool {
	c.mu.Lock()
	c.events = append(c.events, e)
	c.mu.Unlock()
	return c.send(ctx, e)
}

// send sends an event, unless it is confirmed already, until it is.
func (c *crm) send(ctx context.Context, e *said) bool {
	for {
		c.mu.Lock()
		confirmed := !e.stored.IsZero()
		c.mu.Unlock()
		if confirmed || c.try(ctx, e) {
			return true
		}
		if !pause(ctx, 20*time.Millisecond) {
			return false
		}
	}
}

// try sends one event once, and says whether it was confirmed.
func (c *crm) try(ctx context.Context, e *said) bool {
	m := &nats.Msg{Subject: "crm." + e.tenant + ".todo." + e.action, Data: e.body, Header: nats.Header{"Nats-Msg-Id": {e.tenant + "/" + e.id}}}
	within, cancel := context.WithTimeout(ctx, 500*time.Millisecond)
	defer cancel()
	if _, err := c.js.PublishMsg(within, m); err != nil {
		return false
	}
	c.mu.Lock()
	e.stored = time.Now()
	trap := c.trap
	c.trap = nil
	c.mu.Unlock()
	if trap != nil {
		trap(e)
	}
	return true
}

// atNext has f called at the next confirmation.
func (c *crm) atNext(f func(*said)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.trap = f
}

// accepted are the confirmed events, each todo's in their order.
func (c *crm) accepted() []*said {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []*said
	for _, e := range c.events {
		if !e.stored.IsZero() {
			out = append(out, e)
		}
	}
	return out
}

// unsure counts the events that were sent and never confirmed.
func (c *crm) unsure() int { return len(c.all()) - len(c.accepted()) }

func (c *crm) all() []*said {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.events)
}

// pause waits; false: the context has ended.
func pause(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
