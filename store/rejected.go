package store

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"todosync/connector"
)

type storedReject struct {
	N          int64  `db:"n"`
	ID         string `db:"id"`
	Tenant     string `db:"tenant"`
	Subject    string `db:"subject"`
	Header     string `db:"header"`
	Stream     string `db:"stream"`
	Sequence   int64  `db:"stream_seq"`
	Reason     string `db:"reason"`
	Path       string `db:"path"`
	ReceivedMs int64  `db:"received_ms"`
	Size       int    `db:"size"`
	Payload    []byte `db:"payload"`
}

func (r *storedReject) event() connector.RejectedEvent {
	return connector.RejectedEvent{
		ID: r.ID, Tenant: r.Tenant, Subject: r.Subject, Sequence: uint64(r.Sequence), //nolint:gosec // stored from a uint64
		Reason: r.Reason, Path: r.Path, Size: r.Size, ReceivedAt: instant(r.ReceivedMs),
	}
}

// A RejectFilter chooses rejected events. Empty members choose all.
type RejectFilter struct {
	Tenants []string
	Text    string // stands in the body, the subject, the header, the reason or the path, as a word: the id of a todo, of a user
}

// Rejected lists rejected events, newest first. A search for text that would take long ends with what it has found, maybe nothing, down to
// where it has looked, and a cursor to go on from.
func (d *DB) Rejected(ctx context.Context, f RejectFilter, p connector.PageOf) (connector.Page[connector.RejectedEvent], error) {
	const op = "list rejected events"
	out := connector.Page[connector.RejectedEvent]{Items: []connector.RejectedEvent{}}
	before, limit, err := pageOf(op, p)
	if err != nil {
		return out, err
	}
	w := where{}
	w.in(`tenant`, f.Tenants)
	text := strings.TrimSpace(clean(f.Text))
	var rows []storedReject
	next := int64(0)
	err = d.reading(ctx, op, func(q *reader) error {
		if text != "" {
			s := rejectSearch{reader: q, tenant: w, text: text, before: before, limit: limit, until: time.Now().Add(rejectsTime)}
			var err error
			rows, next, out.SearchedTo, err = s.run()
			return err
		}
		w.add(`n < ?`, before)
		err := q.Select(&rows, `SELECT n, id, tenant, subject, stream_seq, reason, path, received_ms, size FROM rejected `+
			w.text()+` ORDER BY n DESC LIMIT ?`, w.with(limit+1)...)
		if len(rows) > limit {
			rows, next = rows[:limit], rows[limit-1].N
		}
		return err
	})
	for i := range rows {
		out.Items = append(out.Items, rows[i].event())
	}
	if next != 0 {
		out.Next = cursor(next)
	}
	return out, err
}

const selectReject = `SELECT n, id, tenant, subject, header, stream, stream_seq, reason, path, received_ms, size, payload
	FROM rejected WHERE id = ?`

// RejectedOne gives one rejected event with its header and payload.
func (d *DB) RejectedOne(ctx context.Context, id string) (connector.RejectedEvent, error) {
	const op = "read rejected event"
	var rows []storedReject
	err := d.reading(ctx, op, func(q *reader) error {
		rows = rows[:0]
		return q.Select(&rows, selectReject, clean(id))
	})
	if err != nil {
		return connector.RejectedEvent{}, err
	}
	if len(rows) == 0 {
		return connector.RejectedEvent{}, notFound(op, "rejected event "+id)
	}
	out := rows[0].event()
	if err := json.Unmarshal([]byte(rows[0].Header), &out.Header); err != nil {
		return out, failed(op, err)
	}
	out.Payload = strings.ToValidUTF8(string(rows[0].Payload), "\uFFFD")
	if !utf8.Valid(rows[0].Payload) {
		out.Base64 = base64.StdEncoding.EncodeToString(rows[0].Payload)
	}
	return out, nil
}

