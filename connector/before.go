package connector

import (
	"fmt"
	"slices"
	"strings"

	"todosync/mapping"
	"todosync/retry"
)

// A SentBefore is a request that is to be sent once more as it was rendered then. It holds marks in place of secrets and of the
// token, which are filled with today's values.
type SentBefore struct {
	Scene   Scene // whose request it was; empty: not known
	Request SentRequest
}

// request is what an attempt sends, but for the token: rendered with the connection's current revision, or as before where a person
// wanted that. account is the OA account that it goes to.
func (a *attempter) request(w *Work, scene Scene, s *mapping.Scope, m *masker) (r rendering, account string, err error) {
	if w.Before != nil {
		if r, err = a.refill(w.Before, scene, s, m); err != nil {
			return r, w.Account, err
		}
		account = w.Account
	} else {
		if r, err = a.program.scenes[scene].request.render(s); err != nil {
			return r, account, err
		}
		account = accountsOf(s)
	}
	return r, account, nil
}

// refill makes a request of one that was sent before.
func (a *attempter) refill(b *SentBefore, scene Scene, s *mapping.Scope, m *masker) (rendering, error) {
	if b.Scene != "" && b.Scene != scene {
		return rendering{}, &Error{
			Kind: Invalid, Op: "send as before",
			Msg:  fmt.Sprintf("the earlier request was a %s, and as things are now it would have to be a %s", b.Scene, scene),
			Hint: "retry it with today's mapping",
		}
	}
	secret := func(name string) (string, error) {
		if name == scriptMark {
			return "", &Error{
				Kind: Invalid, Op: "send as before", Msg: "a script made the earlier request of secrets, which are not kept with it",
				Hint: "retry it with today's mapping",
			}
		}
		if variable, ok := strings.CutPrefix(name, "env:"); ok {
			v, known := a.program.env[variable]
			if !known {
				return "", &Error{
					Kind: Invalid, Op: "send as before", Msg: "the earlier request names the environment variable " + variable + ", and the connection no longer does",
					Hint: "retry it with today's mapping",
				}
			}
			return v, nil
		}
		return s.Secret(name)
	}
	fill := func(stored string) (string, error) { return mapping.Fill(stored, secret, m.add) }
	stored := b.Request.withoutCredentials()
	r := rendering{wire: retry.Request{Method: stored.Method}, stored: stored, text: bodyText{stored: stored.Body}}
	var err error
	if r.wire.Address, err = fill(stored.Address); err != nil {
		return r, err
	}
	for _, h := range stored.Headers {
		v, err := fill(h.Value)
		if err != nil {
			return r, err
		}
		r.wire.Headers = append(r.wire.Headers, retry.Header{Name: h.Name, Value: v})
	}
	if stored.Body == "" {
		return r, nil
	}
	if r.text.wire, err = fill(stored.Body); err != nil {
		return r, err
	}
	r.text.kind = a.program.scenes[scene].request.kind()
	r.wire.Body, err = mapping.Encode(headerOf(r.wire.Headers, "Content-Type"), r.text.kind, []byte(r.text.wire))
	return r, err
}

// withoutCredentials is a kept request without the token, the HTTP Basic credentials and the signature that were added to it: they are added
// anew, today's.
func (r SentRequest) withoutCredentials() SentRequest {
	token, basic, sign := mapping.Mark(tokenMark), "Basic "+mapping.Mark(basicMark), mapping.Mark(signMark)
	r.Headers = slices.DeleteFunc(slices.Clone(r.Headers), func(h retry.Header) bool {
		return h.Value == token || h.Value == "Bearer "+token || h.Value == basic || h.Value == sign
	})
	r.Body = strings.ReplaceAll(r.Body, sign, "") // the field is replaced
	r.Address = strings.ReplaceAll(r.Address, mapping.MarkQuery(signMark), "")
	mark := "=" + mapping.MarkQuery(tokenMark)
	if i := strings.Index(r.Address, mark); i >= 0 {
		if from := strings.LastIndexAny(r.Address[:i], "?&"); from >= 0 {
			rest := r.Address[i+len(mark):]
			if r.Address[from] == '?' && strings.HasPrefix(rest, "&") {
				from, rest = from+1, rest[1:]
			}
			r.Address = r.Address[:from] + rest
		}
	}
	return r
}
