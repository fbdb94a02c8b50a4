package store

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"todosync/connector"
	"todosync/notify"
)

// How failures are summed up, which is done outside of the writer.
const (
	gatherStep     = 5000   // failures of one read
	gatherMessages = 20_000 // different messages that are told apart, over all groups; of later ones only the group is counted
	gatherGroups   = 1000   // groups of which examples are kept
)

// Gather implements notify.Desk.
func (d desk) Gather(ctx context.Context, digests []notify.Closed) (notify.Summary, error) {
	g := gathering{
		db: d.db, op: "sum up failures", tenant: digests[0].Tenant, groups: map[groupKey]*gathered{}, names: map[int64]string{}, outages: map[outageKey]*notify.Outage{},
	}
	last := digests[len(digests)-1]
	out := notify.Summary{ID: last.ID, Tenant: g.tenant, Window: notify.Window{From: digests[0].Window.From, To: last.Window.To}}
	if len(digests) > 1 {
		for _, c := range digests {
			out.Covers = append(out.Covers, c.ID)
		}
	}
	if err := g.connections(ctx); err != nil {
		return out, err
	}
	ranges, err := g.ranges(ctx, digests)
	if err != nil {
		return out, err
	}
	for _, r := range ranges {
		if err := g.read(ctx, r.First, r.Last); err != nil {
			return out, err
		}
	}
	if out.Examples, err = g.examples(ctx); err != nil {
		return out, err
	}
	if out.Waiting, err = g.waiting(ctx); err != nil {
		return out, err
	}
	out.Groups, out.OAs = g.result(), g.oas(out.Waiting)
	out.SignOns, err = g.signOns(ctx, digests[0].N, out.Window)
	return out, err
}

// signOnsMost is how far back sign-ons are counted: after a long time without a digest nobody asks about all of them.
const signOnsMost = 24 * time.Hour

// signOns counts who came from OAs since the digest before the first, until the end of a window.
func (g *gathering) signOns(ctx context.Context, first int64, w notify.Window) (*notify.SignOns, error) {
	out := &notify.SignOns{Since: w.To.Add(-signOnsMost), Why: map[string]int{}}
	var ended []int64
	var rows []struct {
		Outcome string `db:"outcome"`
		Count   int    `db:"count"`
	}
	err := g.db.reading(ctx, g.op, func(q *reader) error {
		ended, rows = ended[:0], rows[:0]
		if err := q.Select(&ended, `SELECT to_ms FROM digests WHERE tenant = ? AND n < ? ORDER BY n DESC LIMIT 1`, g.tenant, first); err != nil {
			return err
		}
		if len(ended) > 0 && instant(ended[0]).After(out.Since) {
			out.Since = instant(ended[0])
		}
		return q.Select(&rows, `SELECT outcome, COUNT(*) AS count FROM sign_ons WHERE tenant = ? AND n >= ? AND n < ? GROUP BY outcome`,
			g.tenant, millis(out.Since)<<logBits, millis(w.To)<<logBits)
	})
	for _, r := range rows {
		switch r.Outcome {
		case "signed_on":
			out.LetIn += r.Count
		case "greeted": // the same one comes again in a moment
		default:
			out.Refused += r.Count
			out.Why[r.Outcome] += r.Count
		}
	}
	if err != nil || out.LetIn+out.Refused == 0 {
		return nil, err
	}
	return out, nil
}

// A gathering is failures being summed up.
type gathering struct {
	db       *DB
	op       string
	tenant   string
	names    map[int64]string // of connections, deleted ones too
	groups   map[groupKey]*gathered
	messages int
	outages  map[outageKey]*notify.Outage
}

type groupKey struct {
	what  string
	conn  int64
	scene string
	class string
}

type gathered struct {
	count, recovered int
	messages         map[saying]int
	examples         []storedFailure
}

type saying struct{ code, text string }

type outageKey struct {
	conn  int64
	kind  notify.Kind
	since int64
}

