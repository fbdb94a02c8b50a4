package connector

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"todosync/retry"
)

// restConnection is a connection with a create, edit, done and delete of one JSON body each.
func restConnection(change func(*Connection)) *Connection {
	c := Defaults()
	c.Tenant, c.Name = "T", "oa"
	c.Headers = Headers{"Content-Type": "application/json", "X-App-Key": "${secret:app-key}"}
	c.Result = Result{CodeName: "code", MsgName: "message", SuccessCode: Texts{"0"}, Duplicate: AnswerMatch{Codes: Texts{"409"}}, Gone: AnswerMatch{Codes: Texts{"404"}}}
	c.Scenes = map[Scene]*SceneSettings{}
	for _, s := range []Scene{SceneCreate, SceneEdit, SceneDone, SceneDelete} {
		c.Scenes[s] = &SceneSettings{
			Enabled: true, Method: "POST", Address: "http://oa.example.com/" + string(s), Body: `{"id":"#F123","to":"#F001","title":"#F055"}`,
		}
	}
	if change != nil {
		change(&c)
	}
	return &c
}

// A bench runs a worker on a fakeStore inside a synctest bubble.
type bench struct {
	*fakeStore
	worker *Worker
	log    *bytes.Buffer

	callsMu sync.Mutex // guards calls
	calls   []string   // scene of the address and todo, in order of arrival
}

