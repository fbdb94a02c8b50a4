package console

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"todosync/connector"
	"todosync/retry"
	"todosync/web/api"
)

// A recordPage is one sync record with all that belongs to its story.
type recordPage struct {
	Record     connector.Record
	Connection *api.ConnectionState  // nil: it is deleted
	Event      *connector.EventStory // nil: it is not kept any more
	Others     list[connector.Record]
	Moments    []moment
	Hidden     int // attempts whose requests and answers are not on the page
	Curl       map[int]string
	At         string // the place in the feed of changes at which the record was read
}

// A moment is a point of a record's story.
type moment struct {
	At      time.Time
	Colour  string
	Title   string
	Text    string
	Link    string // the page that it tells of
	Attempt *connector.RecordAttempt
	Open    bool
	Until   bool // At is still to come
}

// attemptsWhole is how many of the last attempts stand on the page with request and answer; older ones are a click away.
const attemptsWhole = 5

func (c *Console) oneRecordRoutes() {
	c.page("GET /records/{id}", api.View, c.record)
	c.page("GET /records/{id}/values", api.View, c.recordValues)
	c.page("GET /records/{id}/retry", api.Operate, c.askRetry)
	c.page("POST /records/{id}/retry", api.Operate, c.retryRecord)
	c.page("POST /records/{id}/cancel", api.Operate, c.cancelRecord)
	c.page("POST /records/{id}/push", api.Operate, c.pushTodo)
}

// record is the page of one sync record.
func (c *Console) record(v *visit) error {
	v.Active = "records"
	p := recordPage{}
	id := v.r.PathValue("id")
	var err error
	if p.At, err = v.api.follow(v.ctx(), "/records/"+url.PathEscape(id), nil, &p.Record); err != nil {
		return err
	}
	r := &p.Record
	v.Title = titleOf(v, r)
	var states list[api.ConnectionState]
	if err := v.api.get(v.ctx(), "/connections", url.Values{"tenant": {r.Tenant}, "connection": {r.Connection}, "limit": {"1"}}, &states); err != nil {
		return err
	}
	if len(states.Items) > 0 {
		p.Connection = &states.Items[0]
	}
	var stories list[connector.EventStory]
	if err := v.api.get(v.ctx(), "/events", url.Values{"tenant": {r.Tenant}, "id": {r.EventID}, "limit": {"1"}}, &stories); err != nil {
		return err
	}
	if len(stories.Items) > 0 {
		p.Event = &stories.Items[0]
	}
	if err := v.api.get(v.ctx(), "/records", url.Values{"tenant": {r.Tenant}, "todo": {r.Todo}, "limit": {"30"}}, &p.Others); err != nil {
		return err
	}
	for _, o := range p.Others.Items { // an event that deletes names no title; people know the todo by its last one
		if r.Title == "" && o.Title != "" && o.Connection == r.Connection {
			v.Title = v.SceneName(r.Scene) + v.T(": ", "：") + cut(o.Title, 160)
			break
		}
	}
	var commands list[api.CurlView]
	if err := v.api.get(v.ctx(), "/records/"+url.PathEscape(id)+"/curl", nil, &commands); err != nil {
		return err
	}
	p.Curl = map[int]string{}
	for _, one := range commands.Items {
		p.Curl[one.Number] = one.Command
	}
	p.tell(v)
	v.Scripts = append(v.Scripts, "records.js")
	return v.show(recordPagePart(v, &p))
}

// tell puts the record's story together, oldest first.
func (p *recordPage) tell(v *visit) {
	r := &p.Record
	if p.Event != nil {
		p.Moments = append(p.Moments, moment{
			At: p.Event.ReceivedAt, Title: v.T("Event received: ", "收到事件：") + string(p.Event.Kind) + "." + string(p.Event.Action),
			Text: p.duplicates(v), Link: eventPath(p.Event),
		})
	}
	planned := moment{At: r.CreatedAt, Title: v.T("Planned: ", "安排发送：") + v.SceneName(r.Scene) + " → " + r.Connection}
	if r.SplitFrom != "" {
		planned.Text, planned.Link = v.T("It was split off from another record, so that this receiver's trouble stops nobody else.", "从另一条记录中分出，以免这位接收人的问题影响他人。"), recordPath(r.SplitFrom)
	}
	p.Moments = append(p.Moments, planned)
	asked, _ := strconv.Atoi(v.r.URL.Query().Get("attempt"))
	for i := range r.Attempts {
		a := &r.Attempts[i]
		m := moment{At: a.StartedAt, Attempt: a, Title: v.attemptTitle(a), Text: a.Message, Colour: "good"}
		if a.Class != retry.OK {
			m.Colour = "bad"
		}
		m.Open = i == len(r.Attempts)-1 && asked == 0 || a.Number == asked
		if i < len(r.Attempts)-attemptsWhole && a.Number != asked {
			m.Open, p.Hidden = false, p.Hidden+1
		}
		p.Moments = append(p.Moments, m)
	}
	slices.SortStableFunc(p.Moments, func(x, y moment) int { return x.At.Compare(y.At) })
	p.end(v)
}

