package script_test

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"todosync/connector/script"
	"todosync/mapping"
)

// host is one with two secrets, which answers every call with what it was asked.
func host(told *[]string) script.Host {
	secrets := map[string]string{"app-key": "s3cr3t-value"}
	return script.Host{
		Secret: func(name string) (string, error) {
			if v, ok := secrets[name]; ok {
				return v, nil
			}
			return "", errors.New("no secret " + name)
		},
		Secretive: func(text string) bool { return strings.Contains(text, "s3cr3t-value") },
		Told: func(v string) {
			if told != nil {
				*told = append(*told, v)
			}
		},
		Call: func(_ context.Context, r script.Request) (script.Answer, error) {
			if strings.HasSuffix(r.Address, "/away") {
				return script.Answer{}, errAway
			}
			return script.Answer{Status: 201, Headers: []script.Header{{Name: "X-Seen", Value: "yes"}}, Body: r.Method + " " + r.Body}, nil
		},
		Now: time.Date(2026, 11, 22, 1, 2, 3, 0, time.UTC), Zone: time.FixedZone("", 8*3600), UUID: func() string { return "u-1" },
	}
}

var errAway = errors.New("the host is away")

func input() script.Input {
	return script.Input{
		Request: script.Request{Method: "POST", Address: "http://oa.example.com/a", Headers: []script.Header{{Name: "X-A", Value: "1"}}, Body: `{"a":1}`},
		Fields:  map[string]string{"F055": "标题", "F001": "zhang"}, Event: `{"id":"e1","todo":{"id":"t1"}}`,
		Tenant: "T", Connection: "oa", Scene: "create", Key: "d1",
	}
}

func run(t *testing.T, kind script.Kind, src string) (script.Result, error) {
	t.Helper()
	p, err := script.Compile(kind, src)
	if err != nil {
		t.Fatalf("compile: %v", err)
	}
	return p.Run(t.Context(), host(nil), input())
}

