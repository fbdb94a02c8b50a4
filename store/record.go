package store

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"todosync/connector"
	"todosync/mapping"
	"todosync/retry"
)

// textDefault is how far back text is looked for unless the filter says from when on.
const textDefault = 7 * 24 * time.Hour

// recordColumns are what a storedRecord is read from; deliveries are d, their connections c.
const recordColumns = `d.n, d.id, d.conn, c.tenant, c.name, d.scene, d.state, d.class, d.code, d.message, d.todo, d.title, d.receivers,
	d.account, d.event_id, d.revision, d.tries, d.created_ms, d.updated_ms, d.due_ms, d.sent_twice, d.superseded_by,
	d.split_from, d.remote_id, (SELECT s.since_ms FROM sending s WHERE s.n = d.n) AS since_ms`

type storedRecord struct {
	N            int64  `db:"n"`
	ID           string `db:"id"`
	Conn         int64  `db:"conn"`
	Tenant       string `db:"tenant"`
	Name         string `db:"name"`
	Scene        string `db:"scene"`
	State        string `db:"state"`
	Class        string `db:"class"`
	Code         string `db:"code"`
	Message      string `db:"message"`
	Todo         string `db:"todo"`
	Title        string `db:"title"`
	Receivers    string `db:"receivers"`
	Account      string `db:"account"`
	EventID      string `db:"event_id"`
	Revision     int64  `db:"revision"`
	Tries        int    `db:"tries"`
	CreatedMs    int64  `db:"created_ms"`
	UpdatedMs    int64  `db:"updated_ms"`
	DueMs        *int64 `db:"due_ms"`
	SentTwice    bool   `db:"sent_twice"`
	SupersededBy string `db:"superseded_by"`
	SplitFrom    string `db:"split_from"`
	RemoteID     string `db:"remote_id"`
	SinceMs      *int64 `db:"since_ms"` // of what is being sent
}

// record is the row as an admin sees it: what a condition holds is held.
func (d *DB) record(r *storedRecord) (connector.Record, error) {
	who, err := recipientsOf(r.Receivers)
	if err != nil {
		return connector.Record{}, err
	}
	ids := make([]string, len(who))
	for i, p := range who {
		ids[i] = p.ID
	}
	out := connector.Record{
		ID: r.ID, Tenant: r.Tenant, Connection: r.Name, Scene: connector.Scene(r.Scene), State: connector.State(r.State),
		Class: retry.Class(r.Class), Code: r.Code, Message: r.Message, Todo: r.Todo, Title: r.Title,
		Receiver: strings.Join(ids, ","), OAAccount: r.Account, EventID: r.EventID, Revision: r.Revision, Tries: r.Tries,
		CreatedAt: instant(r.CreatedMs), UpdatedAt: instant(r.UpdatedMs), PossiblySentTwice: r.SentTwice,
		SupersededBy: r.SupersededBy, SplitFrom: r.SplitFrom, RemoteID: r.RemoteID,
	}
	if r.SinceMs != nil {
		out.State, out.UpdatedAt = connector.Sending, instant(*r.SinceMs)
		return out, nil
	}
	if out.State == connector.Pending || out.State == connector.Retrying {
		if s := d.registry.current.Load().byNumber[r.Conn]; s != nil {
			if c := s.state.Load().condition; c.Reason() != "" {
				out.State, out.Class = connector.Held, c.Reason()
				if c.Message != "" {
					out.Message = c.Message
				}
				return out, nil
			}
		}
		if r.DueMs != nil {
			if due := dueTime(*r.DueMs); !due.IsZero() {
				out.NextTryAt = &due
			}
		}
	}
	return out, nil
}

