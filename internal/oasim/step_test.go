package oasim

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestStepsOnTheWire(t *testing.T) {
	t.Parallel()
	type outcome struct {
		Status int
		Body   string // a part of it
		Broken bool
		Todos  int // entries in the inbox afterwards
	}
	tests := map[string]struct {
		step Step
		want outcome
	}{
		"status":      {Status(503), outcome{Status: 503, Body: "Service Unavailable"}},
		"retry after": {RetryAfter(429, 7), outcome{Status: 429}},
		"own answer":  {Step{Status: 200, Body: `{"a":1}`}, outcome{Status: 200, Body: `{"a":1}`}},
		"refuse":      {Refuse("没有权限"), outcome{Status: 200, Body: `"operResult":"0","message":"没有权限"`}},
		"fault":       {Step{Do: DoFault, Message: "java.lang.NullPointerException"}, outcome{Status: 500, Body: "NullPointer"}},
		"reset":       {Just(DoReset), outcome{Broken: true}},
		"lost":        {Just(DoLost), outcome{Broken: true, Todos: 1}},
		"cut":         {Just(DoCut), outcome{Status: 200, Body: `{"syscode"`, Broken: true, Todos: 1}},
		"garbage":     {Just(DoGarbage), outcome{Status: 200, Body: "%PDF"}},
		"log-in page": {Just(DoLoginPage), outcome{Status: 200, Body: "用户登录"}},
		"gbk page":    {Just(DoGBKPage), outcome{Status: 500, Body: "\xcf\xb5\xcd\xb3"}},
		"huge":        {Step{Do: DoHuge, Size: 3 << 20}, outcome{Status: 200, Body: "xxxx"}},
		"empty":       {Just(DoEmpty), outcome{Status: 204}},
		"late":        {Late(time.Millisecond), outcome{Status: 200, Body: `"operResult":"1"`, Todos: 1}},
		"normal":      {Just(DoNormal), outcome{Status: 200, Body: `"operResult":"1"`, Todos: 1}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := start(t, Weaver, Config{})
			c.header["Content-Type"] = "application/json"
			c.sim.Reply(tt.step)
			status, body, err := c.do("POST", "/rest/ofs/ReceiveRequestInfoByJson", weaverFlow(nil))
			got := outcome{Status: status, Body: body, Broken: err != nil, Todos: len(c.sim.All())}
			if strings.Contains(body, tt.want.Body) {
				got.Body = tt.want.Body
			}
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Errorf("(-want +got):\n%s\nerror: %v", d, err)
			}
			if tt.step.Size > 0 && len(body) != tt.step.Size {
				t.Errorf("got %d bytes, want %d", len(body), tt.step.Size)
			}
			calls := c.sim.Calls()
			if len(calls) != 1 || !calls[0].Over || calls[0].Step == "" {
				t.Errorf("ledger: got %+v, want one call, over, with its step", calls)
			}
			// The script is used up: the OA is itself again.
			if _, body := c.must("POST", "/rest/ofs/ReceiveRequestInfoByJson", weaverFlow(nil)); !strings.Contains(body, `"operResult":"1"`) {
				t.Errorf("after the script: got %s", body)
			}
		})
	}
}

func TestHangEndsWithCallerAndWithClose(t *testing.T) {
	t.Parallel()
	c := start(t, Generic, Config{})
	c.sim.Always(Match{}.Matches, Just(DoHang))
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 2)
	call := func(ctx context.Context) {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.base, strings.NewReader("{}"))
		if err == nil {
			var res *http.Response
			if res, err = c.http.Do(req); err == nil {
				res.Body.Close()
			}
		}
		ended <- err
	}
	go call(ctx)
	if err := c.sim.Wait(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	if got := c.sim.Calls(); got[0].Over {
		t.Errorf("a call that hangs is over: %+v", got[0])
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want canceled", err)
	}
	go call(t.Context())
	if err := c.sim.Wait(t.Context(), 2); err != nil {
		t.Fatal(err)
	}
	c.sim.Close()
	c.sim.Close() // twice does no harm
	if err := <-ended; err == nil {
		t.Error("got an answer, want a broken connection")
	}
}

