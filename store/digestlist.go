package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"todosync/connector"
	"todosync/notify"
)

// A DigestFilter chooses digests; empty members choose all. From and To are about the ends of their windows.
type DigestFilter struct {
	Tenants  []string
	From, To time.Time
}

// Digests lists digests that are summed up, newest first.
func (d *DB) Digests(ctx context.Context, f DigestFilter, p connector.PageOf) (connector.Page[notify.Kept], error) {
	const op = "list digests"
	out := connector.Page[notify.Kept]{Items: []notify.Kept{}}
	before, limit, err := pageOf(op, p)
	if err != nil {
		return out, err
	}
	w := where{}
	w.add(`n < ?`, before)
	w.add(`content IS NOT NULL`)
	w.in(`tenant`, f.Tenants)
	if !f.From.IsZero() {
		w.add(`to_ms > ?`, millis(f.From))
	}
	if !f.To.IsZero() {
		w.add(`from_ms < ?`, millis(f.To))
	}
	var rows []storedDigest
	var sends map[int64][]storedParcel
	err = d.reading(ctx, op, func(q *reader) error {
		rows = rows[:0]
		err := q.Select(&rows, `SELECT n, id, tenant, from_ms, to_ms, closed_ms, content FROM digests `+w.text()+` ORDER BY n DESC LIMIT ?`, w.with(limit+1)...)
		if err != nil {
			return err
		}
		sends, err = sendsOf(q, rows[:min(len(rows), limit)])
		return err
	})
	for i := range rows {
		if i == limit {
			out.Next = cursor(rows[i-1].N)
			break
		}
		k, kerr := rows[i].kept(sends[rows[i].N])
		err = errors.Join(err, kerr)
		out.Items = append(out.Items, k)
	}
	if err == nil {
		err = d.typed(ctx, out.Items)
	}
	return out, err
}

// Digest gives one digest with what came of it.
func (d *DB) Digest(ctx context.Context, id string) (notify.Kept, error) {
	const op = "read digest"
	var rows []storedDigest
	var sends map[int64][]storedParcel
	err := d.reading(ctx, op, func(q *reader) error {
		rows = rows[:0]
		err := q.Select(&rows, `SELECT n, id, tenant, from_ms, to_ms, closed_ms, content FROM digests WHERE id = ? AND content IS NOT NULL`, clean(id))
		if err != nil {
			return err
		}
		sends, err = sendsOf(q, rows)
		return err
	})
	switch {
	case err != nil:
		return notify.Kept{}, err
	case len(rows) == 0:
		return notify.Kept{}, notFound(op, "digest "+id)
	}
	k, err := rows[0].kept(sends[rows[0].N])
	if err != nil {
		return k, failed(op, err)
	}
	items := []notify.Kept{k}
	err = d.typed(ctx, items)
	return items[0], err
}

// sendsOf reads what came of digests, by their numbers.
func sendsOf(q *reader, digests []storedDigest) (map[int64][]storedParcel, error) {
	out := map[int64][]storedParcel{}
	if len(digests) == 0 {
		return out, nil
	}
	numbers := make([]int64, len(digests))
	for i := range digests {
		numbers[i] = digests[i].N
	}
	w := where{}
	w.numbers(`s.digest`, numbers)
	var rows []storedParcel
	const query = `SELECT s.digest AS n, s.channel, s.state, s.tries, s.due_ms, s.first_ms, s.sent_ms, s.error, s.joined, COALESCE(j.id, '') AS id,
		s.content AS own FROM digest_sends s LEFT JOIN digests j ON j.n = s.joined `
	if err := q.Select(&rows, query+w.text()+` ORDER BY s.digest, s.channel`, w.args...); err != nil {
		return nil, err
	}
	for _, r := range rows {
		out[r.N] = append(out[r.N], r)
	}
	return out, nil
}

// kept is a digest as it is shown.
func (s *storedDigest) kept(sends []storedParcel) (notify.Kept, error) {
	k := notify.Kept{ClosedAt: instant(s.ClosedMs), Channels: make([]notify.Outcome, len(sends))}
	if err := json.Unmarshal([]byte(*s.Content), &k.Digest); err != nil {
		return k, fmt.Errorf("digest %s: %w", s.ID, err)
	}
	for i := range sends {
		r := &sends[i]
		o := notify.Outcome{Channel: r.Channel, State: notify.ParcelState(r.State), Tries: r.Tries, Error: r.Error, JoinedTo: r.ID, Sent: timeOrNil(r.SentMs)}
		if o.State == notify.ParcelWaiting {
			o.NextTry = timeOrNil(&r.DueMs)
		}
		k.Channels[i] = o
	}
	return k, nil
}

