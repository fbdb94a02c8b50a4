package script

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	jsonlib "go.starlark.net/lib/json"
	"go.starlark.net/starlark"
	"go.starlark.net/starlarkstruct"

	"todosync/connector/hash"
	"todosync/mapping"
)

// library is all that a script finds without defining it.
func library() starlark.StringDict {
	out := universe()
	for _, name := range hash.Names() {
		if !hash.Keyed(name) {
			out[name] = starlark.NewBuiltin(name, hashed(name))
		}
	}
	for name, f := range map[string]builtin{"hmac": keyedHash, "secret": secret, "now": now, "uuid": uuid} {
		out[name] = starlark.NewBuiltin(name, f)
	}
	for module, members := range map[string]map[string]builtin{
		"base64": {"encode": encode64, "decode": decode64},
		"url":    {"encode": urlEncode, "decode": urlDecode, "form": urlForm},
		"json":   {"encode": jsonEncode, "decode": jsonDecode},
		"http":   {"get": httpGet, "post": httpPost, "request": httpRequest},
	} {
		m := &starlarkstruct.Module{Name: module, Members: starlark.StringDict{}}
		for name, f := range members {
			m.Members[name] = starlark.NewBuiltin(module+"."+name, f)
		}
		out[module] = m
	}
	return out
}

// made gives a value that a function has made of texts: a secret too, if one of these is.
func made(th *starlark.Thread, v string, of ...string) (starlark.Value, error) {
	r, err := runOf(th)
	if err != nil {
		return nil, err
	}
	for _, text := range of {
		if r.h.Secretive != nil && r.h.Secretive(text) {
			r.h.Told(v)
			break
		}
	}
	return starlark.String(v), spend(th, len(v))
}

// written writes a hash as the argument encoding says.
func written(sum []byte, encoding string) (string, error) {
	switch encoding {
	case "hex":
		return hash.Hex(sum, false), nil
	case "HEX":
		return hash.Hex(sum, true), nil
	case "base64":
		return hash.Base64(sum), nil
	}
	return "", fmt.Errorf("the encoding %q is not known; want hex, HEX or base64", encoding)
}

func hashed(name string) builtin {
	return func(th *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
		text, encoding := "", "hex"
		if err := starlark.UnpackArgs(b.Name(), args, kwargs, "text", &text, "encoding?", &encoding); err != nil {
			return nil, err
		}
		sum, err := hash.Sum(name, nil, []byte(text))
		if err != nil {
			return nil, err
		}
		out, err := written(sum, encoding)
		if err != nil {
			return nil, err
		}
		return made(th, out, text)
	}
}

func keyedHash(th *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	name, key, text, encoding := "", "", "", "hex"
	if err := starlark.UnpackArgs(b.Name(), args, kwargs, "hash", &name, "key", &key, "text", &text, "encoding?", &encoding); err != nil {
		return nil, err
	}
	sum, err := hash.Sum("hmac-"+name, []byte(key), []byte(text))
	if err != nil {
		return nil, err
	}
	out, err := written(sum, encoding)
	if err != nil {
		return nil, err
	}
	return made(th, out, key, text)
}

func secret(th *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	name := ""
	if err := starlark.UnpackArgs(b.Name(), args, kwargs, "name", &name); err != nil {
		return nil, err
	}
	r, err := runOf(th)
	if err != nil {
		return nil, err
	}
	v, err := r.h.Secret(name)
	if err != nil {
		r.failed = err // the store may be away, which is no fault of the script
		return nil, err
	}
	r.h.Told(v)
	return starlark.String(v), spend(th, len(v))
}

func now(th *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	pattern := "epochMillis"
	if err := starlark.UnpackArgs(b.Name(), args, kwargs, "format?", &pattern); err != nil {
		return nil, err
	}
	r, err := runOf(th)
	if err != nil {
		return nil, err
	}
	f, err := mapping.CompileTimeFormat(pattern)
	if err != nil {
		return nil, err
	}
	t := r.h.Now
	if r.h.Zone != nil {
		t = t.In(r.h.Zone)
	}
	return starlark.String(f.Format(t)), nil
}

func uuid(th *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	if err := starlark.UnpackArgs(b.Name(), args, kwargs); err != nil {
		return nil, err
	}
	r, err := runOf(th)
	if err != nil {
		return nil, err
	}
	return starlark.String(r.h.UUID()), nil
}

// oneText reads the only argument of a function, and takes what its result may need.
func oneText(th *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple, times int) (string, error) {
	text := ""
	if err := starlark.UnpackArgs(b.Name(), args, kwargs, "text", &text); err != nil {
		return "", err
	}
	return text, spend(th, times*len(text))
}

func encode64(th *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	text, err := oneText(th, b, args, kwargs, 2)
	if err != nil {
		return nil, err
	}
	return made(th, base64.StdEncoding.EncodeToString([]byte(text)), text)
}

func decode64(th *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	text, err := oneText(th, b, args, kwargs, 1)
	if err != nil {
		return nil, err
	}
	out, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, errors.New("base64.decode: the text is no Base64")
	}
	return made(th, string(out), text)
}

func urlEncode(th *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	text, err := oneText(th, b, args, kwargs, 3)
	if err != nil {
		return nil, err
	}
	return starlark.String(url.QueryEscape(text)), nil
}

func urlDecode(th *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	text, err := oneText(th, b, args, kwargs, 1)
	if err != nil {
		return nil, err
	}
	out, err := url.QueryUnescape(text)
	if err != nil {
		return nil, errors.New("url.decode: the text holds a % that is no percent-encoding")
	}
	return starlark.String(out), nil
}

// urlForm writes a dict as a form.
func urlForm(th *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var fields *starlark.Dict
	if err := starlark.UnpackArgs(b.Name(), args, kwargs, "fields", &fields); err != nil {
		return nil, err
	}
	var all []string
	for _, item := range fields.Items() {
		name, ok := starlark.AsString(item[0])
		if !ok {
			return nil, errors.New("url.form: a name is no text")
		}
		value, err := textOf(item[1])
		if err != nil {
			return nil, fmt.Errorf("url.form: %s: %w", name, err)
		}
		if err := spend(th, 3*(len(name)+len(value))); err != nil {
			return nil, err
		}
		all = append(all, url.QueryEscape(name)+"="+url.QueryEscape(value))
	}
	return starlark.String(strings.Join(all, "&")), nil
}

func jsonEncode(th *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	for _, a := range slices.Concat(args, values(kwargs)) {
		if err := printed(th, a, 0); err != nil {
			return nil, fmt.Errorf("%s: %w", b.Name(), err)
		}
	}
	return starlark.Call(th, jsonlib.Module.Members["encode"], args, kwargs)
}

func jsonDecode(th *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	for _, a := range args {
		if text, ok := starlark.AsString(a); ok {
			if err := spend(th, 8*len(text)); err != nil {
				return nil, err
			}
			if deepest(text) > maxDepth {
				return nil, errors.New("json.decode: the text is too deep")
			}
		}
	}
	return starlark.Call(th, jsonlib.Module.Members["decode"], args, kwargs)
}

// deepest is how deep brackets stand in each other.
func deepest(text string) int {
	depth, most := 0, 0
	for _, c := range []byte(text) {
		switch c {
		case '{', '[':
			depth++
			most = max(most, depth)
		case '}', ']':
			depth--
		}
	}
	return most
}
