package connector

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"todosync/retry"
)

// A shift is one worker of a test, on a store that outlives it.
type shift struct {
	worker *Worker
	stop   func()
	log    *bytes.Buffer
}

// begin starts a worker with a clock that is off by skew.
func (f *fakeStore) begin(t *testing.T, skew *atomic.Int64, post fakeSender) *shift {
	t.Helper()
	s := &shift{log: &bytes.Buffer{}}
	w, err := NewWorker(WorkerConfig{
		Ledger: f, Registry: f, Log: slog.New(slog.NewJSONHandler(s.log, nil)),
		Now:  func() time.Time { return time.Now().Round(0).Add(time.Duration(skew.Load())) },
		Open: func(retry.Config) (Sender, error) { return post, nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	s.worker = w
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { _ = w.Run(ctx); close(ended) }()
	s.stop = func() { cancel(); <-ended }
	return s
}

// change replaces the settings, as a save does.
func (f *fakeStore) change(t *testing.T, change func(*Connection)) {
	t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	c := *f.program.Settings
	change(&c)
	p, err := Compile(f.program.Conn, f.program.Revision+1, &c, nil, CompileOptions{})
	if err != nil {
		t.Fatal(err)
	}
	f.program = p.WithCondition(f.program.Condition)
}

// hold sets what people decide.
func (f *fakeStore) hold(paused bool, now time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	c := f.program.Condition
	switch {
	case paused:
		c.HeldSince = now
	case !c.HeldSince.IsZero():
		c.HeldFor, c.HeldSince = c.HeldFor+now.Sub(c.HeldSince), time.Time{}
	}
	c.Paused = paused
	f.program = f.program.WithCondition(c)
}

// TestGivingUp takes the OA away for good: what was tried ends after giveUpAfter, though only probes go; time in which people hold the
// connection does not count.
func TestGivingUp(t *testing.T) {
	t.Parallel()
	for _, pause := range []time.Duration{0, 12 * time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			f := newFakeStore(t, restConnection(func(c *Connection) { c.Retry.GiveUpAfter = Duration(6 * time.Hour) }))
			for i := range 30 {
				f.owe(fmt.Sprintf("t%02d", i), time.Now(), SceneCreate)
			}
			var skew atomic.Int64
			s := f.begin(t, &skew, func(context.Context, retry.Request) (retry.Receipt, error) { return refused() })
			count := func(state State) (n int) {
				f.mu.Lock()
				defer f.mu.Unlock()
				for _, d := range f.deliveries {
					if d.State == state {
						n++
					}
				}
				return n
			}
			time.Sleep(2 * time.Hour)
			if pause > 0 {
				f.hold(true, time.Now())
				s.worker.Wake([]int64{1})
				time.Sleep(pause)
				f.hold(false, time.Now())
				s.worker.Wake([]int64{1})
			}
			time.Sleep(3*time.Hour + 50*time.Minute)
			if n := count(Failed); n != 0 {
				t.Errorf("pause of %s: %d were given up before 6 h", pause, n)
			}
			time.Sleep(45 * time.Minute) // the last of them had its first try half an hour after the first
			s.stop()
			if n := count(Failed); n != 30 {
				t.Errorf("pause of %s: %d of 30 were given up after 6 h: %v", pause, n, f.states())
			}
			for _, d := range f.deliveries {
				if d.Class != retry.Network || !strings.HasPrefix(d.Message, "given up 6h") {
					t.Errorf("given up as %s: %s", d.Class, d.Message)
					break
				}
			}
		})
	}
}

// TestClockPutBack puts the clock back by a day while things wait for their next try, and for a Retry-After.
func TestClockPutBack(t *testing.T) {
	t.Parallel()
	for _, restart := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			f := newFakeStore(t, restConnection(nil))
			var skew atomic.Int64
			skew.Store(int64(24 * time.Hour))
			for i := range 4 {
				f.owe(fmt.Sprintf("t%d", i), time.Now().Add(24*time.Hour), SceneCreate, SceneEdit)
			}
			var calls atomic.Int64
			post := func(context.Context, retry.Request) (retry.Receipt, error) {
				if calls.Add(1) <= 4 {
					return asks(429, 20*time.Minute)()
				}
				return answer(`{"code":0}`)
			}
			s := f.begin(t, &skew, post)
			time.Sleep(time.Second)
			skew.Store(0)
			if restart {
				s.stop()
				s = f.begin(t, &skew, post)
			}
			time.Sleep(2 * time.Hour)
			s.stop()
			for _, state := range f.states() {
				if !strings.HasSuffix(state, "succeeded") {
					t.Errorf("restart %t: two hours after the clock was put back: %s", restart, state)
				}
			}
		})
	}
}