// play runs a worker for a while of the bubble's time, answering each request by reply.
func play(t *testing.T, c *Connection, prepare func(*bench), d time.Duration, reply func(b *bench, r retry.Request) (retry.Receipt, error)) *bench {
	t.Helper()
	b := &bench{fakeStore: newFakeStore(t, c), log: &bytes.Buffer{}}
	w, err := NewWorker(WorkerConfig{
		Ledger: b.fakeStore, Registry: b.fakeStore, Log: slog.New(slog.NewTextHandler(b.log, nil)),
		Open: func(retry.Config) (Sender, error) {
			return fakeSender(func(_ context.Context, r retry.Request) (retry.Receipt, error) {
				b.callsMu.Lock()
				todo, _, _ := strings.Cut(strings.TrimPrefix(string(r.Body), `{"id":"`), `"`)
				b.calls = append(b.calls, r.Address[strings.LastIndexByte(r.Address, '/')+1:]+" "+todo)
				b.callsMu.Unlock()
				return reply(b, r)
			}), nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	b.worker = w
	prepare(b)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- w.Run(ctx) }()
	time.Sleep(d)
	synctest.Wait()
	stop()
	if err := <-ended; err != nil {
		t.Errorf("Run = %v", err)
	}
	return b
}

func ok(*bench, retry.Request) (retry.Receipt, error) { return answer(`{"code":0,"message":"ok"}`) }

func TestWorker(t *testing.T) {
	t.Parallel()
	type reply = func(b *bench, r retry.Request) (retry.Receipt, error)
	count := func(b *bench) int {
		b.callsMu.Lock()
		defer b.callsMu.Unlock()
		return len(b.calls)
	}
	nth := func(first int, then func() (retry.Receipt, error)) reply {
		return func(b *bench, r retry.Request) (retry.Receipt, error) {
			if count(b) <= first {
				return then()
			}
			return ok(b, r)
		}
	}
	tests := map[string]struct {
		settings  func(*Connection)
		owe       func(b *bench)
		after     time.Duration
		reply     reply
		want      []string
		wantCalls []string
	}{
		"in order, one at a time": {
			owe: func(b *bench) { b.owe("t", time.Now(), SceneCreate, SceneEdit, SceneDone, SceneDelete) }, after: time.Second, reply: ok,
			want:      []string{"create t succeeded", "edit t succeeded", "done t succeeded", "delete t succeeded"},
			wantCalls: []string{"create t", "edit t", "done t", "delete t"},
		},
		"what is tried again holds back its todo": {
			owe: func(b *bench) { b.owe("t", time.Now(), SceneCreate, SceneEdit) }, after: time.Minute,
			reply:     nth(2, func() (retry.Receipt, error) { return status(503) }),
			want:      []string{"create t succeeded", "edit t succeeded"},
			wantCalls: []string{"create t", "create t", "create t", "edit t"},
		},
		"a refusal is final, and an edit then creates": {
			owe: func(b *bench) { b.owe("t", time.Now(), SceneCreate, SceneEdit) }, after: time.Second,
			reply:     nth(1, func() (retry.Receipt, error) { return answer(`{"code":7,"message":"no"}`) }),
			want:      []string{"create t failed business", "edit t succeeded"},
			wantCalls: []string{"create t", "create t"},
		},
		"what never arrived needs no end": {
			owe: func(b *bench) { b.owe("t", time.Now(), SceneCreate, SceneDone) }, after: time.Second,
			reply:     nth(1, func() (retry.Receipt, error) { return answer(`{"code":7,"message":"no"}`) }),
			want:      []string{"create t failed business", "done t skipped nothing_there"},
			wantCalls: []string{"create t"},
		},
		"what may have arrived is ended": {
			settings: func(c *Connection) { c.Retry.Enabled = false },
			owe:      func(b *bench) { b.owe("t", time.Now(), SceneCreate, SceneDelete) }, after: time.Second,
			reply: nth(1, func() (retry.Receipt, error) {
				return retry.Receipt{}, &retry.Error{Class: retry.Timeout, Unanswered: true, Msg: "no answer within 60s"}
			}),
			want:      []string{"create t failed timeout", "delete t succeeded"},
			wantCalls: []string{"create t", "delete t"},
		},
		"already there is a success of a create": {
			owe: func(b *bench) { b.owe("t", time.Now(), SceneCreate) }, after: time.Second,
			reply: nth(9, func() (retry.Receipt, error) { return answer(`{"code":409}`) }),
			want:  []string{"create t succeeded"}, wantCalls: []string{"create t"},
		},
		"a create that carries an edit is followed by it when already there": {
			owe: func(b *bench) { b.owe("t", time.Now(), SceneEdit) }, after: time.Second,
			reply: nth(1, func() (retry.Receipt, error) { return answer(`{"code":409}`) }),
			want:  []string{"edit t succeeded"}, wantCalls: []string{"create t", "edit t"},
		},
		"an edit of what is gone creates": {
			owe: func(b *bench) {
				b.lanes["t"] = &Lane{Receiver: "u", Presence: Present, Has: 1, Left: true, Account: "oa-u"}
				b.owe("t", time.Now(), SceneEdit)
			}, after: time.Second,
			reply: nth(1, func() (retry.Receipt, error) { return answer(`{"code":404}`) }),
			want:  []string{"edit t succeeded"}, wantCalls: []string{"edit t", "create t"},
		},
		"gone and there at once ends in words": {
			owe: func(b *bench) { b.owe("t", time.Now(), SceneEdit) }, after: time.Second,
			reply: func(_ *bench, r retry.Request) (retry.Receipt, error) {
				if strings.HasSuffix(r.Address, "create") {
					return answer(`{"code":409}`)
				}
				return answer(`{"code":404}`)
			},
			want: []string{"edit t failed business"},
			wantCalls: []string{
				"create t", "edit t", "create t", "edit t", "create t", "edit t", "create t",
			},
		},
		"one bad todo never takes an OA for down": {
			settings: func(c *Connection) { c.Retry.Schedule = make([]Duration, 8) },
			owe:      func(b *bench) { b.owe("t", time.Now(), SceneCreate) }, after: time.Hour,
			reply: func(*bench, retry.Request) (retry.Receipt, error) { return status(500) },
			want:  []string{"create t failed http_5xx"},
			wantCalls: []string{
				"create t", "create t", "create t", "create t", "create t", "create t", "create t", "create t", "create t",
			},
		},
		"a token that is refused holds the connection and is asked for four times in the first hour": {
			settings: func(c *Connection) {
				c.Token = &TokenSettings{
					Request: RequestSettings{Method: "POST", Address: "http://oa.example.com/token", Body: `{"u":"${secret:oa-user}","p":"${secret:oa-password}"}`},
					Value:   "id", Refuse: Texts{"-1"}, Send: TokenSend{Header: "token"},
				}
			},
			owe: func(b *bench) {
				for _, id := range []string{"t1", "t2", "t3", "t4", "t5", "t6", "t7", "t8", "t9"} {
					b.owe(id, time.Now(), SceneCreate)
				}
			}, after: 59 * time.Minute,
			reply: func(*bench, retry.Request) (retry.Receipt, error) { return answer(`{"id":"-1"}`) },
			want: []string{
				"create t1 pending", "create t2 pending", "create t3 pending", "create t4 pending", "create t5 pending",
				"create t6 pending", "create t7 pending", "create t8 pending", "create t9 pending",
			},
			wantCalls: []string{"token", "token", "token", "token"},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := play(t, restConnection(tt.settings), tt.owe, tt.after, tt.reply)
				if diff := cmp.Diff(tt.want, b.states()); diff != "" {
					t.Errorf("states (-want +got):\n%s", diff)
				}
				for i, c := range b.calls {
					if strings.HasPrefix(c, "token") {
						b.calls[i] = "token"
					}
				}
				if diff := cmp.Diff(tt.wantCalls, b.calls); diff != "" {
					t.Errorf("calls (-want +got):\n%s", diff)
				}
			})
		})
	}
}

