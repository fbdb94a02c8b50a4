package script

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"go.starlark.net/resolve"
	"go.starlark.net/starlark"
	"go.starlark.net/syntax"

	"todosync/mapping"
)

// A Kind says what a script is for. It is the name of the function that the script defines, too.
type Kind string

// The kinds of scripts.
const (
	Send  Kind = "send"  // def send(request): the request of a scene
	Token Kind = "token" // def token(request): fetches a token
)

// Limits of scripts.
const (
	maxSource = 64 << 10 // bytes
	maxDepth  = 100      // of brackets
	fileName  = "script"
)

// A Program is a compiled script. It is never changed and may run in several goroutines.
type Program struct {
	kind    Kind
	program *starlark.Program
	codes   []string
	secrets []string
}

// Codes lists the placeholders whose values the script asks for, such as F055, sorted.
func (p *Program) Codes() []string { return slices.Clone(p.codes) }

// Secrets lists the names of the secrets that the script asks for, sorted.
func (p *Program) Secrets() []string { return slices.Clone(p.secrets) }

// Compile reads a script. All its mistakes come at once, as mapping.Errors with line and column.
func Compile(kind Kind, src string) (*Program, error) {
	if len(src) > maxSource {
		return nil, mistakeAt(syntax.MakePosition(nil, 1, 1), "the script has %d bytes; at most %d are taken", len(src), maxSource)
	}
	if at, deep := tooDeep(src); deep {
		return nil, mistakeAt(at, "brackets stand in each other more than %d deep", maxDepth)
	}
	o := syntax.FileOptions{Set: true, TopLevelControl: true, GlobalReassign: true}
	f, err := o.Parse(fileName, src, 0)
	if err != nil {
		return nil, mistakes(err)
	}
	r := rewriter{}
	r.file(f)
	r.entry(f, kind)
	known := library()
	p, err := starlark.FileProgram(f, known.Has)
	if err != nil {
		r.errs = append(r.errs, mistakes(err)...)
	}
	if len(r.errs) > 0 {
		slices.SortStableFunc(r.errs, func(a, b *mapping.Error) int {
			if a.Line != b.Line {
				return a.Line - b.Line
			}
			return a.Column - b.Column
		})
		return nil, r.errs
	}
	slices.Sort(r.codes)
	slices.Sort(r.secrets)
	return &Program{kind: kind, program: p, codes: slices.Compact(r.codes), secrets: slices.Compact(r.secrets)}, nil
}

// tooDeep looks for brackets within brackets, wherever they stand: the parser goes as deep as they do.
func tooDeep(src string) (syntax.Position, bool) {
	depth, line, column := 0, int32(1), int32(1)
	for _, c := range src {
		switch c {
		case '(', '[', '{':
			depth++
		case ')', ']', '}':
			depth = max(depth-1, 0)
		case '\n':
			line, column = line+1, 0
		}
		if depth > maxDepth {
			return syntax.MakePosition(nil, line, column), true
		}
		column++
	}
	return syntax.Position{}, false
}

// mistakes gives the errors of the parser and the resolver their places.
func mistakes(err error) mapping.Errors {
	if e, ok := errors.AsType[syntax.Error](err); ok {
		return mistakeAt(e.Pos, "%s", e.Msg)
	}
	var out mapping.Errors
	if all, ok := errors.AsType[resolve.ErrorList](err); ok {
		for _, e := range all {
			out = append(out, mistakeAt(e.Pos, "%s", e.Msg)...)
		}
		return out
	}
	return mistakeAt(syntax.MakePosition(nil, 1, 1), "%s", err)
}

func mistakeAt(at syntax.Position, format string, args ...any) mapping.Errors {
	return mapping.Errors{{Line: int(at.Line), Column: int(at.Col), Err: fmt.Errorf(format, args...)}}
}

// code is what a placeholder is called where a script asks for its value.
var code = regexp.MustCompile(`^F[0-9]{3}$`)

// entry checks that the function is there that Run calls.
func (r *rewriter) entry(f *syntax.File, kind Kind) {
	for _, s := range f.Stmts {
		d, ok := s.(*syntax.DefStmt)
		if !ok || d.Name.Name != string(kind) {
			continue
		}
		if len(d.Params) != 1 {
			r.fail(d.Def, "%s takes one argument, the request", kind)
		}
		return
	}
	r.fail(syntax.MakePosition(nil, 1, 1), "the script defines no function %s(request)", kind)
}

func (r *rewriter) fail(at syntax.Position, format string, args ...any) {
	r.errs = append(r.errs, mistakeAt(at, format, args...)...)
}

// asked notes which secrets and fields a script names. They must be named in so many words, so that what a connection uses is known
// before it runs.
func (r *rewriter) asked(call *syntax.CallExpr) {
	name, ok := call.Fn.(*syntax.Ident)
	if !ok || name.Name != "secret" {
		return
	}
	if len(call.Args) == 1 {
		if lit, ok := call.Args[0].(*syntax.Literal); ok && lit.Token == syntax.STRING {
			text, _ := lit.Value.(string)
			if strings.Trim(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-") != "" || text == "" {
				r.fail(lit.TokenPos, "%q is no name of a secret", text)
			}
			r.secrets = append(r.secrets, text)
			return
		}
	}
	r.fail(name.NamePos, "secret takes the name of a secret in quotes, and nothing else")
}
