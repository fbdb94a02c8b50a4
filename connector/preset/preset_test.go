package preset_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"todosync/connector"
	"todosync/connector/file"
	"todosync/connector/preset"
	"todosync/mapping"
)

var update = flag.Bool("update", false, "write the goldens anew")

// answers gives each variable that a preset requires the value of the goldens.
func answers() map[string]string {
	return map[string]string{
		"base": "http://oa.example.com", "registerCode": "3004", "syscode": "crm", "appId": "500723908",
		"headImg": "https://oa.example.com/crm.png", "appName": "CRM",
		"approvalCode": "84C18825-A3D2-41D0-891F-E7A2424C5D48", "agentId": "1000002",
	}
}

// connection is a connection that names a preset and gives what it requires, nothing else.
func connection(t *testing.T, name string, more map[string]string) *connector.Connection {
	t.Helper()
	asked, err := preset.Settings(name)
	if err != nil {
		t.Fatal(err)
	}
	variables := map[string]string{}
	for _, v := range asked.Variables {
		if v.Required {
			variables[v.Name] = answers()[v.Name]
		}
	}
	maps.Copy(variables, more)
	src, err := json.Marshal(map[string]any{
		"apiVersion": connector.APIVersion, "kind": "Connection", "tenant": "714439", "name": "oa", "preset": name, "variables": variables,
	})
	if err != nil {
		t.Fatal(err)
	}
	docs, problems := file.Parse(name+".json", src, file.Options{CheckPublicURL: true, PublicURL: "https://todo.example.com"})
	if len(problems) > 0 {
		t.Fatalf("a connection with what the preset asks for is not complete:\n%s", problems)
	}
	var secrets []string
	for _, s := range asked.Secrets {
		secrets = append(secrets, s.Name)
	}
	slices.Sort(secrets)
	if diff := cmp.Diff(secrets, docs[0].Secrets); diff != "" {
		t.Errorf("secrets that are asked for and used (-asked +used):\n%s", diff)
	}
	return docs[0].Connection
}

// event is a preset's sample as an event of a kind and action.
func event(t *testing.T, name string, kind connector.Kind, action connector.Action) *connector.Event {
	t.Helper()
	raw, err := preset.Event(name)
	if err != nil {
		t.Fatal(err)
	}
	if kind == connector.KindReminder {
		raw = bytes.Replace(raw, []byte(`"todo": {`), []byte(`"reminder": {`), 1)
	}
	e, rejection := connector.ParseEvent(connector.Incoming{
		Sequence: 1, Subject: "crm.714439." + string(kind) + "." + string(action), Data: raw, Time: at(),
	}, "")
	if rejection != nil {
		t.Fatalf("the sample event: %+v", rejection)
	}
	return e
}

func at() time.Time { return time.Date(2024, 11, 5, 1, 30, 1, 0, time.UTC) }

// bindings are those of the receivers and the sender of the samples.
func bindings() map[string]connector.Binding {
	return map[string]connector.Binding{
		"1001": {User: "1001", Account: "lilei", AccountName: "李雷"},
		"1002": {User: "1002", Account: "hanmeimei", AccountName: "韩梅梅"},
		"1003": {User: "1003", Account: "lintao"},
	}
}

// TestGoldens renders every scene of every preset with its sample event.
func TestGoldens(t *testing.T) {
	t.Parallel()
	scenes := map[connector.Scene]struct {
		kind   connector.Kind
		action connector.Action
	}{
		connector.SceneCreate: {connector.KindTodo, connector.ActionCreate},
		connector.SceneEdit:   {connector.KindTodo, connector.ActionEdit},
		connector.SceneDone:   {connector.KindTodo, connector.ActionEdit},
		connector.SceneDelete: {connector.KindTodo, connector.ActionDelete},
		connector.SceneRemind: {connector.KindReminder, connector.ActionCreate},
	}
	for _, name := range preset.Names() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := connection(t, name, nil)
			if name == "wialon" { // no todos go there
				if len(c.Scenes) != 0 || c.SignOn == nil || !c.SignOn.ContactsOnly {
					t.Errorf("%+v", c)
				}
				return
			}
			p, err := connector.Compile(1, 1, c, nil, connector.CompileOptions{PublicURL: "https://todo.example.com"})
			if err != nil {
				t.Fatal(err)
			}
			for scene, of := range scenes {
				if !p.On(scene) {
					recreated := scene == connector.SceneEdit && c.EditAs == connector.EditAsRecreate
					if !recreated && (name != "dingtalk" || scene != connector.SceneRemind) { // DingTalk's todos have no reminders
						t.Errorf("scene %s is off", scene)
					}
					continue
				}
				out, err := p.Preview(event(t, name, of.kind, of.action), scene, bindings(), at())
				if err != nil {
					t.Errorf("%s: %v", scene, err)
					continue
				}
				golden(t, name, string(scene), written(out))
			}
			if c.Token != nil {
				golden(t, name, "token", token(t, c))
			}
		})
	}
}

