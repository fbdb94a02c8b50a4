package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/spf13/pflag"
)

// fromFile sets the flags that neither the command line nor the environment has set from a YAML file whose members have the
// flags' names. All mistakes are told at once, each with its place.
func fromFile(name string, f *pflag.FlagSet) error {
	src, err := os.ReadFile(name)
	if err != nil {
		return &usageError{fmt.Sprintf("--config: %s cannot be read: %v", name, errors.Unwrap(err)), ""}
	}
	file, err := parser.ParseBytes(src, 0)
	if err != nil {
		return &usageError{fmt.Sprintf("%s:%s", name, strings.TrimSpace(yaml.FormatError(err, false, false))), ""}
	}
	var wrong []string
	say := func(n ast.Node, format string, a ...any) {
		p := n.GetToken().Position
		wrong = append(wrong, fmt.Sprintf("%s:%d:%d: ", name, p.Line, p.Column)+fmt.Sprintf(format, a...))
	}
	for _, doc := range file.Docs {
		if doc.Body == nil {
			continue
		}
		members, ok := doc.Body.(*ast.MappingNode)
		if !ok {
			say(doc.Body, "want settings such as data-dir: ./data")
			continue
		}
		for _, m := range members.Values {
			setting(f, m, say)
		}
	}
	if len(wrong) > 0 {
		return &usageError{strings.Join(wrong, "\n"), ""}
	}
	return nil
}

// setting sets one flag from a member of the file.
func setting(f *pflag.FlagSet, m *ast.MappingValueNode, say func(ast.Node, string, ...any)) {
	name := m.Key.GetToken().Value
	flag := f.Lookup(name)
	if flag == nil || name == "config" || name == "help" {
		var names []string
		f.VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
		hint := ""
		if near := nearest(name, names); near != "" {
			hint = "; did you mean " + near + "?"
		}
		say(m.Key, "there is no setting %q%s", name, hint)
		return
	}
	var values []string
	switch v := m.Value.(type) {
	case *ast.SequenceNode:
		for _, e := range v.Values {
			values = append(values, scalar(e))
		}
		if flag.Value.Type() != "stringSlice" {
			say(v, "%s takes one value, not a list", name)
			return
		}
	case *ast.MappingNode, *ast.MappingValueNode:
		say(v, "%s takes a value, not a group of settings", name)
		return
	case *ast.NullNode:
		return
	default:
		values = []string{scalar(v)}
	}
	if flag.Changed {
		return
	}
	if err := f.Set(name, strings.Join(values, ",")); err != nil {
		why := err
		if e := errors.Unwrap(err); e != nil {
			why = e
		}
		say(m.Value, "%s: %s", name, reason(why))
	}
}

// scalar is the text of a value: of a string what it stands for, of all else what is written.
func scalar(n ast.Node) string {
	if l, ok := n.(*ast.LiteralNode); ok {
		return strings.TrimSpace(l.Value.Value)
	}
	return n.GetToken().Value
}
