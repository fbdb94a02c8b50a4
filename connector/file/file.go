package file

import (
	"cmp"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"todosync/connector"
	"todosync/mapping"
)

// The kinds of documents.
const (
	kindConnection = "Connection"
	kindTenant     = "Tenant"
)

// maxProblems bounds what is told of one call; a file with more is not the file that was meant.
const maxProblems = 1000

// Options say what a file is checked against besides itself.
type Options struct {
	Lang string // of the messages: en (default) or zh

	// Env gives the value of ${env:NAME}, false for a name that the server was not allowed. Nil: any name is taken as allowed,
	// for checks away from the server.
	Env func(name string) (string, bool)

	// CheckPublicURL refuses templates with sign-on addresses (#F117, #F118) while PublicURL is empty.
	CheckPublicURL bool
	PublicURL      string

	// EmptyFolders lets a folder without files pass with a warning.
	EmptyFolders bool

	// TenantFields gives the codes that a stored tenant file defines for all connections of the tenant. A tenant file among those
	// that are read goes before. Nil: there are none.
	TenantFields func(tenant string) map[string]mapping.Field
}

// A Document is one connection or tenant of a settings file that was found right.
type Document struct {
	Kind       string                // Connection or Tenant
	Source     []byte                // the document as written, as JSON in canonical order; what is exported and compared
	Connection *connector.Connection // with preset and defaults, nil for a tenant
	Tenant     *connector.Tenant     // with defaults, nil for a connection
	Secrets    []string              // the names of the tenant's secrets that it uses, in order
	File       string
	Line       int

	draft *draft // for the places of its members
}

// A reader reads files for one caller. What costs time to make is made once.
type reader struct {
	o          Options
	connection *shape
	tenant     *shape
	presets    map[string]presetTree
	builtin    map[string]bool
	sample     samples

	drafts   []*draft
	problems Problems // of files as a whole
	told     int
}

func newReader(o Options) *reader {
	return &reader{
		o:          o,
		connection: shapeOf(reflect.TypeFor[connector.Connection]()),
		tenant:     shapeOf(reflect.TypeFor[connector.Tenant]()),
		presets:    map[string]presetTree{},
		builtin:    catalogue(),
	}
}

// Parse reads the documents of one file, YAML or JSON, and checks them whole. name stands in the problems. The documents that are
// returned are those without a mistake; whoever must apply all or nothing looks at the problems' Err first.
func Parse(name string, src []byte, o Options) ([]Document, Problems) {
	r := newReader(o)
	r.load(name, src)
	return r.finish()
}

// A Source is one file that is not on a disk.
type Source struct {
	Name string // stands in the problems
	Text string // YAML or JSON, one or more documents
}

// ParseAll reads files that belong together as Parse does each: a connection may use the fields of a tenant that another file
// describes. It also tells of two documents that describe the same connection or tenant.
func ParseAll(sources []Source, o Options) ([]Document, Problems) {
	r := newReader(o)
	for _, s := range sources {
		r.load(s.Name, []byte(s.Text))
	}
	return r.finish()
}

// ReadFiles reads files and folders (their *.yaml, *.yml and *.json at any depth, hidden ones left out) as Parse does, and also tells of
// two documents that describe the same connection or tenant.
func ReadFiles(paths []string, o Options) ([]Document, Problems) {
	r := newReader(o)
	seen := map[string]bool{}
	for _, path := range paths {
		for _, name := range r.expand(path) {
			if clean := filepath.Clean(name); !seen[clean] {
				seen[clean] = true
				r.open(name)
			}
		}
	}
	return r.finish()
}

// expand gives the files of a path.
func (r *reader) expand(path string) []string {
	info, err := os.Stat(path)
	if err != nil {
		r.unreadable(path, err)
		return nil
	}
	if !info.IsDir() {
		return []string{path}
	}
	var out []string
	err = filepath.WalkDir(path, func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case name != path && strings.HasPrefix(entry.Name(), "."):
			if entry.IsDir() {
				return fs.SkipDir
			}
			return nil
		case entry.IsDir():
			return nil
		}
		switch strings.ToLower(filepath.Ext(name)) {
		case ".yaml", ".yml", ".json":
			if info, err := os.Stat(name); err == nil && info.IsDir() {
				return nil // a link to a folder
			}
			out = append(out, name)
		}
		return nil
	})
	if err != nil {
		r.unreadable(path, err)
	}
	if len(out) == 0 && err == nil {
		r.whole(path, r.o.EmptyFolders, say("the folder holds no *.yaml, *.yml or *.json file", "文件夹中没有 *.yaml、*.yml 或 *.json 文件"))
	}
	slices.Sort(out)
	return out
}

func (r *reader) open(name string) {
	f, err := os.Open(name)
	if err != nil {
		r.unreadable(name, err)
		return
	}
	defer f.Close()
	src, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		r.unreadable(name, err)
		return
	}
	r.load(name, src)
}