// Records lists the sync records that a filter chooses, newest first, without their attempts. A search that would take long ends
// with what it has found, maybe nothing, and a cursor to go on from; an empty cursor says that there is no more.
func (d *DB) Records(ctx context.Context, f connector.RecordFilter, p connector.PageOf) (connector.Page[connector.Record], error) {
	const op = "search records"
	out := connector.Page[connector.Record]{Items: []connector.Record{}}
	_, limit, err := pageOf(op, connector.PageOf{Limit: p.Limit})
	if err != nil {
		return out, err
	}
	after, ok := readIDCursor(p.Cursor)
	if !ok {
		return out, badCursor(op)
	}
	if err := checkFilter(op, &f); err != nil {
		return out, err
	}
	if f.Text != "" && f.From.IsZero() {
		end := f.To
		if end.IsZero() {
			end = d.cfg.Now()
		}
		f.From = end.Add(-textDefault)
	}
	err = d.reading(ctx, op, func(q *reader) error {
		out.Items, out.Next = out.Items[:0], ""
		query, err := d.recordQuery(q, &f)
		if err != nil || query.none {
			return err
		}
		s := recordSearch{tx: q, query: &query, limit: limit, step: searchStep, time: searchTime}
		if s.floor, s.below = idsBetween(f.From, f.To); after != "" && (s.below == "" || after < s.below) {
			s.below = after
		}
		numbers, next, early, err := s.run()
		if err != nil {
			return err
		}
		if next != "" {
			out.Next = idCursor(next)
		}
		if early {
			out.SearchedTo = timeOfID(next)
		}
		out.Items, err = d.recordsByNumber(q, numbers)
		return err
	})
	return out, err
}

// checkFilter refuses words that are no state, class or scene: a typing mistake would find nothing and say nothing.
func checkFilter(op string, f *connector.RecordFilter) error {
	var wrong []connector.Detail
	check := func(path string, values, known []string) {
		for _, v := range values {
			if !slices.Contains(known, v) {
				wrong = append(wrong, connector.Detail{Path: path, Message: v + " is none of " + strings.Join(known, ", ")})
			}
		}
	}
	check("state", f.States, words(connector.States()))
	check("scene", f.Scenes, words(connector.Scenes()))
	if !f.From.IsZero() && !f.To.IsZero() && !f.From.Before(f.To) {
		wrong = append(wrong, connector.Detail{Path: "to", Message: "is not after from"})
	}
	if len(wrong) > 0 {
		return &connector.Error{Kind: connector.Invalid, Op: op, Msg: "the filter is wrong", Details: wrong}
	}
	return nil
}

func words[T ~string](values []T) []string {
	out := make([]string, len(values))
	for i, v := range values {
		out[i] = string(v)
	}
	return out
}

