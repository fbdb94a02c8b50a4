package console

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/simplifiedchinese"

	"todosync/connector"
	"todosync/web/api"
)

func (c *Console) eventRoutes() {
	c.page("GET /events", api.View, c.events)
	c.page("GET /events/{tenant}/{id}", api.View, c.event)
	c.page("GET /rejected", api.View, c.rejected)
	c.page("GET /rejected/{id}", api.View, c.oneRejected)
	c.page("POST /rejected/{id}/replay", api.Operate, c.replay)
}

// An eventList is the page of accepted events.
type eventList struct {
	Tenant, Todo, ID string
	Found            list[connector.EventStory]
	Connections      []api.ConnectionState
}

// events is what became of accepted events.
func (c *Console) events(v *visit) error {
	v.Active, v.Title = "events", v.T("Events", "事件")
	q := v.r.URL.Query()
	l := eventList{Tenant: strings.TrimSpace(q.Get("tenant")), Todo: strings.TrimSpace(q.Get("todo")), ID: strings.TrimSpace(q.Get("id"))}
	ask := url.Values{"limit": {"50"}, "tenant": {l.Tenant}, "todo": {l.Todo}, "id": {l.ID}, "cursor": {q.Get("cursor")}}
	if err := v.api.get(v.ctx(), "/events", ask, &l.Found); err != nil {
		return err
	}
	var err error
	if l.Connections, err = v.connections(); err != nil {
		return err
	}
	return v.show(eventsPage(v, &l))
}

// filtered reports whether the list is of some events alone.
func (l *eventList) filtered() bool { return l.Tenant != "" || l.Todo != "" || l.ID != "" }

// A wholeEvent is one event with what the CRM emitted.
type wholeEvent struct {
	connector.EventStory
	Payload json.RawMessage `json:"payload"`
	Records []connector.Record
}

// recordsOfEvent is how many of an event's records its page names.
const recordsOfEvent = 100

func (c *Console) event(v *visit) error {
	v.Active = "events"
	var e wholeEvent
	tenant, id := v.r.PathValue("tenant"), v.r.PathValue("id")
	if err := v.api.get(v.ctx(), "/tenants"+segments(tenant)+"/events"+segments(id), nil, &e); err != nil {
		return err
	}
	v.Title = v.T("Event ", "事件 ") + e.ID
	if !strings.Contains(id, ",") { // a filter would take it for several
		var found list[connector.Record]
		if err := v.api.get(v.ctx(), "/records", url.Values{"tenant": {tenant}, "event": {id}, "limit": {"100"}}, &found); err != nil {
			return err
		}
		e.Records = found.Items
	}
	if bytes.Equal(e.Payload, []byte("null")) {
		e.Payload = nil
	}
	return v.show(eventPage(v, &e))
}

// records counts what an event has led to.
func records(s connector.ConnectionStory) int { return len(s.Deliveries) }

// outcomeColour is the colour of an outcome's badge.
func outcomeColour(o connector.Outcome) string {
	switch o {
	case connector.OutcomePlanned:
		return "good"
	case connector.OutcomeNoConnection, connector.OutcomeNoReceiver:
		return "warn"
	case connector.OutcomeSceneOff, connector.OutcomeFiltered, connector.OutcomeStale:
	}
	return ""
}

// OutcomeMeaning says why an event led to nothing at a connection.
func (v *visit) OutcomeMeaning(o connector.Outcome) string {
	switch o {
	case connector.OutcomePlanned:
		return v.T("It led to records, see there.", "已生成同步记录，详见记录。")
	case connector.OutcomeSceneOff:
		return v.T("The connection has no scene for it, or the scene is off.", "连接没有对应的场景，或场景未启用。")
	case connector.OutcomeNoReceiver:
		return v.T("Nobody is left to receive it.", "没有需要接收的人。")
	case connector.OutcomeFiltered:
		return v.T("The connection's filter lets it not through.", "被连接的过滤条件排除。")
	case connector.OutcomeStale:
		return v.T("A newer version of the todo is known already.", "已知该待办的更新版本。")
	case connector.OutcomeNoConnection:
		return v.T("The tenant has no connection that takes events.", "该租户没有接收事件的连接。")
	}
	return ""
}