func TestSend(t *testing.T) {
	t.Parallel()
	same := input().Request
	changed := func(f func(*script.Request)) script.Result {
		r := same
		f(&r)
		return script.Result{Request: r}
	}
	tests := map[string]struct {
		src  string
		want script.Result
	}{
		"nothing":       {"def send(request):\n  pass", script.Result{Request: same}},
		"the request":   {"def send(request):\n  return request", script.Result{Request: same}},
		"changed":       {"def send(r):\n  r.body += '!'\n  r.method = 'PUT'\n  r.address = r.address.replace('/a', '/b')", changed(func(r *script.Request) { r.Body, r.Method, r.Address = `{"a":1}!`, "PUT", "http://oa.example.com/b" })},
		"headers":       {"def send(r):\n  r.headers['X-B'] = 2\n  r.headers['X-A'] = None", changed(func(r *script.Request) { r.Headers = []script.Header{{Name: "X-B", Value: "2"}} })},
		"a dict":        {"def send(r):\n  return {'body': 'x', 'headers': {}}", changed(func(r *script.Request) { r.Body, r.Headers = "x", nil })},
		"a result":      {"def send(r):\n  return {'code': 0, 'message': 'ok', 'id': '7'}", script.Result{Finished: true, Code: "0", Message: "ok", ID: "7"}},
		"fields":        {"def send(r):\n  r.body = r.fields['F055'] + r.fields.get('F001') + r.tenant + r.connection + r.scene + r.key", changed(func(r *script.Request) { r.Body = "标题zhangToacreated1" })},
		"the event":     {"def send(r):\n  r.body = r.event['todo']['id']", changed(func(r *script.Request) { r.Body = "t1" })},
		"JSON":          {"def send(r):\n  d = json.decode(r.body)\n  d['b'] = [1, 'x', None]\n  r.body = json.encode(d)", changed(func(r *script.Request) { r.Body = `{"a":1,"b":[1,"x",null]}` })},
		"hashes":        {"def send(r):\n  r.body = md5('abc') + ' ' + sm3('abc', encoding = 'base64')[:4] + ' ' + hmac('sha1', 'Jefe', 'what do ya want for nothing?', 'HEX')[:4]", changed(func(r *script.Request) { r.Body = "900150983cd24fb0d6963f7d28e17f72 Zsfw EFFC" })},
		"texts":         {"def send(r):\n  r.body = base64.encode('ab') + base64.decode('YWI=') + url.encode('a b') + url.decode('%41') + url.form({'a': 1, 'b': '中'})", changed(func(r *script.Request) { r.Body = "YWI=aba+bAa=1&b=%E4%B8%AD" })},
		"time":          {"def send(r):\n  r.body = now('yyyyMMddHHmmss') + ' ' + now() + ' ' + uuid()", changed(func(r *script.Request) { r.Body = "20261122090203 1795309323000 u-1" })},
		"a call":        {"def send(r):\n  a = http.post('http://x/', json = {'k': [1]}, headers = {'A': 1})\n  return {'code': a.status, 'message': a.body + a.headers['x-seen']}", script.Result{Finished: true, Code: "201", Message: `POST {"k":[1]}yes`}},
		"other calls":   {"def send(r):\n  a = http.get('http://x/')\n  b = http.request('PUT', 'http://x/', body = 'z')\n  c = http.post('http://x/', form = {'a': 'b c'})\n  return {'code': 1, 'message': a.body + b.body + c.body}", script.Result{Finished: true, Code: "1", Message: "GET PUT zPOST a=b+c"}},
		"the language":  {"P = [x for x in range(3) if x % 2 == 0]\ndef f(a, *rest, b = 1, **more):\n  return a + len(rest) + b + len(more)\ndef send(r):\n  l = []\n  l += P\n  l.extend([5])\n  d = {'a': 1} | {'b': 2}\n  n = 0\n  for k, v in d.items():\n    n += v\n  x = [0]\n  x[0] += 4\n  s = 'a,b'.split(',')\n  r.body = ''.join(s) + '%s %d' % (l, n) + '-'.join([str(i) for i in x]) + str(f(1, b = 2, *s, **{'q': 1})) + '{}{z}'.format(1, z = 2) + str(2 * 3 - 1 << 1) + (lambda q: q.upper())('w') + str(getattr(r, 'none', 7)) + str(sorted([2, 1])[::-1])", changed(func(r *script.Request) { r.Body = "ab[0, 2, 5] 3461210W7[2, 1]" })},
		"same list":     {"def send(r):\n  a = [1]\n  b = a\n  b += [2]\n  r.body = str(a)", changed(func(r *script.Request) { r.Body = "[1, 2]" })},
		"print":         {"def send(r):\n  print('x')\n  r.body = 'p'", changed(func(r *script.Request) { r.Body = "p" })},
		"bytes not UTF": {"def send(r):\n  r.body = base64.decode('//8=')", changed(func(r *script.Request) { r.Body = "\uFFFD" })},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := run(t, script.Send, tt.src)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

func TestToken(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		src  string
		want script.Result
	}{
		"text":    {"def token(r):\n  return 'abc'", script.Result{Token: "abc"}},
		"a dict":  {"def token(r):\n  return {'token': 'abc', 'expiresIn': 60}", script.Result{Token: "abc", Life: time.Minute}},
		"nothing": {"def token(r):\n  return None", script.Result{}},
		"none":    {"def token(r):\n  return {'token': None}", script.Result{}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got, err := run(t, script.Token, tt.src); err != nil || !cmp.Equal(got, tt.want) {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
}

func TestCompileMistakes(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ src, want string }{
		"syntax":            {"def send(r):\n  return (", "line 2, column 11"},
		"an unknown name":   {"def send(r):\n  x = nothing\n  y = neither", "line 2, column 7: undefined: nothing\nline 3, column 7: undefined: neither"},
		"no function":       {"def other(r):\n  pass", "the script defines no function send(request)"},
		"two arguments":     {"def send(a, b):\n  pass", "line 1, column 1: send takes one argument"},
		"while":             {"def send(r):\n  while True:\n    pass", "line 2, column 3"},
		"load":              {"load('x', 'y')\ndef send(r):\n  pass", "load is not there"},
		"a computed secret": {"def send(r):\n  secret('a' + 'b')", "line 2, column 3: secret takes the name"},
		"a strange secret":  {"def send(r):\n  secret('a b')", "is no name of a secret"},
		"too large":         {"def send(r):\n  pass\n#" + strings.Repeat("x", 64<<10), "at most 65536"},
		"too deep":          {"def send(r):\n  return " + strings.Repeat("(", 50_000), "line 2, column 110: brackets stand in each other"},
		"x[i] *= y":         {"def send(r):\n  x = [1]\n  x[0] *= 2", "line 3, column 8: write x[i] = x[i] * y"},
		"our own functions": {"def send(r):\n  $add(1, 2)", "line 2"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := script.Compile(script.Send, tt.src)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v\nwant %s", err, tt.want)
			}
			if _, ok := errors.AsType[mapping.Errors](err); !ok {
				t.Errorf("it is a %T", err)
			}
		})
	}
}

func TestUses(t *testing.T) {
	t.Parallel()
	p, err := script.Compile(script.Send, "K = secret('app-key')\ndef send(r):\n  return {'code': r.fields['F055'], 'message': r.fields.get('F001', 'F0550') + K}")
	if err != nil || !cmp.Equal(p.Codes(), []string{"F001", "F055"}) || !cmp.Equal(p.Secrets(), []string{"app-key"}) {
		t.Fatalf("codes %v, secrets %v, %v", p.Codes(), p.Secrets(), err)
	}
}

// TestMadeOfSecrets: what is made of a secret is told as one.
func TestMadeOfSecrets(t *testing.T) {
	t.Parallel()
	p, err := script.Compile(script.Send, "def send(r):\n  k = secret('app-key')\n  r.body = md5('x' + k) + md5('x') + base64.encode(k)")
	if err != nil {
		t.Fatal(err)
	}
	var told []string
	if _, err := p.Run(t.Context(), host(&told), input()); err != nil {
		t.Fatal(err)
	}
	want := []string{"s3cr3t-value", "7bf8f0d45d2a0eb1d7d2d3ae18a2b2d4", "czNjcjN0LXZhbHVl"}
	if len(told) != 3 || told[0] != want[0] || len(told[1]) != 32 || told[2] != want[2] {
		t.Errorf("told of %q", told)
	}
}

func TestRunErrors(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ src, want string }{
		"at its place":        {"def f(x):\n  return x['k']\ndef send(r):\n  f({})", `line 2, column 11: key "k" not in dict`},
		"fail":                {"def send(r):\n  fail('no', 1)", "line 2, column 7: fail: no 1"},
		"a wrong result":      {"def send(r):\n  return 7", "send returns a int"},
		"an unknown member":   {"def send(r):\n  return {'code': 1, 'mesage': ''}", `a member "mesage"`},
		"an unknown field":    {"def send(r):\n  r.boddy = ''", `no "boddy" to set`},
		"no text":             {"def send(r):\n  r.body = {}", "line 2, column 4: body: want text, not a dict"},
		"a field not named":   {"def send(r):\n  r.fields['F0' + '56']", `key "F056" not in dict`},
		"fields stay":         {"def send(r):\n  r.fields['F055'] = 'x'", "frozen"},
		"the time of a minus": {"def send(r):\n  now('q')", "line 2"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := run(t, script.Send, tt.src)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v\nwant %s", err, tt.want)
			}
			if _, ok := errors.AsType[*mapping.Error](err); !ok {
				t.Errorf("it is a %T", err)
			}
		})
	}
}