// A storedFailure is a row of failures, with how its delivery stands.
type storedFailure struct {
	N        int64  `db:"n"`
	AtMs     int64  `db:"at_ms"`
	What     string `db:"what"`
	Conn     int64  `db:"conn"`
	Subject  int64  `db:"subject"`
	Scene    string `db:"scene"`
	Class    string `db:"class"`
	Code     string `db:"code"`
	Message  string `db:"message"`
	Receiver string `db:"receiver"`
	Tries    int    `db:"tries"`
	SinceMs  *int64 `db:"since_ms"`
	Waited   int    `db:"waited"`
	State    string `db:"state"`
}

// connections reads how the tenant's connections are called.
func (g *gathering) connections(ctx context.Context) error {
	var rows []struct {
		N    int64  `db:"n"`
		Name string `db:"name"`
	}
	err := g.db.reading(ctx, g.op, func(q *reader) error {
		rows = rows[:0]
		return q.Select(&rows, `SELECT n, name FROM connections WHERE tenant = ?`, g.tenant)
	})
	for _, r := range rows {
		g.names[r.N] = r.Name
	}
	return err
}

// A failureRange is what one digest has claimed, or several whose failures follow each other.
type failureRange struct {
	First int64 `db:"first_n"`
	Last  int64 `db:"last_n"`
}

func (g *gathering) ranges(ctx context.Context, digests []notify.Closed) ([]failureRange, error) {
	var out []failureRange
	err := g.db.reading(ctx, g.op, func(q *reader) error {
		out = out[:0]
		for _, c := range digests {
			var r failureRange
			if err := q.Get(&r, `SELECT first_n, last_n FROM digests WHERE n = ?`, c.N); err != nil {
				return err
			}
			if k := len(out) - 1; k >= 0 && out[k].Last+1 == r.First {
				out[k].Last = r.Last
				continue
			}
			out = append(out, r)
		}
		return nil
	})
	return out, err
}

// read counts a range of failures, some thousands at a time: no read lasts long.
func (g *gathering) read(ctx context.Context, first, last int64) error {
	const query = `SELECT f.n, f.at_ms, f.what, f.conn, f.subject, f.scene, f.class, f.code, f.message, f.receiver, f.tries, f.since_ms, f.waited,
		CASE f.what WHEN 'failed' THEN COALESCE((SELECT d.state FROM deliveries d WHERE d.n = f.subject), '')
			WHEN 'unbound' THEN COALESCE((SELECT d.state FROM deliveries d WHERE d.n = f.subject), '')
			WHEN 'rejected' THEN CASE WHEN EXISTS (SELECT 1 FROM rejected r WHERE r.n = f.subject) THEN '' ELSE 'succeeded' END ELSE '' END AS state
		FROM failures f WHERE f.tenant = ? AND f.n >= ? AND f.n <= ? ORDER BY f.n LIMIT ?`
	for {
		var rows []storedFailure
		err := g.db.reading(ctx, g.op, func(q *reader) error {
			rows = rows[:0]
			return q.Select(&rows, query, g.tenant, first, last, gatherStep)
		})
		if err != nil {
			return err
		}
		for i := range rows {
			g.add(&rows[i])
		}
		if len(rows) < gatherStep {
			return nil
		}
		first = rows[len(rows)-1].N + 1
	}
}

func (g *gathering) add(f *storedFailure) {
	key := groupKey{f.What, f.Conn, f.Scene, f.Class}
	x := g.groups[key]
	if x == nil {
		x = &gathered{messages: map[saying]int{}}
		g.groups[key] = x
	}
	x.count++
	if g.recovered(f) {
		x.recovered++
	}
	what := saying{f.Code, f.Message}
	if _, known := x.messages[what]; known || g.messages < gatherMessages {
		if !known {
			g.messages++
		}
		x.messages[what]++
	}
	if len(x.examples) < notify.ExamplesMost && (len(x.examples) == 0 || len(g.groups) <= gatherGroups) {
		x.examples = append(x.examples, *f)
	}
	g.outage(f)
}

// recovered reports whether what had failed is well now.
func (g *gathering) recovered(f *storedFailure) bool {
	switch notify.Kind(f.What) {
	case notify.Failed, notify.Unbound, notify.Rejected:
		return f.State == string(connector.Succeeded)
	case notify.Down, notify.TokenRefused:
		s := g.db.registry.current.Load().byNumber[f.Conn]
		if s == nil {
			return false
		}
		c := s.state.Load().condition
		return f.What == string(notify.Down) && c.DownSince.IsZero() || f.What == string(notify.TokenRefused) && c.TokenRefused.IsZero()
	case notify.Back:
	}
	return false
}