// TestClockPutForward puts the clock forward by a day: all that waits for its next try is overdue at once, and goes as paced as ever.
func TestClockPutForward(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFakeStore(t, restConnection(func(c *Connection) {
			c.Limits, c.Down.After = Limits{Concurrency: 3, Rate: Rate{N: 5, Per: time.Second}}, 0
		}))
		for i := range 100 {
			f.owe(fmt.Sprintf("t%d", i), time.Now(), SceneCreate)
		}
		var skew, under, most, calls atomic.Int64
		var healthy atomic.Bool
		s := f.begin(t, &skew, func(context.Context, retry.Request) (retry.Receipt, error) {
			calls.Add(1)
			most.Store(max(most.Load(), under.Add(1)))
			defer under.Add(-1)
			time.Sleep(50 * time.Millisecond)
			if !healthy.Load() {
				return status(503)
			}
			return answer(`{"code":0}`)
		})
		time.Sleep(90 * time.Second)
		healthy.Store(true)
		before := calls.Load()
		skew.Store(int64(24 * time.Hour))
		s.worker.Wake([]int64{1})
		time.Sleep(10 * time.Second)
		if n := calls.Load() - before; n > 56 {
			t.Errorf("%d calls in ten seconds after the clock was put forward, want 50 at 5/s", n)
		}
		time.Sleep(time.Hour)
		s.stop()
		if most.Load() > 3 {
			t.Errorf("%d at once, want 3", most.Load())
		}
		for _, state := range f.states() {
			if !strings.HasSuffix(state, "succeeded") {
				t.Errorf("after the clock was put forward: %s", state)
			}
		}
	})
}

// TestRetryAfterOutlivesTheWorker restarts the worker within a Retry-After.
func TestRetryAfterOutlivesTheWorker(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFakeStore(t, restConnection(func(c *Connection) { c.Limits.Concurrency = 1 }))
		for i := range 5 {
			f.owe(fmt.Sprintf("t%d", i), time.Now(), SceneCreate)
		}
		var skew, calls atomic.Int64
		post := func(context.Context, retry.Request) (retry.Receipt, error) {
			if calls.Add(1) == 1 {
				return asks(503, 30*time.Minute)()
			}
			return answer(`{"code":0}`)
		}
		for range 3 {
			s := f.begin(t, &skew, post)
			time.Sleep(9 * time.Minute)
			s.stop()
		}
		if calls.Load() != 1 {
			t.Errorf("%d calls within the Retry-After, want 1", calls.Load())
		}
		if n := len(f.conditions); n != 1 {
			t.Errorf("%d rows were written for it, want 1", n)
		}
		s := f.begin(t, &skew, post)
		time.Sleep(5 * time.Minute)
		s.stop()
		if calls.Load() != 6 {
			t.Errorf("%d calls after it, want 6", calls.Load())
		}
	})
}