// TestCallErrors: the error of a call ends the script and is the run's own, and so is that of a secret.
func TestCallErrors(t *testing.T) {
	t.Parallel()
	if _, err := run(t, script.Send, "def send(r):\n  http.get('http://x/away')\n  return {'code': 0}"); !errors.Is(err, errAway) {
		t.Errorf("got %v", err)
	}
	if _, err := run(t, script.Send, "def send(r):\n  secret('other')"); err == nil || err.Error() != "no secret other" {
		t.Errorf("got %v", err)
	}
	if _, err := run(t, script.Send, "def send(r):\n  for i in range(11):\n    http.get('http://x/')"); err == nil || !strings.Contains(err.Error(), "more than 10 calls") {
		t.Errorf("got %v", err)
	}
}

// TestBombs: whatever a script does, it ends, soon and with little memory.
func TestBombs(t *testing.T) {
	bombs := map[string]string{
		"repetition":           "'x' * (1 << 29)",
		"of a list":            "[0] * (1 << 28)",
		"the other way round":  "(1 << 29) * 'x'",
		"by doubling":          "[s for s in ['x'] for i in range(40) for s in [s + s]]",
		"through a dict":       "d = {'a': 'x' * 1000}\n  for i in range(60):\n    d['a'] += d['a']",
		"plain doubling":       "s = 'x'\n  for i in range(60):\n    s += s",
		"a list extends":       "l = [1]\n  for i in range(60):\n    l += l",
		"a list extends, 2":    "l = [1]\n  for i in range(60):\n    l.extend(l)",
		"slices":               "l = [1] * 100000\n  k = []\n  for i in range(60000):\n    k.append(l[:])",
		"arguments":            "l = [1] * 100000\n  k = []\n  f = lambda *a: a\n  for i in range(20000):\n    k.append(f(*l))",
		"a long range":         "list(range(1 << 40))",
		"the largest of many":  "max(range(1 << 50))",
		"replace":              "('a' * 1000000).replace('a', 'b' * 1000000)",
		"replace nothing":      "('a' * 1000000).replace('', 'b' * 1000000)",
		"join":                 "('x' * 1000000).join(['a'] * 1000000)",
		"format":               "('{0}' * 100000).format('x' * 1000000)",
		"percent":              "('%s' * 100) % (('x' * 1000000,) * 100)",
		"getattr":              "getattr('x' * 1000000, 'join')(['a'] * 1000000)",
		"a method kept":        "j = ('x' * 1000000).join\n  j(['a'] * 1000000)",
		"laughs as JSON":       "a = ['x' * 100]\n  for i in range(30):\n    a = [a, a, a, a]\n  json.encode(a)",
		"laughs as text":       "a = ['x' * 100]\n  for i in range(30):\n    a = [a, a, a, a]\n  str(a)",
		"laughs in a message":  "a = ['x' * 100]\n  for i in range(30):\n    a = [a, a, a, a]\n  fail(a)",
		"laughs formatted":     "a = ['x' * 100]\n  for i in range(30):\n    a = [a, a, a, a]\n  '%s' % a",
		"a deep value":         "a = []\n  for i in range(50000):\n    a = [a]\n  json.encode(a)",
		"large numbers":        "n = 3\n  for i in range(60):\n    n *= n",
		"digits":               "int('9' * 1000000)",
		"steps":                "for i in range(100000):\n    for j in range(100000):\n      pass",
		"split":                "k = []\n  s = 'a,' * 400000\n  for i in range(10000):\n    k.append(s.split(','))",
		"posted":               "http.post('http://x/', body = 'x' * 2000000)",
		"JSON that is deep":    "json.decode('[' * 1000000)",
		"quiet recursion":      "f = lambda g: g(g)\n  f(f)",
		"sets":                 "k = []\n  s = set(range(90000))\n  for i in range(20000):\n    k.append(s | s)",
		"a sorted copy":        "k = []\n  l = [1] * 100000\n  for i in range(20000):\n    k.append(sorted(l))",
		"tall unary":           "x = " + strings.Repeat("-", 20_000) + "1",
		"tall not":             "x = " + strings.Repeat("not ", 10_000) + "1",
		"shifted":              "x = 1\n  for i in range(1000):\n    x = x << 500",
		"comprehended strings": "[('x' * 100000) for i in range(100000)]",
	}
	for name, body := range bombs {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			start := time.Now()
			p, err := script.Compile(script.Send, "def send(r):\n  "+body+"\n")
			if err == nil {
				_, err = p.Run(t.Context(), host(nil), input())
			}
			took := time.Since(start)
			runtime.ReadMemStats(&after)
			if err == nil && !strings.HasPrefix(name, "tall") {
				t.Error("it ran to its end")
			}
			if made := after.TotalAlloc - before.TotalAlloc; took > bombTime || made > 300<<20 {
				t.Errorf("took %s and %d MiB: %v", took, made>>20, err)
			}
			if err != nil && len(err.Error()) > 3000 {
				t.Errorf("the error has %d bytes", len(err.Error()))
			}
		})
	}
}

