package storetest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"todosync/connector"
	"todosync/retry"
	"todosync/store"
)

// testResend holds what a retry may do besides the order that testRetry looks at.
func testResend(t *testing.T, e Engine) {
	p := play(t, e, nil)
	ctx := t.Context()
	one := func(id string, o connector.ResendOptions) (store.Resent, error) {
		return p.db.Retry(ctx, store.Resending{ResendOptions: o, ID: id, Who: "me"})
	}
	p.accept(Todo{Receivers: []string{"a"}})
	w := p.one()
	p.turn(0, succeed(&w))
	_, err := one(w.ID, connector.ResendOptions{})
	wantKind(t, err, connector.Conflict)
	if got, err := one(w.ID, connector.ResendOptions{Confirmed: true, AsBefore: true}); err != nil || got.State != connector.Pending {
		t.Fatalf("retry of a succeeded one: %+v, %v", got, err)
	}
	again := p.one()
	if again.ID != w.ID || again.Before == nil || again.Before.Request.Address != "http://oa.example.com" || again.Tries != 0 {
		t.Errorf("claimed %+v with %+v", again.Delivery, again.Before)
	}
	// The wish outlives a try that failed, and is over when the delivery is.
	retried := outcome(&again, connector.Retrying, retry.Timeout)
	retried.Due = p.now
	p.turn(0, retried)
	again = p.one()
	if again.Before == nil {
		t.Error("the next try is rendered anew")
	}
	p.turn(0, succeed(&again))
	if _, err := one(w.ID, connector.ResendOptions{Confirmed: true}); err != nil {
		t.Fatal(err)
	}
	if again = p.one(); again.Before != nil {
		t.Error("it is sent as before where today's mapping was wanted")
	}
	p.turn(0, succeed(&again))

	// A create that never left, and a delete that therefore was none: the todo must not come into the inbox after all.
	p.accept(Todo{Todo: "2", Receivers: []string{"a"}})
	create := p.one()
	failed := outcome(&create, connector.Failed, retry.Mapping)
	failed.Attempts = nil
	p.turn(0, failed)
	_, err = one(create.ID, connector.ResendOptions{AsBefore: true})
	wantKind(t, err, connector.Conflict) // there is no earlier request
	p.accept(Todo{Todo: "2", Action: connector.ActionDelete})
	if got, err := one(create.ID, connector.ResendOptions{}); err != nil || got.State != connector.Superseded || got.SupersededBy == "" {
		t.Errorf("retry of the create of a deleted todo: %+v, %v", got, err)
	}
	if rest := p.claim(); len(rest) > 0 {
		t.Errorf("claimed %v", scenes(rest))
	}
	audit, err := p.db.Audit(ctx, store.AuditFilter{Tenants: []string{"T"}}, connector.PageOf{})
	if err != nil || audit.Items[0].What != "record retried" || audit.Items[0].Who != "me" || audit.Items[0].Target != create.ID {
		t.Errorf("audit %+v, %v", audit.Items, err)
	}
}

// testRecreated retries the delete of a re-creation whose create was skipped with it.
func testRecreated(t *testing.T, e Engine) {
	p := play(t, e, func(c *connector.Connection) { c.EditAs = connector.EditAsRecreate })
	p.accept(Todo{Receivers: []string{"a"}}, Todo{Action: connector.ActionEdit, Receivers: []string{"a"}})
	create := p.one()
	del := p.turn(1, succeed(&create)).Work[0]
	failed := outcome(&del, connector.Failed, retry.Business)
	failed.SkipFollows = connector.ReasonDeleteFailed
	p.turn(0, failed)
	if state, err := p.again(del.ID); err != nil || state != connector.Pending {
		t.Fatalf("retry: %v, %v", state, err)
	}
	sent := p.drain()
	if got := scenes(sent); !slices.Equal(got, []connector.Scene{"delete", "create"}) {
		t.Errorf("went again: %v", got)
	}
}

