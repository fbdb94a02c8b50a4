package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"todosync/connector"
)

// heaviest is how many deliveries a transaction of Accept is meant to make at most. A batch that leads to more is accepted
// in several, each with its own position, so that none holds the writer for long.
const heaviest = 2000

// Position implements connector.Acceptor.
func (d *DB) Position(ctx context.Context, stream string) (uint64, error) {
	var seq uint64
	err := d.writer.within(ctx, "read position", func() reach { return reach{} }, func(t *tx) (err error) {
		seq, err = t.position(stream)
		return err
	})
	return seq, err
}

func (t *tx) position(stream string) (seq uint64, err error) {
	err = t.read(`SELECT seq FROM positions WHERE stream = ?`, []any{stream}, func(r row) error {
		seq = uint64(r.num(0)) //nolint:gosec // stored from a uint64
		return nil
	})
	return seq, err
}

// Accept implements connector.Acceptor. A batch that leads to very many deliveries is committed in parts, in order: after an
// error the position may stand within the batch, as it does when somebody else reads the stream.
func (d *DB) Accept(ctx context.Context, b connector.Batch) (connector.Accepted, error) {
	var sum connector.Accepted
	refusals, err := d.bindAutomatically(ctx, b)
	if err != nil {
		return sum, err
	}
	for part := range d.parts(b) {
		d.hot.pace(ctx, len(part.Items))
		if err := d.acceptPart(ctx, part, refusals, &sum); err != nil {
			return sum, err
		}
	}
	slices.Sort(sum.Wake)
	sum.Wake = slices.Compact(sum.Wake)
	return sum, nil
}

// parts cuts a batch into runs of about as many deliveries as one transaction should make.
func (d *DB) parts(b connector.Batch) func(yield func(connector.Batch) bool) {
	return func(yield func(connector.Batch) bool) {
		tenants := d.registry.current.Load().byTenant
		part := b
		weight, first := 0, 0
		for i := range b.Items {
			w := 1
			if e := b.Items[i].Event; e != nil {
				w += len(e.Object.Receivers) * len(tenants[e.Tenant])
			}
			if weight += w; weight > heaviest && i > first {
				part.Items, part.Last = b.Items[first:i], b.Items[i-1].Sequence
				if !yield(part) {
					return
				}
				part.After, first, weight = part.Last, i, w
			}
		}
		part.Items, part.Last = b.Items[first:], b.Last
		yield(part)
	}
}

// acceptPart accepts a part whole. If the database refuses something in it, the part is halved until the event is found,
// which is then rejected with the store's reason.
func (d *DB) acceptPart(ctx context.Context, b connector.Batch, refusals map[connector.UserKey]string, sum *connector.Accepted) error {
	var got connector.Accepted
	err := d.writer.within(ctx, "accept events", func() reach { return d.accepting(&b) }, func(t *tx) error {
		a := acceptance{db: d, tx: t, batch: b, refusals: refusals}
		if err := a.accept(); err != nil {
			return err
		}
		got = a.result
		t.done(func() { d.feed.publish(a.changed) })
		// If it did take place, nobody will say so: the next call finds the position moved on.
		t.doubted(func() { d.wake(a.result.Wake...) })
		return nil
	})
	why, bad := refused(err)
	switch {
	case err == nil:
		sum.Wake = append(sum.Wake, got.Wake...)
		sum.Events += got.Events
		sum.Duplicates += got.Duplicates
		sum.Rejected += got.Rejected
		sum.Deliveries += got.Deliveries
		sum.Ends = append(sum.Ends, got.Ends...)
		sum.States = append(sum.States, got.States...)
		return nil
	case !bad:
		return err
	case len(b.Items) > 1:
		half := len(b.Items) / 2
		head, tail := b, b
		head.Items, head.Last = b.Items[:half], b.Items[half-1].Sequence
		tail.Items, tail.After = b.Items[half:], head.Last
		if err := d.acceptPart(ctx, head, refusals, sum); err != nil {
			return err
		}
		return d.acceptPart(ctx, tail, refusals, sum)
	case len(b.Items) == 1 && b.Items[0].Reject == nil:
		item := b.Items[0]
		item.Event = nil
		item.Reject = &connector.Rejection{Reason: "the store refuses it: " + why}
		b.Items = []connector.Item{item}
		return d.acceptPart(ctx, b, refusals, sum)
	}
	return err
}

