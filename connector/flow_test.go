package connector_test

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"todosync/connector"
	"todosync/mapping"
	"todosync/retry"
	"todosync/store"
)

var (
	flowSeeds = flag.Int("flow.seeds", 12, "how many random histories TestFlow plays")
	flowSeed  = flag.Uint64("flow.seed", 0, "play this one history of TestFlow alone")
)

// TestFlow plays random histories of todos against an OA that fails in every way, with workers that are stopped and
// started, and compares what the OA ends with to what the CRM said last. It is the promise of the package as one test: nothing lost, nothing out of
// order, a repeat only after an attempt without an answer.
func TestFlow(t *testing.T) {
	t.Parallel()
	first, last := uint64(1), uint64(*flowSeeds) //nolint:gosec // a small count
	if *flowSeed != 0 {
		first, last = *flowSeed, *flowSeed
	}
	for seed := first; seed <= last; seed++ {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			synctest.Test(t, func(t *testing.T) { playFlow(t, dir, seed) })
		})
	}
}

// An inbox is the OA: what it shows each account, and every request that it applied, in order.
type inbox struct {
	mu      sync.Mutex // guards all below
	rand    *rand.Rand
	calm    bool                // no more failures
	picky   bool                // it refuses some accounts of a request and takes the others
	shown   map[string]string   // todo and account: pending or done, and the event that said so
	applied map[string][]string // todo and account: events in order of arrival
	sent    map[string]int      // delivery, scene and event: how often it was applied
	noReply map[string]bool     // deliveries of which an attempt had no answer
	over    map[string]string   // todo and account: by which delivery it was ended
	revived []string            // creates under an id whose todo is over there
}

type oaRequest struct {
	ID, Event, Scene, Delivery string
	To                         recipients
}

// recipients are the accounts of a request: one, or a list of objects.
type recipients []string

// UnmarshalJSON takes "a" and [{"id": "a"}, {"id": "b"}].
func (r *recipients) UnmarshalJSON(b []byte) error {
	var list []struct{ ID string }
	if err := json.Unmarshal(b, &list); err == nil {
		*r = nil
		for _, one := range list {
			*r = append(*r, one.ID)
		}
		return nil
	}
	*r = recipients{""}
	return json.Unmarshal(b, &(*r)[0])
}

// Post applies a request or fails in a random way.
func (o *inbox) Post(ctx context.Context, r retry.Request) (retry.Receipt, error) {
	var q oaRequest
	if err := json.Unmarshal(r.Body, &q); err != nil {
		return retry.Receipt{}, &retry.Error{Class: retry.BadAnswer, Msg: err.Error()}
	}
	o.mu.Lock()
	dice, wait := o.rand.Float64(), time.Duration(o.rand.IntN(4000))*time.Millisecond
	if o.calm {
		dice = 1
	}
	o.mu.Unlock()
	if dice < 0.10 {
		return retry.Receipt{}, &retry.Error{Class: retry.Network, Msg: "connection refused"}
	}
	select {
	case <-time.After(wait):
	case <-ctx.Done():
		o.mu.Lock()
		defer o.mu.Unlock()
		if dice < 0.5 {
			o.apply(q)
		}
		o.noReply[q.Delivery] = true
		return retry.Receipt{}, &retry.Error{Class: retry.Network, Unanswered: true, Msg: "the worker stopped before the answer came"}
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case dice < 0.20:
		return retry.Receipt{Status: 503}, &retry.Error{Class: retry.HTTP5xx, Status: 503, Msg: "HTTP status 503"}
	case dice < 0.28:
		o.apply(q) // taken, and the answer is lost
		fallthrough
	case dice < 0.34:
		o.noReply[q.Delivery] = true
		return retry.Receipt{}, &retry.Error{Class: retry.Timeout, Unanswered: true, Msg: "no answer in time"}
	}
	var failed []string
	if o.picky && dice < 0.70 {
		q.To = slices.DeleteFunc(q.To, func(to string) bool {
			if o.rand.IntN(2) == 0 {
				return false
			}
			failed = append(failed, to)
			return true
		})
	}
	o.apply(q)
	if len(failed) > 0 {
		return retry.Receipt{Status: 200, Body: fmt.Appendf(nil, `{"code":501,"failed":%q}`, strings.Join(failed, ","))}, nil
	}
	return retry.Receipt{Status: 200, Body: []byte(`{"code":0}`)}, nil
}

func (o *inbox) Close() {}

// of is what an account sees of a todo, under whichever external ids: what is pending comes first, two pending ones are told both.
func (o *inbox) of(todo, account string) string {
	var pending, rest []string
	for at, state := range o.shown {
		id, who, _ := strings.Cut(at, " ")
		if base, _, _ := strings.Cut(id, "_"); base != todo || who != account {
			continue
		}
		if strings.HasPrefix(state, "pending") {
			pending = append(pending, state)
		} else {
			rest = append(rest, state)
		}
	}
	return strings.Join(append(pending, rest[:min(len(rest), 1-min(len(pending), 1))]...), " and ")
}