func testRehearse(t *testing.T, e Engine) {
	p := play(t, e, nil)
	p.accept(Todo{Receivers: []string{"a"}})
	w := p.one()
	p.turn(0, outcome(&w, connector.Failed, retry.Business))
	r, err := p.db.Rehearse(t.Context(), w.ID)
	if err != nil || r.Problem != "" || r.Before == nil || r.Now == nil {
		t.Fatalf("rehearsal %+v, %v", r, err)
	}
	if r.Now.Body != `{"task":"todo","to":"oa-a","title":"title"}` || r.Before.Body != "{}" {
		t.Errorf("before %s, now %s", r.Before.Body, r.Now.Body)
	}
	if !slices.Contains(r.Difference, `+   "to": "oa-a",`) || !slices.Contains(r.Difference, "- POST http://oa.example.com") {
		t.Errorf("difference %q", r.Difference)
	}
}

// carryOut runs open jobs to their ends, letting everything succeed that goes, and gives what was sent.
func (p *player) carryOut(room int) []connector.Work {
	p.t.Helper()
	var sent []connector.Work
	for range 1000 {
		jobs, err := p.db.OpenJobs(p.t.Context())
		if err != nil {
			p.t.Fatalf("open jobs: %v", err)
		}
		if len(jobs) == 0 {
			return append(sent, p.drain()...)
		}
		for _, j := range jobs {
			_, err := p.db.StepJob(p.t.Context(), connector.JobStep{ID: j.ID, Room: func(_ int64, l connector.Load) int {
				if l.Resent > room {
					p.t.Fatalf("%d of the job's wait, room was for %d", l.Resent, room)
				}
				return room - l.Resent
			}})
			if err != nil {
				p.t.Fatalf("step: %v", err)
			}
		}
		sent = append(sent, p.drain()...)
	}
	p.t.Fatal("the jobs do not end")
	return nil
}

func testJobs(t *testing.T, e Engine) {
	p := play(t, e, func(c *connector.Connection) { c.Limits.Concurrency = 64 })
	ctx := t.Context()
	const todos = 25
	for i := range todos {
		p.accept(Todo{Todo: fmt.Sprint("t", i), Receivers: []string{"a"}}, Todo{Todo: fmt.Sprint("t", i), Action: connector.ActionEdit, Receivers: []string{"a"}})
	}
	for range 2 {
		for work := p.turn(50).Work; len(work) > 0; work = p.turn(50).Work {
			for i := range work {
				p.turn(0, outcome(&work[i], connector.Failed, retry.Business))
			}
		}
	}
	start := func(r connector.JobRequest) connector.Job {
		t.Helper()
		r.Who = "me"
		j, err := p.db.StartJob(ctx, r)
		if err != nil {
			t.Fatalf("start: %v", err)
		}
		return j
	}
	_, err := p.db.StartJob(ctx, connector.JobRequest{Kind: connector.JobRetry})
	wantKind(t, err, connector.Invalid)
	_, err = p.db.StartJob(ctx, connector.JobRequest{Kind: connector.JobRetry, Filter: connector.RecordFilter{States: []string{"succeeded"}}})
	wantKind(t, err, connector.Conflict)
	filter := connector.RecordFilter{States: []string{"failed"}, Classes: []string{"business"}}
	if n, whole, err := p.db.CountRecords(ctx, connector.JobRequest{Kind: connector.JobRetry, Filter: filter}); n != 2*todos || !whole || err != nil {
		t.Errorf("counted %d, %v, %v", n, whole, err)
	}

	// All failed records go again: creates are superseded by their edits, which had been sent.
	j := start(connector.JobRequest{Kind: connector.JobRetry, Filter: filter, Tenants: []string{"T"}})
	sent := p.carryOut(4)
	if len(sent) != todos || slices.ContainsFunc(sent, func(w connector.Work) bool { return w.Scene != connector.SceneEdit || w.Tries != 0 }) {
		t.Errorf("sent %v", scenes(sent))
	}
	got, err := p.db.Job(ctx, j.ID)
	if err != nil || got.State != connector.JobDone || got.Total != 2*todos || got.Done != todos || got.Skipped != todos || got.Waiting != 0 || got.Ended.IsZero() {
		t.Errorf("job %+v, %v", got, err)
	}
	if len(got.Reasons) != 1 {
		t.Errorf("reasons %v", got.Reasons)
	}
	for tenants, want := range map[string]int{"T": 1, "U": 0, "": 1} {
		page, err := p.db.Jobs(ctx, slices.DeleteFunc([]string{tenants}, func(s string) bool { return s == "" }), connector.PageOf{})
		if err != nil || len(page.Items) != want {
			t.Errorf("jobs of %q: %d, %v", tenants, len(page.Items), err)
		}
	}

	// A job that is stopped does no more; what it has let go goes on.
	j = start(connector.JobRequest{Kind: connector.JobRetry, Filter: connector.RecordFilter{States: []string{"succeeded"}}, Options: connector.ResendOptions{Confirmed: true}})
	// The first step counts what there is; each takes up less where time is short.
	for got.Done = 0; got.Done < 3; {
		if _, err := p.db.StepJob(ctx, connector.JobStep{ID: j.ID, Room: func(_ int64, l connector.Load) int { return 3 - l.Resent }}); err != nil {
			t.Fatal(err)
		}
		if got, err = p.db.Job(ctx, j.ID); err != nil {
			t.Fatal(err)
		}
	}
	if got, err = p.db.StopJob(ctx, j.ID, "other"); err != nil || got.State != connector.JobStopped || got.Done != 3 || got.Waiting != 3 {
		t.Errorf("stopped %+v, %v", got, err)
	}
	if s, err := p.db.StepJob(ctx, connector.JobStep{ID: j.ID, Room: func(int64, connector.Load) int { return 3 }}); err != nil || !s.Ended {
		t.Errorf("a step after the stop: %+v, %v", s, err)
	}
	if sent := p.drain(); len(sent) != 3 {
		t.Errorf("sent %v", scenes(sent))
	}
	_, err = p.db.StopJob(ctx, "nothing", "me")
	wantKind(t, err, connector.NotFound)

	// Cancel: what waits ends, by filter, whatever there is room for.
	p.accept(Todo{Todo: "new", Receivers: []string{"a"}}, Todo{Todo: "new", Action: connector.ActionEdit, Receivers: []string{"a"}})
	j = start(connector.JobRequest{Kind: connector.JobCancel, Filter: connector.RecordFilter{Todos: []string{"new"}}})
	p.accept(Todo{Todo: "new", Action: connector.ActionEdit, Receivers: []string{"a"}})
	p.now = p.now.Add(time.Second)
	for open := true; open; {
		s, err := p.db.StepJob(ctx, connector.JobStep{ID: j.ID, Room: func(int64, connector.Load) int { return 0 }})
		if err != nil {
			t.Fatal(err)
		}
		open = !s.Ended
	}
	if got, err = p.db.Job(ctx, j.ID); err != nil || got.Done < 2 {
		t.Errorf("canceled %+v, %v", got, err)
	}
}

