package storetest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"todosync/connector"
	"todosync/mapping"
	"todosync/retry"
	"todosync/store"
)

func storeFilter(tenant string) store.EventFilter {
	return store.EventFilter{Tenants: []string{tenant}}
}

func testRecords(t *testing.T, e Engine) {
	p := play(t, e, nil)
	p.accept(Todo{Receivers: []string{"a"}, Title: "标题"}, Todo{Todo: "2", Receivers: []string{"b"}})
	work := p.claim()
	again := outcome(&work[0], connector.Retrying, retry.HTTP5xx)
	again.Due = Start.Add(time.Minute)
	p.turn(0, again)
	r := p.records(connector.RecordFilter{Todos: []string{"todo"}})
	due := Start.Add(time.Minute)
	want := []connector.Record{{
		ID: work[0].ID, Tenant: "T", Connection: "oa", Scene: connector.SceneCreate, State: connector.Retrying, Class: retry.HTTP5xx,
		Code: "0", Message: "message", Todo: "todo", Title: "标题", Receiver: "a", OAAccount: "oa-a", EventID: "e1", Revision: 1, Tries: 1,
		CreatedAt: Start, UpdatedAt: Start, NextTryAt: &due,
	}}
	if diff := cmp.Diff(want, r); diff != "" {
		t.Errorf("record (-want +got):\n%s", diff)
	}
	_, err := p.db.Records(t.Context(), connector.RecordFilter{States: []string{"done"}}, connector.PageOf{})
	wantKind(t, err, connector.Invalid)
	_, err = p.db.Records(t.Context(), connector.RecordFilter{}, connector.PageOf{Limit: 1001})
	wantKind(t, err, connector.Invalid)
	_, err = p.db.Records(t.Context(), connector.RecordFilter{}, connector.PageOf{Cursor: "!"})
	wantKind(t, err, connector.Invalid)
}

// testRecord reads attempts back: their marks show as ***, and by name for who makes a command of a request.
func testRecord(t *testing.T, e Engine) {
	p := play(t, e, nil)
	p.accept(Todo{Receivers: []string{"a"}})
	w := p.one()
	c := outcome(&w, connector.Retrying, retry.Timeout)
	mark := mapping.Mark("app-key")
	c.Attempts[0].Request = connector.SentRequest{
		Method: "POST", Address: "http://oa.example.com/?key=" + mark, Headers: []retry.Header{{Name: "X-Key", Value: mark}}, Body: `{"k":"` + mark + `"}`,
	}
	second := c.Attempts[0]
	second.Started, second.Response = Start.Add(time.Second), connector.ReceivedAnswer{}
	c.Attempts = append(c.Attempts, second)
	p.turn(0, c)
	got, err := p.db.Record(t.Context(), w.ID)
	if err != nil {
		t.Fatal(err)
	}
	request := connector.SentRequest{
		Method: "POST", Address: "http://oa.example.com/?key=***", Headers: []retry.Header{{Name: "X-Key", Value: "***"}}, Body: `{"k":"***"}`,
	}
	named := connector.SentRequest{
		Method: "POST", Address: "http://oa.example.com/?key=\x00app-key\x00", Headers: []retry.Header{{Name: "X-Key", Value: "\x00app-key\x00"}},
		Body: "{\"k\":\"\x00app-key\x00\"}",
	}
	want := []connector.RecordAttempt{
		{
			Number: 1, StartedAt: Start, DurationMs: 3, Request: request, Named: named, Class: retry.Timeout, Code: "0", Message: "message", Worker: "w1",
			Response: connector.ReceivedAnswer{Status: 200, Headers: []retry.Header{{Name: "A", Value: "b"}}, Body: "answer"},
		},
		{
			Number: 2, StartedAt: Start.Add(time.Second), DurationMs: 3, Request: request, Named: named, Class: retry.Timeout, Code: "0", Message: "message",
			Worker: "w1", Response: connector.ReceivedAnswer{Headers: []retry.Header{}},
		},
	}
	if diff := cmp.Diff(want, got.Attempts); diff != "" {
		t.Errorf("attempts (-want +got):\n%s", diff)
	}
	_, err = p.db.Record(t.Context(), "nothing")
	wantKind(t, err, connector.NotFound)
}