func (p *recordPage) duplicates(v *visit) string {
	if p.Event.Duplicates == 0 {
		return ""
	}
	return v.T("The CRM sent it again ", "CRM 又重复发送了 ") + v.Count(p.Event.Duplicates, "time; repeats change nothing.", "times; repeats change nothing.", "次；重复的不会改变结果。")
}

// end tells how the story ends, or how it goes on.
func (p *recordPage) end(v *visit) {
	r := &p.Record
	last := moment{At: r.UpdatedAt, Title: v.StateName(r.State), Text: v.Meaning(r), Colour: stateColour(r.State)}
	switch {
	case r.State == connector.Succeeded:
		if r.RemoteID != "" {
			last.Text += v.T(" Its id there: ", " OA 中的 ID：") + r.RemoteID
		}
	case r.SupersededBy != "":
		last.Link = recordPath(r.SupersededBy)
	}
	p.Moments = append(p.Moments, last)
	if r.NextTryAt != nil && !r.State.Final() {
		p.Moments = append(p.Moments, moment{At: *r.NextTryAt, Title: v.T("Next try", "下次尝试"), Colour: "busy", Until: true})
	}
}

func (v *visit) attemptTitle(a *connector.RecordAttempt) string {
	title := v.T("Attempt ", "第 ") + strconv.Itoa(a.Number) + v.T("", " 次尝试")
	switch {
	case a.Class == retry.OK:
		return title + v.T(": taken", "：成功")
	case a.Class != "":
		return title + v.T(": ", "：") + v.ClassName(string(a.Class))
	}
	return title
}

func recordPath(id string) string { return "/records/" + url.PathEscape(id) }

func eventPath(e *connector.EventStory) string {
	return "/events/" + url.PathEscape(e.Tenant) + "/" + url.PathEscape(e.ID)
}

// Retryable, cancelable: what can be done to a record that is in a state.
func retryable(s connector.State) bool {
	return slices.Contains(connector.JobRetry.States(connector.ResendOptions{Confirmed: true}), string(s))
}

func cancelable(s connector.State) bool {
	return slices.Contains(connector.JobCancel.States(connector.ResendOptions{}), string(s))
}

// A values is where each placeholder's value of a record came from.
type values struct {
	Record   connector.Record
	Requests []api.PreviewView
	Problem  string
}

// recordValues shows where the values came from: the record's event is rendered again with the revision that it was sent with.
func (c *Console) recordValues(v *visit) error {
	v.Active = "records"
	var s values
	if err := v.api.get(v.ctx(), "/records/"+url.PathEscape(v.r.PathValue("id")), nil, &s.Record); err != nil {
		return err
	}
	r := &s.Record
	v.Title = v.T("Where the values came from", "各个值的来源")
	ask := map[string]any{
		"tenant": r.Tenant, "name": r.Connection, "scene": r.Scene, "eventId": r.EventID, "receiver": r.Receiver, "explain": true, "anyway": true,
	}
	if r.Revision > 0 {
		ask["revision"] = r.Revision
	}
	var out struct {
		Requests []api.PreviewView `json:"requests"`
	}
	err := v.api.post(v.ctx(), "/render", ask, &out)
	if p, ok := err.(*api.Problem); ok && p.Status < http.StatusInternalServerError { //nolint:errorlint // the client makes it as it is
		s.Problem, err = p.Detail, nil
	}
	if err != nil {
		return err
	}
	if s.Requests = out.Requests; len(s.Requests) > 1 {
		s.Requests = s.Requests[:1]
	}
	if len(s.Requests) > 0 {
		s.Problem = s.Requests[0].Problem
	}
	if v.partial() {
		return v.fragment(valuesPart(v, &s))
	}
	return v.show(valuesPage(v, &s))
}

// A retryAsk is the question before a record goes again.
type retryAsk struct {
	Record    connector.Record
	Rehearsal connector.Rehearsal
	Differs   bool
	Shown     *difference
}

