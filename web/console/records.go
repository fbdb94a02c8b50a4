package console

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/a-h/templ"

	"todosync/connector"
	"todosync/web/api"
)

// recordsShown is how many sync records a page has, and rowsMost how many rows are told anew at once.
const (
	recordsShown = 50
	rowsMost     = 60
)

// A recordList is the page of sync records.
type recordList struct {
	Filter      recordFilter
	Found       list[connector.Record]
	Connections []api.ConnectionState // some, to choose from
	Held        []api.ConnectionState // of the records shown: those where nothing goes
	Came        *connector.EventStory // where no record matches: an event of what was looked for
	Sought      string                // the id or the words that were looked for
	Refused     refusedLike           // rejected events that mention it
	At          string                // the place in the feed of changes at which it was read
}

func (c *Console) recordRoutes() {
	c.page("GET /records", api.View, c.records)
	c.page("GET /records/find", api.View, c.findRecord)
	c.page("GET /records/rows", api.View, c.recordRows)
	c.page("GET /records/bulk", api.Operate, c.askBulk)
	c.page("POST /records/bulk", api.Operate, c.bulk)
	c.page("GET /records/stream", api.View, func(v *visit) error {
		q := v.recordFilter(v.r.URL.Query())
		if after := v.r.URL.Query().Get("after"); after != "" {
			q.Set("after", after)
		}
		v.pass("/records/stream", q.Values)
		return nil
	})
	c.page("GET /records/export", api.View, func(v *visit) error {
		q := v.recordFilter(v.r.URL.Query())
		if format := v.r.URL.Query().Get("format"); format != "" {
			q.Set("format", format)
		}
		v.pass("/records/export", q.Values)
		return nil
	})
}

// records is the list of sync records.
func (c *Console) records(v *visit) error {
	v.Active, v.Title = "records", v.T("Sync records", "同步记录")
	query := v.r.URL.Query()
	l := recordList{Filter: v.recordFilter(query)}
	ask := l.Filter.with("cursor", query.Get("cursor"), "limit", strconv.Itoa(recordsShown))
	var err error
	if l.At, err = v.api.follow(v.ctx(), "/records", ask.Values, &l.Found); err != nil {
		return err
	}
	if l.Connections, err = v.connections(); err != nil {
		return err
	}
	if len(l.Found.Items) == 0 && l.Found.Next == "" {
		if l.Came, err = v.eventLike(l.Filter); err != nil {
			return err
		}
	}
	if query.Get("cursor") == "" {
		if err := v.refusedLike(&l); err != nil {
			return err
		}
	}
	for _, s := range l.Connections {
		if s.HeldFor != "" && slices.ContainsFunc(l.Found.Items, func(r connector.Record) bool {
			return r.Tenant == s.Tenant && r.Connection == s.Name && !r.State.Final()
		}) {
			l.Held = append(l.Held, s)
		}
	}
	slices.SortStableFunc(l.Held, func(a, b api.ConnectionState) int {
		return slices.Index(healths(), a.HeldFor) - slices.Index(healths(), b.HeldFor)
	})
	v.Scripts = append(v.Scripts, "records.js")
	return v.show(recordsPage(v, &l))
}

// heldTold is of how many connections that send nothing the list of records tells one by one, the worst first: it is about records.
const heldTold = 3

// eventLike looks for an event of the todo, or with the id, that no record was found of: it may have come and led to nothing.
func (v *visit) eventLike(f recordFilter) (*connector.EventStory, error) {
	for _, ask := range []struct{ name, value string }{{"todo", f.Get("todo")}, {"id", f.Get("event")}, {"todo", f.Get("q")}, {"id", f.Get("q")}} {
		if ask.value == "" {
			continue
		}
		var found list[connector.EventStory]
		q := url.Values{ask.name: {ask.value}, "limit": {"1"}}
		if t := f.Get("tenant"); t != "" {
			q.Set("tenant", t)
		}
		if err := v.api.get(v.ctx(), "/events", q, &found); err != nil {
			return nil, err
		}
		if len(found.Items) > 0 {
			return &found.Items[0], nil
		}
	}
	return nil, nil
}

// connectionsOffered is how many connections a page offers to choose from; with more, one types.
const connectionsOffered = 200

// connections are some of the connections that the reader may see.
func (v *visit) connections() ([]api.ConnectionState, error) {
	var found list[api.ConnectionState]
	err := v.api.get(v.ctx(), "/connections", url.Values{"limit": {strconv.Itoa(connectionsOffered)}}, &found)
	return found.Items, err
}

// tenantsOf are the tenants of connections, each once.
func tenantsOf(states []api.ConnectionState) []string {
	var out []string
	for _, s := range states {
		if !slices.Contains(out, s.Tenant) {
			out = append(out, s.Tenant)
		}
	}
	return out
}