// testCursors goes through pages while new records arrive and old ones change.
func testCursors(t *testing.T, e Engine) {
	p := play(t, e, nil)
	for i := range 10 {
		p.accept(Todo{Todo: fmt.Sprintf("old%d", i), Receivers: []string{"a"}})
	}
	before := p.records(connector.RecordFilter{})
	var got []connector.Record
	for page := (connector.PageOf{Limit: 3}); ; {
		part, err := p.db.Records(t.Context(), connector.RecordFilter{Tenants: []string{"T"}}, page)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, part.Items...)
		if part.Next == "" {
			break
		}
		page.Cursor = part.Next
		p.accept(Todo{Todo: "new" + part.Next, Receivers: []string{"a"}})
		p.drain()
	}
	if len(got) != len(before) {
		t.Fatalf("%d records, want %d", len(got), len(before))
	}
	for i := range got {
		if got[i].ID != before[i].ID {
			t.Errorf("record %d is %s, want %s", i, got[i].ID, before[i].ID)
		}
	}
}

// testClock puts the clock back: the newest records are still those that were made last.
func testClock(t *testing.T, e Engine) {
	place := e.Place(t)
	p := playAt(t, e.Open(t, place, nil), nil)
	for i, at := range []time.Duration{0, time.Hour, 0, -time.Hour, 30 * time.Minute, -time.Minute} {
		if i == 3 {
			if err := p.db.Close(); err != nil {
				t.Fatal(err)
			}
			p.db = e.Open(t, place, nil)
		}
		p.now = Start.Add(at)
		p.accept(Todo{Todo: fmt.Sprint(i), Receivers: []string{"a"}}, Todo{Todo: fmt.Sprint(i, "b"), Receivers: []string{"a"}})
	}
	for _, f := range []connector.RecordFilter{{}, {Tenants: []string{"T"}}, {Receivers: []string{"a"}}} {
		var got []string
		for _, r := range allRecords(t, p.db, f, 2) {
			got = append([]string{r.EventID}, got...)
		}
		want := []string{"e1", "e2", "e3", "e4", "e5", "e6", "e7", "e8", "e9", "e10", "e11", "e12"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("records of %+v (-want +got):\n%s", f, diff)
		}
	}
}