func testPush(t *testing.T, e Engine) {
	p := play(t, e, nil)
	ctx := t.Context()
	key := connector.ConnectionKey{Tenant: "T", Name: "oa"}
	push := func(todo string, o connector.PushOptions) ([]string, error) {
		return p.db.Push(ctx, store.PushRequest{PushOptions: o, Key: key, Todo: todo, Who: "me"})
	}
	p.accept(Todo{Receivers: []string{"a", "b"}}, Todo{Action: connector.ActionEdit, Title: "newer", Receivers: []string{"a", "b"}})
	_, err := push("todo", connector.PushOptions{})
	wantKind(t, err, connector.Conflict) // its newest state waits already
	p.drain()
	ids, err := push("todo", connector.PushOptions{})
	if err != nil || len(ids) != 2 {
		t.Fatalf("push: %v, %v", ids, err)
	}
	_, err = push("todo", connector.PushOptions{})
	wantKind(t, err, connector.Conflict)
	sent := p.drain()
	if got := scenes(sent); !slices.Equal(got, []connector.Scene{"edit", "edit"}) || sent[0].EventID != "e2" || sent[0].Title != "newer" {
		t.Errorf("pushed %v of %s", got, sent[0].EventID)
	}
	if ids, err = push("todo", connector.PushOptions{Lost: true}); err != nil || len(ids) != 2 {
		t.Fatalf("push of a lost one: %v, %v", ids, err)
	}
	if got := scenes(p.drain()); !slices.Equal(got, []connector.Scene{"create", "create"}) {
		t.Errorf("pushed %v", got)
	}
	// Who was taken out by name gets nothing; the rest still gets what the edit said, not what the delete did not.
	p.accept(Todo{Action: connector.ActionDelete, Receivers: []string{"b"}})
	p.drain()
	if ids, err = push("todo", connector.PushOptions{}); err != nil || len(ids) != 1 {
		t.Fatalf("push after a part was deleted: %v, %v", ids, err)
	}
	if sent = p.drain(); sent[0].EventID != "e2" || sent[0].Lane != "a" {
		t.Errorf("pushed %s for %s", sent[0].EventID, sent[0].Lane)
	}
	p.accept(Todo{Action: connector.ActionDelete})
	p.drain()
	_, err = push("todo", connector.PushOptions{})
	wantKind(t, err, connector.Conflict)
	_, err = push("nothing", connector.PushOptions{})
	wantKind(t, err, connector.NotFound)
	_, err = p.db.Push(ctx, store.PushRequest{Key: connector.ConnectionKey{Tenant: "U", Name: "oa"}, Todo: "todo"})
	wantKind(t, err, connector.NotFound)
}

