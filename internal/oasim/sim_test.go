package oasim

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
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

// FuzzServe holds that no call, however odd, makes a simulator panic or leaves a call open in the ledger.
func FuzzServe(f *testing.F) {
	for i, path := range []string{
		seeyonReceive + "/pendings", seeyonUpdate, seeyonToken + "/a/b", weaverUpsert, weaverService, "/rest/ofs/ReceiveRequestInfoByXml",
		landrayService, landrayREST + "setTodoDone", yunzhijiaTodo + "action.json", "/api/todo/v3/addtask", "/api/auth/v2/tickets", "/",
		feishuInstances, feishuMessages, "/v1.0/todo/users/a/tasks", "/v1.0/todo/users/a/tasks/b", "/cgi-bin/message/send",
	} {
		for _, body := range []string{seeyonTodo, weaverFlow(nil), landraySample, welinkSample, dingtalkSample, wecomSample, `{"params":[1,{"openId":2}],"targets":"[{}]"}`, "<a><b/></a>", ""} {
			f.Add(uint8(i), "POST", path, body)
		}
	}
	f.Fuzz(func(t *testing.T, vendor uint8, method, path, body string) {
		sim, err := New(Vendors()[int(vendor)%len(Vendors())], Config{})
		if err != nil {
			t.Fatal(err)
		}
		r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
		r.Method, r.URL.Path = method, path
		r.Header.Set("Content-Type", "application/json")
		sim.tokens.ends = map[string]time.Time{"": time.Now().Add(time.Hour)} // the empty token is good
		w := httptest.NewRecorder()
		sim.ServeHTTP(w, r)
		calls := sim.Calls()
		if !strings.HasPrefix(path, "/_sim/") && (len(calls) != 1 || !calls[0].Over || calls[0].Status != w.Code) {
			t.Errorf("ledger: got %+v, want one call with status %d", calls, w.Code)
		}
	})
}
