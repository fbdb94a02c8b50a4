package api_test

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"todosync/connector"
)

// try says what it was asked for: package connector tests what a trial does.
func (b *backend) try(_ context.Context, k connector.ConnectionKey, stored bool, t connector.Trial) (connector.TrialReport, error) {
	out := connector.TrialReport{Tenant: k.Tenant, Connection: k.Name, Scene: t.Scene, OK: true}
	step := connector.TrialStep{Name: connector.TrialRequest, OK: true, Exchange: &connector.RecordAttempt{}}
	switch {
	case t.Auth:
		step.Name = connector.TrialToken
	case stored:
		step.Detail = "stored " + t.Event.Object.ID
	default:
		step.Detail = "file " + t.Event.Object.ID + " " + t.Bindings["1"].Account
	}
	out.Steps = append(out.Steps, step)
	return out, nil
}

// recent has one event of tenant t1.
func (b *backend) recent(_ context.Context, tenant string, kind connector.Kind, id string) (connector.StoredEvent, error) {
	if tenant != "t1" || kind != connector.KindTodo && id != "e" || id != "" && id != "e9" && id != "e" {
		return connector.StoredEvent{}, &connector.Error{Kind: connector.NotFound, Msg: "there is no such event"}
	}
	return connector.StoredEvent{ID: "e9", Payload: []byte(`{"id":"e9","todo":{"id":"recent","title":"x","receivers":[{"id":"1","name":"A"},{"id":"2","name":"B"}]}}`)}, nil
}

const triable = `{"apiVersion":"todosync/v1","kind":"Connection","tenant":"%s","name":"oa","scenes":{"create":{"address":"http://oa.example.com","body":"{\"to\":\"#F001\"}"}}}`

func TestTry(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	file := strings.ReplaceAll(triable, "%s", "t1")
	event := json.RawMessage(`{"todo":{"id":"given","title":"x","receivers":[{"id":"1","name":"A"}]}}`)
	bindings := []connector.Binding{{User: "1", Account: "anna"}}
	tests := map[string]struct {
		ask    map[string]any
		token  string
		status int
		holds  []string
	}{
		"a file, live":                   {map[string]any{"connection": file, "event": event, "bindings": bindings}, "", 200, []string{`"mode":"live"`, `"detail":"file given anna"`, `"exchange":{`}},
		"the newest event":               {map[string]any{"connection": file, "bindings": bindings}, "", 200, []string{"file recent anna"}},
		"an event by its id":             {map[string]any{"connection": file, "eventId": "e8", "bindings": bindings}, "", 404, nil},
		"the log-in alone":               {map[string]any{"connection": file, "mode": "auth"}, "", 200, []string{`"name":"token"`, `"mode":"auth"`}},
		"dry, one of two is not bound":   {map[string]any{"connection": file, "mode": "dry", "bindings": bindings}, "", 200, []string{`"ok":true`, `{\"to\":\"anna\"}`, "no OA account is bound to B (2)"}},
		"dry, nobody is bound":           {map[string]any{"connection": file, "mode": "dry", "event": event}, "", 200, []string{`"ok":false`, "no OA account is bound to A (1)"}},
		"a receiver who is not there":    {map[string]any{"connection": file, "mode": "dry", "event": event, "receiver": "7"}, "", 422, []string{"no receiver 7"}},
		"a scene that is off":            {map[string]any{"connection": file, "mode": "dry", "event": event, "scene": "edit", "bindings": bindings}, "", 422, []string{"scene edit is off"}},
		"a file with mistakes":           {map[string]any{"connection": "kind: Connection"}, "", 422, []string{"tenant"}},
		"neither file nor name":          {map[string]any{"tenant": "t1"}, "", 422, nil},
		"one that is not stored":         {map[string]any{"tenant": "t1", "name": "nothing"}, "", 404, nil},
		"somebody who may look only":     {map[string]any{"connection": file, "event": event}, viewerToken, 403, nil},
		"an unknown way":                 {map[string]any{"connection": file, "mode": "hot"}, "", 422, nil},
		"an event that is none":          {map[string]any{"connection": file, "event": json.RawMessage(`{"todo":{}}`)}, "", 422, []string{"todo.id"}},
		"a tenant that is not the token": {map[string]any{"connection": strings.ReplaceAll(triable, "%s", "t2"), "event": event}, viewerToken, 403, nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, err := json.Marshal(tt.ask)
			if err != nil {
				t.Fatal(err)
			}
			got := s.on(t).do(ask{method: http.MethodPost, path: "/try", body: string(b), token: tt.token})
			if got.status != tt.status {
				t.Fatalf("status %d, want %d: %s", got.status, tt.status, got.body)
			}
			for _, want := range tt.holds {
				if !strings.Contains(got.body, want) {
					t.Errorf("want %s in %s", want, got.body)
				}
			}
		})
	}
}

func TestDraft(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	draft := func(t *testing.T, ask1 map[string]any) answer {
		t.Helper()
		b, err := json.Marshal(ask1)
		if err != nil {
			t.Fatal(err)
		}
		return s.on(t).do(ask{method: http.MethodPost, path: "/draft", body: string(b), token: viewerToken})
	}
	files := func(named ...string) []map[string]string {
		var out []map[string]string
		for i := 0; i < len(named); i += 2 {
			out = append(out, map[string]string{"name": named[i], "content": named[i+1]})
		}
		return out
	}
	t.Run("a sample", func(t *testing.T) {
		t.Parallel()
		got := draft(t, map[string]any{"files": files("a.json", `{"receiver":"zhangsan","title":"x","password":"hidden-value-1"}`), "tenant": "t1", "name": "oa"})
		for _, want := range []string{`"valid":true`, `"right":"#F001"`, `"right":"#F055"`, `"secrets":["oa-password"]`, `receiver: #F001`} {
			if !strings.Contains(got.body, want) {
				t.Errorf("want %s in %s", want, got.body)
			}
		}
		if strings.Contains(got.body, "hidden-value-1") {
			t.Errorf("a secret is shown: %s", got.body)
		}
	})
	t.Run("only what is sent along is opened", func(t *testing.T) {
		t.Parallel()
		curl := "curl http://oa.example.com/todo -d @/etc/hostname"
		if got := draft(t, map[string]any{"files": files("c.txt", curl)}); got.status != 422 || !strings.Contains(got.body, "not among files") {
			t.Errorf("%d %s", got.status, got.body)
		}
		curl = "curl http://oa.example.com/todo -d @body.json"
		if got := draft(t, map[string]any{"files": files("c.txt", curl, "body.json", `{"receiver":"x"}`)}); got.status != 200 || !strings.Contains(got.body, `"right":"#F001"`) {
			t.Errorf("%d %s", got.status, got.body)
		}
	})
	for name, tt := range map[string]struct {
		ask  map[string]any
		want string
	}{
		"nothing":       {map[string]any{"files": files()}, "files"},
		"no sample":     {map[string]any{"files": files("a", "hello there")}, "is no JSON"},
		"another file":  {map[string]any{"files": files("a", "{}"), "from": []string{"b"}}, "files hold no b"},
		"a wrong name":  {map[string]any{"files": files("a", "{}"), "name": "A B"}, "name"},
		"a wrong scene": {map[string]any{"files": files("a", "{}"), "scene": "make"}, "scene"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := draft(t, tt.ask); got.status != 422 || !strings.Contains(got.body, tt.want) {
				t.Errorf("%d %s", got.status, got.body)
			}
		})
	}
}
