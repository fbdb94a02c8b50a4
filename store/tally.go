package store

import (
	"strings"
	"time"

	"todosync/connector"
)

// TallySpan is how long one tally counts, while it is young. From tallyCoarse on it is ten of these, from tallyHourly on an hour.
const TallySpan = time.Minute

// Delays are the lengths by which a tally sorts delays. What took longer than the last of them is the rest.
func Delays() []time.Duration {
	out := make([]time.Duration, len(delayColumns()))
	for i, c := range delayColumns() {
		out[i] = c.most
	}
	return out
}

// delaySorts is how many lengths there are; the rest is counted by what is missing.
const delaySorts = 16

type delayColumn struct {
	name string
	most time.Duration
}

// delayColumns are the columns of table tallies that count delays up to a length.
func delayColumns() *[delaySorts]delayColumn {
	return &[delaySorts]delayColumn{
		{"in_10ms", 10 * time.Millisecond},
		{"in_25ms", 25 * time.Millisecond},
		{"in_50ms", 50 * time.Millisecond},
		{"in_100ms", 100 * time.Millisecond},
		{"in_250ms", 250 * time.Millisecond},
		{"in_500ms", 500 * time.Millisecond},
		{"in_1s", time.Second},
		{"in_2s", 2 * time.Second},
		{"in_5s", 5 * time.Second},
		{"in_10s", 10 * time.Second},
		{"in_30s", 30 * time.Second},
		{"in_1m", time.Minute},
		{"in_5m", 5 * time.Minute},
		{"in_30m", 30 * time.Minute},
		{"in_2h", 2 * time.Hour},
		{"in_12h", 12 * time.Hour},
	}
}

// A tally counts outcomes of one operation at one connection before they are stored.
type tally struct {
	ends   []tallied
	causes []cause
}

type tallied struct {
	what   string
	count  int64
	within [delaySorts]int64
}

// What a cause is counted for.
const (
	causeFailed = "failed" // a delivery that failed for good
	causeTry    = "try"    // a try that was in vain
)

type cause struct {
	what, class, code string
	count             int64
}

// add counts one outcome and how long after the event's commit it came.
func (t *tally) add(what string, delayMs int64) {
	e := t.of(what)
	e.count++
	for i, c := range delayColumns() {
		if delayMs <= c.most.Milliseconds() {
			e.within[i]++
			break
		}
	}
}

// of gives the counts of one outcome.
func (t *tally) of(what string) *tallied {
	for i := range t.ends {
		if t.ends[i].what == what {
			return &t.ends[i]
		}
	}
	t.ends = append(t.ends, tallied{what: what})
	return &t.ends[len(t.ends)-1]
}

// codeMost is how much of a code is counted apart, in bytes: an OA may put what it likes into it.
const codeMost = 64

// why counts one cause.
func (t *tally) why(what, class, code string) {
	if len(code) > codeMost {
		code = strings.ToValidUTF8(code[:codeMost], "")
	}
	for i := range t.causes {
		if c := &t.causes[i]; c.what == what && c.class == class && c.code == code {
			c.count++
			return
		}
	}
	t.causes = append(t.causes, cause{what, class, code, 1})
}

// failed counts a delivery that failed for good.
func (t *tally) failed(class, code string, delayMs int64) {
	t.add(string(connector.Failed), delayMs)
	t.why(causeFailed, class, code)
}

