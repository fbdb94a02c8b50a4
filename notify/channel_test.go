package notify

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"todosync/connector"
	"todosync/internal/oasim"
	"todosync/retry"
)

// outlets are the ways out of a test: real HTTP, a clock that stands still, secrets of tenant 714439.
func outlets(t *testing.T) *Outlets {
	t.Helper()
	egress, err := retry.NewEgress(retry.EgressConfig{})
	if err != nil {
		t.Fatal(err)
	}
	post, err := NewPoster(egress)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(post.Close)
	return &Outlets{
		HTTP: post, Now: func() time.Time { return time.Unix(1_795_000_000, 0) },
		Secret: func(_ context.Context, tenant, name string) (string, error) {
			secrets := map[string]string{"robot": "robot-key-0123456789", "signs": "SEC0123456789abcdef"}
			if v, ok := secrets[name]; ok && tenant == "714439" {
				return v, nil
			}
			return "", &connector.Error{Kind: connector.NotFound, Msg: "no secret " + name}
		},
	}
}

func send(t *testing.T, o *Outlets, c connector.NotifyChannel, d Digest) *Error {
	t.Helper()
	err := o.Channel(Target{Tenant: "714439", Channel: c, Key: "the tenant's own key"}).Send(t.Context(), d)
	if err == nil {
		return nil
	}
	e, ok := errors.AsType[*Error](err)
	if !ok {
		t.Fatalf("%T is no *Error: %v", err, err)
	}
	for _, secret := range []string{"robot-key-0123456789", "SEC0123456789abcdef", "the tenant's own key", "hunter2-hunter2"} {
		if strings.Contains(e.Error(), secret) {
			t.Errorf("a secret stands in %q", e.Error())
		}
	}
	return e
}

// robotChannels are the robots at a server, with the key as a secret and the signature's as another.
func robotChannels(server string) map[connector.ChannelType]connector.NotifyChannel {
	return map[connector.ChannelType]connector.NotifyChannel{
		connector.ChannelWeCom:    {Type: connector.ChannelWeCom, Address: server + "/cgi-bin/webhook/send?key=${secret:robot}"},
		connector.ChannelDingTalk: {Type: connector.ChannelDingTalk, Address: server + "/robot/send?access_token=${secret:robot}", Secret: "${secret:signs}"},
		connector.ChannelFeishu:   {Type: connector.ChannelFeishu, Address: server + "/open-apis/bot/v2/hook/${secret:robot}", Secret: "${secret:signs}"},
	}
}

// TestRobots sends digests of any size to the robots, which check signature, size and rate by themselves.
func TestRobots(t *testing.T) {
	t.Parallel()
	o := outlets(t)
	for _, kind := range []connector.ChannelType{connector.ChannelWeCom, connector.ChannelDingTalk, connector.ChannelFeishu} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			robots := &oasim.Robots{Key: "robot-key-0123456789", Secret: "SEC0123456789abcdef", Now: o.Now}
			server := httptest.NewServer(robots)
			defer server.Close()
			c := robotChannels(server.URL)[kind]
			for _, s := range []Summary{told(connector.Chinese, ""), told(connector.English, "https://todosync.example.com"), many(50_000)} {
				if e := send(t, o, c, Summarize(s)); e != nil {
					t.Fatal(e)
				}
			}
			if said := robots.Said(); len(said) != 3 || !strings.Contains(said[0], "weaver-east") || !strings.Contains(said[1], "https://todosync.example.com/digests/") {
				t.Errorf("the group got %d messages", len(said))
			}
			for range 100 {
				if e := send(t, o, c, Summarize(told(connector.Chinese, ""))); e != nil {
					if e.Lasting || e.After < time.Minute {
						t.Errorf("too often: %+v", e)
					}
					break
				}
			}
			wrong := c
			wrong.Address = strings.Replace(c.Address, "${secret:robot}", "another-key-0123456789", 1)
			if e := send(t, o, wrong, Summarize(told(connector.Chinese, ""))); e == nil || !e.Lasting || e.Hint == "" || strings.Contains(e.Error(), "another-key-0123456789") {
				t.Errorf("a wrong key: %v", e)
			}
			if c.Secret == "" {
				return
			}
			wrong = c
			wrong.Secret = "not the robot's"
			if e := send(t, o, wrong, Summarize(told(connector.Chinese, ""))); e == nil || !e.Lasting || e.Hint == "" {
				t.Errorf("a wrong signature: %v", e)
			}
		})
	}
}

