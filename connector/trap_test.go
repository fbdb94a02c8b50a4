package connector

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"todosync/retry"
)

// TestAnswersAroundTheTimeout lets an OA answer just before, at and just after the timeout, over real connections: at most one further
// request, marked; and a late answer is never taken for that of the next attempt.
func TestAnswersAroundTheTimeout(t *testing.T) {
	t.Parallel()
	const timeout = 250 * time.Millisecond
	for _, late := range []time.Duration{-50 * time.Millisecond, -2 * time.Millisecond, 0, 2 * time.Millisecond, 50 * time.Millisecond} {
		t.Run(late.String(), func(t *testing.T) {
			t.Parallel()
			var calls atomic.Int64
			oa := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				n := calls.Add(1)
				if n == 1 {
					<-time.After(timeout + late)
				}
				w.Header().Set("Content-Type", "application/json")
				_, _ = fmt.Fprintf(w, `{"code":0,"message":"answer %d"}`, n)
			}))
			defer oa.Close()
			f := newFakeStore(t, restConnection(func(c *Connection) {
				c.Limits.Concurrency, c.Timeouts.Total = 1, Duration(timeout)
				c.Retry.Schedule = []Duration{Duration(time.Millisecond)}
				for _, s := range c.Scenes {
					s.Address = oa.URL
				}
			}))
			f.owe("t", time.Now(), SceneCreate)
			over := make(chan State, 10)
			w, err := NewWorker(WorkerConfig{
				Ledger: f, Registry: f, Log: slog.New(slog.DiscardHandler),
				Observe: func(_ context.Context, o Observed) {
					if o.Change.To.Final() {
						over <- o.Change.To
					}
				},
			})
			if err != nil {
				t.Fatal(err)
			}
			ctx, stop := context.WithCancel(t.Context())
			ended := make(chan struct{})
			go func() { _ = w.Run(ctx); close(ended) }()
			if got := <-over; got != Succeeded {
				t.Errorf("ended %s, want succeeded", got)
			}
			stop()
			<-ended
			d, attempts := f.deliveries[0], f.attempts["t-create-1"]
			if n := calls.Load(); n > 2 || n == 2 != d.SentTwice || int(n) != len(attempts) {
				t.Errorf("%d requests, %d attempts, marked %t", n, len(attempts), d.SentTwice)
			}
			for i, a := range attempts {
				want := fmt.Sprintf("answer %d", i+1)
				if i == 0 && len(attempts) == 2 {
					if a.Class != retry.Timeout || a.Response.Status != 0 && strings.Contains(a.Response.Body, "answer") {
						t.Errorf("the first attempt ended %s with %q, want timeout and nothing", a.Class, a.Response.Body)
					}
					continue
				}
				if !strings.Contains(a.Response.Body, want) {
					t.Errorf("attempt %d has the answer %q, want %q", i+1, a.Response.Body, want)
				}
			}
		})
	}
}

// TestOneHangingOA pours 400 deliveries a second into an OA that hangs, beside 19 others: their delays stay as they were.
func TestOneHangingOA(t *testing.T) {
	t.Parallel()
	p99 := map[bool]time.Duration{}
	for _, hangs := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			f := newFleet(t, 20, nil)
			f.reply = func(conn int64) (time.Duration, error) {
				if hangs && conn == 1 {
					return time.Minute, &retry.Error{Class: retry.Timeout, Unanswered: true, Msg: "no answer within 60s"}
				}
				return 50 * time.Millisecond, nil
			}
			f.join("a")
			time.Sleep(time.Minute)
			sent := map[string]time.Time{}
			for tick := range 40 { // four seconds
				for i := range 40 {
					f.owe(1, fmt.Sprintf("flood-%d-%d", tick, i), i > 0, SceneCreate)
				}
				for conn := int64(2); conn <= 20; conn++ {
					todo := fmt.Sprintf("t-%d-%d", tick, conn)
					sent[todo] = time.Now()
					f.owe(conn, todo, false, SceneCreate)
				}
				time.Sleep(100 * time.Millisecond)
			}
			time.Sleep(10 * time.Second)
			f.end()
			var delays []time.Duration
			for _, a := range f.arrived {
				if a.conn != 1 {
					delays = append(delays, a.at.Sub(sent[a.todo]))
				}
			}
			if len(delays) != 760 {
				t.Errorf("hanging %t: the others got %d, want 760", hangs, len(delays))
			}
			slices.Sort(delays)
			p99[hangs] = delays[len(delays)*99/100]
		})
	}
	if p99[true] > 2*p99[false] {
		t.Errorf("the others' p99 is %s beside an OA that hangs, and %s without", p99[true], p99[false])
	}
}

// TestOneBadTodo has one todo on a quiet connection always answered with 500: it fails by its own schedule, and nobody waits for it.
func TestOneBadTodo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFakeStore(t, restConnection(nil))
		f.owe("bad", time.Now(), SceneCreate)
		var skew atomic.Int64
		began := time.Now()
		var bad []time.Duration
		s := f.begin(t, &skew, func(_ context.Context, r retry.Request) (retry.Receipt, error) {
			if strings.Contains(string(r.Body), `"bad"`) {
				bad = append(bad, time.Since(began).Round(time.Second))
				return status(500)
			}
			return answer(`{"code":0}`)
		})
		for i := range 10 {
			time.Sleep(5 * time.Minute)
			f.mu.Lock()
			f.owe(fmt.Sprintf("good%d", i), time.Now(), SceneCreate)
			f.mu.Unlock()
			s.worker.Wake([]int64{1})
			time.Sleep(time.Second)
			if got := f.states()[i+1]; !strings.HasSuffix(got, "succeeded") {
				t.Errorf("a second after it came: %s", got)
			}
		}
		s.stop()
		if got := f.states()[0]; got != "create bad failed http_5xx" || len(bad) != 6 {
			t.Errorf("%s after calls at %v, want failed after six", got, bad)
		}
		if len(f.conditions) != 0 {
			t.Errorf("the OA was taken for down: %+v", f.conditions)
		}
	})
}