func (o *inbox) apply(q oaRequest) {
	for _, to := range q.To {
		at := q.ID + " " + to
		o.applied[at] = append(o.applied[at], q.Event)
		o.sent[q.Delivery+" "+q.Scene+" "+to]++
		switch q.Scene {
		case "create":
			if by := o.over[at]; by != "" {
				o.revived = append(o.revived, q.Event+" at "+at+" after "+by)
			}
			o.shown[at] = "pending " + q.Event
		case "edit":
			if o.shown[at] != "" { // else there is nothing to edit
				o.shown[at] = "pending " + q.Event
			}
		case "done":
			if o.shown[at] != "" {
				o.shown[at], o.over[at] = "done "+q.Event, q.Event
			}
		case "delete":
			if o.shown[at] != "" {
				o.over[at] = q.Event
			}
			delete(o.shown, at)
		}
	}
}

// A history is what the CRM says: random, but consistent.
type history struct {
	rand    *rand.Rand
	count   int
	todos   map[string]*crmTodo
	account string // of b today
}

// accountsOfB are those that b is bound to in turn.
var accountsOfB = []string{"oa-b", "oa-b2", "oa-b3"}

// rebind gives b another account.
func (h *history) rebind(t *testing.T, db *store.DB) {
	t.Helper()
	h.account = accountsOfB[h.rand.IntN(len(accountsOfB))]
	if _, err := db.SetBinding(t.Context(), "T", connector.Binding{Connection: "oa", User: "b", Account: h.account}, "test"); err != nil {
		t.Fatal(err)
	}
}

// accounts are those that a user has had, today's first.
func (h *history) accounts(user string) []string {
	if user != "b" {
		return []string{"oa-" + user}
	}
	return append([]string{h.account}, slices.DeleteFunc(slices.Clone(accountsOfB), func(a string) bool { return a == h.account })...)
}

// A mortal is a store to a worker that may be killed: from then on nothing of what it does is stored.
type mortal struct {
	*store.DB
	oa   *inbox
	dead atomic.Bool
	mu   sync.Mutex       // guards sent
	sent map[int64]string // claimed: the ids of deliveries by their numbers
}

// Turn stores nothing once the worker is dead.
func (m *mortal) Turn(ctx context.Context, turn connector.Turn) (connector.Turned, error) {
	if m.dead.Load() {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.oa.mu.Lock()
		defer m.oa.mu.Unlock()
		for i := range turn.Changes {
			m.oa.noReply[m.sent[turn.Changes[i].N]] = true
		}
		return connector.Turned{}, nil
	}
	out, err := m.DB.Turn(ctx, turn)
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := range out.Work {
		m.sent[out.Work[i].N] = out.Work[i].ID
	}
	return out, err
}

type crmTodo struct {
	receivers []string
	finished  bool
	newest    map[string]string // receiver: the newest event that named him
}

func (h *history) event() (subject, payload string) {
	h.count++
	id := fmt.Sprintf("e%05d", h.count)
	todo := fmt.Sprintf("t%d", h.rand.IntN(4))
	var who []string
	for _, r := range []string{"a", "b", "c", "late"} {
		if h.rand.IntN(2) == 0 {
			who = append(who, r)
		}
	}
	if len(who) == 0 {
		who = []string{"a"}
	}
	c := h.todos[todo]
	action, status := "edit", "pending"
	switch dice := h.rand.IntN(10); {
	case c == nil:
		action = "create"
		c = &crmTodo{newest: map[string]string{}}
		h.todos[todo] = c
	case dice == 0 && len(c.receivers) > 0:
		action = "delete"
	case dice < 3 && len(c.receivers) > 0:
		status, who = "approved", nil
	}
	switch {
	case action == "delete":
		c.receivers, who, c.finished = nil, nil, false
	case status == "approved":
		c.finished = true
	default:
		c.receivers, c.finished = who, false
	}
	for _, r := range c.receivers {
		c.newest[r] = id
	}
	members := make([]string, len(who))
	for i, r := range who {
		members[i] = fmt.Sprintf(`{"id":%q}`, r)
	}
	return "crm.T.todo." + action, fmt.Sprintf(`{"id":%q,"todo":{"id":%q,"title":"x","status":%q,"receivers":[%s]}}`,
		id, todo, status, strings.Join(members, ","))
}

