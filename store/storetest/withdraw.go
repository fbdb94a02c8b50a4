package storetest

import (
	"fmt"
	"testing"
	"time"

	"todosync/connector"
	"todosync/internal/identity"
	"todosync/mapping"
	"todosync/notify"
	"todosync/retry"
	"todosync/store"
)

// carry steps a job until it has ended or nothing moves, sending what it lets go; end says what comes of a delivery.
func (p *player) carry(id string, end func(w *connector.Work) connector.Change) (sent []connector.Work) {
	p.t.Helper()
	still := 0
	for still < 4 {
		got, err := p.db.StepJob(p.t.Context(), connector.JobStep{ID: id, Room: func(int64, connector.Load) int { return 3 }})
		if err != nil {
			p.t.Fatal(err)
		}
		if got.Ended {
			return sent
		}
		work := p.claim()
		for len(work) > 0 {
			sent = append(sent, work...)
			changes := make([]connector.Change, len(work))
			for i := range work {
				changes[i] = end(&work[i])
			}
			work = p.turn(10, changes...).Work
			got.Moved++
		}
		if still++; got.Moved > 0 {
			still = 0
		}
	}
	return sent
}

func (p *player) job(id string) connector.Job {
	p.t.Helper()
	j, err := p.db.Job(p.t.Context(), id)
	if err != nil {
		p.t.Fatal(err)
	}
	return j
}

// testWithdraw takes a connection's todos out of the OA before the connection goes.
func testWithdraw(t *testing.T, e Engine) {
	key := connector.ConnectionKey{Tenant: "T", Name: "oa"}
	begin := func(t *testing.T, list bool) (*player, connector.JobRequest) {
		p := play(t, e, func(c *connector.Connection) {
			if list {
				c.Receivers.As = mapping.List
			}
		})
		for i := range 5 {
			p.accept(Todo{Todo: fmt.Sprint("t", i), Receivers: []string{"a", "b"}})
		}
		p.accept(Todo{Todo: "over", Receivers: []string{"a"}}, Todo{Todo: "over", Action: connector.ActionEdit, Status: "done", Receivers: []string{"a"}})
		p.drain()
		return p, connector.JobRequest{Kind: connector.JobWithdraw, Key: key, Tenants: []string{"T"}, Who: "me"}
	}
	start := func(p *player, r connector.JobRequest) connector.Job {
		p.t.Helper()
		j, err := p.db.StartJob(p.t.Context(), r)
		if err != nil {
			p.t.Fatal(err)
		}
		return j
	}
	for name, list := range map[string]bool{"each": false, "list": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, r := begin(t, list)
			p.accept(Todo{Todo: "late", Receivers: []string{"a"}})
			create := p.one() // its answer comes only after the withdrawal has begun
			p.accept(Todo{Todo: "waits", Receivers: []string{"c"}})
			_, err := p.db.StartJob(t.Context(), r)
			wantKind(t, err, connector.Conflict)
			r.Cancel = true
			j := start(p, r)
			_, err = p.db.StartJob(t.Context(), r)
			wantKind(t, err, connector.Conflict)
			if got := p.accept(Todo{Todo: "new", Receivers: []string{"a"}}, Todo{Todo: "t1", Action: connector.ActionEdit, Receivers: []string{"a", "b", "c"}}); got.Deliveries != 0 {
				t.Errorf("a connection that goes gets %d new deliveries", got.Deliveries)
			}
			p.turn(0, succeed(&create))
			sent := p.carry(j.ID, succeed)
			todos := map[string]int{}
			for _, w := range sent {
				if w.Scene != connector.SceneDelete {
					t.Errorf("%s of %s was sent", w.Scene, w.Todo)
				}
				todos[w.Todo] += len(w.Recipients)
			}
			want := map[string]int{"t0": 2, "t1": 2, "t2": 2, "t3": 2, "t4": 2, "late": 1}
			if fmt.Sprint(todos) != fmt.Sprint(want) {
				t.Errorf("taken out %v, want %v", todos, want)
			}
			if j = p.job(j.ID); j.State != connector.JobDone || j.Total != 6 || j.Done != 6 {
				t.Errorf("the job %+v", j)
			}
			if _, err := p.db.Lookup(key); connector.KindOf(err) != connector.NotFound {
				t.Errorf("the connection is still there: %v", err)
			}
		})
	}
	t.Run("stopped", func(t *testing.T) {
		t.Parallel()
		p, r := begin(t, false)
		j := start(p, r)
		for range 2 {
			if _, err := p.db.StepJob(t.Context(), connector.JobStep{ID: j.ID, Room: func(int64, connector.Load) int { return 1 }}); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := p.db.StopJob(t.Context(), j.ID, "me"); err != nil {
			t.Fatal(err)
		}
		out := p.drain()
		if len(out) != 2 || out[0].Todo != out[1].Todo {
			t.Fatalf("let go before the stop: %v", scenes(out))
		}
		// The connection goes on, and who has lost his todo gets it with its next event.
		p.accept(Todo{Todo: out[0].Todo, Action: connector.ActionEdit, Receivers: []string{"a", "b"}}, Todo{Todo: "t4", Action: connector.ActionEdit, Receivers: []string{"a", "b"}})
		if got := fmt.Sprint(scenes(p.drain())); got != "[create create edit edit]" {
			t.Errorf("after the stop %s", got)
		}
	})
	t.Run("refused", func(t *testing.T) {
		t.Parallel()
		p, r := begin(t, false)
		j := start(p, r)
		p.carry(j.ID, func(w *connector.Work) connector.Change {
			if w.Todo == "t3" {
				return outcome(w, connector.Failed, retry.Business)
			}
			return succeed(w)
		})
		if j = p.job(j.ID); j.State != connector.JobFailed || j.Error == "" {
			t.Errorf("the job %+v", j)
		}
		if got := p.accept(Todo{Todo: "new", Receivers: []string{"a"}}); got.Deliveries != 1 {
			t.Errorf("the connection that stays gets %d deliveries", got.Deliveries)
		}
	})
	t.Run("nothing can be taken out", func(t *testing.T) {
		t.Parallel()
		p, r := begin(t, false)
		if err := p.db.Pause(t.Context(), key, "me"); err != nil {
			t.Fatal(err)
		}
		_, err := p.db.StartJob(t.Context(), r)
		wantKind(t, err, connector.Conflict)
		if err := p.db.Resume(t.Context(), key, "me"); err != nil {
			t.Fatal(err)
		}
		Save(t, p.db, Connection("T", "oa", func(c *connector.Connection) { delete(c.Scenes, connector.SceneDelete) }))
		_, err = p.db.StartJob(t.Context(), r)
		wantKind(t, err, connector.Conflict)
	})
}