func TestLatencyAndDelayAreWaited(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		sim, err := New(Generic, Config{Latency: 3 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		sim.Reply(Step{Do: DoNormal, DelayMS: 2000})
		began := time.Now()
		for _, want := range []time.Duration{5 * time.Second, 8 * time.Second} {
			sim.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, "/", strings.NewReader("{}")))
			if got := time.Since(began); got != want {
				t.Errorf("got %v, want %v", got, want)
			}
		}
	})
}

func TestRulesMatchBeforeReply(t *testing.T) {
	t.Parallel()
	c := start(t, Weaver, Config{})
	c.header["Content-Type"] = "application/json"
	err := c.sim.ScriptJSON([]byte(`[
		{"match": {"todo": "66f1a", "op": "create"}, "steps": [{"status": 503}, {"do": "refuse", "message": "不行"}]},
		{"match": {"account": "lisi"}, "steps": [{"do": "empty"}], "always": true}]`))
	if err != nil {
		t.Fatal(err)
	}
	c.sim.Reply(Status(502))
	send := func(change map[string]string) int {
		status, _ := c.must("POST", "/rest/ofs/ReceiveRequestInfoByJson", weaverFlow(change))
		return status
	}
	got := []int{
		send(map[string]string{"flowid": "66f1ab"}), // another todo: Reply
		send(nil),                                // first step; flowid is 66f1a_zhangsan
		send(map[string]string{"isremark": "2"}), // not a create
		send(nil),                                // second step
		send(nil),                                // used up
		send(map[string]string{"receiver": "lisi", "flowid": "x"}), // always
		send(map[string]string{"receiver": "lisi", "flowid": "x"}),
	}
	if d := cmp.Diff([]int{502, 503, 200, 200, 200, 204, 204}, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	c.sim.Unscript()
	if got := send(map[string]string{"receiver": "lisi", "flowid": "x"}); got != 200 {
		t.Errorf("after Unscript: got %d, want 200", got)
	}
}

func TestScriptRefusesMistakes(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ script, want string }{
		"unknown step":   {`{"steps":[{"do":"explode"}]}`, `"explode" is no step`},
		"no steps":       {`{"match":{}}`, "rule 1: steps: there is none"},
		"unknown member": {`[{"steps":[{"do":"hang"}],"wen":{}}]`, `unknown field "wen"`},
		"always many":    {`{"always":true,"steps":[{"do":"hang"},{"do":"hang"}]}`, "exactly one step, not 2"},
		"bad status":     {`{"steps":[{"status":99}]}`, "99 is not"},
		"negative":       {`{"steps":[{"do":"late","delayMs":-1}]}`, "negative"},
		"not JSON":       {`steps`, "read the script"},
		"second is bad":  {`[{"steps":[{"do":"hang"}]},{"steps":[{"do":"x"}]}]`, "rule 2: step 1"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sim, err := New(Generic, Config{})
			if err != nil {
				t.Fatal(err)
			}
			if err := sim.ScriptJSON([]byte(tt.script)); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q in it", err, tt.want)
			}
			if len(sim.script) != 0 {
				t.Error("a refused script is in force")
			}
		})
	}
}

func TestFailRateIsSeeded(t *testing.T) {
	t.Parallel()
	run := func() []Do {
		sim, err := New(Generic, Config{FailRate: 0.5, Seed: 7})
		if err != nil {
			t.Fatal(err)
		}
		for range 40 {
			func() {
				defer func() { _ = recover() }() // a recorder's connection is cut by a panic
				sim.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, "/", strings.NewReader("{}")))
			}()
		}
		var out []Do
		for _, c := range sim.Calls() {
			out = append(out, c.Step)
		}
		return out
	}
	first := run()
	if d := cmp.Diff(first, run()); d != "" {
		t.Errorf("the same seed gave different days:\n%s", d)
	}
	failed := 0
	for _, d := range first {
		if d != "" {
			failed++
		}
	}
	if failed < 10 || failed > 30 {
		t.Errorf("%d of 40 failed, want about half", failed)
	}
}
