package connector

import (
	"fmt"
	"slices"
	"sort"
	"strings"
	"time"

	"todosync/mapping"
	"todosync/retry"
)

// A Preview is a request as it would be sent, with secrets shown as ***, and where each value came from.
type Preview struct {
	Scene        Scene               `json:"scene"`
	Receiver     string              `json:"receiver"`
	Method       string              `json:"method"`
	Address      string              `json:"address"`
	Headers      []retry.Header      `json:"headers"`
	Body         string              `json:"body"`
	Placeholders []mapping.Explained `json:"placeholders"`
	Problem      string              `json:"problem,omitempty"` // why there is no request; the placeholders say it at its place
}

// Preview renders what a scene would send for an event, without sending it: one request a receiver with `each`, else one.
// It needs no store; bindings are by CRM user. An error of kind Invalid says what is missing.
func (p *Program) Preview(e *Event, scene Scene, bindings map[string]Binding, now time.Time) ([]Preview, error) {
	return p.previews(e, scene, bindings, now, previewPlain)
}

// PreviewWhole is Preview with what lets the connection in, as it goes along with each request: HTTP Basic and the token, as ***.
func (p *Program) PreviewWhole(e *Event, scene Scene, bindings map[string]Binding, now time.Time) ([]Preview, error) {
	return p.previews(e, scene, bindings, now, previewWhole)
}

// PreviewAnyway is Preview of what may not be possible: where a request can't be made it says why, and where its other values came from.
func (p *Program) PreviewAnyway(e *Event, scene Scene, bindings map[string]Binding, now time.Time) ([]Preview, error) {
	return p.previews(e, scene, bindings, now, previewAnyway)
}

// How a preview is made.
type previewing int

const (
	previewPlain previewing = iota
	previewWhole
	previewAnyway
)

func (p *Program) previews(e *Event, scene Scene, bindings map[string]Binding, now time.Time, how previewing) ([]Preview, error) {
	sp := p.scenes[scene]
	if sp == nil {
		var on []string
		for s := range p.scenes {
			on = append(on, string(s))
		}
		sort.Strings(on)
		return nil, &Error{
			Kind: Invalid, Op: "render", Msg: fmt.Sprintf("scene %s is off in connection %s", scene, p.Key),
			Hint: "scenes that are on: " + strings.Join(on, ", "),
		}
	}
	who := make([]Recipient, len(e.Object.Receivers))
	for i, r := range e.Object.Receivers {
		who[i] = Recipient{ID: r.ID, Name: r.Name}
	}
	groups := [][]Recipient{who}
	if sp.mode.As == mapping.Each && len(who) > 0 {
		groups = slices.Collect(slices.Chunk(who, 1))
	}
	stored := &StoredEvent{Tenant: e.Tenant, Kind: e.Kind, Action: e.Action, ID: e.ID, Time: e.Time, Payload: e.Payload}
	var out []Preview
	for _, group := range groups {
		d := &Delivery{ID: "preview", Todo: e.Object.ID, Scene: scene, Recipients: group, External: 1}
		s := p.scope(d, scene, stored, e.Doc, p.sampleLane(scene), bindings)
		s.TryTime = now
		s.Secret = func(string) (string, error) { return "", nil }
		s.UUID = func() string { return "00000000-0000-0000-0000-000000000000" }
		one, err := sp.request.preview(s)
		if err != nil && how == previewAnyway {
			one, err = Preview{Method: sp.request.method, Problem: err.Error(), Placeholders: sp.request.explained(s)}, nil
		}
		if err != nil {
			return nil, &Error{Kind: Invalid, Op: "render " + string(scene), Msg: err.Error()}
		}
		if how == previewWhole {
			one = p.admitted(one)
		}
		if p.sign != nil && one.Problem == "" {
			if one, err = p.sign.preview(one, sp.request.kind(), now); err != nil {
				return nil, &Error{Kind: Invalid, Op: "render " + string(scene), Msg: err.Error()}
			}
		}
		one.Scene, one.Receiver = scene, strings.Join(idsOf(group), ",")
		out = append(out, one)
	}
	return out, nil
}

// admitted is a preview with what lets the connection in.
func (p *Program) admitted(v Preview) Preview {
	r := rendering{stored: SentRequest{Method: v.Method, Address: v.Address, Headers: slices.Clone(v.Headers), Body: v.Body}}
	if p.basic != nil {
		r.add("Authorization", "", "Basic "+mapping.Mark(basicMark))
	}
	if p.token != nil {
		p.token.place(&r, "")
	}
	shown := r.stored.masked()
	v.Address, v.Headers = shown.Address, shown.Headers
	return v
}

// sampleLane stands for what the OA would have answered to the create: calls after it may need that.
func (p *Program) sampleLane(scene Scene) *Lane {
	if scene == SceneCreate || scene == SceneRemind || scene == SceneMessage {
		return &Lane{}
	}
	lane := &Lane{RemoteID: "OA-ID"}
	for _, code := range p.Settings.remembered() {
		lane.remember(map[string]string{code: "OA-" + code})
	}
	return lane
}

// preview renders the kept form alone: secrets need not be known for it.
func (r *requestProgram) preview(s *mapping.Scope) (Preview, error) {
	out := Preview{Method: r.method}
	text := func(t *mapping.Template) (string, error) {
		b, err := t.Append(nil, s, mapping.Stored)
		return mapping.Mask(string(b)), err
	}
	var err error
	if r.address != nil {
		if out.Address, err = text(r.address); err != nil {
			return out, err
		}
	}
	for _, h := range r.headers {
		v, err := text(h.value)
		if err != nil {
			return out, err
		}
		out.Headers = append(out.Headers, retry.Header{Name: h.name, Value: v})
	}
	if r.body != nil {
		if out.Body, err = text(r.body); err != nil {
			return out, err
		}
	}
	out.Placeholders = r.explained(s)
	return out, nil
}

// explained says of each placeholder of the request, once, where its value comes from.
func (r *requestProgram) explained(s *mapping.Scope) []mapping.Explained {
	var out []mapping.Explained
	seen := map[string]bool{}
	for _, t := range r.templates() {
		if t == nil {
			continue
		}
		for _, x := range t.Explain(s) {
			if !seen[x.Placeholder] {
				seen[x.Placeholder] = true
				out = append(out, x)
			}
		}
	}
	return out
}
