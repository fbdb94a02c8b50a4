package storetest

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"todosync/connector"
	"todosync/notify"
	"todosync/retry"
	"todosync/store"
)

// tenantItem is a tenant's settings.
func tenantItem(name string, change func(*connector.Tenant)) store.SaveItem {
	c := connector.DefaultTenant()
	c.Tenant = name
	if change != nil {
		change(&c)
	}
	settings, err := json.Marshal(&c)
	if err != nil {
		panic(err) // a Tenant always has a JSON form
	}
	return store.SaveItem{Kind: store.SaveTenant, Tenant: name, Settings: settings, Source: []byte("kind: Tenant\ntenant: \"" + name + "\"\n")}
}

// fail has one delivery fail that is claimed now.
func (p *player) fail(class retry.Class, message string) connector.Work {
	p.t.Helper()
	w := p.turn(1).Work
	if len(w) != 1 {
		p.t.Fatalf("claimed %d deliveries, want 1", len(w))
	}
	c := outcome(&w[0], connector.Failed, class)
	c.Message = message
	p.turn(0, c)
	return w[0]
}

// close closes the windows that are over, and gives the digests that wait to be summed up.
func (p *player) close(fence int64) []notify.Closed {
	p.t.Helper()
	desk := p.db.Desk()
	failing, err := desk.Failing(p.t.Context(), p.now)
	if err != nil {
		p.t.Fatalf("failing: %v", err)
	}
	for _, f := range failing {
		if _, err := desk.Close(p.t.Context(), fence, f.Tenant, p.now); err != nil {
			p.t.Fatalf("close: %v", err)
		}
	}
	closed, err := desk.Closed(p.t.Context())
	if err != nil {
		p.t.Fatalf("closed: %v", err)
	}
	return closed
}

// sum sums digests up as one.
func (p *player) sum(digests ...notify.Closed) notify.Digest {
	p.t.Helper()
	s, err := p.db.Desk().Gather(p.t.Context(), digests)
	if err != nil {
		p.t.Fatalf("gather: %v", err)
	}
	s.Zone, s.Language = "UTC", connector.English
	return notify.Summarize(s)
}

// keep sums a digest up for channels.
func (p *player) keep(c notify.Closed, channels ...string) notify.Digest {
	p.t.Helper()
	d := p.sum(c)
	var to []notify.Addressed
	for _, name := range channels {
		to = append(to, notify.Addressed{Channel: name})
	}
	if err := p.db.Desk().Keep(p.t.Context(), 0, c, d, to); err != nil {
		p.t.Fatalf("keep: %v", err)
	}
	return d
}