// outage keeps what happened to an OA as a whole. The failures come in the order in which it happened.
func (g *gathering) outage(f *storedFailure) {
	kind := notify.Kind(f.What)
	switch kind {
	case notify.Down, notify.TokenRefused, notify.Back:
	case notify.Failed, notify.Rejected, notify.Unbound:
		return
	}
	since := instantOf(f.SinceMs)
	if since.IsZero() {
		since = instant(f.AtMs)
	}
	out := &notify.Outage{Kind: kind, Connection: g.names[f.Conn], Since: since, Waited: f.Waited, Message: f.Message}
	key := outageKey{f.Conn, kind, millis(since)}
	if kind == notify.Back {
		key.kind, out.Kind = notify.Down, notify.Down
		until := instant(f.AtMs)
		out.Until = &until
		if before := g.outages[key]; before != nil {
			out.Message = before.Message
		}
	}
	g.outages[key] = out
}

// oas are the outages in the order of their beginnings, with what waits now for those that last.
func (g *gathering) oas(waiting []notify.Waiting) []notify.Outage {
	out := []notify.Outage{}
	for _, o := range g.outages {
		if o.Until == nil {
			o.Waited = 0
			for _, w := range waiting {
				if w.Connection == o.Connection {
					o.Waited += w.Count
				}
			}
		}
		out = append(out, *o)
	}
	slices.SortFunc(out, func(a, b notify.Outage) int {
		return cmp.Or(a.Since.Compare(b.Since), strings.Compare(a.Connection, b.Connection), strings.Compare(string(a.Kind), string(b.Kind)))
	})
	return out
}

// ordered are the groups, most failures first.
func (g *gathering) ordered() []groupKey {
	keys := make([]groupKey, 0, len(g.groups))
	for k := range g.groups {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b groupKey) int {
		return cmp.Or(cmp.Compare(g.groups[b].count, g.groups[a].count), cmp.Compare(a.conn, b.conn), strings.Compare(a.what, b.what),
			strings.Compare(a.scene, b.scene), strings.Compare(a.class, b.class))
	})
	return keys
}

// result gives the groups with their most frequent messages.
func (g *gathering) result() []notify.Group {
	out := make([]notify.Group, 0, len(g.groups))
	for _, k := range g.ordered() {
		x := g.groups[k]
		group := notify.Group{
			Kind: notify.Kind(k.what), Connection: g.names[k.conn], Scene: connector.Scene(k.scene), Class: k.class, Count: x.count, Recovered: x.recovered,
		}
		for s, n := range x.messages {
			group.Messages = append(group.Messages, notify.Message{Code: s.code, Text: s.text, Count: n})
		}
		slices.SortFunc(group.Messages, func(a, b notify.Message) int {
			return cmp.Or(cmp.Compare(b.Count, a.Count), strings.Compare(a.Code, b.Code), strings.Compare(a.Text, b.Text))
		})
		group.Messages = group.Messages[:min(len(group.Messages), notify.MessagesMost)]
		out = append(out, group)
	}
	return out
}

// examples gives some failures of each group in turn, with their records.
func (g *gathering) examples(ctx context.Context) ([]notify.Example, error) {
	var chosen []*storedFailure
	keys := g.ordered()
	for i := 0; i < notify.ExamplesMost && len(chosen) < notify.ExamplesMost; i++ {
		for _, k := range keys {
			if x := g.groups[k]; i < len(x.examples) && len(chosen) < notify.ExamplesMost {
				chosen = append(chosen, &x.examples[i])
			}
		}
	}
	out := make([]notify.Example, len(chosen))
	err := g.db.reading(ctx, g.op, func(q *reader) error {
		for i, f := range chosen {
			out[i] = notify.Example{
				Kind: notify.Kind(f.What), Connection: g.names[f.Conn], Scene: connector.Scene(f.Scene), Class: f.Class, Code: f.Code, Message: f.Message,
				Tries: f.Tries, Receiver: f.Receiver, Recovered: g.recovered(f),
			}
			if err := g.detail(q, f, &out[i]); err != nil {
				return err
			}
		}
		return nil
	})
	return out, err
}