// TestWeaverPrefixes renders with the variables that have variants.
func TestWeaverPrefixes(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"weaver", "weaver-soap"} {
		c := connection(t, name, map[string]string{
			"pcPrefix": "https://oa.example.com/sso?to=", "appPrefix": "https://m.example.com", "creator": "crm-robot",
		})
		p, err := connector.Compile(1, 1, c, nil, connector.CompileOptions{PublicURL: "https://todo.example.com"})
		if err != nil {
			t.Fatal(err)
		}
		out, err := p.Preview(event(t, name, connector.KindTodo, connector.ActionCreate), connector.SceneCreate,
			map[string]connector.Binding{"1002": {User: "1002", Account: "hanmeimei"}}, at())
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{
			`"pcurl":"https://oa.example.com/sso?to=/oa/weaver/714439/oa/todo/QuoteObj/6729aa"`,
			`"appurl":"https://m.example.com/oa/weaver/714439/oa/todo/QuoteObj/6729aa?device=mobile"`,
			`"creator":"crm-robot"`,
		} {
			if got := out[0].Body; !strings.Contains(got, want) {
				t.Errorf("%s: want %s in\n%s", name, want, got)
			}
		}
		// A reminder that is about no record leads to the CRM's home page.
		e := event(t, name, connector.KindReminder, connector.ActionCreate)
		bare := bytes.Replace(e.Payload, []byte(`"object": {"apiName": "QuoteObj", "label": "报价单", "dataId": "6729aa", "name": "Q-2024-118"},`), nil, 1)
		e, rejection := connector.ParseEvent(connector.Incoming{Sequence: 1, Subject: "crm.714439.reminder.create", Data: bare, Time: at()}, "")
		if rejection != nil {
			t.Fatal(rejection)
		}
		out, err = p.Preview(e, connector.SceneRemind, bindings(), at())
		if err != nil {
			t.Fatal(err)
		}
		if got, want := out[0].Body, `"appurl":"https://m.example.com/oa/weaver/714439/oa/home?device=mobile"`; !strings.Contains(got, want) {
			t.Errorf("%s: want %s in\n%s", name, want, got)
		}
	}
}

// TestUnboundSender renders with a sender who has no account, where the OA wants one.
func TestUnboundSender(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"weaver": `"creator":"hanmeimei"`, "weaver-soap": `"creator":"hanmeimei"`, "welink": `"applicantUserId": "hanmeimei"`,
	} {
		p, err := connector.Compile(1, 1, connection(t, name, nil), nil, connector.CompileOptions{PublicURL: "https://todo.example.com"})
		if err != nil {
			t.Fatal(err)
		}
		out, err := p.Preview(event(t, name, connector.KindTodo, connector.ActionCreate), connector.SceneCreate,
			map[string]connector.Binding{"1002": {User: "1002", Account: "hanmeimei"}}, at())
		if err != nil {
			t.Fatal(err)
		}
		if got := out[0].Body; !strings.Contains(got, want) {
			t.Errorf("%s: want %s in\n%s", name, want, got)
		}
	}
}

// TestLandrayPassword sends the password in the form that a variable names.
func TestLandrayPassword(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, form, want string }{
		{"landray", "", "${secret:landray-password|md5}"},
		{"landray", "plain", "${secret:landray-password}"},
		{"landray-rest", "", "${secret:landray-password}"},
		{"landray-rest", "md5", "${secret:landray-password|md5}"},
	} {
		more := map[string]string{}
		if tt.form != "" {
			more["passwordForm"] = tt.form
		}
		if got := string(connection(t, tt.name, more).Variables["password"]); got != tt.want {
			t.Errorf("%s with passwordForm %q: want %s, got %s", tt.name, tt.form, tt.want, got)
		}
	}
}

// TestSettings holds what is asked for against the settings themselves.
func TestSettings(t *testing.T) {
	t.Parallel()
	for _, name := range preset.Names() {
		asked, err := preset.Settings(name)
		if err != nil {
			t.Fatal(err)
		}
		c := connection(t, name, nil)
		for _, v := range asked.Variables {
			if got := string(c.Variables[v.Name]); !v.Required && got != v.Default {
				t.Errorf("%s: variable %s: asked for with default %q, and is %q", name, v.Name, v.Default, got)
			}
			if v.About.ZH == "" || v.About.EN == "" {
				t.Errorf("%s: variable %s is not explained in both languages", name, v.Name)
			}
		}
		readme, err := preset.Readme(name)
		if err != nil || !bytes.Contains(readme, []byte("## In English")) {
			t.Errorf("%s: README: %v, or not in both languages", name, err)
		}
	}
	if _, err := preset.Settings("../file"); err == nil {
		t.Error("a name that is no preset gives settings")
	}
}

// written is how requests stand in a golden.
func written(requests []connector.Preview) []byte {
	var b bytes.Buffer
	for i, r := range requests {
		if i > 0 {
			b.WriteString("\n\n")
		}
		fmt.Fprintf(&b, "%s %s\n", r.Method, r.Address)
		for _, h := range r.Headers {
			fmt.Fprintf(&b, "%s: %s\n", h.Name, h.Value)
		}
		b.WriteString("\n" + r.Body)
	}
	return b.Bytes()
}

// token is the request for a token as it stands in a golden.
func token(t *testing.T, c *connector.Connection) []byte {
	t.Helper()
	variables := map[string]string{}
	for name, v := range c.Variables {
		variables[name] = string(v)
	}
	fields, err := mapping.ParseFields(nil, nil, "")
	if err != nil {
		t.Fatal(err)
	}
	text := func(src string, place mapping.Place) string {
		template, err := mapping.Compile(src, mapping.Options{Place: place, Variables: variables, Fields: fields, Receivers: mapping.Each})
		if err != nil {
			t.Fatal(err)
		}
		out, err := template.Append(nil, &mapping.Scope{TryTime: at()}, mapping.Stored)
		if err != nil {
			t.Fatal(err)
		}
		return mapping.Mask(string(out))
	}
	r := c.Token.Request
	return []byte(r.Method + " " + text(r.Address, mapping.Address) + "\n\n" + text(r.Body, mapping.Body))
}

func golden(t *testing.T, name, scene string, got []byte) {
	t.Helper()
	path := filepath.Join(name, "want", scene+".golden")
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}
