package api

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"

	"todosync/connector"
	"todosync/retry"
)

type tryInput struct {
	Language string `header:"Accept-Language"`
	Body     struct {
		Connection string          `json:"connection,omitempty" doc:"a connection file that need not be stored; else tenant and name of a stored one"`
		Tenant     string          `json:"tenant,omitempty"`
		Name       string          `json:"name,omitempty"`
		Mode       string          `json:"mode,omitempty" enum:"live,dry,auth" doc:"live (default): one request really goes to the OA; dry: rendered as the server would, nothing is sent; auth: what lets the connection in"`
		Scene      connector.Scene `json:"scene,omitempty" enum:"create,edit,done,delete,remind,message" doc:"create by default"`
		Event      json.RawMessage `json:"event,omitempty" doc:"the event's payload"`
		EventID    string          `json:"eventId,omitempty" doc:"an accepted event of the tenant; without event and eventId its newest"`
		Receiver   string          `json:"receiver,omitempty" doc:"CRM user id of one of the event's receivers"`
		Bindings   []BindingBody   `json:"bindings,omitempty" doc:"beside those of a stored connection, and before them"`
		Todo       string          `json:"todo,omitempty" doc:"the todo's id at the OA; without it a fresh one, so that no real todo is touched"`
		KeepID     bool            `json:"keepId,omitempty" doc:"send the event's own todo id: the OA takes it for the real todo"`
		RemoteID   string          `json:"remoteId,omitempty" doc:"what #F119 stands for"`
		Explain    bool            `json:"explain,omitempty" doc:"with dry: also where each value came from"`
	}
}

type tryView struct {
	connector.TrialReport
	Steps    []stepView    `json:"steps"`
	Mode     string        `json:"mode"`
	Requests []PreviewView `json:"requests,omitempty" doc:"with dry: what would be sent"`
}

type stepView struct {
	connector.TrialStep
	Exchange *attemptView `json:"exchange,omitempty"`
}

func (a *API) tryRoute() {
	if a.Try == nil {
		return
	}
	handle(a, route{
		method: http.MethodPost, path: "/try", id: "tryConnection", need: Integrate, body: 4 * maxBody,
		summary: "Try a connection: what lets it in, a dry run, or one live request that no record and no todo knows of",
	}, a.try)
}

func (a *API) try(ctx context.Context, in *tryInput) (*one[tryView], error) {
	b := &in.Body
	if b.Mode == "" {
		b.Mode = "live"
	}
	if b.Scene == "" {
		b.Scene = connector.SceneCreate
	}
	if !slices.Contains(connector.Scenes(), b.Scene) {
		return nil, invalid("scene", "want create, edit, done, delete, remind or message")
	}
	c, stored, err := a.toRender(ctx, chosen{language: in.Language, file: b.Connection, tenant: b.Tenant, name: b.Name})
	if err != nil {
		return nil, err
	}
	t, err := a.tenant(ctx, c.Tenant)
	if err != nil {
		return nil, err
	}
	program, err := connector.Compile(0, 0, c, t, a.Compile)
	if err != nil {
		return nil, err
	}
	trial := connector.Trial{
		Program: program, Auth: b.Mode == "auth", Scene: b.Scene, Receiver: b.Receiver, Todo: b.Todo, KeepID: b.KeepID, RemoteID: b.RemoteID,
		Bindings: map[string]connector.Binding{},
	}
	if !trial.Auth {
		if trial.Event, err = a.sampleOf(ctx, c.Tenant, sampleChoice{scene: b.Scene, payload: b.Event, id: b.EventID}); err != nil {
			return nil, err
		}
		if err := a.bindingsToTry(ctx, c, stored, in, &trial); err != nil {
			return nil, err
		}
	}
	out := &one[tryView]{}
	if b.Mode == "dry" {
		if err := a.dry(in, program, &trial, &out.Body); err != nil {
			return nil, err
		}
		for i := range out.Body.Steps {
			out.Body.Steps[i].TrialStep = inWords(ctx, out.Body.Steps[i].TrialStep)
		}
		return out, nil
	}
	report, err := a.Try(ctx, c.Key(), stored, trial)
	if err != nil {
		return nil, err
	}
	a.Log.InfoContext(ctx, "connection tried", "connection", c.Key().String(), "mode", b.Mode, "scene", string(report.Scene), "ok", report.OK, "by", by(ctx, "api").Who)
	a.note(ctx, AuditEntry{What: "connection tried", Tenant: c.Tenant, Target: c.Name, Detail: b.Mode + " " + string(report.Scene)})
	out.Body = tryView{TrialReport: report, Mode: b.Mode, Steps: make([]stepView, len(report.Steps))}
	for i, s := range report.Steps {
		out.Body.Steps[i] = stepView{TrialStep: inWords(ctx, s)}
		if s.Exchange != nil {
			v := viewRecord(connector.Record{Attempts: []connector.RecordAttempt{*s.Exchange}}).Attempts[0]
			out.Body.Steps[i].Exchange = &v
		}
	}
	return out, nil
}