// Replay accepts a rejected event after what was wrong has been mended: the connection, the id that another event had, a limit. It
// is planned as of its place in the stream, and is no reject any more. What is still no event is an error of kind Invalid with the reason.
func (d *DB) Replay(ctx context.Context, id, who string) (connector.EventStory, error) {
	const op = "replay rejected event"
	var key eventKey
	var wake []int64
	err := d.writer.write(ctx, op, func(t *tx) error {
		e, n, err := rejectedEvent(t, op, id)
		if err != nil {
			return err
		}
		e = cleanEvent(e)
		e.Replayed = true
		key = eventKey{e.Tenant, e.ID}
		a := acceptance{db: d, tx: t, batch: connector.Batch{Now: d.cfg.Now(), Items: []connector.Item{{Event: e}}}}
		if err := a.gather(); err != nil {
			return err
		}
		a.plan(&a.batch.Items[0])
		if len(a.rejected) > 0 {
			return &connector.Error{Kind: connector.Invalid, Op: op, Msg: a.rejected[0].reason}
		}
		if err := a.write(); err != nil {
			return err
		}
		wake = a.result.Wake
		size := int64(0)
		if err := t.change(`DELETE FROM rejected WHERE n = ? RETURNING size`, []any{n}, func(r row) error { size = r.num(0); return nil }); err != nil {
			return err
		}
		if err := t.rejectedBytes(-size); err != nil {
			return err
		}
		t.done(func() { d.feed.publish(a.changed) })
		return t.audit(millis(d.cfg.Now()), who, "rejected event replayed", e.Tenant, id, e.ID)
	})
	if err != nil {
		return connector.EventStory{}, err
	}
	d.wake(wake...)
	stories, err := d.Events(ctx, EventFilter{Tenants: []string{key.tenant}, IDs: []string{key.id}}, connector.PageOf{})
	if err != nil || len(stories.Items) == 0 {
		return connector.EventStory{}, err
	}
	return stories.Items[0], nil
}

// rejectedEvent reads a reject and parses it anew.
func rejectedEvent(t *tx, op, id string) (*connector.Event, int64, error) {
	var in connector.Incoming
	var n int64
	var header, stream string
	err := t.read(selectReject, []any{id}, func(r row) error {
		n = r.num(0)
		in = connector.Incoming{
			Subject: r.text(3), Sequence: uint64(r.num(6)), Time: r.time(9), Data: r.blob(11), //nolint:gosec // stored from a uint64
		}
		header, stream = r.text(4), r.text(5)
		return nil
	})
	if err != nil {
		return nil, 0, err
	}
	if n == 0 {
		return nil, 0, notFound(op, "rejected event "+id)
	}
	if err := json.Unmarshal([]byte(header), &in.Header); err != nil {
		return nil, 0, err
	}
	_, created, _ := strings.Cut(stream, "@")
	e, reject := connector.ParseEvent(in, created)
	if reject != nil {
		why := &connector.Error{Kind: connector.Invalid, Op: op, Msg: reject.Reason}
		if reject.Path != "" {
			why.Details = []connector.Detail{{Path: reject.Path, Message: reject.Reason}}
		}
		return nil, 0, why
	}
	return e, n, nil
}

// RemoveRejected takes a rejected event away for good.
func (d *DB) RemoveRejected(ctx context.Context, id, who string) error {
	const op = "remove rejected event"
	return d.writer.write(ctx, op, func(t *tx) error {
		tenant, reason, found, size := "", "", false, int64(0)
		err := t.change(`DELETE FROM rejected WHERE id = ? RETURNING tenant, reason, size`, []any{id}, func(r row) error {
			tenant, reason, found, size = r.text(0), r.text(1), true, r.num(2)
			return nil
		})
		if err != nil {
			return err
		}
		if !found {
			return notFound(op, "rejected event "+id)
		}
		if err := t.rejectedBytes(-size); err != nil {
			return err
		}
		return t.audit(millis(d.cfg.Now()), who, "rejected event removed", tenant, id, fmt.Sprintf("%.200s", reason))
	})
}