func playFlow(t *testing.T, dir string, seed uint64) {
	ctx := t.Context()
	r := rand.New(rand.NewPCG(seed, 1)) //nolint:gosec // a test's dice
	oa := &inbox{
		rand:  rand.New(rand.NewPCG(seed, 2)), //nolint:gosec // a test's dice
		shown: map[string]string{}, applied: map[string][]string{}, sent: map[string]int{}, noReply: map[string]bool{},
		over: map[string]string{},
	}
	log := slog.New(slog.DiscardHandler)
	var workerMu sync.Mutex
	var worker *connector.Worker
	wake := func(conns []int64) {
		workerMu.Lock()
		defer workerMu.Unlock()
		if worker != nil {
			worker.Wake(conns)
		}
	}
	db, err := store.Open(ctx, store.Config{Path: filepath.Join(dir, "flow.db"), Key: make([]byte, 32), Log: log, Wake: wake})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	oa.picky = true
	connect(t, db, variant(seed))

	// run starts a worker and gives the function that stops it, or kills it.
	run := func() func(kill bool) {
		l := &mortal{DB: db, oa: oa, sent: map[int64]string{}}
		w, err := connector.NewWorker(connector.WorkerConfig{
			Ledger: l, Registry: db, Log: log, Drain: time.Second,
			Open: func(retry.Config) (connector.Sender, error) { return oa, nil },
		})
		if err != nil {
			t.Fatal(err)
		}
		workerMu.Lock()
		worker = w
		workerMu.Unlock()
		workerCtx, cancel := context.WithCancel(ctx)
		ended := make(chan struct{})
		go func() { _ = w.Run(workerCtx); close(ended) }()
		return func(kill bool) { l.dead.Store(kill); cancel(); <-ended }
	}
	stop := run()

	in, err := connector.NewInbox(connector.InboxConfig{Acceptor: db, Log: log, Wake: wake})
	if err != nil {
		t.Fatal(err)
	}
	seq, err := in.Open(ctx, connector.Stream{Name: "CRM", Created: time.Unix(1, 0)})
	if err != nil {
		t.Fatal(err)
	}
	h := &history{rand: r, todos: map[string]*crmTodo{}, account: "oa-b"}
	for range 40 {
		var batch []connector.Incoming
		for range 1 + r.IntN(4) {
			subject, payload := h.event()
			batch = append(batch, connector.Incoming{
				Sequence: seq + uint64(len(batch)) + 1, Subject: subject, Data: []byte(payload), Time: time.Now(), //nolint:gosec // small
			})
		}
		if err := in.Accept(ctx, seq, batch); err != nil {
			t.Fatal(err)
		}
		seq = batch[len(batch)-1].Sequence
		time.Sleep(time.Duration(r.IntN(8000)) * time.Millisecond)
		// A binding changes while the worker runs, and also between a kill and the next start.
		switch r.IntN(8) {
		case 0:
			stop(false)
			stop = run()
		case 1:
			stop(true)
			h.rebind(t, db)
			stop = run()
		case 2:
			h.rebind(t, db)
		}
	}
	if _, err := db.SetBinding(ctx, "T", connector.Binding{Connection: "oa", User: "late", Account: "oa-late"}, "test"); err != nil {
		t.Fatal(err)
	}
	oa.mu.Lock()
	oa.calm = true
	oa.mu.Unlock()
	time.Sleep(3 * time.Hour)
	stop(false)
	compare(t, h, oa)
	if c := variant(seed); reopens(c) == connector.ReopenNewID {
		// To b, who has several accounts in turn, a todo comes back under its id where he comes back.
		for _, what := range slices.DeleteFunc(oa.revived, func(what string) bool { return strings.Contains(what, " oa-b") }) {
			t.Errorf("what is over is not created again under the same id: %s", what)
		}
	}
	settledAll(t, db)
}

// variant gives each history other settings, in turn.
func variant(seed uint64) func(*connector.Connection) {
	list := func(c *connector.Connection) {
		c.Receivers.As = mapping.List
		for _, s := range c.Scenes {
			s.Body = `{"ID":"#F123","To":[{"id":"#F001"}],"Event":"#F114","Scene":"#F121","Delivery":"#F116"}`
		}
	}
	variants := []func(*connector.Connection){
		list,
		func(c *connector.Connection) { list(c); c.Receivers.Max = 2 },
		func(c *connector.Connection) { list(c); c.Coalesce = true },
		func(c *connector.Connection) { list(c); c.EditAs = connector.EditAsRecreate },
		func(c *connector.Connection) {
			list(c)
			c.Receivers.As = mapping.Each
			c.Scenes[connector.SceneEdit].Receivers = &connector.ReceiverMode{As: mapping.List}
		},
		func(c *connector.Connection) { list(c); c.Reopen = connector.ReopenNewID },
		func(*connector.Connection) {},
		func(c *connector.Connection) { c.Coalesce = true },
		func(c *connector.Connection) { c.EditAs = connector.EditAsRecreate },
		func(c *connector.Connection) { c.Reopen = connector.ReopenNewID },
		func(c *connector.Connection) { c.EditAs, c.Reopen = connector.EditAsRecreate, connector.ReopenNewID },
		func(c *connector.Connection) { c.Limits.Concurrency, c.Down.After = 1, 2 },
		func(c *connector.Connection) { c.Limits.Rate = connector.Rate{N: 2, Per: time.Second} },
	}
	return variants[seed%uint64(len(variants))]
}