// typed says of which type channels are, as the settings are now.
func (d *DB) typed(ctx context.Context, items []notify.Kept) error {
	known := map[string]connector.Tenant{}
	for i := range items {
		k := &items[i]
		t, ok := known[k.Tenant]
		if !ok {
			var err error
			if t, _, err = d.Desk().Tenant(ctx, k.Tenant); err != nil {
				return err
			}
			known[k.Tenant] = t
		}
		names := t.Notify.ChannelNames()
		for j := range k.Channels {
			if at := slices.Index(names, k.Channels[j].Channel); at >= 0 {
				k.Channels[j].Type = t.Notify.Channels[at].Type
			}
		}
	}
	return nil
}

// ResendDigest has a digest sent again: to all of the tenant's channels as they are now, or to one of them. It is sent after what
// still waits there from before, in its place.
func (d *DB) ResendDigest(ctx context.Context, id, channel, who string) error {
	const op = "send digest again"
	k, err := d.Digest(ctx, id)
	if err != nil {
		return err
	}
	t, _, err := d.Desk().Tenant(ctx, k.Tenant)
	if err != nil {
		return err
	}
	names := t.Notify.ChannelNames()
	switch {
	case channel != "" && !slices.Contains(names, channel):
		return &connector.Error{
			Kind: connector.Invalid, Op: op, Msg: fmt.Sprintf("the tenant has no channel %q", channel), Hint: channelsHint(names),
			Details: []connector.Detail{{Path: "channel", Message: "not a channel of the tenant"}},
		}
	case channel != "":
		names = []string{channel}
	case len(names) == 0:
		return &connector.Error{Kind: connector.Conflict, Op: op, Msg: "the tenant has no channel", Hint: "add one to the tenant's settings: notify.channels"}
	}
	now := millis(d.cfg.Now())
	err = d.writer.within(ctx, op, alone, func(t *tx) error {
		n := int64(0)
		if err := t.read(`SELECT n FROM digests WHERE id = ?`, []any{clean(id)}, func(r row) error { n = r.num(0); return nil }); err != nil || n == 0 {
			return errors.Join(err, gone(op, id, n))
		}
		for _, name := range names {
			const query = `INSERT INTO digest_sends (digest, channel, tenant, state, tries, due_ms, first_ms, error, joined) VALUES (?, ?, ?, 'waiting', 0, ?, ?, '', 0)
				ON CONFLICT (digest, channel) DO UPDATE SET state = 'waiting', tries = 0, due_ms = excluded.due_ms, first_ms = excluded.first_ms, joined = 0`
			if err := t.run(query, n, name, k.Tenant, now, now); err != nil {
				return err
			}
		}
		t.done(d.failing)
		return t.audit(now, who, "digest sent again", k.Tenant, id, channel)
	})
	return err
}

func gone(op, id string, n int64) error {
	if n == 0 {
		return notFound(op, "digest "+id)
	}
	return nil
}

// channelsHint names the channels that there are.
func channelsHint(names []string) string {
	if len(names) == 0 {
		return "it has none: add one to its settings, notify.channels"
	}
	return fmt.Sprintf("it has %v", names)
}

// DigestCount says how many digests stand in a state at the channels of one tenant.
type DigestCount struct {
	Tenant  string
	Channel string
	State   notify.ParcelState
	Count   int64
	Oldest  time.Time // of what waits: since when
}

// DigestCounts counts what waits for channels, and what was given up there.
func (d *DB) DigestCounts(ctx context.Context, tenants []string) ([]DigestCount, error) {
	w := where{}
	w.add(`state = 'waiting'`)
	w.in(`tenant`, tenants)
	var rows []struct {
		Tenant  string `db:"tenant"`
		Channel string `db:"channel"`
		Count   int64  `db:"count"`
		FirstMs int64  `db:"first_ms"`
	}
	err := d.reading(ctx, "count digests", func(q *reader) error {
		rows = rows[:0]
		return q.Select(&rows, `SELECT tenant, channel, COUNT(*) AS count, MIN(first_ms) AS first_ms FROM digest_sends `+w.text()+
			` GROUP BY tenant, channel ORDER BY tenant, channel`, w.args...)
	})
	out := make([]DigestCount, len(rows))
	for i, r := range rows {
		out[i] = DigestCount{Tenant: r.Tenant, Channel: r.Channel, State: notify.ParcelWaiting, Count: r.Count, Oldest: instant(r.FirstMs)}
	}
	return out, err
}
