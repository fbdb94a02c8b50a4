package console

import (
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"time"

	"todosync/connector"
	"todosync/web/api"
)

// savedSettings are the settings of a connection or tenant as they are stored.
type savedSettings struct {
	Revision int64           `json:"revision"`
	SavedAt  time.Time       `json:"savedAt"`
	SavedBy  string          `json:"savedBy"`
	How      string          `json:"how"`
	Settings json.RawMessage `json:"settings"`
	File     string          `json:"file"`
}

// namedSecret is a secret that settings name.
type namedSecret struct {
	Tenant string `json:"tenant"`
	Name   string `json:"name"`
	Set    bool   `json:"set"`
}

// fileProblem is a mistake in a settings file.
type fileProblem struct {
	Line    int    `json:"line"`
	Column  int    `json:"column"`
	Path    string `json:"path"`
	Message string `json:"message"`
	Warning bool   `json:"warning,omitempty"`
}

// checked is a settings file that the API has looked at.
type checked struct {
	Content  string          `json:"content"`
	Source   json.RawMessage `json:"source"`
	Places   json.RawMessage `json:"places"`
	Valid    bool            `json:"valid"`
	Problems []fileProblem   `json:"problems"`
	Settings json.RawMessage `json:"settings"`
	Secrets  []namedSecret   `json:"secrets"`
}

// oneConnection is the page of a connection.
type oneConnection struct {
	State     api.ConnectionState
	Settings  connector.Connection
	Saved     savedSettings
	Secrets   []namedSecret
	Revisions []revision
	Records   []connector.Record
	Day       overview // what happened in the last 24 hours
}

// state asks how a connection is.
func (v *visit) state(k connector.ConnectionKey) (*api.ConnectionState, error) {
	var found list[api.ConnectionState]
	q := url.Values{"tenant": {k.Tenant}, "connection": {k.Name}, "limit": {"1"}}
	if err := v.api.get(v.ctx(), "/connections", q, &found); err != nil {
		return nil, err
	}
	if len(found.Items) == 0 || keyOf(&found.Items[0]) != k {
		return nil, &api.Problem{
			Status: 404, Detail: v.T("There is no connection "+k.String()+".", "没有连接 "+k.String()+"。"),
			Hint: v.T("It may have been deleted, or belongs to a tenant that you don't see.", "它可能已被删除，或属于您无权查看的租户。"),
		}
	}
	return &found.Items[0], nil
}

func (c *Console) connection(v *visit) error {
	k := v.key()
	state, err := v.state(k)
	if err != nil {
		return err
	}
	o := oneConnection{State: *state}
	v.Active, v.Title = "connections", nameOf(state)
	if err := v.api.get(v.ctx(), apiConnection(k), nil, &o.Saved); err != nil {
		return err
	}
	if err := json.Unmarshal(o.Saved.Settings, &o.Settings); err != nil {
		return err
	}
	var revisions list[revision]
	if err := v.api.get(v.ctx(), apiConnection(k, "revisions"), url.Values{"limit": {"5"}}, &revisions); err != nil {
		return err
	}
	o.Revisions = revisions.Items
	var records list[connector.Record]
	q := url.Values{"tenant": {k.Tenant}, "connection": {k.Name}, "limit": {"8"}}
	if err := v.api.get(v.ctx(), "/records", q, &records); err != nil {
		return err
	}
	o.Records = records.Items
	if err := v.lastDay(&o.Day, k); err != nil {
		return err
	}
	if v.Who.May(api.Integrate) {
		var looked checked
		if err := v.api.post(v.ctx(), "/edit", map[string]any{"content": o.Saved.File}, &looked); err != nil {
			return err
		}
		o.Secrets = looked.Secrets
	}
	v.Scripts = append(v.Scripts, "plot.js")
	return v.show(connectionPage(v, &o))
}

// lastDay asks what happened at a connection in the last 24 hours.
func (v *visit) lastDay(o *overview, k connector.ConnectionKey) error {
	*o = overview{Tenant: k.Tenant, Connection: k.Name, Span: spans()[2], From: v.Now.Add(-24 * time.Hour), To: v.Now}
	q := url.Values{"tenant": {k.Tenant}, "connection": {k.Name}, "from": {o.From.UTC().Format(time.RFC3339)}, "to": {o.To.UTC().Format(time.RFC3339)}}
	return v.api.get(v.ctx(), "/stats", q, &o.Stats)
}

// dayPlots are the two plots of a connection's page: what became of its deliveries, and how long they took.
func (o *oneConnection) dayPlots(v *visit) []*plot {
	return slices.DeleteFunc(o.Day.plots(v), func(p *plot) bool { return p.ID != "deliveries" && p.ID != "delay" })
}

// succeeded is how many deliveries succeeded in the last day.
func (o *oneConnection) succeeded() int64 {
	return o.Day.Stats.Series.Totals.States[connector.Succeeded]
}

// missing are the secrets that are named and not set.
func missing(secrets []namedSecret) []namedSecret {
	return slices.DeleteFunc(slices.Clone(secrets), func(s namedSecret) bool { return s.Set })
}

// A sceneLine is a scene as the page of its connection shows it.
type sceneLine struct {
	Scene connector.Scene
	*connector.SceneSettings
}

// scenesOn are the scenes that a connection sends.
func scenesOn(c *connector.Connection) []sceneLine {
	var out []sceneLine
	for _, s := range connector.Scenes() {
		if set := c.Scenes[s]; set != nil && set.Enabled {
			out = append(out, sceneLine{s, set})
		}
	}
	return out
}

// SceneName is a scene for people.
func (v *visit) SceneName(s connector.Scene) string {
	switch s {
	case connector.SceneCreate:
		return v.T("create", "新建")
	case connector.SceneEdit:
		return v.T("edit", "修改")
	case connector.SceneDone:
		return v.T("done", "办结")
	case connector.SceneDelete:
		return v.T("delete", "删除")
	case connector.SceneRemind:
		return v.T("remind", "提醒")
	case connector.SceneMessage:
		return v.T("message", "消息")
	}
	return string(s)
}

// schedule says when a failure is tried again.
func (v *visit) schedule(r *connector.RetrySettings) string {
	if !r.Enabled {
		return v.T("no: a failure stays one", "不重试")
	}
	waits := make([]string, len(r.Schedule))
	for i, d := range r.Schedule {
		waits[i] = d.String()
	}
	return v.T("after ", "间隔 ") + strings.Join(waits, ", ") + v.T("; given up after ", "；超过 ") + r.GiveUpAfter.String() + v.T("", " 放弃")
}

// firstOf is the first text that is not empty.
func firstOf(texts ...string) string {
	for _, t := range texts {
		if t != "" {
			return t
		}
	}
	return ""
}

func deleteText(v *visit, s *api.ConnectionState) string {
	text := v.T("Nothing is sent to this OA any more. What it has sent stays in the records until retention.", "此后不再向该 OA 推送，已有的同步记录保留到期。")
	if s.Waiting > 0 {
		text += v.T(" Some deliveries still wait; they must be canceled with it.", "仍有推送在等待，必须一并取消。")
	}
	return text
}
