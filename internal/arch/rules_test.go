package arch

import (
	"fmt"
	"go/ast"
	"go/token"
	"path"
	"slices"
	"strconv"
	"strings"
)

const (
	maxLines = 600 // of a file; about 400 is what we aim at
	minDoc   = 12  // lines of a package's doc.go
	maxDoc   = 60
)

// A rule looks at one file and names what is wrong.
type rule func(s *source) []string

func rules() map[string]rule {
	return map[string]rule{
		"imports": imports, "no init": noInit, "no state": noState, "documented": documented,
		"no sleep": noSleep, "short": short,
	}
}

// imports holds a file to its package's row of the table. Tests may import what they like of ours (the compiler refuses
// cycles) and of the standard library; libraries stay where they belong.
func imports(s *source) []string {
	var bad []string
	i := slices.IndexFunc(table(), func(r row) bool { return r.pkg == s.pkg })
	if i < 0 {
		return []string{fmt.Sprintf("%s: package %s is not in the table of packages", s.name, s.pkg)}
	}
	r := table()[i]
	for _, spec := range s.file.Imports {
		p, _ := strconv.Unquote(spec.Path.Value) // the parser has seen to it
		ours, isOurs := strings.CutPrefix(p, module+"/")
		forTests := s.test || slices.Contains(testPackages(), s.pkg)
		first, _, _ := strings.Cut(p, "/")
		switch {
		case isOurs && (s.test || slices.Contains(r.ours, ours) || slices.Contains(r.ours, "*")):
		case isOurs:
			bad = append(bad, fmt.Sprintf("%s: %s may not import %s", s.at(spec), s.pkg, ours))
		case !strings.Contains(first, "."): // the standard library
		case within(p, r.libraries), forTests && within(p, testLibraries()):
		default:
			bad = append(bad, fmt.Sprintf("%s: %s may not import %s", s.at(spec), s.pkg, p))
		}
	}
	return bad
}

func within(p string, modules []string) bool {
	return slices.ContainsFunc(modules, func(m string) bool { return p == m || strings.HasPrefix(p, m+"/") })
}

func noInit(s *source) []string {
	var bad []string
	for _, d := range s.file.Decls {
		if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil && f.Name.Name == "init" {
			bad = append(bad, s.at(f)+": an init function runs unasked; call it from where it is needed")
		}
	}
	return bad
}

// noState lets a package-level variable be a constant that Go cannot write as one: an embedded file, an error sentinel, a
// compiled expression, a table. It has its value from its declaration, is no pointer, map to fill or lock, and only
// sentinels are exported. That nothing writes to it is noWrites' part.
func noState(s *source) []string {
	if s.test {
		return nil // flags of tests, such as -update, are variables
	}
	var bad []string
	for _, d := range s.file.Decls {
		g, ok := d.(*ast.GenDecl)
		if !ok || g.Tok != token.VAR {
			continue
		}
		for _, spec := range g.Specs {
			v := spec.(*ast.ValueSpec) //nolint:forcetypeassert // a var declaration holds nothing else
			embedded := strings.Contains(s.comment(g, v), "//go:embed ")
			for i, name := range v.Names {
				var value ast.Expr
				if i < len(v.Values) {
					value = v.Values[i]
				}
				switch {
				case embedded, name.Name == "_":
				case value == nil:
					bad = append(bad, fmt.Sprintf("%s: %s has no value, so something must set it later", s.at(name), name.Name))
				case !constant(value):
					bad = append(bad, fmt.Sprintf("%s: %s is package-level state", s.at(name), name.Name))
				case name.IsExported() && !strings.HasPrefix(name.Name, "Err") && !slices.Contains(testPackages(), s.pkg):
					bad = append(bad, fmt.Sprintf("%s: %s can be changed by anybody; make it a function", s.at(name), name.Name))
				}
			}
		}
	}
	return bad
}

// comment is all that stands before a declaration; directives are left out of ast.CommentGroup.Text.
func (s *source) comment(g *ast.GenDecl, v *ast.ValueSpec) string {
	var b strings.Builder
	for _, group := range []*ast.CommentGroup{g.Doc, v.Doc} {
		if group != nil {
			for _, c := range group.List {
				b.WriteString(c.Text + "\n")
			}
		}
	}
	return b.String()
}

// constant reports whether a value is fixed by its declaration as far as its text shows.
func constant(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.CallExpr:
		switch text(e.Fun) {
		case "errors.New", "fmt.Errorf", "regexp.MustCompile", "strings.NewReplacer", "netip.MustParsePrefix",
			"netip.MustParseAddr", "sync.OnceValue", "sync.OnceValues",
			"time.Date":
			return true
		case "make", "new":
			return false
		}
		switch e.Fun.(type) {
		case *ast.Ident, *ast.FuncLit, *ast.ArrayType:
			return true // a table that a function of the package computes, or a conversion
		}
		return false
	case *ast.CompositeLit:
		return !strings.HasPrefix(text(e.Type), "sync.") && !strings.HasPrefix(text(e.Type), "atomic.")
	case *ast.UnaryExpr:
		return e.Op != token.AND && e.Op != token.ARROW
	case *ast.BasicLit, *ast.BinaryExpr, *ast.SelectorExpr, *ast.Ident:
		return true
	}
	return false
}