// detail adds what the record of a failure says. The record may be gone.
func (g *gathering) detail(q *reader, f *storedFailure, e *notify.Example) error {
	switch notify.Kind(f.What) {
	case notify.Failed, notify.Unbound:
	case notify.Rejected:
		var rows []struct {
			ID      string `db:"id"`
			Subject string `db:"subject"`
		}
		if err := q.Select(&rows, `SELECT id, subject FROM rejected WHERE n = ?`, f.Subject); err != nil || len(rows) == 0 {
			return err
		}
		e.Record, e.Title = rows[0].ID, rows[0].Subject
		return nil
	case notify.Down, notify.Back, notify.TokenRefused:
		return nil
	}
	var rows []struct {
		ID        string `db:"id"`
		Todo      string `db:"todo"`
		Title     string `db:"title"`
		Receivers string `db:"receivers"`
		FirstMs   *int64 `db:"first_ms"`
		LastMs    *int64 `db:"last_ms"`
	}
	const query = `SELECT d.id AS id, d.todo AS todo, d.title AS title, d.receivers AS receivers,
		(SELECT MIN(a.started_ms) FROM attempts a WHERE a.at >= ? AND a.at < ?) AS first_ms,
		(SELECT MAX(a.started_ms) FROM attempts a WHERE a.at >= ? AND a.at < ?) AS last_ms FROM deliveries d WHERE d.n = ?`
	low, high := attemptKey(f.Subject, 0), attemptKey(f.Subject+1, 0)
	if err := q.Select(&rows, query, low, high, low, high, f.Subject); err != nil || len(rows) == 0 {
		return err
	}
	r := &rows[0]
	e.Record, e.Todo, e.Title = r.ID, r.Todo, r.Title
	e.FirstTry, e.LastTry = timeOrNil(r.FirstMs), timeOrNil(r.LastMs)
	if e.Receiver == "" {
		who, err := recipientsOf(r.Receivers)
		if err != nil {
			return err
		}
		ids := make([]string, len(who))
		for i := range who {
			ids[i] = who[i].ID
		}
		e.Receiver = strings.Join(ids, ",")
	}
	return nil
}

func timeOrNil(ms *int64) *time.Time {
	if ms == nil {
		return nil
	}
	t := instant(*ms)
	return &t
}

// waiting counts what waits at the tenant's connections.
func (g *gathering) waiting(ctx context.Context) ([]notify.Waiting, error) {
	out := []notify.Waiting{}
	for _, s := range g.db.registry.current.Load().byTenant[g.tenant] {
		var all, unbound struct {
			Count int   `db:"count"`
			Since int64 `db:"since"`
		}
		const everything = `SELECT x.count AS count, COALESCE((SELECT d.created_ms FROM deliveries d WHERE d.n = x.first), 0) AS since FROM (
			SELECT COUNT(*) AS count, MIN(n) AS first FROM (SELECT n FROM deliveries WHERE conn = ? AND due_ms IS NOT NULL LIMIT ?) AS y) AS x`
		const held = `SELECT COUNT(*) AS count, COALESCE(MIN(created_ms), 0) AS since FROM (
			SELECT created_ms FROM deliveries WHERE state = 'held' AND ` + ended + ` AND class = 'unbound' AND n >= ? AND n < ? LIMIT ?) AS y`
		low, high := span(s.conn)
		err := g.db.reading(ctx, g.op, func(q *reader) error {
			if err := q.Get(&all, everything, s.conn, waitingMost); err != nil {
				return err
			}
			return q.Get(&unbound, held, low, high, waitingMost)
		})
		if err != nil {
			return nil, err
		}
		if rest := all.Count - unbound.Count; rest > 0 {
			out = append(out, notify.Waiting{Connection: s.key.Name, Count: rest, Since: instant(all.Since), Reason: string(s.state.Load().condition.Reason())})
		}
		if unbound.Count > 0 {
			out = append(out, notify.Waiting{Connection: s.key.Name, Count: unbound.Count, Since: instant(unbound.Since), Reason: string(connector.ReasonUnbound)})
		}
	}
	return out, nil
}
