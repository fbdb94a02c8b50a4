package script

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"go.starlark.net/starlark"
	"go.starlark.net/syntax"
)

// Limits of a run.
const (
	maxSteps = 200_000
	maxBytes = 32 << 20 // made in all
	maxRange = 100_000  // elements
	maxDigit = 1000     // bits of a whole number
)

// budgetKey is where a thread keeps its budget.
const budgetKey = "budget"

// A budget is how many bytes a run may still make.
type budget struct{ left int }

// spend takes bytes of the run's budget.
func spend(th *starlark.Thread, n int) error {
	b, _ := th.Local(budgetKey).(*budget)
	if b == nil {
		return errors.New("not within a run")
	}
	if n < 0 || n > b.left {
		return fmt.Errorf("the script makes more than %d MiB of values", maxBytes>>20)
	}
	b.left -= n
	return nil
}

// size is how many bytes a value takes by itself, without what it refers to.
func size(v starlark.Value) int {
	switch v := v.(type) {
	case starlark.String:
		return len(v)
	case starlark.Bytes:
		return len(v)
	case starlark.Int:
		return v.BigInt().BitLen() / 8
	case *starlark.Dict:
		return 64 * v.Len()
	case *starlark.Set:
		return 64 * v.Len()
	}
	if n := starlark.Len(v); n > 0 {
		return 16 * n
	}
	return 16
}

// printed takes what a value takes when it is written out, all that it holds included. It stops as soon as the budget is used up, since
// a value that holds another many times is small only until then.
func printed(th *starlark.Thread, v starlark.Value, depth int) error {
	if depth > 100 {
		return errors.New("the value is too deep to be written out")
	}
	if err := spend(th, size(v)+8); err != nil {
		return err
	}
	switch v := v.(type) {
	case *starlark.Dict:
		for _, item := range v.Items() {
			if err := errors.Join(printed(th, item[0], depth+1), printed(th, item[1], depth+1)); err != nil {
				return err
			}
		}
	case starlark.Iterable:
		it := v.Iterate()
		defer it.Done()
		var one starlark.Value
		for it.Next(&one) {
			if err := printed(th, one, depth+1); err != nil {
				return err
			}
		}
	}
	return nil
}

// A builtin is a function of ours.
type builtin = func(*starlark.Thread, *starlark.Builtin, starlark.Tuple, []starlark.Tuple) (starlark.Value, error)

// operator counts one operator.
func operator(op syntax.Token) builtin {
	return func(th *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
		x, y := args[0], args[1]
		if err := affordable(th, op, x, y); err != nil {
			return nil, err
		}
		z, err := starlark.Binary(op, x, y)
		if err != nil {
			return nil, err
		}
		return z, spend(th, size(z))
	}
}

// affordable says whether an operation may be carried out, before it is.
func affordable(th *starlark.Thread, op syntax.Token, x, y starlark.Value) error {
	n, isInt := x.(starlark.Int)
	m, isInt2 := y.(starlark.Int)
	if isInt && isInt2 {
		if n.BigInt().BitLen()+m.BigInt().BitLen() > maxDigit {
			return errors.New("the numbers are too large")
		}
		return nil
	}
	left := th.Local(budgetKey).(*budget).left
	switch {
	case op == syntax.STAR && (isInt || isInt2):
		times, what := n, y
		if isInt2 {
			times, what = m, x
		}
		count, ok := times.Int64()
		if each := max(size(what), 1); !ok || count > int64(left/each) {
			return spend(th, left+1)
		}
	case op == syntax.PLUS:
		if size(x)+size(y) > left {
			return spend(th, left+1)
		}
	case op == syntax.PERCENT:
		if _, ok := x.(starlark.String); ok {
			return printed(th, y, 0)
		}
	}
	return nil
}

