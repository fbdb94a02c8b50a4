package api

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"todosync/connector"
	"todosync/retry"
)

// Paging are the parameters of every list.
type Paging struct {
	Cursor string `query:"cursor" doc:"next of the page before; empty: the first page"`
	Limit  int    `query:"limit" minimum:"1" maximum:"1000" default:"50"`
}

func (p *Paging) page() connector.PageOf { return connector.PageOf{Cursor: p.Cursor, Limit: p.Limit} }

// WholePaging are the parameters of a list that is short by its nature, and comes whole where nothing is said.
type WholePaging struct {
	Cursor string `query:"cursor" doc:"next of the page before; empty: the first page"`
	Limit  int    `query:"limit" minimum:"1" maximum:"1000" default:"1000"`
}

// wholeMark begins the cursor of a list that is kept in memory.
const wholeMark = "w."

// cut makes a page of all items. The cursor is the key of the last item before; where that has gone meanwhile, the items are in the order
// of their keys.
func cut[T any](p WholePaging, all []T, key func(T) string) (connector.Page[T], error) {
	from := 0
	if p.Cursor != "" {
		b, err := base64.RawURLEncoding.DecodeString(p.Cursor)
		after, marked := strings.CutPrefix(string(b), wholeMark)
		if err != nil || !marked {
			return connector.Page[T]{}, &connector.Error{
				Kind: connector.Invalid, Msg: "the cursor is not one of this list's", Hint: "begin without a cursor",
				Details: []connector.Detail{{Path: "cursor", Message: "not a cursor of this list"}},
			}
		}
		if from = slices.IndexFunc(all, func(v T) bool { return key(v) == after }) + 1; from == 0 {
			if from = slices.IndexFunc(all, func(v T) bool { return key(v) > after }); from < 0 {
				from = len(all)
			}
		}
	}
	to := min(from+p.Limit, len(all))
	out := connector.Page[T]{Items: all[from:to]}
	if to < len(all) {
		out.Next = base64.RawURLEncoding.EncodeToString([]byte(wholeMark + key(all[to-1])))
	}
	return out, nil
}

// cutList is a page of all items as an answer.
func cutList[T any](p WholePaging, all []T, key func(T) string) (*list[T], error) {
	page, err := cut(p, all, key)
	if err != nil {
		return nil, err
	}
	return listOf(page, same), nil
}

// A list is the answer of every list.
type list[T any] struct {
	Body struct {
		Items []T    `json:"items"`
		Next  string `json:"next" doc:"cursor of the next page; empty at the end"`
	}
}

// listOf turns a page of the store into an answer; an empty one is [], not null.
func listOf[S, T any](p connector.Page[S], as func(S) T) *list[T] {
	out := &list[T]{}
	out.Body.Next = p.Next
	out.Body.Items = make([]T, len(p.Items))
	for i, s := range p.Items {
		out.Body.Items[i] = as(s)
	}
	return out
}

func same[T any](v T) T { return v }

// checkQuery refuses a query that is not readable, or names a parameter twice: only one of them would be looked at.
func (a *API) checkQuery(ctx huma.Context, next func(huma.Context)) {
	u := ctx.URL()
	q, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		a.answer(ctx, newProblem(http.StatusBadRequest, "the query is not readable", "percent-encode its values"))
		return
	}
	for name, values := range q {
		if len(values) > 1 {
			p := newProblem(http.StatusUnprocessableEntity, name+" is given twice", "several values go into one parameter, with commas")
			p.Errors = []ProblemDetail{{Path: name, Message: "given twice"}}
			a.answer(ctx, p)
			return
		}
	}
	next(ctx)
}

// checkEncoding refuses a body that is packed in a way that nobody here unpacks.
func (a *API) checkEncoding(ctx huma.Context, next func(huma.Context)) {
	if how := ctx.Header("Content-Encoding"); how != "" && !strings.EqualFold(how, "identity") {
		ctx.SetHeader("Accept-Encoding", "identity")
		a.answer(ctx, newProblem(http.StatusUnsupportedMediaType, "a body with Content-Encoding is not taken", "send it as it is, without compression"))
		return
	}
	next(ctx)
}

// words splits a parameter with several values; blanks around them and empty ones do not count.
func words(s string) []string {
	var out []string
	for w := range strings.SplitSeq(s, ",") {
		if w = strings.TrimSpace(w); w != "" {
			out = append(out, w)
		}
	}
	return out
}

// oneOf is words that must all be known.
func oneOf(name, s string, known []string) ([]string, error) {
	out := words(s)
	for _, w := range out {
		if slices.Contains(known, w) {
			continue
		}
		message := fmt.Sprintf("%q is none of %s", w, strings.Join(known, ", "))
		if near := nearest(w, known); near != "" {
			message = fmt.Sprintf("%q is not known; did you mean %s?", w, near)
		}
		return nil, invalid(name, message)
	}
	return out, nil
}

// instant reads a time.
func instant(name, s string) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	// T and Z may be small, and a + that nobody percent-encoded arrives as a blank.
	text := []byte(strings.ToUpper(s))
	if zone := len(text) - len("+08:00"); zone > 0 && text[zone] == ' ' {
		text[zone] = '+'
	}
	t, err := time.Parse(time.RFC3339, string(text))
	if err != nil {
		return t, invalid(name, fmt.Sprintf("%q is not a time such as 2024-11-05T09:30:00+08:00 (in an address + is written %%2B)", s))
	}
	return t, nil
}

// RecordParams are the parameters that choose sync records.
type RecordParams struct {
	Tenant     string `query:"tenant" doc:"several with commas, as in the other filters"`
	Connection string `query:"connection"`
	Scene      string `query:"scene"`
	State      string `query:"state"`
	Class      string `query:"class" doc:"why it failed, is held or was skipped"`
	Todo       string `query:"todo"`
	Receiver   string `query:"receiver" doc:"CRM user id"`
	Event      string `query:"event" doc:"event id"`
	From       string `query:"from" doc:"created at this time or later"`
	To         string `query:"to" doc:"created before this time"`
	Q          string `query:"q" doc:"a part of title or message, 2 characters or more"`
}

// filter reads the parameters.
func (r *RecordParams) filter() (connector.RecordFilter, error) {
	f := connector.RecordFilter{
		Tenants: words(r.Tenant), Connections: words(r.Connection), Todos: words(r.Todo), Receivers: words(r.Receiver),
		Events: words(r.Event), Text: strings.TrimSpace(r.Q),
	}
	var err error
	if f.Scenes, err = oneOf("scene", r.Scene, texts(connector.Scenes())); err != nil {
		return f, err
	}
	if f.States, err = oneOf("state", r.State, texts(connector.States())); err != nil {
		return f, err
	}
	if f.Classes, err = oneOf("class", r.Class, texts(reasons())); err != nil {
		return f, err
	}
	if f.From, err = instant("from", r.From); err != nil {
		return f, err
	}
	if f.To, err = instant("to", r.To); err != nil {
		return f, err
	}
	if n := len([]rune(f.Text)); n == 1 {
		return f, invalid("q", "want 2 characters or more")
	}
	return f, nil
}

// reasons are all values that a record's class may have.
func reasons() []retry.Class {
	return append(retry.Classes(), connector.ReasonPaused, connector.ReasonDisabled, connector.ReasonDown,
		connector.ReasonNothingThere, connector.ReasonDeleteFailed, connector.ReasonSceneOff)
}

func texts[T ~string](list []T) []string {
	out := make([]string, len(list))
	for i, v := range list {
		out[i] = string(v)
	}
	return out
}