// TestWrongPassword has a thousand todos wait for a token that the OA refuses, with a worker that is started again and again.
func TestWrongPassword(t *testing.T) {
	t.Parallel()
	for _, life := range []time.Duration{2 * time.Hour, 4 * time.Minute} {
		synctest.Test(t, func(t *testing.T) {
			f := newFakeStore(t, restConnection(func(c *Connection) {
				c.Token = &TokenSettings{
					Request: RequestSettings{Method: "POST", Address: "http://oa.example.com/token"}, Value: "id",
					Refuse: Texts{"-1"}, Send: TokenSend{Header: "token"},
				}
			}))
			for i := range 1000 {
				f.owe(fmt.Sprintf("t%d", i), time.Now(), SceneCreate)
			}
			began := time.Now()
			var skew, logins atomic.Int64
			for time.Since(began) < time.Hour {
				s := f.begin(t, &skew, func(context.Context, retry.Request) (retry.Receipt, error) {
					if time.Since(began) < time.Hour {
						logins.Add(1)
					}
					return answer(`{"id":"-1"}`)
				})
				time.Sleep(life)
				s.stop()
			}
			if n := logins.Load(); n > 4 || n < 2 {
				t.Errorf("lives of %s: %d log-ins in the first hour, want at most 4", life, n)
			}
			for _, d := range f.deliveries {
				if d.Tries != 0 || d.State != Pending {
					t.Errorf("%s is %s with %d tries, want it waiting with none", d.ID, d.State, d.Tries)
					break
				}
			}
		})
	}
}

// TestSettingsChangeUnderLoad saves the connection again and again while it is busy: each request is of one revision, what begins after a
// save is of the new one, and the rate is kept to as if nothing had been saved.
func TestSettingsChangeUnderLoad(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		version := func(n int) func(*Connection) {
			return func(c *Connection) {
				c.Limits = Limits{Concurrency: 4, Rate: Rate{N: 10, Per: time.Second}}
				c.Scenes = map[Scene]*SceneSettings{SceneCreate: {
					Enabled: true, Method: "POST", Address: fmt.Sprintf("http://oa.example.com/%d", n),
					Headers: Headers{"X-Version": Text(fmt.Sprint(n))}, Body: fmt.Sprintf(`{"version":"%d","todo":"#F012"}`, n),
				}}
			}
		}
		f := newFakeStore(t, restConnection(version(1)))
		for i := range 400 {
			f.owe(fmt.Sprintf("t%d", i), time.Now(), SceneCreate)
		}
		var skew atomic.Int64
		var mu sync.Mutex
		calls, current, saved := 0, 1, time.Now()
		s := f.begin(t, &skew, func(_ context.Context, r retry.Request) (retry.Receipt, error) {
			mu.Lock()
			defer mu.Unlock()
			calls++
			address := r.Address[strings.LastIndexByte(r.Address, '/')+1:]
			header, body := headerOf(r.Headers, "X-Version"), between(string(r.Body), `"version":"`, `"`)
			if address != header || header != body {
				t.Errorf("half a change: address %s, header %s, body %s", address, header, body)
			}
			if header != fmt.Sprint(current) && time.Since(saved) > time.Millisecond {
				t.Errorf("%s after revision %d was saved a request is of %s", time.Since(saved), current, header)
			}
			return answer(`{"code":0}`)
		})
		time.Sleep(100 * time.Millisecond)
		for range 40 { // ten seconds
			time.Sleep(250 * time.Millisecond)
			mu.Lock()
			current, saved = current+1, time.Now()
			f.change(t, version(current))
			mu.Unlock()
			s.worker.Wake([]int64{1})
		}
		mu.Lock()
		if calls < 95 || calls > 106 {
			t.Errorf("%d calls in ten seconds at 10/s, want about 104: a save forgets no limit", calls)
		}
		mu.Unlock()
		time.Sleep(time.Minute)
		s.stop()
		if calls != 400 {
			t.Errorf("%d calls for 400 deliveries", calls)
		}
	})
}

// TestSettingsChangeWithAClaim: a claim shows the store that another process has saved the connection. What was claimed goes as it is saved now.
func TestSettingsChangeWithAClaim(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := play(t, restConnection(nil), func(b *bench) {
			b.owe("1", time.Now(), SceneCreate)
			b.claimed = func() {
				changed := restConnection(func(c *Connection) { c.Scenes[SceneCreate].Address = "http://oa.example.com/moved" })
				p, err := Compile(1, 2, changed, nil, CompileOptions{PublicURL: "https://todosync.example.com"})
				if err != nil {
					t.Error(err)
				}
				b.program = p
			}
		}, time.Second, ok)
		if got := strings.Join(b.calls, ", "); got != "moved 1" {
			t.Errorf("sent %q, want what is saved", got)
		}
	})
}
