package script

import (
	"errors"
	"fmt"
	"strings"

	jsonlib "go.starlark.net/lib/json"
	"go.starlark.net/starlark"
	"go.starlark.net/starlarkstruct"
)

func httpGet(th *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	r := Request{Method: "GET"}
	var headers *starlark.Dict
	if err := starlark.UnpackArgs(b.Name(), args, kwargs, "address", &r.Address, "headers?", &headers, "auth?", &r.Auth); err != nil {
		return nil, err
	}
	return call(th, r, headers)
}

// httpPost posts a text, or a value as JSON, or a dict as a form.
func httpPost(th *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	r := Request{Method: "POST"}
	var headers, form *starlark.Dict
	var json starlark.Value
	err := starlark.UnpackArgs(b.Name(), args, kwargs, "address", &r.Address, "body?", &r.Body, "headers?", &headers, "auth?", &r.Auth,
		"json?", &json, "form?", &form)
	if err != nil {
		return nil, err
	}
	contentType := ""
	var made starlark.Value
	switch {
	case json != nil && form != nil || r.Body != "" && (json != nil || form != nil):
		return nil, errors.New("http.post takes one of body, json and form")
	case json != nil:
		contentType = "application/json"
		if err := printed(th, json, 0); err != nil {
			return nil, err
		}
		made, err = starlark.Call(th, jsonlib.Module.Members["encode"], starlark.Tuple{json}, nil)
	case form != nil:
		contentType = "application/x-www-form-urlencoded"
		made, err = urlForm(th, b, starlark.Tuple{form}, nil)
	}
	if err != nil {
		return nil, err
	}
	if made != nil {
		r.Body, _ = starlark.AsString(made)
		if headers, err = withContentType(headers, contentType); err != nil {
			return nil, err
		}
	}
	return call(th, r, headers)
}

// withContentType adds a Content-Type unless there is one.
func withContentType(headers *starlark.Dict, contentType string) (*starlark.Dict, error) {
	out := starlark.NewDict(1)
	named := false
	if headers != nil {
		for _, item := range headers.Items() {
			name, _ := starlark.AsString(item[0])
			named = named || strings.EqualFold(name, "Content-Type")
			if err := out.SetKey(item[0], item[1]); err != nil {
				return nil, err
			}
		}
	}
	if named {
		return out, nil
	}
	return out, out.SetKey(starlark.String("Content-Type"), starlark.String(contentType))
}

func httpRequest(th *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var r Request
	var headers *starlark.Dict
	err := starlark.UnpackArgs(b.Name(), args, kwargs, "method", &r.Method, "address", &r.Address, "body?", &r.Body, "headers?", &headers, "auth?", &r.Auth)
	if err != nil {
		return nil, err
	}
	return call(th, r, headers)
}

// call makes one call. While the host is waited for, the script's clock stands still and its slot is another's.
func call(th *starlark.Thread, q Request, headers *starlark.Dict) (starlark.Value, error) {
	r, err := runOf(th)
	if err != nil {
		return nil, err
	}
	if r.calls++; r.calls > maxCalls {
		return nil, fmt.Errorf("the script makes more than %d calls", maxCalls)
	}
	if q.Headers, err = headersOf(headers); err != nil {
		return nil, err
	}
	if q.Address, err = bounded("the address", q.Address); err != nil {
		return nil, err
	}
	if q.Body, err = bounded("the body", q.Body); err != nil {
		return nil, err
	}
	r.pause()
	a, err := r.h.Call(r.ctx, q)
	if again := r.enter(); err == nil && again != nil {
		err = again
	}
	if err != nil {
		r.failed = err
		return nil, err
	}
	if len(a.Body) > maxBody {
		a.Body = strings.ToValidUTF8(a.Body[:maxBody], "")
	}
	if err := spend(th, len(a.Body)); err != nil {
		return nil, err
	}
	names := make([]Header, len(a.Headers))
	for i, h := range a.Headers {
		names[i] = Header{Name: strings.ToLower(h.Name), Value: h.Value}
	}
	return starlarkstruct.FromStringDict(starlark.String("answer"), starlark.StringDict{
		"status": starlark.MakeInt(a.Status), "ok": starlark.Bool(a.Status >= 200 && a.Status <= 299),
		"headers": headerDict(names), "body": starlark.String(a.Body),
	}), nil
}
