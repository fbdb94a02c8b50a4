package connector

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"todosync/retry"
)

// fakeStore is a Ledger and Registry in memory. The store's own conformance suite says what a real one must do; this one
// does as much of it as the worker can see.
type fakeStore struct {
	mu         sync.Mutex // guards all below
	deliveries []*Delivery
	attempts   map[string][]Attempt
	lanes      map[string]*Lane
	program    *Program
	secrets    map[string]string
	token      KeptToken
	away       bool // every call fails
	turns      int
	most       int // the most that were Sending at once
	conditions []Condition
	before     *SentBefore // of every delivery
	claimed    func()      // called when a turn has claimed, before it answers; optional
}

func newFakeStore(t *testing.T, c *Connection) *fakeStore {
	t.Helper()
	p, err := Compile(1, 1, c, nil, CompileOptions{PublicURL: "https://todosync.example.com"})
	if err != nil {
		t.Fatal(err)
	}
	return &fakeStore{
		program: p, attempts: map[string][]Attempt{}, lanes: map[string]*Lane{},
		secrets: map[string]string{"app-key": "s3cr3t-value", "oa-user": "crm-user", "oa-password": "pass-word-1"},
	}
}

// owe adds deliveries behind each other in the lane of one receiver of a todo.
func (f *fakeStore) owe(todo string, now time.Time, scenes ...Scene) {
	for _, s := range scenes {
		d := &Delivery{
			N: int64(len(f.deliveries) + 1), Conn: 1, Key: f.program.Key, Kind: KindTodo, Todo: todo, Lane: "u",
			Scene: s, Recipients: []Recipient{{ID: "u", Name: "韩梅梅"}}, State: Pending, External: 1, EventID: "e-" + todo,
		}
		d.ID = todo + "-" + string(s) + "-" + string(rune('0'+d.N%10))
		if !slices.ContainsFunc(f.deliveries, func(o *Delivery) bool { return o.Todo == todo && o.Waits() }) {
			d.Due = now
		}
		f.deliveries = append(f.deliveries, d)
	}
}

func (f *fakeStore) Program(context.Context, int64) (*Program, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.program, nil
}

func (f *fakeStore) Secret(_ context.Context, _, name string) (string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if v, ok := f.secrets[name]; ok {
		return v, nil
	}
	return "", &Error{Kind: NotFound, Op: "read secret", Msg: "secret " + name + " is not set"}
}

func (f *fakeStore) Token(context.Context, int64) (KeptToken, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.token, nil
}

func (f *fakeStore) KeepToken(_ context.Context, _, _ int64, t KeptToken) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.token = t
	return nil
}

func (f *fakeStore) Waiting(context.Context) ([]int64, error) { return []int64{1}, nil }

func (f *fakeStore) Recover(context.Context) (int, error) { return 0, nil }

func (f *fakeStore) SetCondition(_ context.Context, _, _ int64, c Condition) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.program = f.program.WithCondition(c)
	f.conditions = append(f.conditions, c)
	return nil
}

func (f *fakeStore) Turn(_ context.Context, t Turn) (Turned, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.turns++
	if f.away {
		return Turned{}, &Error{Kind: Unavailable, Op: "turn", Msg: "the store is away"}
	}
	var out Turned
	for _, c := range t.Changes {
		f.settle(c, t.Now, &out)
	}
	f.giveUp(t.Over, &out)
	f.mend(&t)
	var due []*Delivery
	for _, d := range f.deliveries {
		if !d.Due.IsZero() && (t.Probe || !d.Due.After(t.Now)) {
			due = append(due, d)
		}
	}
	slices.SortStableFunc(due, func(a, b *Delivery) int { return cmp.Or(a.Due.Compare(b.Due), cmp.Compare(a.N, b.N)) })
	for _, d := range due[:min(t.Want, len(due))] {
		d.State, d.Due = Sending, time.Time{}
		w := Work{Delivery: *d, Before: f.before, Bindings: map[string]Binding{"u": {User: "u", Account: "oa-u"}}}
		w.Event = StoredEvent{ID: d.EventID, Tenant: d.Key.Tenant, Kind: KindTodo, Payload: []byte(
			`{"todo":{"id":"` + d.Todo + `","title":"标题 \"x\" of ` + string(d.Scene) + `","receivers":[{"id":"u"}],"object":{"apiName":"A","dataId":"1"}}}`)}
		if l := f.lanes[d.Todo]; l != nil {
			w.LaneNow = *l
		} else {
			w.LaneNow = Lane{Receiver: "u"}
		}
		out.Work = append(out.Work, w)
	}
	sending := 0
	for _, d := range f.deliveries {
		if d.State == Sending {
			sending++
		}
		if !d.Due.IsZero() && (out.Next.IsZero() || d.Due.Before(out.Next)) {
			out.Next = d.Due
		}
	}
	f.most = max(f.most, sending)
	if f.claimed != nil && len(out.Work) > 0 {
		f.claimed()
	}
	return out, nil
}

