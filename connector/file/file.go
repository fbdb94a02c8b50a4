package file

import (
	"cmp"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

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

// A reader reads files for one caller. What costs time to make is made once. Files are read and checked side by side, each by one
// goroutine; what they share is never changed, or guarded.
type reader struct {
	o          Options
	connection *shape
	tenant     *shape
	builtin    map[string]bool
	sample     samples

	mu      sync.Mutex // guards presets
	presets map[string]presetTree

	files  []*oneFile
	read   map[string]map[string]mapping.Field // the own codes of the tenant files that are read now
	stored map[string]map[string]mapping.Field // those of the other tenants
}

func newReader(o Options) *reader {
	return &reader{
		o:          o,
		connection: shapeOf(reflect.TypeFor[connector.Connection]()),
		tenant:     shapeOf(reflect.TypeFor[connector.Tenant]()),
		presets:    map[string]presetTree{},
		builtin:    catalogue(),
		sample:     newSamples(),
	}
}

// Parse reads the documents of one file, YAML or JSON, and checks them whole. name stands in the problems. The documents that are
// returned are those without a mistake; whoever must apply all or nothing looks at the problems' Err first.
func Parse(name string, src []byte, o Options) ([]Document, Problems) {
	r := newReader(o)
	f := r.file(name)
	f.load(src)
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
		r.file(s.Name)
	}
	abreast(len(sources), func(i int) { r.files[i].load([]byte(sources[i].Text)) })
	return r.finish()
}

// ReadFiles reads files and folders (their *.yaml, *.yml and *.json at any depth, hidden ones left out) as Parse does, and also tells of
// two documents that describe the same connection or tenant.
func ReadFiles(paths []string, o Options) ([]Document, Problems) {
	r := newReader(o)
	seen := map[string]bool{}
	var found []*oneFile
	for _, path := range paths {
		for _, name := range r.expand(path) {
			if clean := filepath.Clean(name); !seen[clean] {
				seen[clean] = true
				found = append(found, r.file(name))
			}
		}
	}
	abreast(len(found), func(i int) { found[i].open() })
	return r.finish()
}

// file begins a file.
func (r *reader) file(name string) *oneFile {
	f := &oneFile{r: r, name: name}
	r.files = append(r.files, f)
	return f
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
		r.file(path).whole(r.o.EmptyFolders, say("the folder holds no *.yaml, *.yml or *.json file", "文件夹中没有 *.yaml、*.yml 或 *.json 文件"))
	}
	slices.Sort(out)
	return out
}

func (r *reader) unreadable(path string, err error) { r.file(path).unreadable(err) }

// finish checks what the documents mean, all of them known, and gives the right ones.
func (r *reader) finish() ([]Document, Problems) {
	r.clashes()
	r.tenantFields()
	abreast(len(r.files), func(i int) { r.files[i].finish() })
	var docs []Document
	var out Problems
	for _, f := range r.files {
		docs = append(docs, f.docs...)
		out = append(out, f.problems...)
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

// drafts gives the documents of all files whose kind is known.
func (r *reader) drafts(yield func(*draft) bool) {
	for _, f := range r.files {
		for _, d := range f.drafts {
			if d.shape != nil && !yield(d) {
				return
			}
		}
	}
}

// tenantFields gathers the own codes of all tenants that are named: those of the tenant files that are read now, else the stored ones,
// for which the caller is asked once each and by one goroutine.
func (r *reader) tenantFields() {
	r.read, r.stored = map[string]map[string]mapping.Field{}, map[string]map[string]mapping.Field{}
	for d := range r.drafts {
		if d.shape == r.tenant {
			r.read[d.root.string("tenant")] = fieldsOf(d.root.value("fields"), r.tenant.of("fields"))
		}
	}
	for d := range r.drafts {
		tenant := d.root.string("tenant")
		_, read := r.read[tenant]
		_, asked := r.stored[tenant]
		if r.o.TenantFields != nil && d.shape == r.connection && !read && !asked {
			r.stored[tenant] = r.o.TenantFields(tenant)
		}
	}
}

// fieldsOf gives the codes of a tenant.
func (r *reader) fieldsOf(tenant string) map[string]mapping.Field {
	if fields, ok := r.read[tenant]; ok {
		return maps.Clone(fields)
	}
	return maps.Clone(r.stored[tenant])
}

// clashes tells of two documents for one thing.
func (r *reader) clashes() {
	first := map[[3]string]*draft{}
	for d := range r.drafts {
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

// abreast calls f with 0 to n-1, on as many goroutines as there are processors. A panic in f is the caller's.
func abreast(n int, f func(i int)) {
	workers := min(n, runtime.GOMAXPROCS(0))
	if workers < 2 {
		for i := range n {
			f(i)
		}
		return
	}
	var next atomic.Int64
	var broke atomic.Pointer[any]
	var all sync.WaitGroup
	for range workers {
		all.Go(func() {
			defer func() {
				if p := recover(); p != nil {
					broke.Store(&p)
				}
			}()
			for i := next.Add(1) - 1; i < int64(n) && broke.Load() == nil; i = next.Add(1) - 1 {
				f(int(i))
			}
		})
	}
	all.Wait()
	if p := broke.Load(); p != nil {
		panic(*p)
	}
}
