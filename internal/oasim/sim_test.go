package oasim

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// A client speaks to a simulator over a real connection.
type client struct {
	t      *testing.T
	sim    *Sim
	base   string
	http   *http.Client
	header map[string]string
}

func start(t *testing.T, vendor string, c Config) *client {
	t.Helper()
	sim, err := New(vendor, c)
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(sim)
	t.Cleanup(srv.Close)
	t.Cleanup(sim.Close)
	return &client{t: t, sim: sim, base: srv.URL, http: srv.Client(), header: map[string]string{}}
}

// do sends a request and gives status and body; an error is one of the connection.
func (c *client) do(method, path, body string) (int, string, error) {
	c.t.Helper()
	req, err := http.NewRequestWithContext(c.t.Context(), method, c.base+path, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	for k, v := range c.header {
		req.Header.Set(k, v)
	}
	res, err := c.http.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	return res.StatusCode, string(b), err
}

func (c *client) must(method, path, body string) (int, string) {
	c.t.Helper()
	status, answer, err := c.do(method, path, body)
	if err != nil {
		c.t.Fatal(err)
	}
	return status, answer
}

// want sends a request and compares the answer whole.
func (c *client) want(method, path, body string, status int, answer string) {
	c.t.Helper()
	gotStatus, got := c.must(method, path, body)
	if gotStatus != status || got != answer {
		c.t.Errorf("%s %s\n%s\ngot  %d %s\nwant %d %s", method, path, body, gotStatus, got, status, answer)
	}
}

// states is the inbox as "account id state" lines.
func (c *client) states() []string {
	out := []string{}
	for _, t := range c.sim.All() {
		out = append(out, t.Account+" "+t.ID+" "+string(t.State))
	}
	return out
}

func (c *client) wantStates(want ...string) {
	c.t.Helper()
	if want == nil {
		want = []string{}
	}
	if d := cmp.Diff(want, c.states()); d != "" {
		c.t.Errorf("inbox (-want +got):\n%s", d)
	}
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	if _, err := New("lotus", Config{}); err == nil || !strings.Contains(err.Error(), "seeyon, weaver") {
		t.Errorf("unknown vendor: got %v, want the vendors that there are", err)
	}
	_, err := New(Seeyon, Config{FailRate: 2, Latency: -1, TokenTTL: -1, KeepTodos: -1, Style: "x"})
	for _, name := range []string{"FailRate", "Latency", "TokenTTL", "KeepTodos", "Style"} {
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("got %v, want all mistakes at once, %s among them", err, name)
		}
	}
}

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

func TestLedgerKeepsTheNewestInOrder(t *testing.T) {
	t.Parallel()
	sim, err := New(Generic, Config{KeepCalls: 5})
	if err != nil {
		t.Fatal(err)
	}
	for range 23 {
		sim.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, "/", strings.NewReader("{}")))
	}
	var got []int
	for _, c := range sim.Calls() {
		got = append(got, c.Seq)
	}
	if d := cmp.Diff([]int{19, 20, 21, 22, 23}, got); d != "" || sim.Arrived() != 23 {
		t.Errorf("arrived %d, want 23; (-want +got):\n%s", sim.Arrived(), d)
	}
}