// accepting is what accepting a batch reaches: the connections of the tenants in it.
func (d *DB) accepting(b *connector.Batch) reach {
	if !d.postgres() {
		return reach{}
	}
	r := reach{accepting: true}
	tenants := map[string]bool{}
	now := d.registry.current.Load()
	for i := range b.Items {
		e := b.Items[i].Event
		if e == nil || tenants[e.Tenant] {
			continue
		}
		tenants[e.Tenant] = true
		for _, s := range now.byTenant[e.Tenant] {
			r.conns = append(r.conns, s.conn)
		}
	}
	return r
}

// An acceptance is one part of a batch on its way into the store.
type acceptance struct {
	db    *DB
	tx    *tx
	batch connector.Batch

	refusals map[connector.UserKey]string // see Known.Refused

	known    connector.Known
	waiting  []waitingDelivery    // what waited before, to see what planning makes of it
	stored   map[eventKey]*stored // by tenant and id: events of the batch that were, or are now, accepted
	broken   map[string]string    // tenant: why one of its connections does not compile
	fresh    []*freshEvent
	rejected []rejection
	result   connector.Accepted
	changed  []int64
	doubts   []doubtfulLane

	failed  map[int64][]failure         // by connection
	unbound map[int64][]unboundDelivery // by connection
	refused []failure

	tallies map[int64]*tally // by connection: what planning has ended at once
}

type eventKey struct{ tenant, id string }

// stored is an accepted event with the id that another one bears too.
type stored struct {
	n          int64 // 0: of this batch
	kind       connector.Kind
	action     connector.Action
	todo       string
	duplicates int
}

type freshEvent struct {
	n       int64
	event   *connector.Event
	planned connector.Planned
	known   *stored
}

type rejection struct {
	item   *connector.Item
	reason string
	path   string
}

// accept checks the position, plans every event of the part in order and writes what that leads to.
func (a *acceptance) accept() error {
	at, err := a.tx.position(a.batch.Stream)
	if err != nil {
		return err
	}
	if at != a.batch.After {
		return &connector.Error{
			Kind: connector.Conflict, Op: "accept events",
			Msg:  fmt.Sprintf("the stream is accepted up to %d, not up to %d", at, a.batch.After),
			Hint: "somebody else reads it; go on from the store's position",
		}
	}
	for i := range a.batch.Items {
		if e := a.batch.Items[i].Event; e != nil {
			a.batch.Items[i].Event = cleanEvent(e)
		}
	}
	if err := a.gather(); err != nil {
		return err
	}
	for i := range a.batch.Items {
		a.plan(&a.batch.Items[i])
	}
	if err := a.write(); err != nil {
		return err
	}
	return a.tx.run(`INSERT INTO positions (stream, seq) VALUES (?, ?) ON CONFLICT (stream) DO UPDATE SET seq = excluded.seq`,
		a.batch.Stream, a.batch.Last)
}