// extend is x += y for a plain name: of a list, it changes the list.
func extend(th *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	list, isList := args[0].(*starlark.List)
	more, iterable := args[1].(starlark.Iterable)
	if !isList || !iterable {
		return operator(syntax.PLUS)(th, b, args, kwargs)
	}
	if err := spend(th, 3*size(more)); err != nil {
		return nil, err
	}
	it := more.Iterate()
	var add []starlark.Value
	var one starlark.Value
	for it.Next(&one) {
		add = append(add, one)
	}
	it.Done()
	for _, v := range add {
		if err := list.Append(v); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// charge takes what a value is about to be copied for.
func charge(th *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
	if _, text := args[0].(starlark.String); text {
		return args[0], nil // a part of a text shares its bytes
	}
	return args[0], spend(th, size(args[0]))
}

// added takes what a value is added to another for.
func added(th *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
	return args[0], spend(th, 2*size(args[0]))
}

// attr gives a member of a value; a method of it is counted.
func attr(th *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
	name, ok := starlark.AsString(args[1])
	if !ok {
		return nil, errors.New("getattr: the name is no text")
	}
	has, ok := args[0].(starlark.HasAttrs)
	var v starlark.Value
	var err error
	if ok {
		v, err = has.Attr(name)
	}
	if err != nil {
		return nil, err
	}
	if v == nil {
		if len(args) > 2 {
			return args[2], nil
		}
		return nil, fmt.Errorf("%s has no .%s", args[0].Type(), name)
	}
	if method, ok := v.(*starlark.Builtin); ok && method.Receiver() != nil {
		return countedMethod(method), nil
	}
	return v, spend(th, 0)
}

// countedMethod counts what a method of a text, list, dict or set takes and gives.
func countedMethod(m *starlark.Builtin) starlark.Value {
	return starlark.NewBuiltin(m.Name(), func(th *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
		if err := methodCost(th, m, args, kwargs); err != nil {
			return nil, err
		}
		v, err := m.CallInternal(th, args, kwargs)
		if err != nil {
			return nil, err
		}
		return v, spend(th, size(v))
	})
}

// methodCost takes, before it is called, what a method may make.
func methodCost(th *starlark.Thread, m *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) error {
	text, isText := m.Receiver().(starlark.String)
	for _, a := range args {
		if _, iterable := a.(starlark.Iterable); iterable && !isText {
			if err := spend(th, size(a)); err != nil { // extend, update, union
				return err
			}
		}
	}
	if !isText {
		return nil
	}
	switch m.Name() {
	case "join":
		for _, a := range args {
			if err := errors.Join(printed(th, a, 0), spend(th, len(text)*max(starlark.Len(a), 0))); err != nil {
				return err
			}
		}
	case "replace":
		if len(args) < 2 {
			return nil
		}
		old, _ := starlark.AsString(args[0])
		with, _ := starlark.AsString(args[1])
		return spend(th, len(text)+strings.Count(string(text), old)*len(with))
	case "format":
		most := 0
		for _, a := range slices.Concat(args, values(kwargs)) {
			before := th.Local(budgetKey).(*budget).left
			if err := printed(th, a, 0); err != nil {
				return err
			}
			most = max(most, before-th.Local(budgetKey).(*budget).left)
		}
		return spend(th, len(text)+strings.Count(string(text), "{")*most)
	case "split", "rsplit", "splitlines", "elems", "codepoints", "partition", "rpartition":
		separator := 1
		if len(args) > 0 {
			if s, ok := starlark.AsString(args[0]); ok {
				separator = max(len(s), 1)
			}
		}
		return spend(th, 32*(len(text)/separator+1)/2)
	}
	return spend(th, utf8.UTFMax*len(text)/2)
}

func values(kwargs []starlark.Tuple) []starlark.Value {
	out := make([]starlark.Value, len(kwargs))
	for i, kv := range kwargs {
		out[i] = kv[1]
	}
	return out
}

// universe gives the functions that stand in the place of the language's own: the same, but counted.
func universe() starlark.StringDict {
	out := starlark.StringDict{
		attrFunc:   starlark.NewBuiltin(attrFunc, attr),
		chargeFunc: starlark.NewBuiltin(chargeFunc, charge),
		extendFunc: starlark.NewBuiltin(extendFunc, extend),
		addedFunc:  starlark.NewBuiltin(addedFunc, added),
		"getattr":  starlark.NewBuiltin("getattr", attrOf),
		"print": starlark.NewBuiltin("print", func(*starlark.Thread, *starlark.Builtin, starlark.Tuple, []starlark.Tuple) (starlark.Value, error) {
			return starlark.None, nil
		}),
	}
	for op, name := range operators {
		out[name] = starlark.NewBuiltin(name, operator(op))
	}
	for _, name := range []string{"list", "tuple", "set", "dict", "sorted", "enumerate", "zip", "reversed"} {
		out[name] = counting(name, func(th *starlark.Thread, a starlark.Value) error { return spend(th, 4*size(a)) })
	}
	for _, name := range []string{"str", "repr", "fail", "bytes"} {
		out[name] = counting(name, func(th *starlark.Thread, a starlark.Value) error { return printed(th, a, 0) })
	}
	for _, name := range []string{"int", "float"} {
		out[name] = counting(name, func(_ *starlark.Thread, a starlark.Value) error {
			if size(a) > maxDigit/3 {
				return errors.New("too many digits")
			}
			return nil
		})
	}
	lengthy := starlark.Universe["range"].(*starlark.Builtin)
	out["range"] = starlark.NewBuiltin("range", func(th *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
		v, err := lengthy.CallInternal(th, args, kwargs)
		if err == nil && starlark.Len(v) > maxRange {
			err = fmt.Errorf("the range has more than %d elements", maxRange)
		}
		return v, err
	})
	return out
}

// attrOf is getattr with its arguments checked.
func attrOf(th *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	if len(args) < 2 || len(args) > 3 || len(kwargs) > 0 {
		return nil, errors.New("getattr takes a value, a name and perhaps a default")
	}
	return attr(th, b, args, kwargs)
}

// counting is a function of the language with something that is done with each argument first.
func counting(name string, first func(*starlark.Thread, starlark.Value) error) starlark.Value {
	own := starlark.Universe[name].(*starlark.Builtin)
	return starlark.NewBuiltin(name, func(th *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
		for _, a := range slices.Concat(args, values(kwargs)) {
			if err := first(th, a); err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
		}
		v, err := own.CallInternal(th, args, kwargs)
		if err != nil {
			return nil, err
		}
		return v, spend(th, size(v))
	})
}