// A rejectList is the page of rejected events.
type rejectList struct {
	Tenant      string
	Text        string
	Found       list[connector.RejectedEvent]
	Connections []api.ConnectionState
}

func (c *Console) rejected(v *visit) error {
	v.Active, v.Title = "rejected", v.T("Rejected events", "被拒绝的事件")
	l := rejectList{Tenant: strings.TrimSpace(v.r.URL.Query().Get("tenant")), Text: strings.TrimSpace(v.r.URL.Query().Get("q"))}
	ask := url.Values{"limit": {"50"}, "tenant": {l.Tenant}, "cursor": {v.r.URL.Query().Get("cursor")}}
	if l.Text != "" {
		ask.Set("q", l.Text)
	}
	if err := v.api.get(v.ctx(), "/rejected", ask, &l.Found); err != nil {
		return err
	}
	var err error
	if l.Connections, err = v.connections(); err != nil {
		return err
	}
	return v.show(rejectedPage(v, &l))
}

// A rejectPage is one rejected event.
type rejectPage struct {
	connector.RejectedEvent
	Body   body    // where it is readable JSON
	Pieces []piece // else its bytes
	GBK    string  // as it reads in GB18030, where that makes sense of it and UTF-8 does not
}

func (c *Console) oneRejected(v *visit) error {
	v.Active, v.Title = "rejected", v.T("Rejected event", "被拒绝的事件")
	var p rejectPage
	if err := v.api.get(v.ctx(), "/rejected"+segments(v.r.PathValue("id")), nil, &p.RejectedEvent); err != nil {
		return err
	}
	raw := []byte(p.Payload)
	if p.Base64 != "" {
		if b, err := base64.StdEncoding.DecodeString(p.Base64); err == nil {
			raw = b
		}
		if s, err := simplifiedchinese.GB18030.NewDecoder().Bytes(raw); err == nil && !bytes.ContainsRune(s, utf8.RuneError) {
			p.GBK = string(s)
		}
	}
	text := string(raw)
	if p.Base64 == "" {
		if pretty, ok := indentJSON(text); ok {
			text = pretty
		}
	}
	p.Body.Size = len(raw)
	p.Pieces = visible([]byte(text))
	return v.show(rejectedOnePage(v, &p))
}

func (c *Console) replay(v *visit) error {
	id := v.r.PathValue("id")
	var story connector.EventStory
	err := v.api.post(v.ctx(), "/rejected"+segments(id)+"/replay", nil, &story)
	if p, ok := err.(*api.Problem); ok && p.Status == http.StatusUnprocessableEntity { //nolint:errorlint // the client makes it as it is
		p.Detail = v.T("It still is no event: ", "仍不是有效事件：") + p.Detail
		p.Hint = v.T("Mend what the CRM sends and have it send the event again.", "请更正 CRM 发出的内容并重新发出该事件。")
	}
	if err != nil {
		return v.refused(err, "/rejected"+segments(id))
	}
	if story.ID == "" {
		return v.done("/rejected", v.T("It was accepted.", "已接收。"))
	}
	return v.done(eventPath(&story), v.T("It was accepted and planned as of its place in the stream.", "已接收，并按其在流中的位置安排发送。"))
}

// olderOf is the address of the next page of a list; empty at the end.
func olderOf(v *visit, cursor string) string {
	if cursor == "" {
		return ""
	}
	return v.with("cursor", cursor)
}

// unplanned says at which connections an event led to nothing, a line for each reason.
func (v *visit) unplanned(e *connector.EventStory) []string {
	var reasons []connector.Outcome
	at := map[connector.Outcome][]string{}
	for _, s := range e.Connections {
		if s.Outcome == connector.OutcomePlanned {
			continue
		}
		if at[s.Outcome] == nil {
			reasons = append(reasons, s.Outcome)
		}
		at[s.Outcome] = append(at[s.Outcome], s.Connection)
	}
	var out []string
	for _, r := range reasons {
		line := v.OutcomeName(r) + v.T(": ", "：") + strings.Join(at[r][:min(len(at[r]), 4)], v.T(", ", "、"))
		if n := len(at[r]) - 4; n > 0 {
			line += v.T(" and "+strconv.Itoa(n)+" more", " 等 "+strconv.Itoa(len(at[r]))+" 个连接")
		}
		out = append(out, line)
	}
	return out
}
