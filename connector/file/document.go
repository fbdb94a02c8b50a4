package file

import (
	"errors"

	"todosync/connector"
)

// compiled compiles a connection as the worker will, once nothing else is wrong with it: what is found right here must be
// what runs there.
func (d *draft) compiled(c *connector.Connection, k *compiler) {
	if d.failed {
		return
	}
	t := connector.DefaultTenant()
	t.Fields = k.own
	o := connector.CompileOptions{Env: k.env, PublicURL: d.r.o.PublicURL}
	if o.PublicURL == "" {
		o.PublicURL = "https://todo.example.com" // whether there is one was looked at above
	}
	_, err := connector.Compile(0, 0, c, &t, o)
	if err == nil {
		return
	}
	e, ok := errors.AsType[*connector.Error](err)
	if !ok || len(e.Details) == 0 {
		d.wrong("", say("%s", "%s"), err)
		return
	}
	for _, detail := range e.Details {
		d.wrong(detail.Path, say("%s", "%s"), detail.Message)
	}
}

// Problem makes a problem of a mistake that somebody else found in the document: at the place of the member that path names.
func (doc *Document) Problem(path, message string) Problem {
	p := Problem{File: doc.File, Line: doc.Line, Column: 1, Path: path, Message: message}
	if doc.draft != nil {
		at := doc.draft.at(path)
		p.Line, p.Column = at.line+doc.draft.offset, at.column
	}
	return p
}