func testBackfill(t *testing.T, e Engine) {
	p := play(t, e, nil)
	ctx := t.Context()
	p.accept(
		Todo{Todo: "open", Receivers: []string{"a", "b"}}, Todo{Todo: "done", Receivers: []string{"a"}}, Todo{Todo: "gone", Receivers: []string{"a"}},
		Todo{Todo: "open", Action: connector.ActionEdit, Version: 7, Title: "newest", Receivers: []string{"a"}},
		Todo{Todo: "open", Action: connector.ActionEdit, Version: 6, Title: "stale", Receivers: []string{"c"}},
		Todo{Todo: "done", Action: connector.ActionEdit, Status: "approved"}, Todo{Todo: "gone", Action: connector.ActionDelete},
		Todo{Todo: "r", Kind: connector.KindReminder, Receivers: []string{"a"}},
	)
	p.drain()
	Save(t, p.db, Connection("T", "new", nil))
	Bind(t, p.db, "T", "new", "a", "b", "c")
	old := p.conn
	p.conn = Number(t, p.db, "T", "new")
	job := func(r connector.JobRequest) connector.Job {
		t.Helper()
		r.Kind, r.Who, r.Tenants = connector.JobBackfill, "me", []string{"T"}
		j, err := p.db.StartJob(ctx, r)
		if err != nil {
			t.Fatal(err)
		}
		return j
	}
	j := job(connector.JobRequest{Key: connector.ConnectionKey{Tenant: "T", Name: "new"}})
	_, err := p.db.StartJob(ctx, connector.JobRequest{Kind: connector.JobBackfill, Who: "me", Key: j.Key, Tenants: []string{"T"}})
	wantKind(t, err, connector.Conflict) // each would push every todo
	sent := p.carryOut(2)
	if len(sent) != 1 || sent[0].Scene != connector.SceneCreate || sent[0].Todo != "open" || sent[0].Title != "newest" || sent[0].Lane != "a" {
		t.Errorf("backfilled %v", scenes(sent))
	}
	got, err := p.db.Job(ctx, j.ID)
	if err != nil || got.State != connector.JobDone || got.Total != 3 || got.Done != 1 || got.Skipped != 2 {
		t.Errorf("job %+v, %v", got, err)
	}
	// From now on the new connection knows the todo as the old one does.
	p.accept(Todo{Todo: "open", Action: connector.ActionEdit, Version: 8, Receivers: []string{"a"}})
	if got := scenes(p.drain()); !slices.Equal(got, []connector.Scene{"edit"}) {
		t.Errorf("then %v", got)
	}
	stories, err := p.db.Events(ctx, store.EventFilter{Tenants: []string{"T"}, IDs: []string{"e4"}}, connector.PageOf{})
	if err != nil || len(stories.Items) != 1 || len(stories.Items[0].Connections) != 2 {
		t.Errorf("the event's story %+v, %v", stories.Items, err)
	}
	// An OA that has lost its data, from a date on that is too late for all: nothing.
	p.conn = old
	p.drain()
	job(connector.JobRequest{Key: connector.ConnectionKey{Tenant: "T", Name: "oa"}, Lost: true, From: Start.Add(time.Hour)})
	if got := p.carryOut(2); len(got) != 0 {
		t.Errorf("backfilled %v", scenes(got))
	}
	job(connector.JobRequest{Key: connector.ConnectionKey{Tenant: "T", Name: "oa"}, Lost: true})
	if got := scenes(p.carryOut(2)); !slices.Equal(got, []connector.Scene{"create"}) {
		t.Errorf("backfilled %v", got)
	}
}