// reopens is how a variant opens finished todos again.
func reopens(change func(*connector.Connection)) connector.Reopen {
	c := connector.Defaults()
	c.Scenes = map[connector.Scene]*connector.SceneSettings{}
	for _, s := range []connector.Scene{connector.SceneCreate, connector.SceneEdit, connector.SceneDone, connector.SceneDelete} {
		c.Scenes[s] = &connector.SceneSettings{}
	}
	change(&c)
	return c.Reopen
}

// connect saves the connection and the bindings of all receivers but one.
func connect(t *testing.T, db *store.DB, change func(*connector.Connection)) {
	t.Helper()
	c := connector.Defaults()
	c.Tenant, c.Name = "T", "oa"
	c.Result = connector.Result{
		CodeName: "code", SuccessCode: connector.Texts{"0"}, Partial: connector.PartialMatch{Codes: connector.Texts{"501"}, Accounts: "failed"},
	}
	c.Retry.Codes = connector.Texts{"501"}
	c.Retry.Schedule = slices.Repeat([]connector.Duration{connector.Duration(2 * time.Second)}, 200)
	c.Scenes = map[connector.Scene]*connector.SceneSettings{}
	for _, s := range []connector.Scene{connector.SceneCreate, connector.SceneEdit, connector.SceneDone, connector.SceneDelete} {
		c.Scenes[s] = &connector.SceneSettings{
			Enabled: true, Method: "POST", Address: "http://oa.example.com/",
			Body: `{"ID":"#F123","To":"#F001","Event":"#F114","Scene":"#F121","Delivery":"#F116"}`,
		}
	}
	change(&c)
	if c.EditAs == connector.EditAsRecreate {
		delete(c.Scenes, connector.SceneEdit)
	}
	b, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	items := []store.SaveItem{{Kind: store.SaveConnection, Tenant: "T", Name: "oa", Source: b, Settings: b}}
	if _, err := db.Save(t.Context(), items, store.By{Who: "test", How: store.ByApply}); err != nil {
		t.Fatal(err)
	}
	for _, u := range []string{"a", "b", "c"} {
		if _, err := db.SetBinding(t.Context(), "T", connector.Binding{Connection: "oa", User: u, Account: "oa-" + u}, "test"); err != nil {
			t.Fatal(err)
		}
	}
}

// compare holds what the OA ends with against what the CRM said last.
func compare(t *testing.T, h *history, oa *inbox) {
	t.Helper()
	oa.mu.Lock()
	defer oa.mu.Unlock()
	for at, events := range oa.applied {
		if !slices.IsSorted(events) {
			t.Errorf("%s got an older state after a newer one: %v", at, events)
		}
	}
	for what, n := range oa.sent {
		if delivery, _, _ := strings.Cut(what, " "); n > 1 && !oa.noReply[delivery] {
			t.Errorf("%s was applied %d times, though every attempt had an answer", what, n)
		}
	}
	for todo, c := range h.todos {
		for _, r := range []string{"a", "b", "c", "late"} {
			accounts := h.accounts(r)
			for _, old := range accounts[1:] {
				if got := oa.of(todo, old); strings.HasPrefix(got, "pending") {
					t.Errorf("%s %s is %q, want nothing pending: the account is not his any more", todo, old, got)
				}
			}
			got := oa.of(todo, accounts[0])
			at := todo + " " + accounts[0]
			switch {
			case !slices.Contains(c.receivers, r):
				if strings.HasPrefix(got, "pending") {
					t.Errorf("%s is %q, want nothing pending: he is no receiver any more", at, got)
				}
			case c.finished:
				if strings.HasPrefix(got, "pending") {
					t.Errorf("%s is %q, want done: the CRM has finished it", at, got)
				}
			case got != "pending "+c.newest[r]:
				t.Errorf("%s is %q, want pending with the newest event %s", at, got, c.newest[r])
			}
		}
	}
}

// settledAll checks that nothing waits for ever, and tells the whole story after a failure.
func settledAll(t *testing.T, db *store.DB) {
	t.Helper()
	conns, err := db.Waiting(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(conns) > 0 {
		t.Errorf("connections %v still wait for something", conns)
	}
}