// inWords is a step in the language of who tries.
func inWords(ctx context.Context, s connector.TrialStep) connector.TrialStep {
	if speaksChinese(ctx) {
		s.Detail, s.Hint, s.Rule, s.Next = chinese(s.Detail), chinese(s.Hint), chinese(s.Rule), chinese(s.Next)
	}
	return s
}

// dry renders what a live try would send.
func (a *API) dry(in *tryInput, p *connector.Program, t *connector.Trial, out *tryView) error {
	e := *t.Event
	if t.Receiver != "" {
		e.Object.Receivers = nil
		for _, r := range t.Event.Object.Receivers {
			if r.ID == t.Receiver {
				e.Object.Receivers = append(e.Object.Receivers, r)
			}
		}
		if len(e.Object.Receivers) == 0 {
			return invalid("receiver", "the event has no receiver "+t.Receiver)
		}
	}
	previews, unbound, err := p.DryRun(&e, t.Scene, t.Bindings, a.Now())
	if err != nil {
		return err
	}
	*out = tryView{
		TrialReport: connector.TrialReport{Tenant: p.Key.Tenant, Connection: p.Key.Name, Scene: t.Scene, Todo: e.Object.ID, OK: true},
		Mode:        "dry", Steps: []stepView{}, Requests: viewPreviews(previews, in.Body.Explain),
	}
	if unbound != "" {
		out.OK = len(previews) > 0
		out.Steps = append(out.Steps, stepView{TrialStep: connector.TrialStep{
			Name: connector.TrialRequest, Detail: unbound, Hint: "bind them: todosync bindings set, or bindings import", Rule: "class unbound", Next: "their deliveries would be: unbound " + string(p.Settings.Unbound),
		}})
	}
	return nil
}

// bindingsToTry are those of the stored connection, and those that are given. For a connection that is not stored yet, without either, CRM
// ids stand for accounts in a dry run; a live one must know the accounts.
func (a *API) bindingsToTry(ctx context.Context, c *connector.Connection, stored bool, in *tryInput, t *connector.Trial) error {
	if err := a.boundUsers(ctx, c.Key(), t.Event, t.Bindings); err != nil && (stored || connector.KindOf(err) != connector.NotFound) {
		return err
	}
	for _, given := range in.Body.Bindings {
		x := given.binding()
		t.Bindings[x.User] = x
	}
	return nil
}

// viewPreviews are rendered requests as they are shown.
func viewPreviews(previews []connector.Preview, explain bool) []PreviewView {
	out := make([]PreviewView, len(previews))
	for i, p := range previews {
		v := PreviewView{Scene: p.Scene, Receiver: p.Receiver, Method: p.Method, Address: p.Address, Headers: p.Headers, Body: p.Body, Problem: p.Problem}
		if v.Headers == nil {
			v.Headers = []retry.Header{}
		}
		if explain {
			v.Placeholders = p.Placeholders
		}
		out[i] = v
	}
	return out
}
