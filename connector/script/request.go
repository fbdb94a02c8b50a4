package script

import (
	"errors"
	"fmt"

	jsonlib "go.starlark.net/lib/json"
	"go.starlark.net/starlark"
)

// A requestValue is the request as a script sees it. Its members method, address, headers and body can be set.
type requestValue struct {
	method, address, body starlark.String
	headers               *starlark.Dict
	fixed                 starlark.StringDict // fields, tenant, connection, scene, key
	event                 string
	decoded               starlark.Value // event, once it was asked for
}

func newRequest(in Input) *requestValue {
	r := &requestValue{
		method: starlark.String(in.Method), address: starlark.String(in.Address), body: starlark.String(in.Body),
		headers: headerDict(in.Headers), event: in.Event,
	}
	fields := starlark.NewDict(len(in.Fields))
	for code, v := range in.Fields {
		_ = fields.SetKey(starlark.String(code), starlark.String(v)) // a fresh dict takes every text
	}
	fields.Freeze()
	r.fixed = starlark.StringDict{
		"fields": fields, "tenant": starlark.String(in.Tenant), "connection": starlark.String(in.Connection),
		"scene": starlark.String(in.Scene), "key": starlark.String(in.Key),
	}
	return r
}

func headerDict(headers []Header) *starlark.Dict {
	d := starlark.NewDict(len(headers))
	for _, h := range headers {
		_ = d.SetKey(starlark.String(h.Name), starlark.String(h.Value)) // a fresh dict takes every text
	}
	return d
}

// String implements starlark.Value.
func (r *requestValue) String() string { return "request" }

// Type implements starlark.Value.
func (r *requestValue) Type() string { return "request" }

// Freeze implements starlark.Value.
func (r *requestValue) Freeze() {}

// Truth implements starlark.Value.
func (r *requestValue) Truth() starlark.Bool { return true }

// Hash implements starlark.Value.
func (r *requestValue) Hash() (uint32, error) { return 0, errors.New("unhashable: request") }

// AttrNames implements starlark.HasAttrs.
func (r *requestValue) AttrNames() []string {
	return []string{"address", "body", "connection", "event", "fields", "headers", "key", "method", "scene", "tenant"}
}

// Attr implements starlark.HasAttrs.
func (r *requestValue) Attr(name string) (starlark.Value, error) {
	switch name {
	case "method":
		return r.method, nil
	case "address":
		return r.address, nil
	case "body":
		return r.body, nil
	case "headers":
		return r.headers, nil
	case "event":
		if r.decoded == nil {
			if r.event == "" {
				r.event = "null"
			}
			v, err := starlark.Call(&starlark.Thread{}, jsonlib.Module.Members["decode"], starlark.Tuple{starlark.String(r.event)}, nil)
			if err != nil {
				return nil, err
			}
			r.decoded = v
		}
		return r.decoded, nil
	}
	return r.fixed[name], nil // nil: there is none
}

// SetField implements starlark.HasSetField.
func (r *requestValue) SetField(name string, v starlark.Value) error {
	if name == "headers" {
		d, ok := v.(*starlark.Dict)
		if !ok {
			return fmt.Errorf("headers is a %s; want a dict", v.Type())
		}
		r.headers = d
		return nil
	}
	text, err := textOf(v)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	switch name {
	case "method":
		r.method = starlark.String(text)
	case "address":
		r.address = starlark.String(text)
	case "body":
		r.body = starlark.String(text)
	default:
		return fmt.Errorf("a request has no %q to set; want method, address, headers or body", name)
	}
	return nil
}

// request gives what the script has made of the request.
func (r *requestValue) request() (Request, error) {
	out := Request{Method: string(r.method)}
	var err error
	if out.Address, err = bounded("the address", string(r.address)); err != nil {
		return out, err
	}
	if out.Body, err = bounded("the body", string(r.body)); err != nil {
		return out, err
	}
	out.Headers, err = headersOf(r.headers)
	return out, err
}

// headersOf reads headers; a header that is None is left out.
func headersOf(d *starlark.Dict) ([]Header, error) {
	if d == nil {
		return nil, nil
	}
	if d.Len() > 200 {
		return nil, fmt.Errorf("there are %d headers; at most 200 are sent", d.Len())
	}
	var out []Header
	for _, item := range d.Items() {
		name, ok := starlark.AsString(item[0])
		if !ok {
			return nil, fmt.Errorf("the name of a header is a %s; want text", item[0].Type())
		}
		if item[1] == starlark.None {
			continue
		}
		text, err := textOf(item[1])
		if err == nil {
			text, err = bounded("the header "+name, text)
		}
		if err != nil {
			return nil, fmt.Errorf("the header %s: %w", name, err)
		}
		out = append(out, Header{Name: name, Value: text})
	}
	return out, nil
}