// giveUp and mend do what Turn's members of their names say, all at once.
func (f *fakeStore) giveUp(o Over, out *Turned) {
	for _, d := range f.deliveries {
		if o.Before.IsZero() || !d.Waits() || d.State == Sending || d.State == Held || d.FirstTry.IsZero() || !d.FirstTry.Before(o.Before) {
			continue
		}
		d.State, d.Class, d.Message, d.Due = Failed, d.LastClass(), o.Why+d.Message, time.Time{}
		out.Over = append(out.Over, *d)
	}
}

func (f *fakeStore) mend(t *Turn) {
	for _, d := range f.deliveries {
		switch {
		case t.Longest <= 0 || !d.Due.After(t.Now):
		case d.State == Pending:
			d.Due = t.Now
		case d.Updated.After(t.Now), d.Due.After(t.Now.Add(t.Longest)):
			d.Due = t.Now.Add(min(max(d.Due.Sub(d.Updated), 0), t.Longest))
		}
	}
}

func (f *fakeStore) settle(c Change, now time.Time, out *Turned) {
	d := f.deliveries[c.N-1]
	if d.State != Sending {
		out.Lost = append(out.Lost, c.N)
		return
	}
	d.State, d.Class, d.Code, d.Message, d.Due, d.Tries = c.To, c.Class, c.Code, c.Message, c.Due, c.Tries
	d.FirstTry, d.SentTwice, d.Unanswered, d.RemoteID, d.Account = c.FirstTry, c.SentTwice, c.Unanswered, c.RemoteID, c.Account
	d.Attempts, d.Updated = d.Attempts+len(c.Attempts), now
	f.attempts[d.ID] = append(f.attempts[d.ID], c.Attempts...)
	if c.Lane != nil {
		f.lanes[d.Todo] = c.Lane
	}
	if !c.To.Final() {
		return
	}
	for _, n := range f.deliveries {
		if n.Todo == d.Todo && n.Waits() {
			if n.State == Pending {
				n.Due = now
			}
			return
		}
	}
}

// states writes every delivery as id, state and class.
func (f *fakeStore) states() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := make([]string, len(f.deliveries))
	for i, d := range f.deliveries {
		out[i] = string(d.Scene) + " " + d.Todo + " " + string(d.State)
		if d.Class != "" {
			out[i] += " " + string(d.Class)
		}
	}
	return out
}

// fakeSender answers requests by a function.
type fakeSender func(ctx context.Context, r retry.Request) (retry.Receipt, error)

func (f fakeSender) Post(ctx context.Context, r retry.Request) (retry.Receipt, error) {
	return f(ctx, r)
}

func (fakeSender) Close() {}

// answer is a 200 with a JSON body.
func answer(body string) (retry.Receipt, error) {
	return retry.Receipt{
		Status: 200, Body: []byte(body), Headers: []retry.Header{{Name: "Content-Type", Value: "application/json"}},
	}, nil
}

// status is an answer that is no 2xx.
func status(code int) (retry.Receipt, error) {
	return retry.Receipt{Status: code}, &retry.Error{Class: retry.ClassOfStatus(code), Status: code, Msg: "HTTP status " + "x"}
}

// refused is a connection that could not be made.
func refused() (retry.Receipt, error) {
	return retry.Receipt{}, &retry.Error{Class: retry.Network, Msg: "connection refused by oa.example.com:80"}
}