// TestTokenOutlivesTheWorker fetches one token for several lives of the worker, and another after each change of what it was fetched with.
func TestTokenOutlivesTheWorker(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFakeStore(t, restConnection(func(c *Connection) {
			c.Token = &TokenSettings{
				Request: RequestSettings{Method: "POST", Address: "http://oa.example.com/token", Body: `{"p":"${secret:oa-password}"}`},
				Value:   "id", Send: TokenSend{Header: "token"}, TTL: Duration(time.Hour),
			}
		}))
		var skew atomic.Int64
		logins, todo := 0, 0
		live := func(d time.Duration, want int, why string) {
			t.Helper()
			s := f.begin(t, &skew, func(_ context.Context, r retry.Request) (retry.Receipt, error) {
				if strings.HasSuffix(r.Address, "/token") {
					logins++
					return answer(fmt.Sprintf(`{"id":"token-%d-abcdef"}`, logins))
				}
				if got, want := headerOf(r.Headers, "token"), fmt.Sprintf("token-%d-abcdef", logins); got != want {
					t.Errorf("%s: sent with %q, want %q", why, got, want)
				}
				return answer(`{"code":0}`)
			})
			f.mu.Lock()
			for range 5 {
				todo++
				f.owe(fmt.Sprintf("t%d", todo), time.Now(), SceneCreate)
			}
			f.mu.Unlock()
			s.worker.Wake([]int64{1})
			time.Sleep(d)
			s.stop()
			if logins != want {
				t.Errorf("%s: %d log-ins, want %d", why, logins, want)
			}
		}
		live(time.Minute, 1, "the first")
		live(time.Minute, 1, "a restart")
		f.change(t, func(c *Connection) { c.Title = "another" })
		live(time.Minute, 2, "another revision")
		live(time.Minute, 2, "a restart")
		f.mu.Lock()
		f.secrets["oa-password"] = "pass-word-2"
		f.mu.Unlock()
		live(time.Minute, 3, "another secret")
		live(time.Hour, 3, "a restart")
		live(time.Minute, 4, "older than its ttl")
	})
}

// TestSlowStart brings an OA back that a thousand todos wait for.
func TestSlowStart(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFakeStore(t, restConnection(func(c *Connection) { c.Limits.Concurrency = 16 }))
		for i := range 400 {
			f.owe(fmt.Sprintf("t%d", i), time.Now(), SceneCreate)
		}
		back := time.Now().Add(time.Hour)
		var skew, under atomic.Int64
		var mu sync.Mutex
		most := map[int]int64{} // second since the first answer: the most at once
		var first time.Time
		s := f.begin(t, &skew, func(context.Context, retry.Request) (retry.Receipt, error) {
			if time.Now().Before(back) {
				return refused()
			}
			n := under.Add(1)
			mu.Lock()
			if first.IsZero() {
				first = time.Now()
			}
			second := int(time.Since(first) / time.Second)
			most[second] = max(most[second], n)
			mu.Unlock()
			time.Sleep(time.Second)
			under.Add(-1)
			return answer(`{"code":0}`)
		})
		time.Sleep(2 * time.Hour)
		s.stop()
		for second, want := range []int64{1, 2, 4, 8, 16, 16} {
			if most[second] != want {
				t.Errorf("%d at once in second %d after it came back, want %d", most[second], second, want)
			}
		}
	})
}

