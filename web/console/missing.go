package console

import (
	"encoding/json"
	"net/url"
	"strconv"
	"strings"

	"todosync/connector"
)

// refusedTold is how many rejected events a list of records names.
const refusedTold = 3

// A refusedLike is what was rejected and mentions what records are looked for by.
type refusedLike struct {
	list[connector.RejectedEvent]
	Of [refusedTold]bool // which of them are about the very todo
}

// refusedLike looks for rejected events that mention what is looked for: they are why a record is not there, or not as it should be.
func (v *visit) refusedLike(l *recordList) error {
	for _, name := range []string{"todo", "event", "q"} {
		if l.Sought == "" {
			l.Sought = l.Filter.Get(name)
		}
	}
	if l.Sought == "" || strings.Contains(l.Sought, ",") || len(l.Sought) > 200 {
		return nil
	}
	q := url.Values{"q": {l.Sought}, "limit": {strconv.Itoa(refusedTold)}}
	if t := l.Filter.Get("tenant"); t != "" {
		q.Set("tenant", t)
	}
	if err := v.api.get(v.ctx(), "/rejected", q, &l.Refused.list); err != nil || len(l.Refused.Items) == 0 {
		return err
	}
	for i := range l.Refused.Items[:min(len(l.Refused.Items), refusedTold)] {
		var whole connector.RejectedEvent
		if err := v.api.get(v.ctx(), "/rejected"+segments(l.Refused.Items[i].ID), nil, &whole); err != nil && !isNotFound(err) {
			return err
		}
		l.Refused.Of[i] = todoOf(whole.Payload) == l.Sought
	}
	return nil
}

// todoOf is the id of the object that a message is about, as far as it is readable JSON.
func todoOf(payload string) string {
	var m map[string]json.RawMessage
	if json.Unmarshal([]byte(payload), &m) != nil {
		return ""
	}
	if data, is := m["data"]; is {
		if id := todoOf(string(data)); id != "" {
			return id
		}
	}
	for _, kind := range []connector.Kind{connector.KindTodo, connector.KindReminder, connector.KindMessage} {
		var object struct {
			ID json.RawMessage `json:"id"`
		}
		if json.Unmarshal(m[string(kind)], &object) == nil && len(object.ID) > 0 {
			return strings.Trim(string(object.ID), `"`)
		}
	}
	return ""
}

// refusedWords begin the line that tells of a rejected event.
func (v *visit) refusedWords(l *recordList, i int) string {
	what := cut(l.Sought, 60)
	if i < refusedTold && l.Refused.Of[i] {
		return v.T("The event of todo "+what+" was rejected on ", "待办 "+what+" 的事件被拒绝，时间 ")
	}
	return v.T("An event that mentions "+what+" was rejected on ", "提到 "+what+" 的事件被拒绝，时间 ")
}

// isID reports whether what was looked for can be the id of a todo.
func (l *recordList) isID() bool {
	return l.Filter.Has("todo") || l.Filter.Get("q") == l.Sought && !strings.ContainsAny(l.Sought, " \t,") && strings.ContainsAny(l.Sought, "0123456789")
}

// onlySought reports whether nothing else restricts the list, so that what it does not have is not there.
func (l *recordList) onlySought() bool {
	for name := range l.Filter.Values {
		if name != "todo" && name != "q" && name != "tenant" {
			return false
		}
	}
	return l.Sought != ""
}

// whyNothing says in a line why the event that came led to no record.
func (v *visit) whyNothing(e *connector.EventStory) string {
	if e.Outcome != "" {
		return v.OutcomeMeaning(e.Outcome)
	}
	if len(e.Connections) == 0 {
		return v.OutcomeMeaning(connector.OutcomeNoConnection)
	}
	for _, s := range e.Connections {
		if s.Outcome == connector.OutcomePlanned {
			return v.T("It led to records that these filters do not show, or that have been kept for their time and are gone.", "它已生成同步记录，但被当前筛选条件排除，或已过保留期。")
		}
	}
	return v.T("No connection wants it: ", "没有连接需要它：") + strings.Join(v.unplanned(e), v.T("; ", "；"))
}

// refusedAt is the list of the rejected events that mention what is looked for.
func (l *recordList) refusedAt() string {
	q := url.Values{"q": {l.Sought}}
	if t := l.Filter.Get("tenant"); t != "" {
		q.Set("tenant", t)
	}
	return "/rejected?" + q.Encode()
}

// subjectOf is where the CRM should have sent the event.
func (l *recordList) subjectOf() string {
	tenant := l.Filter.Get("tenant")
	if tenant == "" || strings.Contains(tenant, ",") {
		tenant = "TENANT"
	}
	return "crm." + tenant + ".todo.create"
}
