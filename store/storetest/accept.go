package storetest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"todosync/connector"
	"todosync/store"
)

func testAccept(t *testing.T, e Engine) {
	p := play(t, e, nil)
	got := p.accept(Todo{Receivers: []string{"a", "b"}, Sender: "c", Title: "报价单"}, Todo{Tenant: "nobody", Receivers: []string{"a"}})
	want := connector.Accepted{
		Wake: []int64{p.conn}, Events: 2, Deliveries: 2,
		Ends: []connector.EventCount{
			{Tenant: "T", Kind: connector.KindTodo, Action: connector.ActionCreate, End: string(connector.OutcomePlanned), Count: 1},
			{Tenant: "nobody", Kind: connector.KindTodo, Action: connector.ActionCreate, End: string(connector.OutcomeNoConnection), Count: 1},
		},
		States: []connector.DeliveryCount{
			{Key: connector.ConnectionKey{Tenant: "T", Name: "oa"}, Scene: connector.SceneCreate, State: connector.Pending, Count: 2},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("accepted (-want +got):\n%s", diff)
	}
	work := p.claim()
	if len(work) != 2 {
		t.Fatalf("claimed %d, want 2", len(work))
	}
	w := work[0]
	if w.Scene != connector.SceneCreate || w.Title != "报价单" || w.State != connector.Sending || w.Key.String() != "T/oa" ||
		w.Todo != "todo" || w.Lane != "a" || w.External != 1 || w.Account != "oa-a" || w.EventID != "e1" || w.ID == "" {
		t.Errorf("claimed %+v", w.Delivery)
	}
	if diff := cmp.Diff([]connector.Recipient{{ID: "a", Name: "name of a"}}, w.Recipients); diff != "" {
		t.Errorf("recipients (-want +got):\n%s", diff)
	}
	bound := map[string]connector.Binding{
		"a": {Connection: "oa", User: "a", UserName: "name of a", Account: "oa-a", AccountName: "OA a", Kind: connector.KindEmployee},
		"c": {Connection: "oa", User: "c", UserName: "name of c", Account: "oa-c", AccountName: "OA c", Kind: connector.KindEmployee},
	}
	if diff := cmp.Diff(bound, w.Bindings); diff != "" {
		t.Errorf("bindings (-want +got):\n%s", diff)
	}
	if w.Event.Sequence != 1 || w.Event.Tenant != "T" || w.Event.ID != "e1" || w.Event.Kind != connector.KindTodo ||
		w.Event.Action != connector.ActionCreate || !strings.Contains(string(w.Event.Payload), "报价单") {
		t.Errorf("event %+v", w.Event)
	}
	stories, err := p.db.Events(t.Context(), storeFilter("nobody"), connector.PageOf{})
	if err != nil || len(stories.Items) != 1 || stories.Items[0].Outcome != connector.OutcomeNoConnection {
		t.Errorf("an event without a connection: %+v, %v", stories.Items, err)
	}
}

func testPositions(t *testing.T, e Engine) {
	p := play(t, e, nil)
	if got, err := p.db.Position(t.Context(), Stream); err != nil || got != 0 {
		t.Errorf("position of an unknown stream %d, %v", got, err)
	}
	p.accept(Todo{Receivers: []string{"a"}})
	item := Todo{ID: "other", Todo: "other", Receivers: []string{"a"}}.Item(1)
	_, err := p.db.Accept(t.Context(), Batch(0, Start, item))
	wantKind(t, err, connector.Conflict)
	_, err = p.db.Accept(t.Context(), Batch(5, Start, item))
	wantKind(t, err, connector.Conflict)
	if got, err := p.db.Position(t.Context(), Stream); err != nil || got != 1 {
		t.Errorf("position %d, %v, want 1", got, err)
	}
	if n := len(p.records(connector.RecordFilter{})); n != 1 {
		t.Errorf("%d records after refused batches, want 1", n)
	}
	b := Batch(1, Start)
	b.Last = 9 // nothing but gaps
	if _, err := p.db.Accept(t.Context(), b); err != nil {
		t.Errorf("batch of gaps: %v", err)
	}
	if got, err := p.db.Position(t.Context(), Stream); err != nil || got != 9 {
		t.Errorf("position %d, %v, want 9", got, err)
	}
	if got, err := p.db.Position(t.Context(), "CRM@another time"); err != nil || got != 0 {
		t.Errorf("position of the stream made anew %d, %v", got, err)
	}
}

func testRejects(t *testing.T, e Engine) {
	p := play(t, e, nil)
	got := p.take(
		Message(1, "crm.T.todo.create", []byte(`{"todo":`)),
		Message(2, "crm.T.todo.create", []byte("{\"todo\":{\"title\":\"\xff\"}}")),
		Todo{Receivers: []string{"a"}}.Item(3),
	)
	if got.Rejected != 2 || got.Events != 1 || got.Deliveries != 1 {
		t.Errorf("accepted %+v", got)
	}
	page, err := p.db.Rejected(t.Context(), store.RejectFilter{Tenants: []string{"T"}}, connector.PageOf{Limit: 1})
	if err != nil || len(page.Items) != 1 || page.Next == "" {
		t.Fatalf("rejected: %+v, %v", page, err)
	}
	if r := page.Items[0]; r.Sequence != 2 || r.Tenant != "T" || r.Reason == "" || r.Size == 0 {
		t.Errorf("newest reject %+v", r)
	}
	one, err := p.db.RejectedOne(t.Context(), page.Items[0].ID)
	if err != nil || one.Base64 == "" || !strings.Contains(one.Payload, "\uFFFD") {
		t.Errorf("reject with bytes that are no UTF-8: %+v, %v", one, err)
	}
	if page, err = p.db.Rejected(t.Context(), store.RejectFilter{Tenants: []string{"other"}}, connector.PageOf{}); err != nil || len(page.Items) != 0 {
		t.Errorf("another tenant sees %+v, %v", page.Items, err)
	}
	_, err = p.db.RejectedOne(t.Context(), "nothing")
	wantKind(t, err, connector.NotFound)
}

// testContent gives the store what a database may dislike in the middle of a batch.
func testContent(t *testing.T, e Engine) {
	p := play(t, e, nil)
	const bad, nul = 137, 250
	items := make([]connector.Item, 500)
	for i := range items {
		items[i] = Todo{Todo: fmt.Sprintf("t%d", i), Receivers: []string{"a"}}.Item(uint64(i) + 1)
	}
	items[bad].Event.Object.ID = strings.Repeat("x", 3000) // ParseEvent would have refused it
	items[nul].Event.Object.ID = "a\x00b\xed\xa0\x80"
	items[nul].Event.Object.Receivers[0].ID = "u\x00"
	items[nul].Event.Object.Title = "ti\x00tle"
	got := p.take(items...)
	if got.Events != 499 || got.Rejected != 1 || got.Deliveries != 499 {
		t.Errorf("accepted %+v", got)
	}
	page, err := p.db.Rejected(t.Context(), store.RejectFilter{}, connector.PageOf{})
	if err != nil || len(page.Items) != 1 || page.Items[0].Sequence != bad+1 || !strings.HasPrefix(page.Items[0].Reason, "the store refuses it: ") {
		t.Errorf("rejected %+v, %v", page.Items, err)
	}
	records := p.records(connector.RecordFilter{Events: []string{fmt.Sprintf("e%d", nul+1)}})
	if len(records) != 1 || records[0].Todo != "a\uFFFDb\uFFFD" || records[0].Receiver != "u\uFFFD" || records[0].Title != "ti\uFFFDtle" {
		t.Errorf("cleaned record %+v", records)
	}
	if seq, err := p.db.Position(t.Context(), Stream); err != nil || seq != 500 {
		t.Errorf("position %d, %v", seq, err)
	}
}

func testDuplicates(t *testing.T, e Engine) {
	p := play(t, e, nil)
	create := Todo{ID: "x", Receivers: []string{"a"}}
	p.accept(create, create)
	got := p.accept(create,
		Todo{ID: "x", Action: connector.ActionEdit, Receivers: []string{"a"}},
		Todo{ID: "x", Todo: "other", Receivers: []string{"a"}},
		Todo{ID: "x", Tenant: "U", Receivers: []string{"a"}})
	if got.Duplicates != 1 || got.Rejected != 2 || got.Events != 1 || got.Deliveries != 0 {
		t.Errorf("accepted %+v", got)
	}
	page, err := p.db.Events(t.Context(), storeFilter("T"), connector.PageOf{})
	if err != nil || len(page.Items) != 1 || page.Items[0].Duplicates != 2 {
		t.Errorf("events %+v, %v", page.Items, err)
	}
	rejected, err := p.db.Rejected(t.Context(), store.RejectFilter{}, connector.PageOf{})
	if err != nil || len(rejected.Items) != 2 || rejected.Items[0].Reason != "id used for another event" {
		t.Errorf("rejected %+v, %v", rejected.Items, err)
	}
}

func testRecognise(t *testing.T, e Engine) {
	p := play(t, e, nil)
	p.accept(Todo{ID: "x", Receivers: []string{"a"}}, Todo{ID: "y", Todo: "nul\x00", Receivers: []string{"a"}})
	for name, c := range map[string]struct {
		event Todo
		want  store.KnownEvent
	}{
		"same":           {Todo{ID: "x"}, store.KnownEvent{Found: true, Same: true, Sequence: 1}},
		"cleaned":        {Todo{ID: "y", Todo: "nul\x00"}, store.KnownEvent{Found: true, Same: true, Sequence: 2}},
		"other action":   {Todo{ID: "x", Action: connector.ActionDelete}, store.KnownEvent{Found: true, Sequence: 1}},
		"other object":   {Todo{ID: "x", Todo: "other"}, store.KnownEvent{Found: true, Sequence: 1}},
		"other kind":     {Todo{ID: "x", Kind: connector.KindReminder}, store.KnownEvent{Found: true, Sequence: 1}},
		"other tenant":   {Todo{ID: "x", Tenant: "U"}, store.KnownEvent{}},
		"never heard of": {Todo{ID: "z"}, store.KnownEvent{}},
	} {
		c.event.Receivers = []string{"a"}
		event := c.event.Item(9).Event
		got, err := p.db.Recognise(t.Context(), event)
		if diff := cmp.Diff(c.want, got); err != nil || diff != "" {
			t.Errorf("%s: %v (-want +got):\n%s", name, err, diff)
		}
		if err := p.db.CountDuplicate(t.Context(), event); err != nil {
			t.Errorf("%s: count: %v", name, err)
		}
	}
	page, err := p.db.Events(t.Context(), store.EventFilter{Tenants: []string{"T"}, IDs: []string{"y"}}, connector.PageOf{})
	if err != nil || len(page.Items) != 1 || page.Items[0].Duplicates != 1 {
		t.Errorf("events %+v, %v", page.Items, err)
	}
}

// testHeavyBatch accepts more than one transaction should hold.
func testHeavyBatch(t *testing.T, e Engine) {
	p := play(t, e, func(c *connector.Connection) { c.Unbound = connector.UnboundHold })
	who := make([]string, 700)
	for i := range who {
		who[i] = fmt.Sprintf("u%d", i)
	}
	var events []Todo
	for i := range 10 {
		events = append(events, Todo{Todo: fmt.Sprintf("t%d", i), Receivers: who})
	}
	got := p.accept(events...)
	if got.Events != 10 || got.Deliveries != 7000 {
		t.Errorf("accepted %+v", got)
	}
	if seq, err := p.db.Position(t.Context(), Stream); err != nil || seq != 10 {
		t.Errorf("position %d, %v", seq, err)
	}
}

func testSupersede(t *testing.T, e Engine) {
	p := play(t, e, nil)
	p.accept(Todo{Receivers: []string{"a"}}, Todo{Action: connector.ActionEdit, Receivers: []string{"a"}})
	got := p.accept(Todo{Action: connector.ActionDelete})
	if got.Deliveries != 1 {
		t.Errorf("accepted %+v", got)
	}
	want := []connector.State{connector.Superseded, connector.Superseded, connector.Superseded}
	if diff := cmp.Diff(want, p.states()); diff != "" {
		t.Errorf("states (-want +got):\n%s", diff)
	}
	records := p.records(connector.RecordFilter{})
	if records[2].SupersededBy != records[0].ID || records[0].SupersededBy != "" {
		t.Errorf("superseded by %q, want %q", records[2].SupersededBy, records[0].ID)
	}
	if work := p.claim(); len(work) != 0 {
		t.Errorf("claimed %d of a todo that never left", len(work))
	}
}

func testCoalesce(t *testing.T, e Engine) {
	p := play(t, e, func(c *connector.Connection) { c.Coalesce = true })
	p.accept(Todo{Receivers: []string{"a"}})
	p.drain()
	edit := Todo{Action: connector.ActionEdit, Receivers: []string{"a"}}
	p.accept(edit)
	p.accept(edit, edit)
	p.accept(edit)
	work := p.drain()
	if len(work) != 1 || work[0].EventID != "e5" {
		t.Errorf("sent %d edits, first of event %s", len(work), work[0].EventID)
	}
	want := []connector.State{connector.Succeeded, connector.Superseded, connector.Superseded, connector.Superseded, connector.Succeeded}
	if diff := cmp.Diff(want, p.states()); diff != "" {
		t.Errorf("states (-want +got):\n%s", diff)
	}
	// Each links to the one that was sent, also where a later event superseded what had superseded it.
	records := p.records(connector.RecordFilter{})
	for i, r := range records[1:4] {
		page, err := p.db.Records(t.Context(), connector.RecordFilter{}, connector.PageOf{Limit: 2, Cursor: p.cursor(i + 1)})
		if err != nil || len(page.Items) != 2 || page.Items[0].ID != r.ID || page.Items[0].SupersededBy != records[0].ID {
			t.Errorf("on a page: %+v, %v", page.Items, err)
		}
		if got, err := p.db.Record(t.Context(), r.ID); err != nil || r.SupersededBy != records[0].ID || got.SupersededBy != records[0].ID {
			t.Errorf("%s is superseded by %q, alone by %q, want %q; %v", r.EventID, r.SupersededBy, got.SupersededBy, records[0].ID, err)
		}
	}
	if records[0].SupersededBy != "" || records[4].SupersededBy != "" {
		t.Errorf("what was sent is superseded by %q and %q", records[0].SupersededBy, records[4].SupersededBy)
	}
}

// cursor leads to the records after the newest n.
func (p *player) cursor(n int) string {
	p.t.Helper()
	page, err := p.db.Records(p.t.Context(), connector.RecordFilter{}, connector.PageOf{Limit: n})
	if err != nil {
		p.t.Fatal(err)
	}
	return page.Next
}
