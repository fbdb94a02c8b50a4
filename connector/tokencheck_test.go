package connector

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"todosync/retry"
)

// TestCheckToken asks an OA that says yes, then no, again and again: whatever is looked at, an account that is refused is asked for no more
// often than a held connection asks.
func TestCheckToken(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFakeStore(t, restConnection(func(c *Connection) {
			c.Token = &TokenSettings{
				Request: RequestSettings{Method: "POST", Address: "http://oa.example.com/token", Body: `{"p":"${secret:oa-password}"}`},
				Value:   "id", Refuse: Texts{"-1"}, Send: TokenSend{Header: "token"},
			}
		}))
		asked, says := 0, "tok-1234567"
		w, err := NewWorker(WorkerConfig{
			Ledger: f, Registry: f, Log: slog.New(slog.DiscardHandler),
			Open: func(retry.Config) (Sender, error) {
				return fakeSender(func(context.Context, retry.Request) (retry.Receipt, error) {
					asked++
					r, err := answer(`{"id":"` + says + `"}`)
					r.Started = time.Now()
					r.Headers = append(r.Headers, retry.Header{Name: "Date", Value: time.Now().Add(time.Minute).UTC().Format(http.TimeFormat)})
					return r, err
				}), nil
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		check := func() TokenCheck {
			t.Helper()
			got, err := w.CheckToken(t.Context(), 1)
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(got.Problem, "pass-word-1") || strings.Contains(got.Problem, "tok-") {
				t.Errorf("a secret is shown: %+v", got)
			}
			return got
		}
		got := check()
		if asked != 1 || got.Problem != "" || got.Asked.IsZero() || !got.Dated || got.Ahead < 59*time.Second || got.Ahead > 61*time.Second {
			t.Errorf("asked %d times: %+v", asked, got)
		}
		says = "-1"
		for range 6 * 60 { // every ten seconds for an hour
			if got = check(); !got.Refused || got.Problem == "" {
				t.Fatalf("%+v", got)
			}
			time.Sleep(10 * time.Second)
		}
		if asked != 1+4 {
			t.Errorf("a look every ten seconds asked %d times in an hour, want 4", asked-1)
		}
		if got.Next.IsZero() {
			t.Errorf("it does not say when the OA is asked again: %+v", got)
		}
		f.mu.Lock()
		f.secrets["oa-password"] = "pass-word-2"
		f.mu.Unlock()
		if check(); asked != 6 {
			t.Errorf("asked %d times after the password was changed, want 6", asked)
		}
		for name, held := range map[string]Condition{
			"the connection is held":       {TokenRefused: time.Now(), Message: "no"},
			"the OA wants to be let alone": {HoldUntil: time.Now().Add(time.Minute)},
		} {
			before := asked
			if err := f.SetCondition(t.Context(), 1, 0, held); err != nil {
				t.Fatal(err)
			}
			if got := check(); asked != before || got.Problem == "" || got.Next.IsZero() || !got.Asked.IsZero() {
				t.Errorf("%s: asked %d times: %+v", name, asked-before, got)
			}
		}
		if len(f.conditions) != 2 || f.token.Value != "" {
			t.Errorf("a check has changed the connection: %+v", f.conditions)
		}
	})
}

// TestCheckTokenOfWhatHasNone asks nobody.
func TestCheckTokenOfWhatHasNone(t *testing.T) {
	t.Parallel()
	f := newFakeStore(t, restConnection(nil))
	w, err := NewWorker(WorkerConfig{
		Ledger: f, Registry: f, Log: slog.New(slog.DiscardHandler),
		Open: func(retry.Config) (Sender, error) { return nil, errors.New("nobody is to be asked") },
	})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := w.CheckToken(t.Context(), 1); err != nil || !got.None || got.Problem != "" {
		t.Errorf("%+v %v", got, err)
	}
}