// testFailures has failures of all kinds told in the digest of their window, and once.
func testFailures(t *testing.T, e Engine) {
	woken := 0
	db := e.Open(t, e.Place(t), func(c *store.Config) { c.Failing = func() { woken++ } })
	p := playAt(t, db, nil)
	p.accept(Todo{Todo: "1", Receivers: []string{"a"}}, Todo{Todo: "2", Receivers: []string{"a"}}, Todo{Todo: "3", Receivers: []string{"a"}},
		Todo{Todo: "4", Receivers: []string{"x"}}, Todo{Todo: "5", Receivers: []string{"x", "y"}})
	first := p.fail(retry.Business, "no such user")
	p.fail(retry.Business, "no such user")
	p.fail(retry.HTTP4xx, "forbidden")
	p.take(Message(0, "crm.T.todo.create", []byte("no event")))
	down := connector.Condition{DownSince: Start.Add(time.Minute), Message: "connection refused"}
	if err := db.SetCondition(t.Context(), p.conn, 0, down); err != nil {
		t.Fatal(err)
	}
	if err := db.SetCondition(t.Context(), p.conn, 0, down); err != nil { // again, as for another Retry-After
		t.Fatal(err)
	}
	if woken == 0 {
		t.Error("nobody was told")
	}
	if got := p.close(0); len(got) != 0 {
		t.Fatalf("closed %v within the window", got)
	}
	for i, outcome := range []string{"signed_on", "greeted", "no_binding", "no_binding", "too_old"} {
		if err := db.NoteSignOn(t.Context(), store.SignOn{Number: fmt.Sprint("N", i), At: p.now, Tenant: "T", Connection: "oa", Outcome: outcome}); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.NoteSignOn(t.Context(), store.SignOn{Number: "other", At: p.now, Tenant: "T2", Connection: "oa", Outcome: "used"}); err != nil {
		t.Fatal(err)
	}
	p.now = Start.Add(10 * time.Minute)
	if err := db.NoteSignOn(t.Context(), store.SignOn{Number: "later", At: p.now, Tenant: "T", Connection: "oa", Outcome: "used"}); err != nil {
		t.Fatal(err)
	}
	closed := p.close(0)
	if len(closed) != 1 || closed[0].Tenant != "T" || !closed[0].Window.From.Equal(Start) || !closed[0].Window.To.Equal(Start.Add(10*time.Minute)) {
		t.Fatalf("closed %+v, want one window from the start", closed)
	}
	d := p.sum(closed[0])
	want := notify.Counts{"business": 2, "http_4xx": 1, "unbound": 2, "rejected": 1, "down": 1}
	if diff := cmp.Diff(want, d.Counts); diff != "" {
		t.Errorf("counts -want +got\n%s", diff)
	}
	if diff := cmp.Diff(&notify.SignOns{Since: Start.Add(10*time.Minute - 24*time.Hour), LetIn: 1, Refused: 3, Why: map[string]int{"no_binding": 2, "too_old": 1}}, d.SignOns); diff != "" {
		t.Errorf("sign-ons -want +got\n%s", diff)
	}
	if got := d.Groups[0]; got.Class != "business" && got.Class != "unbound" || got.Count != 2 {
		t.Errorf("the first group is %+v", got)
	}
	if d.More+len(d.Examples) != 7 || len(d.OAs) != 1 || d.OAs[0].Connection != "oa" || d.OAs[0].Until != nil {
		t.Errorf("%d examples, %d more, outages %+v", len(d.Examples), d.More, d.OAs)
	}
	for _, x := range d.Examples {
		if x.Record == first.ID && (x.Todo != "1" || x.Receiver != "a" || x.Tries != 1 || x.FirstTry == nil || x.Message != "no such user") {
			t.Errorf("example %+v", x)
		}
	}
	if len(d.Waiting) != 1 || d.Waiting[0].Count != 3 || d.Waiting[0].Reason != "unbound" {
		t.Errorf("waiting %+v, want three deliveries", d.Waiting)
	}
	p.keep(closed[0], "crm")

	// What comes after is the next one's; the same receivers are told once a day.
	p.accept(Todo{Todo: "6", Receivers: []string{"x"}})
	p.now = Start.Add(time.Hour)
	if got := p.close(0); len(got) != 0 {
		t.Errorf("a receiver is told twice a day: %+v", got)
	}
	if err := db.SetCondition(t.Context(), p.conn, 0, connector.Condition{}); err != nil {
		t.Fatal(err)
	}
	p.now = Start.Add(25 * time.Hour)
	p.accept(Todo{Todo: "7", Receivers: []string{"x"}})
	p.now = Start.Add(26 * time.Hour)
	closed = p.close(0)
	if len(closed) != 1 {
		t.Fatalf("closed %+v", closed)
	}
	d = p.sum(closed[0])
	if d.SignOns == nil || d.SignOns.Refused != 1 || d.SignOns.Why["used"] != 1 {
		t.Errorf("sign-ons since the digest before: %+v, want the one that came after it", d.SignOns)
	}
	if diff := cmp.Diff(notify.Counts{"unbound": 1, "back": 1}, d.Counts); diff != "" {
		t.Errorf("counts of the next day -want +got\n%s", diff)
	}
	if len(d.OAs) != 1 || d.OAs[0].Until == nil || !d.OAs[0].Since.Equal(down.DownSince) || d.OAs[0].Waited != 4 {
		t.Errorf("outages %+v, want that it was down since then, and four waited", d.OAs)
	}
}

// testFailedAgain retries what has failed: it has recovered, or it is a new failure.
func testFailedAgain(t *testing.T, e Engine) {
	p := play(t, e, nil)
	p.accept(Todo{Todo: "1", Receivers: []string{"a"}}, Todo{Todo: "2", Receivers: []string{"a"}})
	one, two := p.fail(retry.Business, "full"), p.fail(retry.Business, "full")
	for _, w := range []connector.Work{one, two} {
		if _, err := p.again(w.ID); err != nil {
			t.Fatal(err)
		}
	}
	work := p.claim()
	p.turn(0, succeed(&work[0]), outcome(&work[1], connector.Failed, retry.Timeout))
	p.now = Start.Add(time.Hour)
	d := p.sum(p.close(0)[0])
	if diff := cmp.Diff(notify.Counts{"business": 2, "timeout": 1}, d.Counts); diff != "" {
		t.Errorf("counts -want +got\n%s", diff)
	}
	if d.Groups[0].Recovered != 1 {
		t.Errorf("groups %+v, want one of business recovered", d.Groups)
	}
}

// testSilent tells nothing of a connection whose failures are not to be told, nor of what people have canceled.
func testSilent(t *testing.T, e Engine) {
	p := play(t, e, func(c *connector.Connection) { c.Notify.Enabled = false })
	p.accept(Todo{Todo: "1", Receivers: []string{"a", "x"}})
	p.fail(retry.Business, "full")
	if err := p.db.SetCondition(t.Context(), p.conn, 0, connector.Condition{TokenRefused: Start}); err != nil {
		t.Fatal(err)
	}
	p.now = Start.Add(time.Hour)
	if got := p.close(0); len(got) != 0 {
		t.Errorf("told %+v", got)
	}
	Save(t, p.db, Connection("T", "oa", nil))
	p.accept(Todo{Todo: "2", Receivers: []string{"a"}})
	for _, r := range p.records(connector.RecordFilter{Todos: []string{"2"}}) {
		if err := p.db.Cancel(t.Context(), r.ID, "me"); err != nil {
			t.Fatal(err)
		}
	}
	p.now = Start.Add(2 * time.Hour)
	if got := p.close(0); len(got) != 0 {
		t.Errorf("what was canceled is told: %+v", got)
	}
}

// testGivenUp tells of deliveries that fail without a turn of their own: planned so, given up while the OA is down, held too long.
func testGivenUp(t *testing.T, e Engine) {
	p := play(t, e, func(c *connector.Connection) { c.Unbound = connector.UnboundFail })
	p.accept(Todo{Todo: "1", Receivers: []string{"x"}})
	Save(t, p.db, Connection("T", "oa", nil))
	p.accept(Todo{Todo: "2", Receivers: []string{"x"}}, Todo{Todo: "3", Receivers: []string{"a"}})
	w := p.one()
	late := outcome(&w, connector.Retrying, retry.Timeout)
	late.Due = Start.Add(1000 * time.Hour)
	p.turn(0, late)
	_, err := p.db.Turn(t.Context(), connector.Turn{Conn: p.conn, Now: p.now, Over: connector.Over{Before: Start.Add(time.Hour), Why: "given up; "}})
	if err != nil {
		t.Fatal(err)
	}
	p.now = Start.Add(connector.UnboundMost + time.Hour)
	sweep := connector.Sweep{Chore: connector.ChoreUnbound, Size: 100, Now: p.now, Retention: connector.Retention{Keep: time.Hour, KeepFailed: time.Hour}}
	if _, err := p.db.Sweep(t.Context(), sweep); err != nil {
		t.Fatal(err)
	}
	counts := notify.Counts{}
	for _, c := range p.close(0) {
		for class, n := range p.keep(c).Counts {
			counts[class] += n
		}
	}
	if diff := cmp.Diff(notify.Counts{"unbound": 3, "timeout": 1}, counts); diff != "" { // planned so, newly held, held too long
		t.Errorf("counts -want +got\n%s", diff)
	}
}

// testOutbox sends what waits, in order, once; and has several digests go as one.
func testOutbox(t *testing.T, e Engine) {
	p := play(t, e, nil)
	desk, lane := p.db.Desk(), notify.Lane{Tenant: "T", Channel: "crm"}
	var digests []notify.Digest
	for i := range 4 {
		p.accept(Todo{Todo: fmt.Sprint(i), Receivers: []string{"a"}})
		p.fail(retry.Business, "full")
		p.now = p.now.Add(time.Hour)
		closed := p.close(0)
		digests = append(digests, p.keep(closed[0], "crm", "email"))
		if err := desk.Keep(t.Context(), 0, closed[0], notify.Digest{}, []notify.Addressed{{Channel: "other"}}); err != nil {
			t.Fatal(err)
		}
	}
	lanes, err := desk.Lanes(t.Context())
	if err != nil || len(lanes) != 2 {
		t.Fatalf("lanes %v, %v; want two", lanes, err)
	}
	waiting, err := desk.Waiting(t.Context(), lane)
	if err != nil || len(waiting) != 4 || waiting[0].ID != digests[0].ID || waiting[0].Says.Text != digests[0].Text || waiting[1].Says != nil {
		t.Fatalf("waiting %+v, %v", waiting, err)
	}
	first := waiting[0]
	first.State, first.Sent, first.Tries = notify.ParcelSent, p.now, 1
	if err := desk.Tell(t.Context(), 0, lane, first); err != nil {
		t.Fatal(err)
	}
	joined := p.sum(waiting[1].Closed, waiting[2].Closed)
	if diff := cmp.Diff([]string{digests[1].ID, digests[2].ID}, joined.Covers); diff != "" || joined.Counts["business"] != 2 || joined.ID != digests[2].ID {
		t.Errorf("joined %v of %v", joined.Covers, joined.Counts)
	}
	if err := desk.Join(t.Context(), 0, lane, waiting[1:3], joined); err != nil {
		t.Fatal(err)
	}
	waiting, err = desk.Waiting(t.Context(), lane)
	if err != nil || len(waiting) != 2 || !waiting[0].Whole || waiting[0].ID != digests[2].ID || waiting[0].Says.Counts["business"] != 2 || waiting[1].Whole {
		t.Fatalf("after joining %+v, %v", waiting, err)
	}
}

// testSeatOfDigests has a digest made by one worker alone, who has the seat.
func testSeatOfDigests(t *testing.T, e Engine) {
	place, a, b := two(t, e)
	p := playAt(t, a, nil)
	renew(t, a, "a")
	fences, _ := take(t, a, "a", connector.SeatDigests, connector.Seat(p.conn))
	old := fences[connector.SeatDigests]
	p.accept(Todo{Todo: "1", Receivers: []string{"x"}})
	e.Elapse(t, place, connector.LeaseLength+time.Second)
	renew(t, b, "b")
	fences, _ = take(t, b, "b", connector.SeatDigests)
	later := Start.Add(time.Hour)
	if _, err := a.Desk().Close(t.Context(), old, "T", later); connector.KindOf(err) != connector.Conflict {
		t.Errorf("who has lost the seat closes a window: %v", err)
	}
	closed, err := b.Desk().Close(t.Context(), fences[connector.SeatDigests], "T", later)
	if err != nil || !closed {
		t.Fatalf("closed %t, %v", closed, err)
	}
	open, err := b.Desk().Closed(t.Context())
	if err != nil || len(open) != 1 {
		t.Fatalf("closed %v, %v", open, err)
	}
	err = errors.Join(
		conflict(a.Desk().Keep(t.Context(), old, open[0], notify.Digest{}, nil)), conflict(a.Desk().Tell(t.Context(), old, notify.Lane{}, notify.Parcel{})),
		conflict(a.Desk().Join(t.Context(), old, notify.Lane{}, []notify.Parcel{{}}, notify.Digest{})),
	)
	if err != nil {
		t.Error(err)
	}
}

func conflict(err error) error {
	if connector.KindOf(err) != connector.Conflict {
		return fmt.Errorf("who has lost the seat writes: %w", err)
	}
	return nil
}

// testKeptDigests takes failures away some days after they were told, and digests with the records; what still waits for a channel keeps both.
func testKeptDigests(t *testing.T, e Engine) {
	p := play(t, e, nil)
	desk, lane := p.db.Desk(), notify.Lane{Tenant: "T", Channel: "crm"}
	for i := range 2 {
		p.accept(Todo{Todo: fmt.Sprint(i), Receivers: []string{"a"}}, Todo{Todo: "x" + fmt.Sprint(i), Receivers: []string{"x"}})
		p.fail(retry.Business, "full")
		p.now = p.now.Add(time.Hour)
		p.keep(p.close(0)[0], "crm")
	}
	waiting, err := desk.Waiting(t.Context(), lane)
	if err != nil || len(waiting) != 2 {
		t.Fatalf("waiting %v, %v", waiting, err)
	}
	first, second := waiting[0], waiting[1]
	first.State, first.Sent = notify.ParcelSent, p.now
	if err := desk.Tell(t.Context(), 0, lane, first); err != nil {
		t.Fatal(err)
	}
	sweep := func(after time.Duration) {
		t.Helper()
		s := connector.Sweep{
			Chore: connector.ChoreDigests, Size: 100, Now: Start.Add(after), Retention: connector.Retention{Keep: 90 * 24 * time.Hour, KeepFailed: 90 * 24 * time.Hour},
		}
		for range 20 {
			got, err := p.db.Sweep(t.Context(), s)
			if err != nil {
				t.Fatal(err)
			}
			if s.After = got.Next; s.After == "" {
				return
			}
		}
		t.Fatal("the chore does not end")
	}
	list := func() int {
		t.Helper()
		got, err := p.db.Digests(t.Context(), store.DigestFilter{Tenants: []string{"T"}}, connector.PageOf{})
		if err != nil {
			t.Fatal(err)
		}
		return len(got.Items)
	}
	sweep(3 * 24 * time.Hour)
	if a, b := p.sum(first.Closed), p.sum(second.Closed); len(a.Groups) != 0 || b.Counts["business"] != 1 || list() != 2 {
		t.Errorf("after three days %v and %v are left of the failures, and %d digests; want those of the second, and both", a.Counts, b.Counts, list())
	}
	sweep(91 * 24 * time.Hour)
	if got := list(); got != 1 {
		t.Errorf("after 91 days %d digests, want the one that waits", got)
	}
	second.State = notify.ParcelFailed
	if err := desk.Tell(t.Context(), 0, lane, second); err != nil {
		t.Fatal(err)
	}
	sweep(91 * 24 * time.Hour)
	if got := list(); got != 0 {
		t.Errorf("in the end %d digests are left", got)
	}
}
