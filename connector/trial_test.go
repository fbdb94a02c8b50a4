package connector

import (
	"context"
	"encoding/json"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"todosync/retry"
)

// A trialBench tries a connection against an OA that answers as the test says.
type trialBench struct {
	*fakeStore
	worker *Worker
	says   func(r retry.Request) (retry.Receipt, error)

	mu   sync.Mutex // guards sent
	sent []retry.Request
}

func newTrialBench(t *testing.T, change func(*Connection)) *trialBench {
	t.Helper()
	b := &trialBench{fakeStore: newFakeStore(t, restConnection(change))}
	b.says = func(retry.Request) (retry.Receipt, error) { return answer(`{"code":0,"message":"s3cr3t-value taken"}`) }
	var err error
	b.worker, err = NewWorker(WorkerConfig{
		Ledger: b, Registry: b, Log: slog.New(slog.DiscardHandler),
		Open: func(retry.Config) (Sender, error) {
			return fakeSender(func(_ context.Context, r retry.Request) (retry.Receipt, error) {
				b.mu.Lock()
				b.sent = append(b.sent, r)
				b.mu.Unlock()
				return b.says(r)
			}), nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// trial is a live one of the create of an event with two receivers, of whom the second is bound.
func trial(t *testing.T) Trial {
	t.Helper()
	e, rejected := ParseEvent(Incoming{Subject: "crm.T.todo.create", Data: []byte(
		`{"id":"e1","todo":{"id":"real-id","title":"hello","receivers":[{"id":"1","name":"A"},{"id":"2","name":"B"}],"ext":{"n":1}}}`)}, "s")
	if rejected != nil {
		t.Fatal(rejected)
	}
	return Trial{Conn: 1, Scene: SceneCreate, Event: e, Bindings: map[string]Binding{"2": {User: "2", Account: "bob"}}}
}

func (b *trialBench) try(t *testing.T, x Trial) TrialReport {
	t.Helper()
	got, err := b.worker.Try(t.Context(), x)
	if err != nil {
		t.Fatalf("try: %v", err)
	}
	raw, err := json.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{"s3cr3t-value", "pass-word-1", "crm-user", "tok-1234567"} {
		if strings.Contains(string(raw), secret) {
			t.Errorf("the report shows %s: %s", secret, raw)
		}
	}
	if len(b.conditions)+len(b.attempts) > 0 || b.token.Value != "" && b.token.For == "" {
		t.Errorf("a trial has left something behind: %v %v %v", b.conditions, b.attempts, b.token)
	}
	return got
}

// TestTryTouchesNoRealTodo sends one request, for whom is bound, under an id of its own, and judges its answer.
func TestTryTouchesNoRealTodo(t *testing.T) {
	t.Parallel()
	b := newTrialBench(t, nil)
	got := b.try(t, trial(t))
	if !got.OK || len(got.Steps) != 1 || !strings.HasPrefix(got.Todo, "try-") {
		t.Fatalf("%+v", got)
	}
	step := got.Steps[0]
	if !strings.Contains(step.Detail, "code 0") || step.Rule != `result.codeName code: "0" is in result.successCode` || step.Next != "the delivery would be done" {
		t.Errorf("%+v", step)
	}
	body := string(b.sent[0].Body)
	if len(b.sent) != 1 || strings.Contains(body, "real-id") || !strings.Contains(body, got.Todo) || !strings.Contains(body, `"to":"bob"`) {
		t.Errorf("sent %d: %s", len(b.sent), body)
	}
	if headerOf(b.sent[0].Headers, "Idempotency-Key") == "" || headerOf(b.sent[0].Headers, "X-App-Key") != "s3cr3t-value" {
		t.Errorf("headers: %v", b.sent[0].Headers)
	}
}

// TestTryAsAsked takes the ids and the receiver that somebody wants, and refuses what is not there.
func TestTryAsAsked(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newTrialBench(t, nil)
		x := trial(t)
		x.KeepID = true
		if got := b.try(t, x); got.Todo != "real-id" || !strings.Contains(string(b.sent[0].Body), "real-id") {
			t.Errorf("%+v", got)
		}
		x.KeepID, x.Todo, x.Scene = false, "try-earlier", SceneDelete
		began := time.Now()
		if got := b.try(t, x); got.Todo != "try-earlier" || b.sent[1].Address != "http://oa.example.com/delete" {
			t.Errorf("%+v", got)
		}
		if time.Since(began) < trialEvery {
			t.Error("two tries right after each other")
		}
		x.Receiver, x.Scene = "1", SceneCreate
		if got := b.try(t, x); got.OK || len(b.sent) != 2 || !strings.Contains(got.Steps[0].Detail, "no OA account is bound to A (1)") {
			t.Errorf("%+v", got)
		}
		x.Receiver = "3"
		if _, err := b.worker.Try(t.Context(), x); KindOf(err) != Invalid {
			t.Errorf("a receiver who is not there: %v", err)
		}
		x.Receiver, x.Scene = "", SceneRemind
		if _, err := b.worker.Try(t.Context(), x); KindOf(err) != Invalid || !strings.Contains(err.Error(), "scene remind is off") {
			t.Errorf("a scene that is off: %v", err)
		}
	})
}

// TestTryJudges tells for each answer what decided and what would follow.
func TestTryJudges(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		says             func(retry.Request) (retry.Receipt, error)
		ok               bool
		detail, rule, do string
	}{
		"refused":        {func(retry.Request) (retry.Receipt, error) { return answer(`{"code":7,"message":"no such user"}`) }, false, "class business, code 7: no such user", `"7" is not in result.successCode 0`, "would fail"},
		"already there":  {func(retry.Request) (retry.Receipt, error) { return answer(`{"code":409}`) }, true, "the OA has it already", "result.duplicate", "would be done"},
		"a page":         {func(retry.Request) (retry.Receipt, error) { return answer(`<html>log in</html>`) }, false, "class bad_answer", "result.codeName: code is not in the answer", "would fail"},
		"a server error": {func(retry.Request) (retry.Receipt, error) { return status(503) }, false, "class http_5xx", "HTTP status 503: class http_5xx", "would try again in"},
		"no connection":  {func(retry.Request) (retry.Receipt, error) { return refused() }, false, "class network", "no answer: class network", "would try again in"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newTrialBench(t, nil)
			b.says = tt.says
			got := b.try(t, trial(t))
			s := got.Steps[len(got.Steps)-1]
			if got.OK != tt.ok || !strings.Contains(s.Detail, tt.detail) || !strings.Contains(s.Rule, tt.rule) || !strings.Contains(s.Next, tt.do) {
				t.Errorf("%+v", s)
			}
		})
	}
}