// TestStops: a run that is cancelled ends at once, and a script that waits for a host does not keep others from running.
func TestStops(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	p, err := script.Compile(script.Send, "def send(r):\n  for i in range(10000):\n    for j in range(10000):\n      pass")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Run(ctx, host(nil), input()); err == nil || !strings.Contains(err.Error(), "no time left") {
		t.Errorf("got %v", err)
	}

	waits, err := script.Compile(script.Send, "def send(r):\n  http.get('http://x/')")
	if err != nil {
		t.Fatal(err)
	}
	slots, calling, answer, ended := make(chan struct{}, 1), make(chan struct{}), make(chan struct{}), make(chan error)
	h := host(nil)
	h.Slots = slots
	h.Call = func(context.Context, script.Request) (script.Answer, error) {
		close(calling)
		<-answer
		return script.Answer{Status: 200}, nil
	}
	go func() { _, err := waits.Run(t.Context(), h, input()); ended <- err }()
	<-calling
	other := host(nil)
	other.Slots = slots
	quick, err := script.Compile(script.Send, "def send(r):\n  pass")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := quick.Run(t.Context(), other, input()); err != nil {
		t.Error(err)
	}
	close(answer)
	if err := <-ended; err != nil || len(slots) != 0 {
		t.Errorf("got %v, and %d slots are taken", err, len(slots))
	}
}