func TestWorkerHoldsWhileTheOAIsDown(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		back := time.Now().Add(6 * time.Hour)
		b := play(t, restConnection(nil), func(b *bench) {
			for i := range 40 {
				b.owe(fmt.Sprintf("t%02d", i), time.Now(), SceneCreate, SceneEdit)
			}
		}, 7*time.Hour, func(b *bench, r retry.Request) (retry.Receipt, error) {
			if time.Now().Before(back) {
				return refused()
			}
			return ok(b, r)
		})
		for _, s := range b.states() {
			if !strings.HasSuffix(s, "succeeded") {
				t.Errorf("after the OA came back: %s, want succeeded", s)
			}
		}
		// 8 at once go down together; then probes at 1 s, 2 s, ... 60 s: some 365 in six hours.
		if n := len(b.calls) - 80; n < 300 || n > 450 {
			t.Errorf("%d calls while the OA was down, want about 370: neither a tight loop nor silence", n)
		}
		for _, d := range b.deliveries {
			if d.Tries > 2 {
				t.Errorf("%s used %d tries, want at most 2: probes cost none", d.ID, d.Tries)
			}
		}
		if n := len(b.conditions); n != 2 {
			t.Errorf("%d rows written for down and up, want 2: %+v", n, b.conditions)
		}
	})
}

func TestWorkerKeepsToItsConcurrency(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := play(t, restConnection(func(c *Connection) { c.Limits.Concurrency = 3 }), func(b *bench) {
			for i := range 30 {
				b.owe(fmt.Sprintf("t%02d", i), time.Now(), SceneCreate)
			}
		}, 10*time.Second+time.Millisecond, func(b *bench, r retry.Request) (retry.Receipt, error) {
			time.Sleep(time.Second) // an OA that takes a second
			return ok(b, r)
		})
		if b.most != 3 {
			t.Errorf("%d were sending at once, want 3", b.most)
		}
		if n := len(b.calls); n != 30 {
			t.Errorf("%d calls in 10 s, want 30: three at once, a second each", n)
		}
	})
}

func TestWorkerHonoursRate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := play(t, restConnection(func(c *Connection) { c.Limits.Rate = Rate{N: 5, Per: time.Second} }), func(b *bench) {
			for i := range 60 {
				b.owe(fmt.Sprintf("t%02d", i), time.Now(), SceneCreate)
			}
		}, 5*time.Second, ok)
		if n := len(b.calls); n < 25 || n > 31 {
			t.Errorf("%d calls in 5 s at 5/s, want 25 to 31", n)
		}
	})
}

func TestWorkerOutlastsTheStore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := play(t, restConnection(nil), func(b *bench) {
			b.owe("t", time.Now(), SceneCreate, SceneEdit)
			time.AfterFunc(12*time.Hour, func() { b.mu.Lock(); b.away = false; b.mu.Unlock() })
		}, 13*time.Hour, func(b *bench, r retry.Request) (retry.Receipt, error) {
			if strings.HasSuffix(r.Address, "create") {
				b.mu.Lock()
				b.away = true // the store goes away between the answer and its commit
				b.mu.Unlock()
			}
			return ok(b, r)
		})
		if diff := cmp.Diff([]string{"create t succeeded", "edit t succeeded"}, b.states()); diff != "" {
			t.Errorf("states (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]string{"create t", "edit t"}, b.calls); diff != "" {
			t.Errorf("the OA must get each once (-want +got):\n%s", diff)
		}
		if b.turns > 12*3600/4 {
			t.Errorf("%d turns in 12 h without a store: a tight loop", b.turns)
		}
	})
}

