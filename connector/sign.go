package connector

import (
	"cmp"
	"net/url"
	"slices"
	"strings"
	"time"

	"todosync/connector/hash"
	"todosync/mapping"
	"todosync/retry"
)

// signMark is the name of the signature among the marks of a kept request.
const signMark = "sign"

// A signProgram signs requests as a connection's settings say.
type signProgram struct {
	over     SignOver
	template *mapping.Template // of SignTemplate
	join     string
	prefix   *mapping.Template
	suffix   *mapping.Template
	key      *mapping.Template
	hash     string
	base64   bool
	upper    bool
	into     SignPlace
	stamp    *stampProgram // nil: none
}

// A stampProgram adds the time of the try to a request before it is signed.
type stampProgram struct {
	into   SignPlace
	format mapping.TimeFormat
	zone   *time.Location
}

func (k *compiler) sign(s *SignSettings) *signProgram {
	plain := func(path, src string) *mapping.Template {
		return k.template("sign."+path, src, mapping.Plain, "", mapping.Each)
	}
	g := &signProgram{
		over: s.Over, join: s.Join, hash: string(s.Hash), into: s.Into,
		base64: s.Encoding == EncodeBase64, upper: s.Case == CaseUpper,
		prefix: plain("prefix", s.Prefix), suffix: plain("suffix", s.Suffix), key: plain("key", s.Key),
		template: plain("template", s.Template),
	}
	if s.Timestamp != nil {
		format, err := mapping.CompileTimeFormat(s.Timestamp.Format)
		k.mistake("sign.timestamp.format", err)
		g.stamp = &stampProgram{into: s.Timestamp.SignPlace, format: format, zone: k.zone}
	}
	return g
}

// sign adds the timestamp and the signature to a request that is complete but for them. What the request had under their names is
// replaced.
func (g *signProgram) sign(r *rendering, s *mapping.Scope, m *masker) error {
	if g.stamp != nil {
		text := g.stamp.format.Format(s.TryTime.In(g.stamp.zone))
		if err := r.put(g.stamp.into, text, text, g.stamp.format.IsNumber()); err != nil {
			return err
		}
	}
	text, err := g.text(r, s)
	if err != nil {
		return err
	}
	key, err := g.key.Append(nil, s, mapping.Wire)
	if err != nil {
		return err
	}
	sum, err := hash.Sum(g.hash, key, text)
	if err != nil {
		return err
	}
	signature := hash.Hex(sum, g.upper)
	if g.base64 {
		signature = hash.Base64(sum)
	}
	m.add(signature)
	kept := mapping.Mark(signMark)
	if g.into.Query != "" {
		kept = mapping.MarkQuery(signMark)
	}
	return r.put(g.into, signature, kept, false)
}

// show signs a request that is only looked at: its signature is a ***.
func (g *signProgram) show(r *rendering, now time.Time) error {
	if g.stamp != nil {
		text := g.stamp.format.Format(now.In(g.stamp.zone))
		if err := r.put(g.stamp.into, text, text, g.stamp.format.IsNumber()); err != nil {
			return err
		}
	}
	return r.put(g.into, "***", "***", false)
}

// preview signs a preview likewise.
func (g *signProgram) preview(v Preview, kind string, now time.Time) (Preview, error) {
	r := rendering{
		wire: retry.Request{Address: v.Address, Headers: v.Headers}, stored: SentRequest{Address: v.Address, Headers: v.Headers, Body: v.Body},
		text: bodyText{kind: kind, wire: v.Body, stored: v.Body},
	}
	err := g.show(&r, now)
	v.Address, v.Headers, v.Body = r.stored.Address, r.stored.Headers, r.stored.Body
	return v, err
}

// text is what is hashed, in the charset of the body.
func (g *signProgram) text(r *rendering, s *mapping.Scope) ([]byte, error) {
	prefix, err := g.prefix.Append(nil, s, mapping.Wire)
	if err != nil {
		return nil, err
	}
	suffix, err := g.suffix.Append(nil, s, mapping.Wire)
	if err != nil {
		return nil, err
	}
	var text string
	switch g.over {
	case SignBody:
		return slices.Concat(prefix, r.wire.Body, suffix), nil
	case SignTemplate:
		b, err := g.template.Append(nil, s, mapping.Wire)
		if err != nil {
			return nil, err
		}
		text = string(b)
	default:
		if text, err = g.sorted(r); err != nil {
			return nil, err
		}
	}
	return mapping.Encode(headerOf(r.wire.Headers, "Content-Type"), "text", slices.Concat(prefix, []byte(text), suffix))
}

// sorted writes all fields of a request but the signature itself as name=value, in the order of their names: those of the body, where it
// is a form or a JSON object, and those of the address's query.
func (g *signProgram) sorted(r *rendering) (string, error) {
	var fields []mapping.BodyField
	if u, err := url.Parse(r.wire.Address); err == nil {
		for name, values := range u.Query() {
			for _, v := range values {
				if name != g.into.Query {
					fields = append(fields, mapping.BodyField{Name: name, Value: v})
				}
			}
		}
	}
	if r.text.kind == "form" || r.text.kind == "json" {
		inBody, err := mapping.BodyFields(r.text.kind, r.text.wire)
		if err != nil {
			return "", err
		}
		for _, f := range inBody {
			if f.Name != g.into.Field {
				fields = append(fields, f)
			}
		}
	}
	slices.SortStableFunc(fields, func(a, b mapping.BodyField) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.Value, b.Value))
	})
	all := make([]string, len(fields))
	for i, f := range fields {
		all[i] = f.Name + "=" + f.Value
	}
	return strings.Join(all, g.join), nil
}

// put writes a value into a field of the body, a header or the query, in place of what stands there under that name. kept is what the kept
// form shows; number: in JSON it stands without quotes.
func (r *rendering) put(at SignPlace, value, kept string, number bool) error {
	switch {
	case at.Header != "":
		named := func(h retry.Header) bool { return strings.EqualFold(h.Name, at.Header) }
		r.wire.Headers = slices.DeleteFunc(slices.Clone(r.wire.Headers), named)
		r.stored.Headers = slices.DeleteFunc(slices.Clone(r.stored.Headers), named)
		r.add(at.Header, value, kept)
	case at.Query != "":
		r.wire.Address, r.stored.Address = withoutParam(r.wire.Address, at.Query), withoutParam(r.stored.Address, at.Query)
		if kept == value {
			kept = url.QueryEscape(value)
		}
		r.addQuery(at.Query, value, kept)
	default:
		field := func(body, v string) (string, error) {
			return mapping.SetBodyField(r.text.kind, body, mapping.BodyField{Name: at.Field, Value: v}, number)
		}
		var err error
		if r.text.wire, err = field(r.text.wire, value); err != nil {
			return err
		}
		if r.text.stored, err = field(r.text.stored, kept); err != nil {
			return err
		}
		return r.encode()
	}
	return nil
}

// withoutParam takes all parameters of a name out of an address's query. The rest stays as it is written.
func withoutParam(address, name string) string {
	base, query, found := strings.Cut(address, "?")
	if !found {
		return address
	}
	query, fragment, cut := strings.Cut(query, "#")
	params := slices.DeleteFunc(strings.Split(query, "&"), func(p string) bool {
		p, _, _ = strings.Cut(p, "=")
		p, err := url.QueryUnescape(p)
		return err == nil && p == name
	})
	if len(params) > 0 {
		base += "?" + strings.Join(params, "&")
	}
	if cut {
		base += "#" + fragment
	}
	return base
}