// TestTryAuth asks for a token and shows everything of it but itself; one that the OA has refused is not asked for again.
func TestTryAuth(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newTrialBench(t, func(c *Connection) {
			c.Token = &TokenSettings{
				Request: RequestSettings{Method: "POST", Address: "http://oa.example.com/token", Body: `{"p":"${secret:oa-password}"}`},
				Value:   "id", Refuse: Texts{"-1"}, Send: TokenSend{Header: "token"}, TTL: Duration(10 * time.Minute),
			}
			for _, s := range c.Scenes {
				s.Enabled = false // no address to connect to in a test
			}
			c.Scenes[SceneCreate].Enabled = true
			c.Scenes[SceneCreate].Address = "http://127.0.0.1:1/create"
		})
		b.says = func(r retry.Request) (retry.Receipt, error) {
			if strings.HasSuffix(r.Address, "/token") {
				return answer(`{"id":"tok-1234567"}`)
			}
			return answer(`{"code":0,"message":"tok-1234567 is good"}`)
		}
		x := trial(t)
		got := b.try(t, x)
		if !got.OK || len(got.Steps) != 2 || got.Steps[0].Name != TrialToken || !strings.Contains(got.Steps[0].Detail, "a token of 11 characters") || got.Steps[0].Exchange.Response.Body != "***" {
			t.Errorf("%+v", got.Steps)
		}
		if b.token.Value != "" {
			t.Error("the token of a trial was kept")
		}
		mark := b.program.mark(t.Context(), b)
		b.token = KeptToken{Value: "tok-1234567", Fetched: time.Now(), For: mark}
		before := len(b.sent)
		if got := b.try(t, x); !got.OK || !strings.Contains(got.Steps[0].Detail, "the one in use") || len(b.sent) != before+1 {
			t.Errorf("the token in use is not used: %+v", got.Steps)
		}
		b.token = KeptToken{}
		b.says = func(retry.Request) (retry.Receipt, error) { return answer(`{"id":"-1"}`) }
		if got := b.try(t, x); got.OK || len(got.Steps) != 1 || got.Steps[0].Exchange.Class != retry.TokenRefused || got.Steps[0].Hint == "" {
			t.Errorf("%+v", got.Steps)
		}
		b.program = b.program.WithCondition(Condition{TokenRefused: time.Now(), Message: "no"})
		before = len(b.sent)
		if got := b.try(t, x); got.OK || len(b.sent) != before || !strings.Contains(got.Steps[0].Detail, "not asked") {
			t.Errorf("asked again: %+v", got.Steps)
		}
	})
}