// text writes a name or a qualified name.
func text(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return text(e.X) + "." + e.Sel.Name
	}
	return ""
}

// noWrites finds assignments to package-level variables of a package, to their members and elements, and addresses
// taken of them whole.
func noWrites(files []*source) []string {
	specs, names := map[any]bool{}, map[string]bool{}
	for _, s := range files {
		for _, d := range s.file.Decls {
			if g, ok := d.(*ast.GenDecl); ok && g.Tok == token.VAR {
				for _, spec := range g.Specs {
					specs[spec] = true
					for _, n := range spec.(*ast.ValueSpec).Names { //nolint:forcetypeassert // as above
						names[n.Name] = true
					}
				}
			}
		}
	}
	var bad []string
	for _, s := range files {
		written := func(e ast.Expr) {
			// A name that another file of the package declares is not resolved; a local one is.
			if id := root(e); id != nil && names[id.Name] && id.Name != "_" && (id.Obj == nil || specs[id.Obj.Decl]) {
				bad = append(bad, fmt.Sprintf("%s: %s is written to; package-level variables are constants", s.at(e), id.Name))
			}
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.AssignStmt:
				if n.Tok != token.DEFINE {
					for _, e := range n.Lhs {
						written(e)
					}
				}
			case *ast.IncDecStmt:
				written(n.X)
			case *ast.UnaryExpr:
				if _, whole := n.X.(*ast.Ident); whole && n.Op == token.AND {
					written(n.X)
				}
			case *ast.CallExpr:
				if f := text(n.Fun); (f == "delete" || f == "clear") && len(n.Args) > 0 {
					written(n.Args[0])
				}
			}
			return true
		})
	}
	return bad
}

// root is the variable that an expression reaches into.
func root(e ast.Expr) *ast.Ident {
	switch e := e.(type) {
	case *ast.Ident:
		return e
	case *ast.SelectorExpr:
		return root(e.X)
	case *ast.IndexExpr:
		return root(e.X)
	case *ast.ParenExpr:
		return root(e.X)
	case *ast.StarExpr:
		return root(e.X)
	}
	return nil
}

// documented wants a comment on every exported name; for grouped constants the group's will do.
func documented(s *source) []string {
	if s.test {
		return nil
	}
	var bad []string
	miss := func(n ast.Node, name string) {
		bad = append(bad, fmt.Sprintf("%s: %s has no comment", s.at(n), name))
	}
	for _, d := range s.file.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			if d.Doc == nil && d.Name.IsExported() && (d.Recv == nil || ast.IsExported(receiver(d))) {
				miss(d, d.Name.Name)
			}
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				switch spec := spec.(type) {
				case *ast.TypeSpec:
					if spec.Name.IsExported() && d.Doc == nil && spec.Doc == nil {
						miss(spec, spec.Name.Name)
					}
				case *ast.ValueSpec:
					for _, n := range spec.Names {
						if n.IsExported() && d.Doc == nil && spec.Doc == nil && spec.Comment == nil {
							miss(n, n.Name)
						}
					}
				}
			}
		}
	}
	return bad
}

func receiver(f *ast.FuncDecl) string {
	t := f.Recv.List[0].Type
	if p, ok := t.(*ast.StarExpr); ok {
		t = p.X
	}
	if g, ok := t.(*ast.IndexExpr); ok {
		t = g.X
	}
	return text(t)
}

// noSleep lets only tests with testing/synctest sleep, where it costs no time. The program waits with a context.
func noSleep(s *source) []string {
	bubbles := slices.ContainsFunc(s.file.Imports, func(i *ast.ImportSpec) bool { return i.Path.Value == `"testing/synctest"` })
	if s.test && bubbles {
		return nil
	}
	var bad []string
	ast.Inspect(s.file, func(n ast.Node) bool {
		if c, ok := n.(*ast.CallExpr); ok && text(c.Fun) == "time.Sleep" {
			bad = append(bad, s.at(c)+": time.Sleep; wait for what is to happen, or use testing/synctest")
		}
		return true
	})
	return bad
}

func short(s *source) []string {
	if s.lines > maxLines && !ast.IsGenerated(s.file) {
		return []string{fmt.Sprintf("%s: %d lines, want %d at most", s.name, s.lines, maxLines)}
	}
	return nil
}

// packageDocs wants a doc.go in every package, neither a word nor a book.
func packageDocs(tree []*source) []string {
	docs, packages := map[string]int{}, map[string]bool{}
	for _, s := range tree {
		packages[s.pkg] = true
		if path.Base(s.name) == "doc.go" && s.file.Doc != nil {
			docs[s.pkg] = s.fset.Position(s.file.Doc.End()).Line - s.fset.Position(s.file.Doc.Pos()).Line + 1
		}
	}
	var bad []string
	for p := range packages {
		if n, ok := docs[p]; !ok {
			bad = append(bad, p+": no doc.go with a package comment")
		} else if n < minDoc || n > maxDoc {
			bad = append(bad, fmt.Sprintf("%s/doc.go: %d lines of comment, want %d to %d", p, n, minDoc, maxDoc))
		}
	}
	slices.Sort(bad)
	return bad
}