// TestWideLogLine wants one line an attempt, with all that one looks for and nothing that may not be there.
func TestWideLogLine(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFakeStore(t, restConnection(func(c *Connection) {
			c.Token = &TokenSettings{
				Request: RequestSettings{Method: "POST", Address: "http://oa.example.com/token"}, Value: "id", Send: TokenSend{Query: "access"},
			}
		}))
		f.owe("t", time.Now(), SceneCreate)
		var skew atomic.Int64
		s := f.begin(t, &skew, func(_ context.Context, r retry.Request) (retry.Receipt, error) {
			if strings.HasSuffix(r.Address, "/token") {
				return answer(`{"id":"token-abcdef"}`)
			}
			receipt, err := answer(`{"code":7,"message":"no"}`)
			receipt.Duration = 30 * time.Millisecond
			return receipt, err
		})
		time.Sleep(time.Minute)
		s.stop()
		var lines []map[string]any
		for line := range strings.SplitSeq(strings.TrimSpace(s.log.String()), "\n") {
			m := map[string]any{}
			if err := json.Unmarshal([]byte(line), &m); err != nil {
				t.Fatalf("%v: %s", err, line)
			}
			if m["msg"] == "delivery.attempted" {
				lines = append(lines, m)
			}
		}
		if len(lines) != 1 {
			t.Fatalf("%d lines, want one: %s", len(lines), s.log)
		}
		for key, want := range map[string]any{
			"level": "INFO", "tenant": "T", "connection": "oa", "todo": "t", "scene": "create", "state": "failed", "class": "business", "code": "7",
			"tries": 1.0, "duration_ms": 30.0, "event": "e-t", "worker": "worker", "possibly_sent_twice": false, "revision": 1.0,
		} {
			if lines[0][key] != want {
				t.Errorf("%s = %v, want %v", key, lines[0][key], want)
			}
		}
		for _, bad := range []string{"token-abcdef", "s3cr3t", "oa.example.com", "标题"} {
			if strings.Contains(s.log.String(), bad) {
				t.Errorf("the log holds %q: %s", bad, s.log)
			}
		}
	})
}

// TestIdleConnectionsAreLetGo leaves nothing behind of connections that have had something to do once, and closes their HTTP clients.
func TestIdleConnectionsAreLetGo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFakeStore(t, restConnection(nil))
		f.owe("t", time.Now(), SceneCreate)
		var skew atomic.Int64
		s := f.begin(t, &skew, func(context.Context, retry.Request) (retry.Receipt, error) { return answer(`{"code":0}`) })
		held := func() (memories, runners int) {
			s.worker.mu.Lock()
			defer s.worker.mu.Unlock()
			return len(s.worker.memory), len(s.worker.running)
		}
		time.Sleep(30 * time.Second)
		if memories, runners := held(); memories != 1 || runners != 0 {
			t.Errorf("after 30 s %d memories and %d runners, want one and none", memories, runners)
		}
		turns := f.turns
		time.Sleep(2 * keepSender)
		if memories, _ := held(); memories != 0 {
			t.Errorf("%d memories of an idle connection", memories)
		}
		time.Sleep(24 * time.Hour)
		if f.turns != turns {
			t.Errorf("%d queries of an idle connection in a day, want none", f.turns-turns)
		}
		s.stop()
	})
}

// TestBurstsReuseConnections sends burst after burst, with idle times between them, to one real OA: no more connections are opened than it
// takes requests at once.
func TestBurstsReuseConnections(t *testing.T) {
	t.Parallel()
	var opened atomic.Int64
	oa := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"code":0}`))
	}))
	oa.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			opened.Add(1)
		}
	}
	oa.Start()
	defer oa.Close()
	f := newFakeStore(t, restConnection(func(c *Connection) {
		c.Limits.Concurrency = 4
		for _, s := range c.Scenes {
			s.Address = oa.URL
		}
	}))
	left := make(chan struct{}, 1000)
	w, err := NewWorker(WorkerConfig{
		Ledger: f, Registry: f, Log: slog.New(slog.DiscardHandler),
		Observe: func(context.Context, Observed) { left <- struct{}{} },
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { _ = w.Run(ctx); close(ended) }()
	for burst := range 20 {
		f.mu.Lock()
		for i := range 10 {
			f.owe(fmt.Sprintf("t%d-%d", burst, i), time.Now(), SceneCreate)
		}
		f.mu.Unlock()
		w.Wake([]int64{1})
		for range 10 {
			<-left
		}
	}
	stop()
	<-ended
	if n := opened.Load(); n > 4 {
		t.Errorf("%d connections opened for 20 bursts of 10, want at most the concurrency of 4", n)
	}
}