func TestInboxForgetsFinishedFirst(t *testing.T) {
	t.Parallel()
	b := newInbox(8)
	now := time.Now()
	for i := range 8 {
		e := &Todo{ID: string(rune('a' + i)), Account: "u", State: StateTodo}
		b.put(e, now)
		if i == 2 || i == 5 {
			b.end(e, StateDone, now)
		}
	}
	b.put(&Todo{ID: "i", Account: "u", State: StateTodo}, now)
	var got string
	for _, e := range b.list(func(*Todo) bool { return true }) {
		got += e.ID
	}
	if got != "abdeghi" || b.find("", "c", "u") != nil || b.find("", "a", "u") == nil || len(b.of("", "i")) != 1 {
		t.Errorf("got %s, want abdeghi", got)
	}
	for i := range 8 { // only open ones: the oldest go
		b.put(&Todo{ID: string(rune('j' + i)), Account: "u", State: StateTodo}, now)
	}
	if b.find("", "a", "u") != nil || b.find("", "q", "u") == nil || len(b.order) > 8 {
		t.Errorf("of %d entries the oldest is still there, or the newest is not", len(b.order))
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

func TestControl(t *testing.T) {
	t.Parallel()
	c := start(t, Weaver, Config{})
	c.header["Content-Type"] = "application/json"
	c.header["Idempotency-Key"] = "d-1"
	c.must("POST", "/rest/ofs/ReceiveRequestInfoByJson", weaverFlow(nil))
	c.must("POST", "/rest/ofs/ReceiveRequestInfoByJson", weaverFlow(map[string]string{"receiver": "lisi", "flowid": "2"}))
	var todos struct {
		Vendor string
		Items  []Todo
	}
	_, body := c.must("GET", "/_sim/todos?account=lisi&state=todo", "")
	if err := json.Unmarshal([]byte(body), &todos); err != nil || todos.Vendor != Weaver || len(todos.Items) != 1 || todos.Items[0].ID != "2" {
		t.Errorf("todos: got %s (%v)", body, err)
	}
	var calls struct {
		Arrived int
		Items   []Call
	}
	_, body = c.must("GET", "/_sim/calls?after=1", "")
	if err := json.Unmarshal([]byte(body), &calls); err != nil || calls.Arrived != 2 || len(calls.Items) != 1 {
		t.Fatalf("calls: got %s (%v)", body, err)
	}
	got := calls.Items[0]
	if got.Seq != 2 || got.IdempotencyKey != "d-1" || got.Op != OpCreate || got.Effect != EffectNew || got.Status != 200 ||
		got.Todo != "2" || got.App != "crm" || !strings.Contains(got.Answer, "自动新增待办成功") {
		t.Errorf("call: got %+v", got)
	}
	c.want("POST", "/_sim/script", `{"steps":[{"status":503}]}`, 204, "")
	if status, _ := c.must("POST", "/rest/ofs/ReceiveRequestInfoByJson", weaverFlow(nil)); status != 503 {
		t.Errorf("scripted from outside: got %d, want 503", status)
	}
	c.want("POST", "/_sim/script", `{"steps":[{"status":503}]}`, 204, "")
	c.want("DELETE", "/_sim/script", "", 204, "")
	if status, _ := c.must("POST", "/rest/ofs/ReceiveRequestInfoByJson", weaverFlow(nil)); status != 200 {
		t.Errorf("after DELETE: got %d, want 200", status)
	}
	for path, body := range map[string]string{"/_sim/script": "x", "/_sim/nothing": ""} {
		if status, answer := c.must("POST", path, body); status < 400 || !strings.Contains(answer, "error") {
			t.Errorf("%s: got %d %s, want a mistake", path, status, answer)
		}
	}
	if status, _ := c.must("GET", "/_sim/calls?after=x", ""); status != 400 {
		t.Errorf("after=x: got %d, want 400", status)
	}
}

func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	var logged sync.Map
	c := start(t, Weaver, Config{Log: func(call Call) { logged.Store(call.Seq, call.Status) }})
	c.header["Content-Type"] = "application/json"
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for j := range 25 {
				id := string(rune('a'+i)) + string(rune('a'+j))
				if _, _, err := c.do("POST", "/rest/ofs/ReceiveRequestInfoByJson", weaverFlow(map[string]string{"flowid": id})); err != nil {
					t.Error(err)
				}
				c.sim.Todos("zhangsan")
				c.sim.Calls()
			}
		})
	}
	wg.Wait()
	if got := len(c.sim.Todos("zhangsan")); got != 200 {
		t.Errorf("got %d todos, want 200", got)
	}
	n := 0
	logged.Range(func(any, any) bool { n++; return true })
	if n != 200 {
		t.Errorf("logged %d calls, want 200", n)
	}
}

func TestTooLargeIsRefused(t *testing.T) {
	t.Parallel()
	c := start(t, Generic, Config{})
	if status, _ := c.must("POST", "/", strings.Repeat(" ", maxBody+1)); status != 413 {
		t.Errorf("got %d, want 413", status)
	}
	c.want("POST", "/", `<a>任何内容</a>`, 200, `{"code":0,"message":"ok"}`)
}