func testWatch(t *testing.T, e Engine) {
	p := play(t, e, nil)
	w, err := p.db.Watch(connector.RecordFilter{Receivers: []string{"a"}}, "")
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	p.accept(Todo{Receivers: []string{"a", "b"}})
	work := p.claim()
	got, err := w.Next(t.Context())
	if err != nil || len(got.Records) != 1 || got.Records[0].ID != work[0].ID || got.Records[0].State != connector.Sending || got.Missed {
		t.Errorf("changes %+v, %v", got, err)
	}
	p.turn(0, succeed(&work[1]))
	p.turn(0, succeed(&work[0]))
	if got, err = w.Next(t.Context()); err != nil || len(got.Records) != 1 || got.Records[0].State != connector.Succeeded {
		t.Errorf("changes %+v, %v", got, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := w.Next(ctx); err == nil {
		t.Error("a watch goes on without its context")
	}
	// Nobody takes what happens now: the watch tells that it has missed some, blocks nobody, and goes on with what is remembered.
	p.db.Announce(make([]int64, 1<<16))
	p.accept(Todo{Todo: "late", Receivers: []string{"a"}})
	if got, err = w.Next(t.Context()); err != nil || !got.Missed || len(got.Records) != 1 || got.Records[0].Todo != "late" {
		t.Errorf("want the newest, and that some were missed: %+v, %v", got, err)
	}
	// What another process has not told may be anything.
	p.db.AnnounceLost()
	if got, err = w.Next(t.Context()); err != nil || !got.Missed {
		t.Errorf("it does not say that another's changes were not heard: %+v, %v", got, err)
	}
}

// Who was away goes on where he stopped: each change after his place is told, in order; where the place is not known, he is told so.
func testWatchAgain(t *testing.T, e Engine) {
	p := play(t, e, nil)
	ahead := p.db.FeedAt()
	var events []Todo
	for i := range 1200 { // more than are read at once
		events = append(events, Todo{Todo: fmt.Sprint("t", i), Receivers: []string{[]string{"a", "b"}[i%2]}})
	}
	p.accept(events...)
	var ids []string
	for _, r := range allRecords(t, p.db, connector.RecordFilter{Receivers: []string{"a"}}, 1000) {
		ids = append([]string{r.ID}, ids...)
	}
	// Each place that was told is tried as the one to come back to.
	read := func(after string, most int) (got, places []string) {
		w, err := p.db.Watch(connector.RecordFilter{Receivers: []string{"a"}}, after)
		if err != nil {
			t.Fatal(err)
		}
		defer w.Close()
		for len(got) < most {
			changes, err := w.Next(t.Context())
			if err != nil || changes.Missed || len(changes.Places) != len(changes.Records) {
				t.Fatalf("changes %+v, %v", changes, err)
			}
			for i, r := range changes.Records {
				got, places = append(got, r.ID), append(places, changes.Places[i])
			}
		}
		if at := w.Place(); len(got) == len(ids) && at != p.db.FeedAt() {
			t.Errorf("all is told, yet it stands at %s and not at %s", at, p.db.FeedAt())
		}
		return got, places
	}
	got, places := read(ahead, len(ids))
	if diff := cmp.Diff(ids, got); diff != "" {
		t.Fatalf("told (-want +got):\n%s", diff)
	}
	for _, i := range []int{0, 1, 255, 256, 499, 500, len(ids) - 2} {
		if rest, _ := read(places[i], len(ids)-1-i); !slices.Equal(rest, ids[i+1:]) {
			t.Errorf("after %d: %d records instead of %d", i, len(rest), len(ids)-1-i)
		}
	}
	for _, unknown := range []string{"nothing", "other-5", ahead + "9999999", strings.Split(ahead, "-")[0] + "-", "-1", strings.Split(ahead, "-")[0] + "--1"} {
		w, err := p.db.Watch(connector.RecordFilter{}, unknown)
		if err != nil {
			t.Fatal(err)
		}
		if changes, err := w.Next(t.Context()); err != nil || !changes.Missed {
			t.Errorf("after %q: %+v, %v", unknown, changes, err)
		}
		w.Close()
	}
}

func testRetry(t *testing.T, e Engine) {
	p := play(t, e, nil)
	p.accept(Todo{Receivers: []string{"a"}}, Todo{Action: connector.ActionEdit, Receivers: []string{"a"}})
	create := p.one()
	edit := p.turn(1, outcome(&create, connector.Failed, retry.Business)).Work[0]

	// While the edit is on its way, the create would go behind it.
	if state, err := p.again(create.ID); err != nil || state != connector.Superseded {
		t.Errorf("retry behind a newer one: %v, %v", state, err)
	}
	if r, err := p.db.Record(t.Context(), create.ID); err != nil || r.SupersededBy != edit.ID {
		t.Errorf("record %+v, %v", r, err)
	}
	_, err := p.again(edit.ID)
	wantKind(t, err, connector.Conflict)
	p.turn(0, outcome(&edit, connector.Failed, retry.Business))
	if state, err := p.again(edit.ID); err != nil || state != connector.Pending {
		t.Errorf("retry of the newest: %v, %v", state, err)
	}
	w := p.one()
	if w.N != edit.N || w.Tries != 0 || !w.FirstTry.IsZero() || w.Attempts != 1 {
		t.Errorf("claimed %+v", w.Delivery)
	}
	p.turn(0, succeed(&w))

	// A later one that has not been sent waits behind the one that goes again.
	p.accept(Todo{Todo: "2", Receivers: []string{"a"}})
	first := p.one()
	p.turn(0, outcome(&first, connector.Failed, retry.Business))
	p.accept(Todo{Todo: "2", Action: connector.ActionEdit, Receivers: []string{"a"}})
	if state, err := p.again(first.ID); err != nil || state != connector.Pending {
		t.Errorf("retry before a waiting one: %v, %v", state, err)
	}
	work := p.claim()
	if len(work) != 1 || work[0].N != first.N {
		t.Fatalf("claimed %v", scenes(work))
	}
	if got := p.turn(5, succeed(&work[0])); len(got.Work) != 1 || got.Work[0].Scene != connector.SceneEdit {
		t.Errorf("then %v", scenes(got.Work))
	}
	_, err = p.again("nothing")
	wantKind(t, err, connector.NotFound)
	p.accept(Todo{Todo: "3", Receivers: []string{"x"}})
	_, err = p.again(p.records(connector.RecordFilter{})[0].ID)
	wantKind(t, err, connector.Conflict)
}

func testCancel(t *testing.T, e Engine) {
	p := play(t, e, nil)
	p.accept(Todo{Receivers: []string{"a"}}, Todo{Action: connector.ActionEdit, Receivers: []string{"a"}})
	r := p.records(connector.RecordFilter{})
	if err := p.db.Cancel(t.Context(), r[1].ID, "me"); err != nil {
		t.Fatal(err)
	}
	w := p.one()
	if w.ID != r[0].ID {
		t.Error("the next of the todo does not go")
	}
	wantKind(t, p.db.Cancel(t.Context(), r[0].ID, "me"), connector.Conflict)
	wantKind(t, p.db.Cancel(t.Context(), r[1].ID, "me"), connector.Conflict)
	wantKind(t, p.db.Cancel(t.Context(), "nothing", "me"), connector.NotFound)
}

func testEvents(t *testing.T, e Engine) {
	p := play(t, e, nil)
	Save(t, p.db, Connection("T", "off", func(c *connector.Connection) { c.When.Types = []string{"approval"} }))
	p.accept(Todo{Receivers: []string{"a", "b"}}, Todo{Todo: "2", Receivers: []string{"a"}})
	page, err := p.db.Events(t.Context(), store.EventFilter{Tenants: []string{"T"}, Todos: []string{"todo"}}, connector.PageOf{})
	if err != nil || len(page.Items) != 1 {
		t.Fatalf("events %+v, %v", page, err)
	}
	s := page.Items[0]
	if s.ID != "e1" || s.Sequence != 1 || s.Kind != connector.KindTodo || s.Action != connector.ActionCreate || len(s.Connections) != 2 {
		t.Fatalf("story %+v", s)
	}
	if c := s.Connections[1]; c.Connection != "off" && s.Connections[0].Connection != "off" {
		t.Errorf("connections %+v", s.Connections)
	}
	for _, c := range s.Connections {
		switch c.Connection {
		case "oa":
			if c.Outcome != connector.OutcomePlanned || len(c.Deliveries) != 2 {
				t.Errorf("story %+v", c)
			}
		case "off":
			if c.Outcome != connector.OutcomeFiltered || len(c.Deliveries) != 0 {
				t.Errorf("story %+v", c)
			}
		}
	}
	all, err := p.db.Events(t.Context(), store.EventFilter{}, connector.PageOf{Limit: 1})
	if err != nil || len(all.Items) != 1 || all.Items[0].ID != "e2" || all.Next == "" {
		t.Errorf("newest event %+v, %v", all, err)
	}
	all, err = p.db.Events(t.Context(), store.EventFilter{}, connector.PageOf{Limit: 1, Cursor: all.Next})
	if err != nil || len(all.Items) != 1 || all.Items[0].ID != "e1" || all.Next != "" {
		t.Errorf("the one before %+v, %v", all, err)
	}
}

// testReplay replays rejects: planned as of their place in the stream.
func testReplay(t *testing.T, e Engine) {
	p := play(t, e, nil)
	p.accept(Todo{ID: "x", Receivers: []string{"a"}}, Todo{ID: "x", Todo: "2", Receivers: []string{"a"}})
	p.take(Message(3, "crm.T.todo.create", []byte(`{"todo":{}}`)))
	page, err := p.db.Rejected(t.Context(), store.RejectFilter{}, connector.PageOf{})
	if err != nil || len(page.Items) != 2 {
		t.Fatalf("rejected %+v, %v", page, err)
	}
	for _, r := range page.Items {
		_, err := p.db.Replay(t.Context(), r.ID, "me")
		wantKind(t, err, connector.Invalid)
	}
	_, err = p.db.Replay(t.Context(), "nothing", "me")
	wantKind(t, err, connector.NotFound)
	if err := p.db.RemoveRejected(t.Context(), page.Items[0].ID, "me"); err != nil {
		t.Error(err)
	}
	wantKind(t, p.db.RemoveRejected(t.Context(), page.Items[0].ID, "me"), connector.NotFound)
}

func testCounts(t *testing.T, e Engine) {
	p := play(t, e, nil)
	p.accept(Todo{Todo: "1", Receivers: []string{"a", "b", "x"}}, Todo{Todo: "2", Receivers: []string{"a", "b"}})
	work := p.turn(3).Work
	again := outcome(&work[2], connector.Retrying, retry.Timeout)
	again.Due = Start.Add(time.Hour)
	p.now = Start.Add(30 * time.Millisecond)
	p.turn(0, succeed(&work[0]), outcome(&work[1], connector.Failed, retry.Timeout), again)
	p.turn(1)
	key := connector.ConnectionKey{Tenant: "T", Name: "oa"}
	counts := func() map[connector.State]int64 {
		t.Helper()
		got, err := p.db.Counts(t.Context(), []string{"T"})
		if err != nil {
			t.Fatal(err)
		}
		out := map[connector.State]int64{}
		for _, c := range got {
			if c.Key != key {
				t.Errorf("count of %s", c.Key)
			}
			if out[c.State] = c.Count; !c.State.Final() && !c.Oldest.Equal(Start) {
				t.Errorf("the oldest %s waits since %v", c.State, c.Oldest)
			}
		}
		return out
	}
	want := map[connector.State]int64{
		connector.Sending: 1, connector.Retrying: 1, connector.Held: 1, connector.Failed: 1, connector.Succeeded: 1,
	}
	if diff := cmp.Diff(want, counts()); diff != "" {
		t.Errorf("counts (-want +got):\n%s", diff)
	}
	if err := p.db.Pause(t.Context(), key, "me"); err != nil {
		t.Fatal(err)
	}
	want[connector.Retrying], want[connector.Held] = 0, 2
	delete(want, connector.Retrying)
	if diff := cmp.Diff(want, counts()); diff != "" {
		t.Errorf("counts while paused (-want +got):\n%s", diff)
	}
	infos, err := p.db.Connections(t.Context(), nil)
	if err != nil || infos[0].Waiting != 3 || infos[0].Failed != 1 || !infos[0].Condition.Paused {
		t.Errorf("connections %+v, %v", infos, err)
	}
	if events, rejected, err := p.db.Remembered(t.Context()); err != nil || events != 2 || rejected != 0 {
		t.Errorf("remembered %d, %d, %v", events, rejected, err)
	}
	for tenant, want := range map[string]int64{"T": 2, "another": 0} {
		if events, rejected, err := p.db.RememberedOf(t.Context(), []string{tenant}); err != nil || events != want || rejected != 0 {
			t.Errorf("remembered of %s %d, %d, %v", tenant, events, rejected, err)
		}
	}
}

func testAudit(t *testing.T, e Engine) {
	p := play(t, e, nil)
	if err := p.db.Note(t.Context(), store.AuditEntry{Who: "me", What: "logged in"}); err != nil {
		t.Fatal(err)
	}
	page, err := p.db.Audit(t.Context(), store.AuditFilter{}, connector.PageOf{Limit: 2})
	if err != nil || len(page.Items) != 2 || page.Items[0].What != "logged in" || page.Items[1].What != "bindings imported" || page.Next == "" {
		t.Errorf("audit %+v, %v", page, err)
	}
	page, err = p.db.Audit(t.Context(), store.AuditFilter{Tenants: []string{"T"}}, connector.PageOf{})
	if err != nil || len(page.Items) != 2 {
		t.Errorf("audit of a tenant %+v, %v", page, err)
	}
}

// testRestart finds everything again.
func testRestart(t *testing.T, e Engine) {
	place := e.Place(t)
	p := playAt(t, e.Open(t, place, nil), nil)
	p.accept(Todo{Receivers: []string{"a", "x"}}, Todo{Action: connector.ActionEdit, Receivers: []string{"a", "x"}})
	before := p.records(connector.RecordFilter{})
	if err := p.db.Close(); err != nil {
		t.Fatal(err)
	}
	_, err := p.db.Records(t.Context(), connector.RecordFilter{}, connector.PageOf{})
	if err == nil {
		t.Error("a closed store answers")
	}
	p.db = e.Open(t, place, nil)
	if diff := cmp.Diff(before, p.records(connector.RecordFilter{})); diff != "" {
		t.Errorf("records (-before +after):\n%s", diff)
	}
	if conns, err := p.db.Waiting(t.Context()); err != nil || !cmp.Equal(conns, []int64{p.conn}) {
		t.Errorf("waiting %v, %v", conns, err)
	}
	p.accept(Todo{Action: connector.ActionEdit, Receivers: []string{"a", "x"}})
	if got := p.drain(); len(got) != 3 {
		t.Errorf("sent %d, want 3", len(got))
	}
}