// plan decides on one item: rejected, a duplicate, or planned.
func (a *acceptance) plan(item *connector.Item) {
	e := item.Event
	if item.Reject != nil || e == nil {
		r := rejection{item: item, reason: "not an event"}
		if item.Reject != nil {
			r.reason, r.path = item.Reject.Reason, item.Reject.Path
		}
		a.rejected = append(a.rejected, r)
		return
	}
	key := eventKey{e.Tenant, e.ID}
	if have := a.stored[key]; have != nil {
		if have.kind == e.Kind && have.action == e.Action && have.todo == e.Object.ID {
			have.duplicates++
			a.result.Duplicates++
			a.countEnd(e.Tenant, e.Kind, e.Action, connector.EndDuplicate)
		} else {
			a.rejected = append(a.rejected, rejection{item: item, reason: "id used for another event", path: "id"})
		}
		return
	}
	if why := a.broken[e.Tenant]; why != "" {
		// Planning without the connection would lose what it is owed. As a reject it can be replayed once that is mended.
		a.rejected = append(a.rejected, rejection{item: item, reason: why})
		return
	}
	known := &stored{kind: e.Kind, action: e.Action, todo: e.Object.ID}
	a.stored[key] = known
	fresh := &freshEvent{
		event: e, known: known,
		planned: connector.PlanEvent(&a.known, e, a.batch.Now, func() string { return a.db.newID(a.batch.Now) }),
	}
	if a.doubtful(e) {
		a.doubt(&fresh.planned)
	}
	a.fresh = append(a.fresh, fresh)
}

// cleanEvent is the event with keys that text columns take. The payload stays as it is.
func cleanEvent(e *connector.Event) *connector.Event {
	o := &e.Object
	dirty := clean(e.ID) != e.ID || clean(o.ID) != o.ID || clean(o.SenderID) != o.SenderID ||
		slices.ContainsFunc(o.Receivers, func(r connector.Receiver) bool { return clean(r.ID) != r.ID })
	if !dirty {
		return e
	}
	c := *e
	c.ID, c.Object.ID, c.Object.SenderID = clean(c.ID), clean(c.Object.ID), clean(c.Object.SenderID)
	c.Object.Receivers = slices.Clone(c.Object.Receivers)
	for i := range c.Object.Receivers {
		c.Object.Receivers[i].ID = clean(c.Object.Receivers[i].ID)
	}
	return &c
}

// tenantOf is the tenant that a subject names, as far as it names one.
func tenantOf(subject string) string {
	parts := strings.Split(subject, ".")
	if len(parts) < 2 || len(parts[1]) > 256 {
		return ""
	}
	return parts[1]
}

// outcomeJSON is what the store keeps of what became of an event; its deliveries are found by their event.
type outcomeJSON struct {
	Outcome     connector.Outcome   `json:"outcome,omitempty"`
	Connections []connectionOutcome `json:"connections,omitempty"`
}

type connectionOutcome struct {
	Conn    int64             `json:"conn"`
	Outcome connector.Outcome `json:"outcome"`
}

func outcomeOf(p *connector.Planned) string {
	b := make([]byte, 0, 64+48*len(p.Outcomes))
	b = append(b, '{')
	if p.Outcome != "" {
		b = appendJSON(append(b, `"outcome":`...), string(p.Outcome))
	}
	for i := range p.Outcomes {
		switch {
		case i > 0:
			b = append(b, ',')
		case p.Outcome != "":
			b = append(b, `,"connections":[`...)
		default:
			b = append(b, `"connections":[`...)
		}
		b = strconv.AppendInt(append(b, `{"conn":`...), p.Outcomes[i].Conn, 10)
		b = append(appendJSON(append(b, `,"outcome":`...), string(p.Outcomes[i].Outcome)), '}')
	}
	if len(p.Outcomes) > 0 {
		b = append(b, ']')
	}
	return string(append(b, '}'))
}

// brokenReason is the reason of rejects while a connection does not compile.
func brokenReason(key connector.ConnectionKey, err error) string {
	if e, ok := errors.AsType[*connector.Error](err); ok && len(e.Details) > 0 {
		return fmt.Sprintf("connection %s cannot be used: %s: %s", key.Name, e.Details[0].Path, e.Details[0].Message)
	}
	return fmt.Sprintf("connection %s cannot be used: %v", key.Name, err)
}
