package connector

import (
	"net/url"
	"strings"

	"todosync/mapping"
	"todosync/retry"
)

// uses reports whether any part of the request uses a placeholder.
func (r *requestProgram) uses(code string) bool {
	for _, t := range r.templates() {
		if t != nil && t.Uses(code) {
			return true
		}
	}
	return false
}

func (r *requestProgram) templates() []*mapping.Template {
	out := []*mapping.Template{r.address, r.body}
	for _, h := range r.headers {
		out = append(out, h.value)
	}
	return out
}

// kind is what the body is; empty: there is none.
func (r *requestProgram) kind() string {
	if r.body == nil {
		return ""
	}
	return r.body.Kind()
}

// A rendering is one request, as sent and as kept.
type rendering struct {
	wire   retry.Request
	stored SentRequest
	text   bodyText // its body before it has got its charset
	token  string   // that a script's call bears
}

// A bodyText is a body in both forms, as text, and its kind (of mapping.Template.Kind).
type bodyText struct{ kind, wire, stored string }

// render fills the request's templates. The kept form has marks in place of secrets.
func (r *requestProgram) render(s *mapping.Scope) (rendering, error) {
	out := rendering{wire: retry.Request{Method: r.method}, stored: SentRequest{Method: r.method}}
	var err error
	if r.address != nil {
		if out.wire.Address, out.stored.Address, err = both(r.address, s); err != nil {
			return out, err
		}
	}
	for _, h := range r.headers {
		wire, stored, err := both(h.value, s)
		if err != nil {
			return out, err
		}
		out.wire.Headers = append(out.wire.Headers, retry.Header{Name: h.name, Value: wire})
		out.stored.Headers = append(out.stored.Headers, retry.Header{Name: h.name, Value: stored})
	}
	if r.body == nil {
		return out, nil
	}
	out.text.kind = r.body.Kind()
	if out.text.wire, out.text.stored, err = both(r.body, s); err != nil {
		return out, err
	}
	return out, out.encode()
}

// encode makes the body of its text.
func (r *rendering) encode() error {
	var err error
	r.wire.Body, r.stored.Body, err = encoded(headerOf(r.wire.Headers, "Content-Type"), r.text.kind, r.text.wire, r.text.stored)
	return err
}

// encoded gives a body the charset that its header names. What is kept is that read back, so that it shows what the charset
// lacks as it was sent.
func encoded(contentType, kind, wire, stored string) ([]byte, string, error) {
	sent, err := mapping.Encode(contentType, kind, []byte(wire))
	if err != nil || string(sent) == wire {
		return sent, stored, err
	}
	if stored == wire {
		return sent, string(mapping.Decode(contentType, sent)), nil
	}
	if kept, err := mapping.Encode(contentType, kind, []byte(stored)); err == nil {
		stored = string(mapping.Decode(contentType, kept))
	}
	return sent, stored, nil
}

// both renders a template as sent and as kept; the second rendering is spared where no secret is used.
func both(t *mapping.Template, s *mapping.Scope) (wire, stored string, err error) {
	b, err := t.Append(nil, s, mapping.Wire)
	if err != nil {
		return "", "", err
	}
	wire = string(b)
	if len(t.Secrets()) == 0 {
		return wire, wire, nil
	}
	b, err = t.Append(b[:0], s, mapping.Stored)
	return wire, string(b), err
}

// add appends a header to both forms; kept is what stands in the kept one.
func (r *rendering) add(name, value, kept string) {
	r.wire.Headers = append(r.wire.Headers, retry.Header{Name: name, Value: value})
	r.stored.Headers = append(r.stored.Headers, retry.Header{Name: name, Value: kept})
}

// addQuery appends a query parameter to both forms' addresses.
func (r *rendering) addQuery(name, value, kept string) {
	extend := func(address, value string) string {
		address, fragment, found := strings.Cut(address, "#") // what follows a # never leaves
		join := "?"
		if strings.Contains(address, "?") {
			join = "&"
		}
		address += join + url.QueryEscape(name) + "=" + value
		if found {
			address += "#" + fragment
		}
		return address
	}
	r.wire.Address = extend(r.wire.Address, url.QueryEscape(value))
	r.stored.Address = extend(r.stored.Address, kept)
}