func (r *reader) unreadable(path string, err error) {
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		err = pe.Err
	}
	r.whole(path, false, say("cannot be read: %s", "无法读取：%s"), err)
}

// whole tells of a file as such.
func (r *reader) whole(name string, warning bool, text phrase, args ...any) {
	r.problems = append(r.problems, Problem{File: name, Message: text.in(r.o.Lang, args...), Warning: warning})
}

// load reads the trees of one file and checks each against its shape.
func (r *reader) load(name string, src []byte) {
	text, fault := decode(src)
	if fault != nil {
		r.unread(name, 0, fault)
		return
	}
	before := len(r.drafts) + len(r.problems)
	if isJSON(name, text) {
		nodes, fault := readJSON([]byte(text))
		for _, n := range nodes {
			r.begin(name, 0, n)
		}
		if fault != nil {
			r.unread(name, 0, fault)
		}
	} else {
		for _, doc := range documents(text) {
			if r.told > maxProblems {
				break
			}
			if len(doc.text) > maxDocument {
				r.unread(name, doc.offset, broken(place{1, 1}, say("the document is larger than %d MiB: too large to be settings",
					"文档超过 %d MiB，不像配置"), maxDocument>>20))
				continue
			}
			n, fault := readYAML(doc.text)
			switch {
			case fault != nil:
				r.unread(name, doc.offset, fault)
			case n != nil:
				r.begin(name, doc.offset, n)
			}
		}
	}
	if len(r.drafts)+len(r.problems) == before {
		r.whole(name, true, say("holds no document", "文件中没有文档"))
	}
}

// unread tells of a document that could not be read.
func (r *reader) unread(name string, offset int, fault *syntaxError) {
	d := &draft{r: r, lang: r.o.Lang, file: name, offset: offset, failed: true}
	d.problem(fault.at, "", fault.text, fault.args...)
	r.drafts = append(r.drafts, d)
	r.told++
}

// begin checks one tree against its shape.
func (r *reader) begin(name string, offset int, root *node) {
	d := &draft{r: r, lang: r.o.Lang, file: name, offset: offset, root: root}
	r.drafts = append(r.drafts, d)
	switch {
	case root.kind != mappingKind:
		d.wrongKind(root, "", say("a document with apiVersion, kind and tenant", "含 apiVersion、kind、tenant 的文档"))
	case d.header():
		d.check(root, d.shape, "")
		d.source = appendJSON(nil, root, d.shape)
	}
	r.told += len(d.problems)
}

// finish checks what the documents mean, all of them known, and gives the right ones.
func (r *reader) finish() ([]Document, Problems) {
	r.clashes()
	fields := r.tenantFields()
	var docs []Document
	out := slices.Clone(r.problems)
	for _, d := range r.drafts {
		doc := Document{File: d.file}
		if d.shape != nil && r.told <= maxProblems {
			before := len(d.problems)
			doc.Line = d.top().line + d.offset
			if d.shape == r.tenant {
				doc.Kind, doc.Tenant = kindTenant, d.tenant(&doc)
			} else {
				doc.Kind, doc.Connection = kindConnection, d.connection(&doc, fields)
			}
			r.told += len(d.problems) - before
		}
		if !d.failed {
			doc.Source, doc.draft = d.source, d
			docs = append(docs, doc)
		}
		out = append(out, d.problems.sorted()...)
	}
	slices.SortStableFunc(out, func(a, b Problem) int { return cmp.Compare(a.File, b.File) })
	if len(out) > maxProblems {
		out = append(out[:maxProblems], Problem{
			File:    out[maxProblems].File,
			Message: say("and more: only the first %d mistakes are told", "错误过多：只列出前 %d 个").in(r.o.Lang, maxProblems),
		})
	}
	return docs, out
}

// tenantFields gathers the own codes of the tenant files that are read now.
func (r *reader) tenantFields() map[string]map[string]mapping.Field {
	out := map[string]map[string]mapping.Field{}
	for _, d := range r.drafts {
		if d.shape == r.tenant {
			out[d.root.string("tenant")] = fieldsOf(d.root.value("fields"), r.tenant.of("fields"))
		}
	}
	return out
}

// clashes tells of two documents for one thing.
func (r *reader) clashes() {
	first := map[[3]string]*draft{}
	for _, d := range r.drafts {
		if d.shape == nil {
			continue
		}
		key := [3]string{d.root.string("kind"), d.root.string("tenant"), d.root.string("name")}
		if key[1] == "" || d.shape == r.connection && key[2] == "" {
			continue
		}
		other := first[key]
		if other == nil {
			first[key] = d
			continue
		}
		member := "name"
		if d.shape == r.tenant {
			member = "tenant"
		}
		d.wrong(member, say("the same %s stands in %s, line %d, too", "%s 重复：%s 第 %d 行也有"),
			strings.ToLower(key[0])+" "+strings.TrimSuffix(key[1]+"/"+key[2], "/"), other.file, other.top().line+other.offset)
	}
}
