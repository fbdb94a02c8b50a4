package storetest

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"todosync/connector"
	"todosync/retry"
	"todosync/store"
)

func (p *player) series(f store.SeriesFilter) store.Series {
	p.t.Helper()
	s, err := p.db.Series(p.t.Context(), f)
	if err != nil {
		p.t.Fatalf("series: %v", err)
	}
	return s
}

// sorted are delays by length: of a sort so many.
func sorted(sort int, count int64) []int64 {
	w := make([]int64, len(store.Delays())+1)
	w[sort] = count
	return w
}

// testSeries wants everything counted in its minute, in the commit that makes it so.
func testSeries(t *testing.T, e Engine) {
	p := play(t, e, nil)
	Save(t, p.db, Connection("U", "other", nil))
	p.accept(Todo{Todo: "1", Receivers: []string{"a", "b", "c"}}, Todo{Todo: "2", Receivers: []string{"a"}})
	p.accept(Todo{ID: "same", Todo: "3", Receivers: []string{"b"}}, Todo{ID: "same", Todo: "3", Receivers: []string{"b"}})
	p.take(Message(p.seq+1, "crm.T.todo.create", []byte("no JSON")), Message(p.seq+2, "crm.nobody.todo.create", []byte("no JSON")))
	if err := p.db.LookAtQueues(t.Context(), p.now); err != nil {
		t.Fatal(err)
	}
	work := p.turn(5).Work
	p.now = Start.Add(30 * time.Millisecond)
	tried := func(w *connector.Work, to connector.State, class retry.Class, code string) connector.Change {
		c := outcome(w, to, class)
		c.Code = code
		c.Attempts = []connector.Attempt{{Started: p.now, Class: class, Code: code}}
		return c
	}
	p.turn(0, succeed(&work[0]), tried(&work[1], connector.Failed, retry.Business, "1001"), tried(&work[2], connector.Failed, retry.Business, "1001"))
	p.now = Start.Add(90 * time.Second)
	again := tried(&work[3], connector.Retrying, retry.Timeout, "")
	again.Due = p.now.Add(time.Hour)
	p.turn(0, again, succeed(&work[4]))
	if err := p.db.Cancel(t.Context(), p.records(connector.RecordFilter{States: []string{string(connector.Retrying)}})[0].ID, "me"); err != nil {
		t.Fatal(err)
	}
	if err := p.db.LookAtQueues(t.Context(), p.now); err != nil {
		t.Fatal(err)
	}

	all := store.SeriesFilter{From: Start.Add(-time.Hour), To: Start.Add(time.Hour), Step: time.Minute}
	key := connector.ConnectionKey{Tenant: "T", Name: "oa"}
	want := store.Series{
		Points: []store.Point{
			{
				At: Start, Accepted: 3, Duplicates: 1, Rejected: 2, Waiting: 5, Within: sorted(2, 1),
				Ends:  map[connector.State]int64{connector.Succeeded: 1, connector.Failed: 2},
				Tries: map[retry.Class]int64{retry.Business: 2},
			},
			{
				At: Start.Add(time.Minute), Within: sorted(12, 1), Tries: map[retry.Class]int64{retry.Timeout: 1},
				Ends: map[connector.State]int64{connector.Succeeded: 1},
			},
		},
		Connections: []store.ConnectionTally{{Key: key, Ends: map[connector.State]int64{connector.Succeeded: 2, connector.Failed: 2}}},
		Causes:      []store.Cause{{Class: retry.Business, Code: "1001", Count: 2}},
	}
	want.Connections[0].Within = sorted(2, 1)
	want.Connections[0].Within[12] = 1
	got := p.series(all)
	// By a person something ends at the store's own time.
	canceled := int64(0)
	for i := range got.Points {
		canceled += got.Points[i].Ends[connector.Canceled]
		delete(got.Points[i].Ends, connector.Canceled)
	}
	for i := range got.Connections {
		delete(got.Connections[i].Ends, connector.Canceled)
	}
	if len(got.Points) == 3 && len(got.Points[2].Ends) == 0 {
		got.Points = got.Points[:2]
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("series (-want +got):\n%s", diff)
	}
	_ = canceled

	// One tenant's numbers are his own; what came for nobody is told to who sees all.
	if got := p.series(store.SeriesFilter{Tenants: []string{"U"}, From: all.From, To: all.To, Step: time.Minute}); len(got.Points) != 2 ||
		got.Points[0].Accepted != 0 || len(got.Points[0].Ends) != 0 || got.Points[0].Waiting != 0 || len(got.Connections)+len(got.Causes) != 0 {
		t.Errorf("of another tenant %+v", got)
	}
	got = p.series(store.SeriesFilter{Tenants: []string{"T"}, Connections: []string{"oa"}, From: all.From, To: all.To, Step: time.Hour})
	if len(got.Points) != 1 || got.Points[0].Rejected != 1 || got.Points[0].Accepted != 3 || got.Points[0].Waiting != 5 || got.Points[0].Ends[connector.Succeeded] != 2 {
		t.Errorf("of one connection by the hour %+v", got.Points)
	}
	_, err := p.db.Series(t.Context(), store.SeriesFilter{From: all.From, To: all.From, Step: time.Minute})
	wantKind(t, err, connector.Invalid)
}

// testSeriesKept wants the sums to stay while they are merged into longer spans, and to go when their time is over.
func testSeriesKept(t *testing.T, e Engine) {
	p := play(t, e, nil)
	for i := range 40 {
		p.now = Start.Add(time.Duration(i) * 7 * time.Minute)
		p.accept(Todo{Todo: string(rune('A' + i)), Receivers: []string{"a", "b"}})
		work := p.turn(2).Work
		if err := p.db.LookAtQueues(t.Context(), p.now); err != nil {
			t.Fatal(err)
		}
		bad := outcome(&work[1], connector.Failed, retry.Business)
		bad.Code = "7"
		p.turn(0, succeed(&work[0]), bad)
	}
	sum := func(step time.Duration) (points int, accepted, succeeded, waiting int64, s store.Series) {
		s = p.series(store.SeriesFilter{From: Start, To: Start.Add(24 * time.Hour), Step: step})
		for _, at := range s.Points {
			accepted, succeeded, waiting = accepted+at.Accepted, succeeded+at.Ends[connector.Succeeded], max(waiting, at.Waiting)
		}
		return len(s.Points), accepted, succeeded, waiting, s
	}
	for _, step := range []struct {
		after  time.Duration
		points int
	}{{0, 37}, {8 * time.Hour, 28}, {5 * day, 5}} {
		p.now = Start.Add(40 * 7 * time.Minute).Add(step.after)
		p.tidy()
		p.tidy() // nothing is merged twice
		points, accepted, succeeded, waiting, s := sum(time.Minute)
		if points != step.points || accepted != 40 || succeeded != 40 || waiting != 2 || len(s.Causes) != 1 || s.Causes[0].Count != 40 || s.Connections[0].Within[0] != 40 {
			t.Errorf("after %v %d points, accepted %d, succeeded %d, at most %d waited, causes %+v, of connections %+v",
				step.after, points, accepted, succeeded, waiting, s.Causes, s.Connections)
		}
	}
	p.now = Start.Add(91 * day)
	p.tidy()
	if _, _, _, _, s := sum(time.Hour); len(s.Points)+len(s.Causes)+len(s.Connections) != 0 {
		t.Errorf("after 91 days %+v", s)
	}
}
