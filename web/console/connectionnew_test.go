package console

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"todosync/web/api"
)

func TestNewConnection(t *testing.T) {
	t.Parallel()
	says := editing()
	seeyon := map[string]any{
		"name": "seeyon", "title": text{"致远 OA", "Seeyon"}, "variables": []map[string]any{{"name": "base", "required": true, "about": text{"地址", "the address"}}},
		"secrets": []map[string]any{{"name": "seeyon-user", "about": text{"账号", "an account"}}}, "readme": "# 致远\n\n索取 **<b>编码**\n\n## In English\n\nask for a `register code`\n",
	}
	says["GET /presets"] = map[string]any{"items": []any{seeyon}}
	says["GET /presets/seeyon"] = seeyon
	says["GET /tenants"] = map[string]any{"items": []api.TenantState{{Tenant: "t1"}}}
	var started, secret, asked map[string]any
	read := func(into *map[string]any, answer any) func(*http.Request) any {
		return func(r *http.Request) any {
			*into = nil
			_ = json.NewDecoder(r.Body).Decode(into)
			return answer
		}
	}
	says["POST /presets/seeyon/connection"] = read(&started, map[string]any{"connection": "tenant: t1\nname: oa\npreset: seeyon\n"})
	says["PUT /secrets"] = read(&secret, nil)
	says["POST /draft"] = read(&asked, drafted{
		Connection: "tenant: t1\nname: oa\n", Preset: "seeyon", Vendor: "Seeyon", Decisions: []string{"what is <success>"},
		Guesses: []guess{{Scene: "create", Place: "body", Field: "title", Sample: "x", Right: "#F055", Label: "todo title", Kind: "placeholder", Reason: "it is a title"}, {Scene: "create", Place: "header", Field: "X-Key", Sample: "***", Right: "${secret:k}", Kind: "secret"}},
	})
	s := newSite(t, says)
	s.get("/connections/new").wants(http.StatusOK, "Seeyon", "needs: ", "<code>base</code>", "<code>seeyon-user</code>", "/connections/new?preset=seeyon", "From a sample", "From an empty file")
	s.get("/connections/new?preset=seeyon", true).wants(http.StatusOK, "致远 OA", `name="var-base"`, `name="secret-seeyon-user"`, "地址", "索取 <strong>").lacks("<b>", "ask for", "**")
	s.get("/connections/new?preset=seeyon").wants(http.StatusOK, "ask for a <code>register code</code>").lacks("索取")

	form := url.Values{"do": {"preset"}, "preset": {"seeyon"}, "tenant": {"t1"}, "name": {"oa"}, "var-base": {" http://oa "}, "secret-seeyon-user": {"s3cret-9"}}
	led := s.post("/connections/new", form)
	led.wants(http.StatusSeeOther)
	at := led.header.Get("Location")
	if !strings.HasPrefix(at, "/connections/new/edit?") || strings.Contains(at, "s3cret") {
		t.Errorf("led to %s", at)
	}
	s.get(at).wants(http.StatusOK, "preset: seeyon", `name="revision" value="0"`).lacks("s3cret-9")
	if v, _ := started["variables"].(map[string]any); v["base"] != "http://oa" || secret["value"] != "s3cret-9" || secret["tenant"] != "t1" {
		t.Errorf("the file was asked for with %v, the secret set with %v", started, secret)
	}
	s.who, secret = &api.Principal{Name: "ingo", Role: api.Integrate}, nil
	s.get("/connections/new?preset=seeyon").wants(http.StatusOK, "an admin sets it").lacks(`type="password"`)
	s.post("/connections/new", form).wants(http.StatusSeeOther)
	if secret != nil {
		t.Error("who is no admin has set a secret")
	}

	form = url.Values{"do": {"sample"}, "sample": {`{"title":"x"}`}, "tenant": {"t1"}, "name": {"oa"}}
	s.post("/connections/new", form).wants(http.StatusOK, "it is a title", `name="right|create|body|title"`, "what is &lt;success&gt;", "This looks like").lacks(`name="right|create|header|X-Key"`)
	if asked["choices"] != nil {
		t.Errorf("choices that nobody made: %v", asked)
	}
	form.Set("was|create|body|title", "#F055")
	form.Set("right|create|body|title", "#F056")
	form.Set("open", "true")
	s.post("/connections/new", form).wants(http.StatusOK, `id="editor"`, "what is &lt;success&gt;")
	if got, _ := json.Marshal(asked["choices"]); string(got) != `[{"field":"title","place":"body","right":"#F056","scene":"create"}]` {
		t.Errorf("the choice came as %s", got)
	}

	led = s.post("/connections/new", url.Values{"do": {"empty"}, "tenant": {"t1\"\nx: y"}, "name": {"oa"}})
	s.get(led.header.Get("Location")).wants(http.StatusOK, "tenant: &#34;t1xy&#34;")
	says["POST /draft"] = &api.Problem{Status: 422, Detail: "sample: is no JSON"}
	s.post("/connections/new", form).wants(http.StatusUnprocessableEntity, "sample: is no JSON", `{&#34;title&#34;:&#34;x&#34;}`)
	s.who = &api.Principal{Name: "otto", Role: api.Operate}
	s.get("/connections/new").wants(http.StatusForbidden)
}