func TestWorkerDrains(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		hang := func(ctx context.Context) (retry.Receipt, error) {
			<-ctx.Done()
			return retry.Receipt{}, &retry.Error{Class: retry.Network, Unanswered: true, Msg: "the worker stopped"}
		}
		b := &bench{fakeStore: newFakeStore(t, restConnection(nil)), log: &bytes.Buffer{}}
		b.owe("slow", time.Now(), SceneCreate)
		b.owe("stuck", time.Now(), SceneCreate)
		w, err := NewWorker(WorkerConfig{
			Ledger: b.fakeStore, Registry: b.fakeStore, Log: slog.New(slog.NewTextHandler(b.log, nil)), Drain: 10 * time.Second,
			Open: func(retry.Config) (Sender, error) {
				return fakeSender(func(ctx context.Context, r retry.Request) (retry.Receipt, error) {
					if strings.Contains(string(r.Body), "stuck") {
						return hang(ctx)
					}
					time.Sleep(5 * time.Second)
					return answer(`{"code":0}`)
				}), nil
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { _ = w.Run(ctx); close(ended) }()
		time.Sleep(time.Second)
		began := time.Now()
		stop()
		<-ended
		if took := time.Since(began); took != 10*time.Second {
			t.Errorf("Run returned %s after the stop, want the drain of 10s", took)
		}
		want := []string{"create slow succeeded", "create stuck pending"}
		if diff := cmp.Diff(want, b.states()); diff != "" {
			t.Errorf("states (-want +got):\n%s", diff)
		}
		if d := b.deliveries[1]; d.Tries != 0 || !d.Unanswered || len(b.attempts[d.ID]) != 1 {
			t.Errorf("cut off: tries %d, unanswered %t, attempts %d; want 0, true, 1", d.Tries, d.Unanswered, len(b.attempts[d.ID]))
		}
	})
}

func TestAttemptKeepsNoSecret(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := play(t, restConnection(nil), func(b *bench) { b.owe("t", time.Now(), SceneCreate) }, time.Second,
			func(_ *bench, r retry.Request) (retry.Receipt, error) {
				if got := headerOf(r.Headers, "X-App-Key"); got != "s3cr3t-value" {
					t.Errorf("X-App-Key on the wire = %q, want the secret", got)
				}
				if got := headerOf(r.Headers, "Idempotency-Key"); got == "" {
					t.Error("no Idempotency-Key on the wire")
				}
				return answer(`{"code":0,"message":"hello s3cr3t-value, czNjcjN0LXZhbHVl"}`)
			})
		for _, attempts := range b.attempts {
			for _, a := range attempts {
				all := a.Request.Body + a.Response.Body + a.Message
				for _, h := range append(a.Request.Headers, a.Response.Headers...) {
					all += h.Value
				}
				for _, bad := range []string{"s3cr3t-value", "czNjcjN0LXZhbHVl"} {
					if strings.Contains(all, bad) {
						t.Errorf("%q is kept in the attempt: %s", bad, all)
					}
				}
			}
		}
	})
}

func TestFrozenFields(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		at   FreezeRule
		want []string
	}{
		"from the create on":          {FreezeAtCreate, []string{"create", "create", "create"}},
		"from what was last accepted": {FreezeAtAccepted, []string{"create", "edit", "edit"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var titles []string
				play(t, restConnection(func(c *Connection) { c.Freeze, c.FreezeAt = []string{"F055"}, tt.at }), func(b *bench) {
					b.owe("t", time.Now(), SceneCreate, SceneEdit, SceneDone)
				}, time.Second, func(_ *bench, r retry.Request) (retry.Receipt, error) {
					_, title, _ := strings.Cut(string(r.Body), ` of `)
					titles = append(titles, strings.TrimSuffix(title, `"}`))
					return answer(`{"code":0}`)
				})
				if diff := cmp.Diff(tt.want, titles); diff != "" {
					t.Errorf("titles of create, edit, done (-want +got):\n%s", diff)
				}
			})
		})
	}
}

// replying answers the nth request by the nth reply, and what follows with success.
func replying(replies ...func() (retry.Receipt, error)) func(*bench, retry.Request) (retry.Receipt, error) {
	return func(b *bench, r retry.Request) (retry.Receipt, error) {
		b.callsMu.Lock()
		n := len(b.calls) - 1
		b.callsMu.Unlock()
		if n < len(replies) {
			return replies[n]()
		}
		return ok(b, r)
	}
}

// asks is an answer of a status with a Retry-After.
func asks(code int, wait time.Duration) func() (retry.Receipt, error) {
	return func() (retry.Receipt, error) {
		return retry.Receipt{Status: code}, &retry.Error{Class: retry.ClassOfStatus(code), Status: code, RetryAfter: wait, Msg: "wait"}
	}
}

