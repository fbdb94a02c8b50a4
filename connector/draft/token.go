package draft

import (
	"cmp"
	"slices"
	"strings"
)

// logInWords are words in the address of a request that fetches a token.
var logInWords = []string{"token", "accesstoken", "gettoken", "oauth", "oauth2", "auth", "login", "logon", "signin", "denglu"}

// tokenNames are names under which an answer gives a token, the best first.
var tokenNames = []string{"accesstoken", "access_token", "token", "sessionid", "ticket", "id"}

// A logIn is the request of a manual that fetches a token, and how the others send that.
type logIn struct {
	request *request
	value   string // path in the answer; empty: not known
	header  string // the header in which the others have it
}

// takeLogIn takes the first of several requests for the one that fetches a token, where it looks like one: its address says so, it bears a
// secret, and nothing of a todo.
func (b *builder) takeLogIn(samples []*sample) {
	if len(b.requests) < 2 || len(samples) == 0 {
		return
	}
	r := b.requests[0]
	spelled := words(operationOf(r.path, samples[0]))
	secret := slices.ContainsFunc(r.leaves, func(l *leaf) bool { return l.verdict == hidden })
	todo := slices.ContainsFunc(r.leaves, func(l *leaf) bool { return l.verdict == filled })
	if !secret || todo || !slices.ContainsFunc(spelled, func(w string) bool { return slices.Contains(logInWords, strings.ToLower(w)) }) {
		return
	}
	b.requests = b.requests[1:]
	b.logIn = &logIn{request: r}
	b.logIn.find(b, strings.TrimSpace(samples[0].answer))
	r.notes = append(r.notes, say("token is the first request: check token.value and token.send, and what the OA answers when a token has ended (token.refreshOn)",
		"token 取自第一个请求：请核对 token.value、token.send，以及令牌失效时 OA 的应答（token.refreshOn）"))
}

// find looks for what the answer gives in the requests behind it.
func (t *logIn) find(b *builder, answer string) {
	c := &collector{}
	if strings.HasPrefix(answer, "{") {
		if _, err := c.json(answer, nil, inBody, false); err != nil {
			c = &collector{}
		}
	}
	for _, r := range b.requests {
		r.headers = slices.DeleteFunc(r.headers, func(h headerField) bool {
			_, value, found := strings.Cut(h.leaf.sample, " ")
			if !found {
				value = h.leaf.sample
			}
			given := slices.IndexFunc(c.leaves, func(l *leaf) bool { return l.sample != "" && l.sample == value })
			switch {
			case given >= 0:
				t.value = strings.Join(c.leaves[given].path, ".")
			case len(c.leaves) > 0 || h.leaf.verdict != hidden || !slices.Contains(tokenNames, strings.ToLower(h.name)) && !strings.EqualFold(h.name, "authorization"):
				return false
			}
			t.header = h.name
			b.secrets = slices.DeleteFunc(b.secrets, func(s secretValue) bool { return s.value == value })
			r.leaves = slices.DeleteFunc(r.leaves, func(l *leaf) bool { return l == h.leaf })
			r.notes = slices.DeleteFunc(r.notes, func(p phrase) bool { return p == tokenAnew })
			return true
		})
	}
	for _, want := range tokenNames {
		for _, l := range c.leaves {
			if t.value == "" && strings.ToLower(l.name()) == want {
				t.value = strings.Join(l.path, ".")
			}
		}
	}
}

// token writes the request that fetches the token.
func (f *settings) token() {
	t := f.b.logIn
	if t == nil {
		return
	}
	f.line(0, "token:")
	f.line(2, "request:")
	for _, l := range t.request.leaves {
		if l.where != inHeader || l.verdict != constant {
			f.comment(4, f.why(t.request, l))
		}
	}
	base := cmp.Or(t.request.base, "http://oa.example.com")
	f.line(4, "method: %s", t.request.method)
	f.line(4, "address: %s", scalar(t.request.template("${"+baseName(slices.Index(f.bases, base))+"}")))
	f.headers(4, t.request.headers)
	if t.request.body != nil {
		f.body(t.request.body.text())
	}
	f.line(2, "value: %s", scalar(cmp.Or(t.value, "token")))
	switch {
	case strings.EqualFold(t.header, "authorization"):
		f.line(2, "send: {bearer: true}")
	default:
		f.line(2, "send: {header: %s}", scalar(cmp.Or(t.header, "token")))
	}
}