// recordsByNumber reads records, newest first.
func (d *DB) recordsByNumber(q *reader, numbers []int64) ([]connector.Record, error) {
	out := make([]connector.Record, 0, len(numbers))
	rows, err := storedRecords(q, numbers)
	if err != nil {
		return nil, err
	}
	for i := range rows {
		r, err := d.record(&rows[i])
		if err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	return out, nil
}

// storedRecords reads the rows of records, newest first.
func storedRecords(q *reader, numbers []int64) ([]storedRecord, error) {
	if len(numbers) == 0 {
		return nil, nil
	}
	var rows []storedRecord
	err := q.Select(&rows, `SELECT `+recordColumns+` FROM deliveries d JOIN connections c ON c.n = d.conn
		WHERE d.n IN (SELECT value FROM json_each(?)) ORDER BY d.id DESC`, numberSet(numbers))
	if err != nil {
		return nil, err
	}
	return rows, followSuperseded(q, rows)
}

// supersededHops bounds how far a link is followed; only a todo that was edited more often than that while its OA was away has more.
const supersededHops = 10_000

// followSuperseded lets the links of superseded rows, newest first, lead to the delivery that is sent in their place. A row is stored with
// the one that superseded it, and that may have been superseded since: to write all of them again at each event of a todo would
// cost the square of their number.
func followSuperseded(q *reader, rows []storedRecord) error {
	here := map[string]*storedRecord{}
	var leave []int64 // whose links lead to rows that are not here
	for i := range rows {
		r := &rows[i]
		here[r.ID] = r
		if r.SupersededBy != "" && here[r.SupersededBy] == nil {
			leave = append(leave, r.N)
		}
	}
	ends := map[int64]string{}
	if len(leave) > 0 {
		const query = `WITH RECURSIVE links (origin, target, hops) AS (
			SELECT n, superseded_by, 1 FROM deliveries WHERE n IN (SELECT value FROM json_each(?))
			UNION ALL SELECT l.origin, d.superseded_by, l.hops + 1 FROM links l JOIN deliveries d ON d.id = l.target
				WHERE d.superseded_by <> '' AND l.hops < ?)
			SELECT origin, target FROM links ORDER BY origin, hops`
		var links []struct {
			Origin int64  `db:"origin"`
			Target string `db:"target"`
		}
		if err := q.Select(&links, query, numberSet(leave), supersededHops); err != nil {
			return err
		}
		for _, l := range links {
			ends[l.Origin] = l.Target
		}
	}
	for i := range rows { // newest first: what a link leads to has been followed before
		r := &rows[i]
		if end := ends[r.N]; end != "" {
			r.SupersededBy = end
		} else if next := here[r.SupersededBy]; next != nil && next.SupersededBy != "" {
			r.SupersededBy = next.SupersededBy
		}
	}
	return nil
}

// Record gives one sync record with its attempts. Secrets show as ***.
func (d *DB) Record(ctx context.Context, id string) (connector.Record, error) {
	const op = "read record"
	var out connector.Record
	err := d.reading(ctx, op, func(q *reader) error {
		var rows []storedRecord
		err := q.Select(&rows, `SELECT `+recordColumns+` FROM deliveries d JOIN connections c ON c.n = d.conn WHERE d.id = ?`, clean(id))
		if err != nil {
			return err
		}
		if len(rows) == 0 {
			return notFound(op, "record "+id)
		}
		if err := followSuperseded(q, rows); err != nil {
			return err
		}
		if out, err = d.record(&rows[0]); err != nil {
			return err
		}
		out.Attempts, err = attemptsOf(q, rows[0].N)
		return err
	})
	return out, err
}

type storedAttempt struct {
	Number          int    `db:"number"`
	StartedMs       int64  `db:"started_ms"`
	DurationMs      int64  `db:"duration_ms"`
	Method          string `db:"method"`
	Address         string `db:"address"`
	RequestHeaders  string `db:"request_headers"`
	RequestBody     string `db:"request_body"`
	Status          int    `db:"status"`
	ResponseHeaders string `db:"response_headers"`
	ResponseBody    string `db:"response_body"`
	Class           string `db:"class"`
	Code            string `db:"code"`
	Message         string `db:"message"`
	Worker          string `db:"worker"`
}

// attemptsMost is how many attempts of one record are shown; a delivery that was probed for weeks has thousands.
const attemptsMost = 200

// attemptsOf reads the last attempts of a delivery, in order.
func attemptsOf(q *reader, delivery int64) ([]connector.RecordAttempt, error) {
	const query = `SELECT number, started_ms, duration_ms, method, address, request_headers, request_body, status, response_headers,
		response_body, class, code, message, worker FROM attempts WHERE at BETWEEN ? AND ? ORDER BY number DESC LIMIT ?`
	var rows []storedAttempt
	if err := q.Select(&rows, query, attemptKey(delivery, 0), attemptKey(delivery+1, 0)-1, attemptsMost); err != nil {
		return nil, err
	}
	slices.Reverse(rows)
	out := make([]connector.RecordAttempt, len(rows))
	for i := range rows {
		r := &rows[i]
		a := connector.RecordAttempt{
			Number: r.Number, StartedAt: instant(r.StartedMs), DurationMs: r.DurationMs,
			Request:  connector.SentRequest{Method: r.Method, Address: mapping.Mask(r.Address), Body: mapping.Mask(r.RequestBody)},
			Response: connector.ReceivedAnswer{Status: r.Status, Body: r.ResponseBody},
			Class:    retry.Class(r.Class), Code: r.Code, Message: r.Message, Worker: r.Worker,
		}
		if err := json.Unmarshal([]byte(r.RequestHeaders), &a.Request.Headers); err != nil {
			return nil, err
		}
		if err := json.Unmarshal([]byte(r.ResponseHeaders), &a.Response.Headers); err != nil {
			return nil, err
		}
		a.Named = connector.SentRequest{
			Method: r.Method, Address: connector.SecretNames(r.Address), Body: connector.SecretNames(r.RequestBody), Headers: slices.Clone(a.Request.Headers),
		}
		for i := range a.Request.Headers {
			a.Named.Headers[i].Value = connector.SecretNames(a.Named.Headers[i].Value)
			a.Request.Headers[i].Value = mapping.Mask(a.Request.Headers[i].Value)
		}
		out[i] = a
	}
	return out, nil
}
