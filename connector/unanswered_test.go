package connector_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"todosync/connector"
	"todosync/retry"
	"todosync/store"
)

// TestHeldUnanswered has an attempt without an answer held for a person, who has it sent again, or cancels it: what waits behind it goes on,
// as what the OA may have by then needs.
func TestHeldUnanswered(t *testing.T) {
	t.Parallel()
	retried := func(db *store.DB, id string) error {
		_, err := db.Retry(context.Background(), store.Resending{ID: id, Who: "me"})
		return err
	}
	canceled := func(db *store.DB, id string) error { return db.Cancel(context.Background(), id, "me") }
	tests := map[string]struct {
		then  func(db *store.DB, id string) error
		after connector.Action
		want  []string // what the OA got, the unanswered one first
		state connector.State
		twice bool
	}{
		"sent again, then the edit":           {retried, connector.ActionEdit, []string{"create e1", "create e1", "edit e2"}, connector.Succeeded, true},
		"sent again, then the delete":         {retried, connector.ActionDelete, []string{"create e1", "create e1", "delete e2"}, connector.Succeeded, true},
		"canceled, then the edit as a create": {canceled, connector.ActionEdit, []string{"create e1", "create e2"}, connector.Canceled, false},
		"canceled, then the delete":           {canceled, connector.ActionDelete, []string{"create e1", "delete e2"}, connector.Canceled, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			synctest.Test(t, func(t *testing.T) {
				ctx := t.Context()
				log := slog.New(slog.DiscardHandler)
				var worker *connector.Worker
				wake := func(conns []int64) {
					if worker != nil {
						worker.Wake(conns)
					}
				}
				db, err := store.Open(ctx, store.Config{Path: filepath.Join(dir, "held.db"), Key: make([]byte, 32), Log: log, Wake: wake})
				if err != nil {
					t.Fatal(err)
				}
				defer func() { _ = db.Close() }()
				connect(t, db, func(c *connector.Connection) { c.Retry.Unanswered = connector.UnansweredHold })
				oa := &takesAll{}
				worker, err = connector.NewWorker(connector.WorkerConfig{
					Ledger: db, Registry: db, Log: log, Open: func(retry.Config) (connector.Sender, error) { return oa, nil },
				})
				if err != nil {
					t.Fatal(err)
				}
				running, stop := context.WithCancel(ctx)
				ended := make(chan struct{})
				go func() { _ = worker.Run(running); close(ended) }()
				defer func() { stop(); <-ended }()
				in, err := connector.NewInbox(connector.InboxConfig{Acceptor: db, Log: log, Wake: wake})
				if err != nil {
					t.Fatal(err)
				}
				if _, err := in.Open(ctx, connector.Stream{Name: "CRM", Created: time.Unix(1, 0)}); err != nil {
					t.Fatal(err)
				}
				for i, action := range []connector.Action{connector.ActionCreate, tt.after} {
					seq := uint64(i) + 1
					payload := fmt.Sprintf(`{"id":"e%d","todo":{"id":"t","title":"x","receivers":[{"id":"a"}]}}`, seq)
					m := connector.Incoming{Sequence: seq, Subject: "crm.T.todo." + string(action), Data: []byte(payload), Time: time.Now()}
					if err := in.Accept(ctx, seq-1, []connector.Incoming{m}); err != nil {
						t.Fatal(err)
					}
					time.Sleep(time.Second)
				}
				records := func() map[string]connector.Record {
					page, err := db.Records(ctx, connector.RecordFilter{}, connector.PageOf{Limit: 10})
					if err != nil {
						t.Fatal(err)
					}
					out := map[string]connector.Record{}
					for _, r := range page.Items {
						out[r.EventID] = r
					}
					return out
				}
				time.Sleep(time.Hour)
				held := records()["e1"]
				if held.State != connector.Held || held.Class != retry.Timeout || records()["e2"].State != connector.Pending {
					t.Fatalf("an hour later %s %s, and behind it %s; want held by timeout, and pending", held.State, held.Class, records()["e2"].State)
				}
				if err := tt.then(db, held.ID); err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Minute)
				if diff := cmp.Diff(tt.want, oa.all()); diff != "" {
					t.Errorf("the OA got (-want +got):\n%s", diff)
				}
				after := records()
				if got := after["e1"]; got.State != tt.state || got.PossiblySentTwice != tt.twice {
					t.Errorf("it ended %s, marked %t; want %s, %t", got.State, got.PossiblySentTwice, tt.state, tt.twice)
				}
				if got := after["e2"].State; got != connector.Succeeded {
					t.Errorf("what stood behind it is %s, want succeeded", got)
				}
			})
		})
	}
}

// takesAll is an OA that takes everything and gives its first answer to nobody.
type takesAll struct {
	mu  sync.Mutex // guards got
	got []string
}

func (o *takesAll) all() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.got)
}

func (o *takesAll) Post(_ context.Context, r retry.Request) (retry.Receipt, error) {
	var q oaRequest
	if err := json.Unmarshal(r.Body, &q); err != nil {
		return retry.Receipt{}, &retry.Error{Class: retry.BadAnswer, Msg: err.Error()}
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.got = append(o.got, q.Scene+" "+q.Event)
	if len(o.got) == 1 {
		return retry.Receipt{}, &retry.Error{Class: retry.Timeout, Unanswered: true, Msg: "no answer in time"}
	}
	return retry.Receipt{Status: 200, Body: []byte(`{"code":0}`)}, nil
}

func (o *takesAll) Close() {}
