// Package console is the console: the pages that people look at with a browser, to answer "why is this todo not there?".
//
// Pages are made on the server (templ) and work without a script; htmx changes parts of them in place, and small scripts of our own draw plots
// and edit templates. All that a browser loads is embedded here; no other host is asked.
//
// The console is a client of the HTTP API, in the same process: a page asks the API's handler as the person who is signed in (Client). So
// rights, tenants, limits and checks stand in one place, and no page can show what the API would not give.
//
// Its invariants: who has no session sees nothing but the way to log in; a page that changes something is a POST that a foreign site can't
// send; nothing of a user's, a CRM's or an OA's reaches a page unescaped; the content security policy allows no script or style but ours.
//
// It is not for programs (web/api) and not for employees on their way into the CRM (web/signon).
//
//	c, err := console.New(console.Config{API: handler, Sessions: sessions, Log: log})
//	mux.Handle("/", c)
//
// A page is a file: NAME.go reads the request, asks the API and shows a component of NAME.templ. `make generate` turns *.templ into Go, and
// `make assets` bundles assets/src into static; both results are committed, so that a Go build needs neither.
//
// Every text that people read is given twice, v.T("English", "中文"), so that no language can lack one.
package console