func TestRetryAfterHoldsTheConnection(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		settings func(*Connection)
		replies  []func() (retry.Receipt, error)
		want     int // calls within 50 s, of ten todos
	}{
		"one at a time": {func(c *Connection) { c.Limits.Concurrency = 1 }, []func() (retry.Receipt, error){asks(429, time.Minute)}, 1},
		"the delivery is over": {
			func(c *Connection) { c.Limits.Concurrency, c.Retry.Enabled = 1, false },
			[]func() (retry.Receipt, error){asks(429, time.Minute)},
			1,
		},
		"the longest counts": {
			func(c *Connection) { c.Limits.Concurrency = 2 },
			[]func() (retry.Receipt, error){asks(429, time.Minute), asks(429, time.Second)},
			2,
		},
		"probes wait too": {
			func(c *Connection) { c.Limits.Concurrency, c.Down.After = 2, 2 },
			[]func() (retry.Receipt, error){asks(503, time.Minute), asks(503, time.Minute)},
			2,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := play(t, restConnection(tt.settings), func(b *bench) {
					for i := range 10 {
						b.owe(fmt.Sprintf("t%02d", i), time.Now(), SceneCreate)
					}
				}, 50*time.Second, replying(tt.replies...))
				if len(b.calls) != tt.want {
					t.Errorf("%d calls within 50 s, want %d", len(b.calls), tt.want)
				}
			})
		})
	}
}

func TestRateHoldsAcrossIdleTimes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := play(t, restConnection(func(c *Connection) {
			c.Limits = Limits{Concurrency: 4, Rate: Rate{N: 12, Per: time.Minute}}
		}), func(b *bench) {
			go func() {
				for i := range 20 { // one every 700 ms: nothing waits when the next comes, as long as the burst lasts
					b.mu.Lock()
					b.owe(fmt.Sprintf("t%02d", i), time.Now(), SceneCreate)
					b.mu.Unlock()
					b.worker.Wake([]int64{1})
					time.Sleep(700 * time.Millisecond)
				}
			}()
		}, 15*time.Second, ok)
		if n := len(b.calls); n < 5 || n > 7 {
			t.Errorf("%d calls in 15 s at 12 a minute with a burst of 4, want 5 to 7", n)
		}
	})
}

func TestATokenThatIsNeverTakenIsNotFetchedForEver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		logins := 0
		play(t, restConnection(func(c *Connection) {
			c.Limits.Concurrency = 1
			c.Token = &TokenSettings{
				Request: RequestSettings{Method: "POST", Address: "http://oa.example.com/token"}, Value: "id",
				Send: TokenSend{Header: "token"}, RefreshOn: RefreshOn{Status: []int{401}},
			}
		}), func(b *bench) {
			for i := range 50 {
				b.owe(fmt.Sprintf("t%02d", i), time.Now(), SceneCreate)
			}
		}, 30*time.Second, func(_ *bench, r retry.Request) (retry.Receipt, error) {
			if strings.HasSuffix(r.Address, "/token") {
				logins++
				return answer(fmt.Sprintf(`{"id":"token-%d-abcdef"}`, logins))
			}
			return status(401)
		})
		if logins != 2 {
			t.Errorf("%d log-ins for 50 todos whose token is never taken, want 2", logins)
		}
	})
}

func TestARefusedTokenIsNotAskedForAfterAPause(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := play(t, restConnection(func(c *Connection) {
			c.Token = &TokenSettings{
				Request: RequestSettings{Method: "POST", Address: "http://oa.example.com/token"}, Value: "id",
				Refuse: Texts{"-1"}, Send: TokenSend{Header: "token"},
			}
		}), func(b *bench) {
			b.owe("t", time.Now(), SceneCreate)
			go func() {
				for i := range 10 {
					time.Sleep(4 * time.Second)
					b.mu.Lock()
					c := b.program.Condition
					c.Paused = i%2 == 0
					b.program = b.program.WithCondition(c)
					b.mu.Unlock()
					b.worker.Wake([]int64{1})
				}
			}()
		}, 50*time.Second, func(*bench, retry.Request) (retry.Receipt, error) { return answer(`{"id":"-1"}`) })
		if len(b.calls) != 1 {
			t.Errorf("%d log-ins in 50 s with five pauses, want 1", len(b.calls))
		}
	})
}

// TestAttemptCutsAfterMasking answers with a page in which a secret stands across the place where the excerpt is cut.
func TestAttemptCutsAfterMasking(t *testing.T) {
	t.Parallel()
	for before := 480; before < 520; before += 4 {
		t.Run(fmt.Sprint(before), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				page := "<html>" + strings.Repeat("x", before-len("<html>")) + "s3cr3t-value</html>"
				b := play(t, restConnection(nil), func(b *bench) { b.owe("t", time.Now(), SceneCreate) }, time.Second,
					func(*bench, retry.Request) (retry.Receipt, error) {
						return retry.Receipt{Status: 200, Body: []byte(page)}, nil
					})
				if m := b.deliveries[0].Message; strings.Contains(m, "s3cr") || !strings.Contains(m, "xxxx") {
					t.Errorf("message %q, want the page's beginning without any of the secret", m)
				}
			})
		})
	}
}
