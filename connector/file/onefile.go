package file

import (
	"errors"
	"io"
	"io/fs"
	"os"
)

// A oneFile is one file on its way: its documents, and what is wrong with it as a whole. One goroutine at a time works on it.
type oneFile struct {
	r        *reader
	name     string
	drafts   []*draft
	problems Problems // of the file as a whole, and when it is finished those of its documents
	docs     []Document
	told     int
}

func (f *oneFile) open() {
	in, err := os.Open(f.name)
	if err != nil {
		f.unreadable(err)
		return
	}
	defer in.Close()
	src, err := io.ReadAll(io.LimitReader(in, MaxFile+1))
	if err != nil {
		f.unreadable(err)
		return
	}
	f.load(src)
}

func (f *oneFile) unreadable(err error) {
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		err = pe.Err
	}
	f.whole(false, say("cannot be read: %s", "无法读取：%s"), err)
}

// whole tells of the file as such.
func (f *oneFile) whole(warning bool, text phrase, args ...any) {
	f.problems = append(f.problems, Problem{File: f.name, Message: text.in(f.r.o.Lang, args...), Warning: warning})
}

// load reads the trees of the file and checks each against its shape.
func (f *oneFile) load(src []byte) {
	text, fault := decode(src)
	if fault != nil {
		f.unread(0, fault)
		return
	}
	if isJSON(f.name, text) {
		fault := readJSON(text, func(n *node) bool {
			f.begin(0, n)
			return f.told <= maxProblems
		})
		if fault != nil {
			f.unread(0, fault)
		}
	} else {
		f.loadYAML(text)
	}
	if len(f.drafts)+len(f.problems) == 0 {
		f.whole(true, say("holds no document", "文件中没有文档"))
	}
}

func (f *oneFile) loadYAML(text string) {
	for doc := range documents(text) {
		if f.told > maxProblems {
			return
		}
		if len(doc.text) > maxDocument {
			f.unread(doc.offset, broken(place{1, 1}, say("the document is larger than %d MiB: too large to be settings",
				"文档超过 %d MiB，不像配置"), maxDocument>>20))
			continue
		}
		n, fault := readYAML(doc.text)
		switch {
		case fault != nil:
			f.unread(doc.offset, fault)
		case n != nil:
			f.begin(doc.offset, n)
		}
	}
}

// unread tells of a document that could not be read.
func (f *oneFile) unread(offset int, fault *syntaxError) {
	d := &draft{r: f.r, lang: f.r.o.Lang, file: f.name, offset: offset, failed: true}
	d.problem(fault.at, "", fault.text, fault.args...)
	f.drafts = append(f.drafts, d)
	f.told++
}

// begin checks one tree against its shape.
func (f *oneFile) begin(offset int, root *node) {
	d := &draft{r: f.r, lang: f.r.o.Lang, file: f.name, offset: offset, root: root}
	f.drafts = append(f.drafts, d)
	switch {
	case root.kind != mappingKind:
		d.wrongKind(root, "", say("a document with apiVersion, kind and tenant", "含 apiVersion、kind、tenant 的文档"))
	case d.header():
		d.check(root, d.shape, "")
		d.source = appendJSON(nil, root, d.shape)
	}
	f.told += len(d.problems)
}

// finish checks what the documents mean.
func (f *oneFile) finish() {
	for _, d := range f.drafts {
		doc := Document{File: d.file}
		if d.shape != nil && f.told <= maxProblems {
			before := len(d.problems)
			doc.Line = d.top().line + d.offset
			if d.shape == f.r.tenant {
				doc.Kind, doc.Tenant = kindTenant, d.tenant(&doc)
			} else {
				doc.Kind, doc.Connection = kindConnection, d.connection(&doc)
			}
			f.told += len(d.problems) - before
		}
		if !d.failed {
			doc.Source, doc.draft = d.source, d
			f.docs = append(f.docs, doc)
		}
		f.problems = append(f.problems, d.problems.sorted()...)
	}
}