// askRetry shows what a retry would send.
func (c *Console) askRetry(v *visit) error {
	v.Active, v.Title = "records", v.T("Retry", "重发")
	var a retryAsk
	id := v.r.PathValue("id")
	if err := v.api.get(v.ctx(), recordPath(id), nil, &a.Record); err != nil {
		return err
	}
	if err := v.api.get(v.ctx(), recordPath(id)+"/retry", nil, &a.Rehearsal); err != nil {
		return err
	}
	a.Differs = slices.ContainsFunc(a.Rehearsal.Difference, func(line string) bool { return line != "" && line[0] != ' ' })
	a.Shown = differenceIn(a.Rehearsal.Difference)
	a.Shown.ID, a.Shown.Was, a.Shown.Is = "retry-difference", v.T("as before", "上次"), v.T("with today's mapping", "现在的映射")
	return v.show(retryPage(v, &a))
}

func (c *Console) retryRecord(v *visit) error {
	id := v.r.PathValue("id")
	body := map[string]any{"rendering": "new", "confirmSucceeded": v.r.PostFormValue("confirm") != ""}
	if v.r.PostFormValue("rendering") == "old" {
		body["rendering"] = "old"
	}
	var r connector.Record
	if err := v.api.post(v.ctx(), recordPath(id)+"/retry", body, &r); err != nil {
		return v.refused(err, recordPath(id))
	}
	text := v.T("It goes again.", "已重新发送。")
	if r.State == connector.Superseded {
		text = v.T("It was not sent: its todo has had a newer one sent. To send the todo's newest state, push it again.", "没有发送：该待办已有更新的内容发出。如需再发最新状态，请使用“再次推送”。")
	}
	return v.done(recordPath(id), text)
}

func (c *Console) cancelRecord(v *visit) error {
	id := v.r.PathValue("id")
	if err := v.api.post(v.ctx(), recordPath(id)+"/cancel", nil, nil); err != nil {
		return v.refused(err, recordPath(id))
	}
	return v.done(recordPath(id), v.T("It will not be sent. It can be retried later.", "不再发送。以后仍可重发。"))
}

// pushTodo sends the newest state of a record's todo again.
func (c *Console) pushTodo(v *visit) error {
	id := v.r.PathValue("id")
	var r connector.Record
	if err := v.api.get(v.ctx(), recordPath(id), nil, &r); err != nil {
		return err
	}
	var made list[connector.Record]
	path := "/tenants" + segments(r.Tenant) + "/connections" + segments(r.Connection) + "/todos" + segments(r.Todo) + "/push"
	if err := v.api.post(v.ctx(), path, map[string]any{"lost": v.r.PostFormValue("lost") != ""}, &made); err != nil {
		return v.refused(err, recordPath(id))
	}
	if len(made.Items) == 0 {
		return v.done(recordPath(id), v.T("There was nothing to push.", "没有可推送的内容。"))
	}
	return v.done(recordPath(made.Items[0].ID), v.T("The todo's newest state is sent again with this record.", "待办的最新状态将通过这条记录再次发送。"))
}

// refused tells on the page itself why something was not done; what is wrong with the server is a page of its own.
func (v *visit) refused(err error, to string) error {
	p, ok := err.(*api.Problem) //nolint:errorlint // the client makes it as it is
	if !ok || p.Status >= http.StatusInternalServerError || p.Status == http.StatusNotFound {
		return err
	}
	text := p.Detail
	if p.Hint != "" {
		text += " " + p.Hint
	}
	v.tell(text, true)
	return v.redirect(to)
}

func (a *retryAsk) differenceTitle(v *visit) string {
	switch {
	case a.Rehearsal.Before == nil:
		return v.T("What would be sent", "将发送的请求")
	case a.Rehearsal.Now == nil:
		return v.T("What was sent before", "上次发送的请求")
	case !a.Differs:
		return v.T("Both are the same", "两种方式结果相同")
	}
	return v.T("What differs", "两者的差别")
}

// refusedSame reports whether the OA has refused just what would be sent again.
func (a *retryAsk) refusedSame() bool {
	return a.Rehearsal.Before != nil && a.Rehearsal.Now != nil && !a.Differs && a.Record.State == connector.Failed &&
		slices.Contains([]retry.Class{retry.Business, retry.HTTP4xx, retry.HTTP3xx, retry.BadAnswer}, a.Record.Class)
}

// connectionOf is the page of a record's connection.
func connectionOf(r *connector.Record) string {
	return connectionPath(connector.ConnectionKey{Tenant: r.Tenant, Name: r.Connection})
}

// bindPath is the page on which a record's receiver is bound.
func bindPath(r *connector.Record) string {
	return "/bindings?" + url.Values{"tenant": {r.Tenant}, "connection": {r.Connection}, "user": {r.Receiver}}.Encode()
}