// namesOf are the names of connections, each once.
func namesOf(states []api.ConnectionState) []string {
	var out []string
	for _, s := range states {
		if !slices.Contains(out, s.Name) {
			out = append(out, s.Name)
		}
	}
	return out
}

// findRecord leads from what somebody has at hand, a todo's id, a user's, an event's, a record's or some words, to what it is about.
func (c *Console) findRecord(v *visit) error {
	what := strings.TrimSpace(v.r.URL.Query().Get("find"))
	filter := v.recordFilter(v.r.URL.Query())
	if what == "" {
		return v.redirect(filter.at("/records"))
	}
	if len(what) == 26 {
		var r connector.Record
		switch err := v.api.get(v.ctx(), "/records/"+url.PathEscape(strings.ToUpper(what)), nil, &r); {
		case err == nil:
			return v.redirect("/records/" + url.PathEscape(r.ID))
		case !isNotFound(err):
			return err
		}
	}
	if !strings.Contains(what, ",") {
		for _, name := range []string{"todo", "receiver", "event"} {
			var found list[connector.Record]
			in := recordFilter{url.Values{}}.with(name, what, "limit", "1", "tenant", filter.Get("tenant"), "connection", filter.Get("connection"))
			if err := v.api.get(v.ctx(), "/records", in.Values, &found); err != nil {
				return err
			}
			if len(found.Items) > 0 {
				return v.redirect(recordFilter{url.Values{}}.at("/records", name, what, "tenant", filter.Get("tenant"), "connection", filter.Get("connection")))
			}
		}
	}
	return v.redirect(filter.at("/records", "q", what))
}

func isNotFound(err error) bool {
	p, ok := err.(*api.Problem) //nolint:errorlint // the client makes it as it is
	return ok && p.Status == http.StatusNotFound
}

// recordRows are rows of the list as they are now, for those that have changed.
func (c *Console) recordRows(v *visit) error {
	var found []connector.Record
	ids := strings.Split(v.r.URL.Query().Get("id"), ",")
	for _, id := range ids[:min(len(ids), rowsMost)] {
		var r connector.Record
		switch err := v.api.get(v.ctx(), "/records/"+url.PathEscape(id), nil, &r); {
		case err == nil:
			found = append(found, r)
		case !isNotFound(err):
			return err
		}
	}
	return v.fragment(recordRowsPart(v, found))
}

// titleOf is what a record is called: its todo's title, or what else there is.
func titleOf(v *visit, r *connector.Record) string {
	if r.Title != "" {
		return cut(r.Title, 160)
	}
	return v.SceneName(r.Scene) + " " + cut(r.Todo, 80)
}

// receivers are whom a record is for.
func receivers(v *visit, r *connector.Record) string {
	if r.Receiver == "" {
		return v.T("no receiver", "无接收人")
	}
	return strings.ReplaceAll(r.Receiver, ",", ", ")
}

// heldWords say why nothing goes to a connection.
func (v *visit) heldWords(s *api.ConnectionState) string {
	name := s.Tenant + "/" + s.Name
	switch s.HeldFor {
	case "paused":
		return v.T("Connection "+name+" is paused", "连接 "+name+" 已暂停")
	case "disabled":
		return v.T("Connection "+name+" is turned off", "连接 "+name+" 已停用")
	case "down":
		return v.T("The OA of "+name+" does not answer", name+" 的 OA 没有应答")
	case "token_refused":
		return v.T("The OA of "+name+" gives no token", name+" 的 OA 不发放令牌")
	}
	return v.T("Nothing is sent at "+name+" ("+s.HeldFor+")", name+" 暂不发送（"+s.HeldFor+"）")
}

// eventsFor is the page of events that fits a filter of records.
func eventsFor(f recordFilter) string {
	q := url.Values{}
	for from, to := range map[string]string{"tenant": "tenant", "todo": "todo", "event": "id"} {
		if value := f.Get(from); value != "" {
			q.Set(to, value)
		}
	}
	if text := f.Get("q"); text != "" && q.Get("todo") == "" && q.Get("id") == "" {
		q.Set("todo", text)
	}
	if len(q) == 0 {
		return "/events"
	}
	return "/events?" + q.Encode()
}

// liveAttributes tell the script of a list which changes concern it. State and cause are looked at by the script: a row that no longer fits is
// still shown as it is now.
func liveAttributes(v *visit, l *recordList) templ.Attributes {
	return templ.Attributes{
		"data-live":   l.Filter.at("/records/stream", "state", "", "class", "", "after", l.At),
		"data-states": l.Filter.Get("state"), "data-classes": l.Filter.Get("class"),
		"data-first": strconv.FormatBool(v.r.URL.Query().Get("cursor") == ""), "data-whole": strconv.FormatBool(l.Found.Next == ""),
	}
}
