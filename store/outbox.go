package store

import (
	"context"
	"encoding/json"
	"fmt"

	"todosync/notify"
)

// waitingParcels is how many digests that wait for one channel are given at a time.
const waitingParcels = 5000

// Lanes implements notify.Outbox.
func (d desk) Lanes(ctx context.Context) ([]notify.Lane, error) {
	var rows []struct {
		Tenant  string `db:"tenant"`
		Channel string `db:"channel"`
	}
	err := d.db.reading(ctx, "look for digests to be sent", func(q *reader) error {
		rows = rows[:0]
		return q.Select(&rows, `SELECT DISTINCT tenant, channel FROM digest_sends WHERE state = 'waiting' ORDER BY tenant, channel`)
	})
	out := make([]notify.Lane, len(rows))
	for i, r := range rows {
		out[i] = notify.Lane(r)
	}
	return out, err
}

// A storedParcel is a row of digest_sends with its digest.
type storedParcel struct {
	storedDigest
	Channel string  `db:"channel"`
	State   string  `db:"state"`
	Tries   int     `db:"tries"`
	DueMs   int64   `db:"due_ms"`
	FirstMs int64   `db:"first_ms"`
	SentMs  *int64  `db:"sent_ms"`
	Error   string  `db:"error"`
	Joined  int64   `db:"joined"`
	Whole   bool    `db:"whole"`
	Own     *string `db:"own"`
}

func (s *storedParcel) parcel() notify.Parcel {
	return notify.Parcel{
		Closed: s.closed(), State: notify.ParcelState(s.State), Tries: s.Tries, Due: instant(s.DueMs), First: instant(s.FirstMs),
		Sent: instantOf(s.SentMs), Error: s.Error, Whole: s.Whole,
	}
}

// Waiting implements notify.Outbox.
func (d desk) Waiting(ctx context.Context, l notify.Lane) ([]notify.Parcel, error) {
	const op = "read digests to be sent"
	const query = `SELECT d.n, d.id, d.tenant, d.from_ms, d.to_ms, d.closed_ms, s.state, s.tries, s.due_ms, s.first_ms, s.sent_ms, s.error,
		s.content IS NOT NULL AS whole
		FROM digest_sends s JOIN digests d ON d.n = s.digest WHERE s.tenant = ? AND s.channel = ? AND s.state = 'waiting' ORDER BY s.digest LIMIT ?`
	const content = `SELECT COALESCE(s.content, d.content) FROM digest_sends s JOIN digests d ON d.n = s.digest WHERE s.digest = ? AND s.channel = ?`
	var rows []storedParcel
	var first string
	err := d.db.reading(ctx, op, func(q *reader) error {
		rows = rows[:0]
		if err := q.Select(&rows, query, l.Tenant, l.Channel, waitingParcels); err != nil || len(rows) == 0 {
			return err
		}
		return q.Get(&first, content, rows[0].N, l.Channel)
	})
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	out := make([]notify.Parcel, len(rows))
	for i := range rows {
		out[i] = rows[i].parcel()
	}
	out[0].Says = new(notify.Digest)
	if err := json.Unmarshal([]byte(first), out[0].Says); err != nil {
		return nil, failed(op, fmt.Errorf("digest %s: %w", out[0].ID, err))
	}
	return out, nil
}

// Tell implements notify.Outbox.
func (d desk) Tell(ctx context.Context, fence int64, l notify.Lane, p notify.Parcel) error {
	const op = "store what came of a digest"
	return d.db.writer.within(ctx, op, alone, func(t *tx) error {
		if err := d.fencedDigests(t, op, fence); err != nil {
			return err
		}
		const query = `UPDATE digest_sends SET state = ?, tries = ?, due_ms = ?, sent_ms = ?, error = ? WHERE digest = ? AND channel = ? AND state = 'waiting'`
		return t.run(query, string(p.State), p.Tries, millis(p.Due), millisOrNull(p.Sent), p.Error, p.N, l.Channel)
	})
}

// Join implements notify.Outbox.
func (d desk) Join(ctx context.Context, fence int64, l notify.Lane, parcels []notify.Parcel, says notify.Digest) error {
	const op = "join digests"
	content, err := json.Marshal(&says)
	if err != nil {
		return failed(op, err)
	}
	bearer := parcels[len(parcels)-1].N
	return d.db.writer.within(ctx, op, alone, func(t *tx) error {
		if err := d.fencedDigests(t, op, fence); err != nil {
			return err
		}
		err := t.run(`UPDATE digest_sends SET content = ? WHERE digest = ? AND channel = ? AND state = 'waiting'`, string(content), bearer, l.Channel)
		if err != nil {
			return err
		}
		for _, p := range parcels[:len(parcels)-1] {
			err := t.run(`UPDATE digest_sends SET state = 'joined', joined = ? WHERE digest = ? AND channel = ? AND state = 'waiting'`, bearer, p.N, l.Channel)
			if err != nil {
				return err
			}
		}
		return nil
	})
}
