package arch

import (
	"go/ast"
	"io/fs"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTree(t *testing.T) {
	t.Parallel()
	_, tree := repository(t)
	packages := map[string][]*source{}
	for _, s := range tree {
		packages[s.pkg] = append(packages[s.pkg], s)
		for name, check := range rules() {
			for _, bad := range check(s) {
				t.Errorf("%s: %s", name, bad)
			}
		}
	}
	for _, files := range packages {
		for _, bad := range noWrites(files) {
			t.Errorf("no state: %s", bad)
		}
	}
	for _, bad := range packageDocs(tree) {
		t.Errorf("package docs: %s", bad)
	}
	for _, r := range table() {
		if len(packages[r.pkg]) == 0 {
			t.Errorf("table: package %s is not there any more", r.pkg)
		}
		for _, unused := range r.unused(packages[r.pkg]) {
			t.Errorf("table: %s does not import %s any more", r.pkg, unused)
		}
	}
}

// unused lists what a row allows and no file needs, so that the table tells what is.
func (r row) unused(files []*source) []string {
	var out []string
	for _, may := range slices.Concat(r.ours, r.libraries) {
		used := slices.ContainsFunc(files, func(s *source) bool {
			return slices.ContainsFunc(s.file.Imports, func(i *ast.ImportSpec) bool {
				p := strings.Trim(i.Path.Value, `"`)
				return p == module+"/"+may || within(p, []string{may})
			})
		})
		if !used && may != "*" {
			out = append(out, may)
		}
	}
	return out
}

// TestRules shows to each rule a file that breaks it and one that just does not.
func TestRules(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		name, src string
		check     rule
		want      []string
	}{
		"unknown package": {"util/x.go", "package util", imports, []string{"util/x.go: package util is not in the table of packages"}},
		"leaf imports ours": {
			"retry/x.go", "package retry\nimport \"todosync/connector\"", imports,
			[]string{"retry/x.go:2: retry may not import connector"},
		},
		"library in the wrong place": {
			"store/x.go", "package store\nimport (\n\"fmt\"\n\"github.com/tidwall/gjson\"\n)", imports,
			[]string{"store/x.go:4: store may not import github.com/tidwall/gjson"},
		},
		"also in its test": {
			"store/x_test.go", "package store\nimport \"github.com/tidwall/gjson\"", imports,
			[]string{"store/x_test.go:2: store may not import github.com/tidwall/gjson"},
		},
		"prefix of a module": {
			"mapping/x.go", "package mapping\nimport \"github.com/tidwall/gjsonx\"", imports,
			[]string{"mapping/x.go:2: mapping may not import github.com/tidwall/gjsonx"},
		},
		"package of a module": {"store/x.go", "package store\nimport _ \"github.com/pressly/goose/v3/database\"", imports, nil},
		"test library": {
			"store/x.go", "package store\nimport \"pgregory.net/rapid\"", imports,
			[]string{"store/x.go:2: store may not import pgregory.net/rapid"},
		},
		"test library in a test":          {"store/x_test.go", "package store\nimport \"pgregory.net/rapid\"", imports, nil},
		"test library in a test package":  {"store/storetest/x.go", "package storetest\nimport \"pgregory.net/rapid\"", imports, nil},
		"test uses the simulators":        {"store/x_test.go", "package store\nimport \"todosync/internal/oasim\"", imports, nil},
		"init":                            {"retry/x.go", "package retry\nfunc init() {}", noInit, []string{"retry/x.go:2: an init function runs unasked; call it from where it is needed"}},
		"init method":                     {"retry/x.go", "package retry\nfunc (t T) init() {}", noInit, nil},
		"variable set later":              {"retry/x.go", "package retry\nvar x int", noState, []string{"retry/x.go:2: x has no value, so something must set it later"}},
		"map to fill":                     {"retry/x.go", "package retry\nvar x = make(map[string]int)", noState, []string{"retry/x.go:2: x is package-level state"}},
		"pointer":                         {"retry/x.go", "package retry\nvar x = &T{}", noState, []string{"retry/x.go:2: x is package-level state"}},
		"pool":                            {"retry/x.go", "package retry\nvar x = sync.Pool{}", noState, []string{"retry/x.go:2: x is package-level state"}},
		"exported table":                  {"retry/x.go", "package retry\nvar X = []int{1}", noState, []string{"retry/x.go:2: X can be changed by anybody; make it a function"}},
		"sentinel, table, embedded":       {"retry/x.go", "package retry\nvar ErrX = errors.New(\"x\")\nvar x = []int{1}\n//go:embed x\nvar f embed.FS", noState, nil},
		"function without a comment":      {"retry/x.go", "package retry\nfunc X() {}", documented, []string{"retry/x.go:2: X has no comment"}},
		"method without a comment":        {"retry/x.go", "package retry\nfunc (*T[K]) X() {}", documented, []string{"retry/x.go:2: X has no comment"}},
		"constant without a comment":      {"retry/x.go", "package retry\nconst X = 1", documented, []string{"retry/x.go:2: X has no comment"}},
		"constants of a group":            {"retry/x.go", "package retry\n// All.\nconst (\nX = 1\nY = 2\n)", documented, nil},
		"method of an unexported type":    {"retry/x.go", "package retry\nfunc (t *t) X() {}", documented, nil},
		"sleep":                           {"retry/x_test.go", "package retry\nfunc f() { time.Sleep(1) }", noSleep, []string{"retry/x_test.go:2: time.Sleep; wait for what is to happen, or use testing/synctest"}},
		"address of an element":           {"retry/x.go", "package retry\nvar x = []T{}\nfunc f() *T { return &x[1] }", writes, nil},
		"table that is computed":          {"retry/x.go", "package retry\nvar x = build()", noState, nil},
		"sleep in a bubble":               {"retry/x_test.go", "package retry\nimport \"testing/synctest\"\nfunc f() { time.Sleep(1) }", noSleep, nil},
		"sleep of the program":            {"retry/x.go", "package retry\nimport \"testing/synctest\"\nfunc f() { time.Sleep(1) }", noSleep, []string{"retry/x.go:3: time.Sleep; wait for what is to happen, or use testing/synctest"}},
		"a line too many":                 {"retry/x.go", "package retry" + strings.Repeat("\n", maxLines+1), short, []string{"retry/x.go: 601 lines, want 600 at most"}},
		"as many lines as there may be":   {"retry/x.go", "package retry" + strings.Repeat("\n", maxLines), short, nil},
		"assignment":                      {"retry/x.go", "package retry\nvar x = T{}\nfunc f() { x.a[1].b = 2 }", writes, []string{"retry/x.go:3: x is written to; package-level variables are constants"}},
		"address":                         {"retry/x.go", "package retry\nvar x = T{}\nfunc f() { g(&x) }", writes, []string{"retry/x.go:3: x is written to; package-level variables are constants"}},
		"delete":                          {"retry/x.go", "package retry\nvar x = map[int]int{1: 1}\nfunc f() { delete(x, 1) }", writes, []string{"retry/x.go:3: x is written to; package-level variables are constants"}},
		"local variable of the same name": {"retry/x.go", "package retry\nvar x = T{}\nfunc f() { var x int; x = 1; x++ }\nfunc g(x []int) { x[0] = 1 }", writes, nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, err := parse(tt.name, []byte(tt.src))
			if err != nil {
				t.Fatalf("parse: %v", err)
			}
			if diff := cmp.Diff(tt.want, tt.check(s)); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

func writes(s *source) []string { return noWrites([]*source{s}) }

// TestPackageDocs shows both ways in which a package can lack its doc.go.
func TestPackageDocs(t *testing.T) {
	t.Parallel()
	var tree []*source
	for name, src := range map[string]string{
		"retry/x.go": "// Package retry.\npackage retry", "store/doc.go": "// Package store.\npackage store",
		"mapping/doc.go": strings.Repeat("// Line.\n", minDoc) + "package mapping",
	} {
		s, err := parse(name, []byte(src))
		if err != nil {
			t.Fatalf("parse: %v", err)
		}
		tree = append(tree, s)
	}
	want := []string{"retry: no doc.go with a package comment", "store/doc.go: 1 lines of comment, want 12 to 60"}
	if diff := cmp.Diff(want, packageDocs(tree)); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

// TestTableInDocument compares the table of ARCHITECTURE.md with the table that is enforced.
func TestTableInDocument(t *testing.T) {
	t.Parallel()
	root, _ := repository(t)
	src, err := fs.ReadFile(root, "ARCHITECTURE.md")
	if err != nil {
		t.Fatalf("read: %v", err)
	}
	var want []string
	for _, r := range table() {
		want = append(want, r.String())
	}
	if diff := cmp.Diff(want, documentTable(string(src))); diff != "" {
		t.Errorf("table of packages: -enforced +ARCHITECTURE.md\n%s", diff)
	}
}

// String is the row as ARCHITECTURE.md shows it, less what the package is for.
func (r row) String() string {
	ours := "everything"
	if !slices.Contains(r.ours, "*") {
		ours = listed(r.ours)
	}
	var libraries []string
	for _, l := range r.libraries {
		libraries = append(libraries, libraryName(l))
	}
	return "`" + r.pkg + "` | " + ours + " | " + listed(libraries)
}

func listed(names []string) string {
	if len(names) == 0 {
		return "-"
	}
	return strings.Join(names, ", ")
}

// libraryName is what people call a module: its last part that is no version.
func libraryName(m string) string {
	parts := strings.Split(m, "/")
	last := parts[len(parts)-1]
	if len(last) == 2 && last[0] == 'v' {
		last = parts[len(parts)-2]
	}
	if strings.HasPrefix(m, "golang.org/x/") {
		return "x/" + last
	}
	return last
}

// documentTable reads the rows "| `package` | what for | ours | libraries |".
func documentTable(md string) []string {
	var rows []string
	for line := range strings.Lines(md) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		if len(cells) != 4 || !strings.HasPrefix(strings.TrimSpace(cells[0]), "`") {
			continue
		}
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		rows = append(rows, cells[0]+" | "+cells[2]+" | "+cells[3])
	}
	return rows
}