// storeTally adds to what is counted of a minute, ten or an hour.
const storeTally = `INSERT INTO tallies (conn, at_ms, what, count, in_10ms, in_25ms, in_50ms, in_100ms, in_250ms, in_500ms, in_1s, in_2s, in_5s,
	in_10s, in_30s, in_1m, in_5m, in_30m, in_2h, in_12h) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
	ON CONFLICT (conn, at_ms, what) DO UPDATE SET count = tallies.count + excluded.count, in_10ms = tallies.in_10ms + excluded.in_10ms,
	in_25ms = tallies.in_25ms + excluded.in_25ms, in_50ms = tallies.in_50ms + excluded.in_50ms, in_100ms = tallies.in_100ms + excluded.in_100ms,
	in_250ms = tallies.in_250ms + excluded.in_250ms, in_500ms = tallies.in_500ms + excluded.in_500ms, in_1s = tallies.in_1s + excluded.in_1s,
	in_2s = tallies.in_2s + excluded.in_2s, in_5s = tallies.in_5s + excluded.in_5s, in_10s = tallies.in_10s + excluded.in_10s,
	in_30s = tallies.in_30s + excluded.in_30s, in_1m = tallies.in_1m + excluded.in_1m, in_5m = tallies.in_5m + excluded.in_5m,
	in_30m = tallies.in_30m + excluded.in_30m, in_2h = tallies.in_2h + excluded.in_2h, in_12h = tallies.in_12h + excluded.in_12h`

const storeCause = `INSERT INTO causes (conn, at_ms, what, class, code, count) VALUES (?, ?, ?, ?, ?, ?)
	ON CONFLICT (conn, at_ms, what, class, code) DO UPDATE SET count = causes.count + excluded.count`

const storeArrival = `INSERT INTO arrivals (tenant, at_ms, what, count) VALUES (?, ?, ?, ?)
	ON CONFLICT (tenant, at_ms, what) DO UPDATE SET count = arrivals.count + excluded.count`

// store adds what was counted to the tallies of its time.
func (t *tally) store(x *tx, conn, now int64) error {
	at := minuteOf(now)
	for i := range t.ends {
		e := &t.ends[i]
		w := &e.within
		err := x.spread(storeTally, conn, at, e.what, e.count, w[0], w[1], w[2], w[3], w[4], w[5], w[6], w[7], w[8], w[9], w[10], w[11], w[12], w[13], w[14], w[15])
		if err != nil {
			return err
		}
	}
	for _, c := range t.causes {
		if err := x.spread(storeCause, conn, at, c.what, c.class, c.code, c.count); err != nil {
			return err
		}
	}
	return nil
}

// countCanceled counts deliveries that a person ended. It may be called for the same connection again and again in a transaction.
func (t *tx) countCanceled(conn, now int64, count int) error {
	if count == 0 {
		return nil
	}
	const query = `INSERT INTO tallies (conn, at_ms, what, count, in_10ms, in_50ms, in_250ms, in_1s, in_10s, in_1m)
		VALUES (?, ?, 'canceled', ?, 0, 0, 0, 0, 0, 0) ON CONFLICT (conn, at_ms, what) DO UPDATE SET count = tallies.count + excluded.count`
	return t.run(query, conn, minuteOf(now), count)
}

// minuteOf is the minute that a moment lies in.
func minuteOf(ms int64) int64 { return ms - ms%TallySpan.Milliseconds() }

// countArrivals stores what came in a part of a batch, and what planning ended at once.
func (a *acceptance) countArrivals() error {
	at := minuteOf(millis(a.batch.Now))
	type arrival struct{ tenant, what string }
	var order []arrival
	counts := map[arrival]int64{}
	known := a.db.registry.current.Load().byTenant
	for _, e := range a.result.Ends {
		what := arrivalAccepted
		switch e.End {
		case connector.EndDuplicate:
			what = arrivalDuplicate
		case connector.EndRejected:
			what = arrivalRejected
		}
		of := arrival{e.Tenant, what}
		if len(known[e.Tenant]) == 0 {
			of.tenant = ""
		}
		if counts[of] == 0 {
			order = append(order, of)
		}
		counts[of] += int64(e.Count)
	}
	for _, of := range order {
		if err := a.tx.spread(storeArrival, of.tenant, at, of.what, counts[of]); err != nil {
			return err
		}
	}
	for conn, t := range a.tallies {
		if err := t.store(a.tx, conn, at); err != nil {
			return err
		}
	}
	return nil
}

// What an arrival may be.
const (
	arrivalAccepted  = "accepted"
	arrivalDuplicate = "duplicate"
	arrivalRejected  = "rejected"
)