// testErase takes away all that is kept of a tenant, over restarts, and nothing of another.
func testErase(t *testing.T, e Engine) {
	place := e.Place(t)
	p := playAt(t, e.Open(t, place, nil), nil)
	ctx := t.Context()
	Fill(t, p.db, "T", &p.seq)
	Save(t, p.db, Connection("U", "oa", nil))
	Bind(t, p.db, "U", "oa", "a")
	p.accept(Todo{Tenant: "U", Receivers: []string{"a"}})
	flying := p.claim()
	if len(flying) == 0 {
		t.Fatal("nothing is on its way")
	}
	j, err := p.db.StartJob(ctx, connector.JobRequest{Kind: connector.JobErase, Key: connector.ConnectionKey{Tenant: "T"}, Tenants: []string{"T"}, Who: "me"})
	if err != nil {
		t.Fatal(err)
	}
	_, err = p.db.StartJob(ctx, connector.JobRequest{Kind: connector.JobErase, Key: connector.ConnectionKey{Tenant: "T"}, Who: "me"})
	wantKind(t, err, connector.Conflict)
	wantKind(t, p.db.SetSecret(ctx, "T", "late", "secret-value", "me"), connector.Conflict)
	step := func() connector.JobStepped {
		t.Helper()
		got, err := p.db.StepJob(ctx, connector.JobStep{ID: j.ID})
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	for range 5 {
		if got := step(); got.Ended {
			t.Fatal("it has ended while something was on its way")
		}
	}
	for i := range flying {
		p.turn(0, succeed(&flying[i]))
	}
	step()
	if err := p.db.Close(); err != nil { // killed
		t.Fatal(err)
	}
	p.db = e.Open(t, place, nil)
	for n := 0; !step().Ended; n++ {
		if n > 1000 {
			t.Fatal("it does not come to an end")
		}
	}
	if got := p.job(j.ID); got.State != connector.JobDone || len(got.Tenants) != 0 || got.Key.Tenant != "" || got.Done == 0 {
		t.Errorf("the job %+v", got)
	}
	tenants, err := p.db.Tenants(ctx, nil)
	if err != nil || len(tenants) != 1 || tenants[0].Name != "U" {
		t.Errorf("tenants %+v, %v", tenants, err)
	}
	if got := p.records(connector.RecordFilter{}); len(got) != 1 || got[0].Tenant != "U" {
		t.Errorf("records %+v", got)
	}
	audit, err := p.db.Audit(ctx, store.AuditFilter{Tenants: []string{"T"}}, connector.PageOf{})
	if err != nil || len(audit.Items) != 1 || audit.Items[0].What != "tenant erased" {
		t.Errorf("audit %+v, %v", audit, err)
	}
	// He may come again.
	Save(t, p.db, Connection("T", "oa", nil))
}

// Fill gives a tenant, who has the connection oa with the users a and b, some of everything that is kept of one.
func Fill(t testing.TB, db *store.DB, tenant string, seq *uint64) {
	t.Helper()
	ctx := t.Context()
	settings := fmt.Appendf(nil, `{"tenant":%q,"timeZone":"Asia/Shanghai","language":"zh"}`, tenant)
	Save(t, db, store.SaveItem{Kind: store.SaveTenant, Tenant: tenant, Source: settings, Settings: settings})
	Save(t, db, Connection(tenant, "gone", nil))
	Save(t, db, Connection(tenant, "list", func(c *connector.Connection) { c.Receivers.As = mapping.List }))
	Bind(t, db, tenant, "list", "a", "b")
	for name, err := range map[string]error{
		"delete": db.Delete(ctx, store.Deletion{Key: connector.ConnectionKey{Tenant: tenant, Name: "gone"}, Who: "me"}),
		"secret": db.SetSecret(ctx, tenant, "password", "secret-value", "me"),
	} {
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	for i := range 3 {
		items := []connector.Item{
			Todo{Tenant: tenant, Todo: fmt.Sprint(tenant, "-", i), Receivers: []string{"a", "b"}, Sender: "x"}.Item(*seq + 1),
			Todo{Tenant: tenant, Todo: fmt.Sprint(tenant, "-", i), Action: connector.ActionEdit, Receivers: []string{"a", "b", "nobody"}}.Item(*seq + 2),
			{Incoming: connector.Incoming{Sequence: *seq + 3, Subject: "crm." + tenant + ".todo.create", Data: []byte(tenant)}, Reject: &connector.Rejection{Reason: "no JSON"}},
		}
		if _, err := db.Accept(ctx, Batch(*seq, Start, items...)); err != nil {
			t.Fatal(err)
		}
		*seq += uint64(len(items))
	}
	for _, name := range []string{"oa", "list"} {
		conn := Number(t, db, tenant, name)
		got, err := db.Turn(ctx, connector.Turn{Conn: conn, Want: 3, Now: Start})
		if err != nil {
			t.Fatal(err)
		}
		for i := range got.Work {
			w := &got.Work[i]
			c := outcome(w, connector.Failed, retry.Business)
			c.Message = "refused by " + tenant
			if _, err := db.Turn(ctx, connector.Turn{Conn: conn, Changes: []connector.Change{c}, Now: Start}); err != nil {
				t.Fatal(err)
			}
		}
	}
	later := Start.Add(time.Hour)
	proof := store.Admission{
		Conn: Number(t, db, tenant, "oa"), Proof: []byte("proof of " + tenant), Until: later, Ticket: []byte("ticket of " + tenant), Expires: later,
		Entry: store.SignOn{At: Start, Tenant: tenant, Connection: "oa", Vendor: "seeyon", User: "a", Outcome: "signed_on"},
	}
	if fresh, err := db.Admit(ctx, proof); err != nil || !fresh {
		t.Fatalf("admit: %v, %v", fresh, err)
	}
	if any, err := db.Desk().Close(ctx, 0, tenant, later); err != nil || !any {
		t.Fatalf("close the window: %v, %v", any, err)
	}
	closed, err := db.Desk().Closed(ctx)
	if err != nil || len(closed) == 0 {
		t.Fatalf("closed windows: %v, %v", closed, err)
	}
	summed, err := db.Desk().Gather(ctx, closed[:1])
	if err != nil {
		t.Fatal(err)
	}
	summed.Zone, summed.Language = "UTC", connector.English
	if err := db.Desk().Keep(ctx, 0, closed[0], notify.Summarize(summed), []notify.Addressed{{Channel: "crm"}}); err != nil {
		t.Fatal(err)
	}
	role := identity.Viewer
	for i, tenants := range [][]string{{tenant}, {tenant, "other"}} {
		name := fmt.Sprint("viewer", i, "of", len(tenants))
		if _, err := db.CreateUser(ctx, identity.Change{Name: &name, Role: &role, Tenants: &tenants}, identity.By{Who: "me"}); err != nil {
			t.Fatal(err)
		}
		if _, _, err := db.CreateAPIToken(ctx, store.APIToken{Name: "token", Role: "viewer", Tenants: tenants, Who: "me"}); err != nil {
			t.Fatal(err)
		}
		if _, err := db.StartJob(ctx, connector.JobRequest{Kind: connector.JobRetry, Filter: connector.RecordFilter{Tenants: tenants, States: []string{"failed"}}, Tenants: tenants, Who: "me"}); err != nil {
			t.Fatal(err)
		}
	}
}