// TestStatuses holds for each status of HTTP what follows, for webhooks and robots, and that no secret is told whatever a server says.
func TestStatuses(t *testing.T) {
	t.Parallel()
	o := outlets(t)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		status := map[string]int{"/204": 204, "/302": 302, "/400": 400, "/401": 401, "/404": 404, "/408": 408, "/410": 410, "/429": 429, "/500": 500, "/503": 503}[q.URL.Path[:4]]
		w.Header().Set("Location", q.URL.String())
		w.Header().Set("Retry-After", "90")
		w.WriteHeader(status)
		if status != 204 {
			_, _ = io.WriteString(w, `{"errcode":1,"errmsg":"you sent `+q.URL.String()+`"}`)
		}
	}))
	defer server.Close()
	d := Summarize(told(connector.English, ""))
	for path, want := range map[string]struct {
		taken, lasting bool
		after          time.Duration
	}{
		"/204": {taken: true}, "/302": {lasting: true}, "/400": {lasting: true}, "/401": {lasting: true}, "/404": {lasting: true}, "/408": {},
		"/410": {lasting: true}, "/429": {after: 90 * time.Second}, "/500": {after: 90 * time.Second}, "/503": {after: 90 * time.Second},
	} {
		c := connector.NotifyChannel{Type: connector.ChannelWebhook, Address: server.URL + path + "/${secret:robot}?k=${secret:signs}"}
		e := send(t, o, c, d)
		if (e == nil) != want.taken {
			t.Errorf("%s: %v", path, e)
			continue
		}
		if e != nil && (e.Lasting != want.lasting || e.After != want.after) {
			t.Errorf("%s: lasting %t, after %s: %v", path, e.Lasting, e.After, e)
		}
		for kind := range robotChannels("") {
			c.Type = kind
			if e := send(t, o, c, d); e == nil {
				t.Errorf("%s %s: taken", kind, path)
			}
		}
	}
	server.Close()
	if e := send(t, o, connector.NotifyChannel{Type: connector.ChannelWebhook, Address: server.URL + "/${secret:robot}"}, d); e == nil || e.Lasting {
		t.Errorf("nobody there: %v", e)
	}
	if e := send(t, o, connector.NotifyChannel{Type: connector.ChannelWebhook, Address: "https://a.example.com/${secret:missing}"}, d); e == nil || !e.Lasting || !strings.Contains(e.Hint, "secret set") {
		t.Errorf("a secret that is not set: %v", e)
	}
	for _, forbidden := range []string{"http://169.254.169.254/latest", "http://[fe80::1]/", "http://0.0.0.0:9/", "http://0xa9fea9fe/"} {
		if e := send(t, o, connector.NotifyChannel{Type: connector.ChannelWebhook, Address: forbidden}, d); e == nil {
			t.Errorf("%s was called", forbidden)
		}
	}
}

// TestWebhook holds what a webhook gets, and that its signature is that of the channel's secret, else of the tenant's key.
func TestWebhook(t *testing.T) {
	t.Parallel()
	o := outlets(t)
	var mu sync.Mutex
	var got *http.Request
	var body []byte
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, q *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		got = q
		body, _ = io.ReadAll(q.Body)
	}))
	defer server.Close()
	d := Summarize(told(connector.Chinese, "https://todosync.example.com"))
	for secret, key := range map[string]string{"": "the tenant's own key", "${secret:signs}": "SEC0123456789abcdef", "literal key": "literal key"} {
		c := connector.NotifyChannel{Type: connector.ChannelWebhook, Address: server.URL + "/hook", Secret: secret, To: connector.Texts{"ops"}}
		if e := send(t, o, c, d); e != nil {
			t.Fatal(e)
		}
		mu.Lock()
		if want := Sign(body, key, o.now()); got.Header.Get("X-Todosync-Signature") != want || !strings.HasPrefix(want, "t=1795000000,v1=") {
			t.Errorf("%q: signature %s, want %s", secret, got.Header.Get("X-Todosync-Signature"), want)
		}
		if got.Method != http.MethodPost || got.Header.Get("X-Todosync-Digest") != d.ID {
			t.Errorf("%s of %q", got.Method, got.Header.Get("X-Todosync-Digest"))
		}
		var back Digest
		if err := json.Unmarshal(body, &back); err != nil || back.ID != d.ID || back.Text != d.Text || !slices.Equal(back.To, []string{"ops"}) {
			t.Errorf("%v: %.200s", err, body)
		}
		mu.Unlock()
	}
}

// published is what a fake NATS has taken.
type published struct {
	tenant, id string
	body       []byte
	err        error
}

// PublishNotice implements Publisher.
func (p *published) PublishNotice(_ context.Context, tenant, id string, body []byte) error {
	p.tenant, p.id, p.body = tenant, id, body
	return p.err
}

func TestCRM(t *testing.T) {
	t.Parallel()
	var p published
	o := &Outlets{Notices: &p}
	c := connector.NotifyChannel{Type: connector.ChannelCRM, To: connector.Texts{"crm-admins"}}
	d := Summarize(told(connector.Chinese, ""))
	if e := send(t, o, c, d); e != nil {
		t.Fatal(e)
	}
	var wire map[string]any
	if err := json.Unmarshal(p.body, &wire); err != nil || p.tenant != "714439" || p.id != d.ID {
		t.Fatalf("%v: %+v", err, p)
	}
	for _, member := range []string{"id", "tenant", "window", "language", "title", "text", "counts", "groups", "examples", "more", "waiting", "url", "to"} {
		if _, ok := wire[member]; !ok {
			t.Errorf("%s is missing", member)
		}
	}
	p.err = errors.New("nats: no servers available for connection nats://u:hunter2-hunter2@h")
	if e := send(t, o, c, d); e == nil || e.Lasting {
		t.Errorf("NATS away: %v", e)
	}
	if e := send(t, &Outlets{}, c, d); e == nil || !e.Lasting {
		t.Errorf("no NATS: %v", e)
	}
	if e := send(t, &Outlets{}, connector.NotifyChannel{Type: "pigeon"}, d); e == nil || !e.Lasting {
		t.Errorf("a pigeon: %v", e)
	}
}
