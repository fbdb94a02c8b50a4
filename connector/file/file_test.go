package file

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"todosync/connector"
	"todosync/mapping"
	"todosync/retry"
)

// head begins a connection file; what follows stands from line 5 on.
const head = "apiVersion: todosync/v1\nkind: Connection\ntenant: \"714439\"\nname: oa\n"

// create is a scene that is right.
const create = "scenes: {create: {address: \"http://oa.example.com\", body: '{\"id\":\"#F012\"}'}}\n"

// one parses a file that must hold one right document.
func one(t *testing.T, src string) Document {
	t.Helper()
	docs, problems := Parse("a.yaml", []byte(src), Options{})
	if err := problems.Err(); err != nil || len(docs) != 1 {
		t.Fatalf("%d documents, and:\n%v", len(docs), err)
	}
	return docs[0]
}

func TestManualsSamples(t *testing.T) {
	t.Parallel()
	docs, problems := ReadFiles([]string{"testdata/good"}, Options{})
	if err := problems.Err(); err != nil {
		t.Fatal(err)
	}
	if len(docs) != 4 {
		t.Fatalf("want 4 documents, got %d", len(docs))
	}
	var got []string
	for _, d := range docs {
		got = append(got, fmt.Sprint(filepath.Base(d.File), " ", d.Kind, " ", d.Line, " ", d.Secrets))
	}
	want := []string{
		"portal.json Connection 2 [app]",
		"rest.yaml Connection 1 [seeyon-app-key seeyon-password seeyon-user]",
		"tenant.yaml Tenant 1 [hook]",
		"webservice.yaml Connection 1 []",
	}
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("documents (-want +got):\n%s", diff)
	}
}

func TestSampleIsAllMembers(t *testing.T) {
	t.Parallel()
	src, err := os.ReadFile("testdata/good/rest.yaml")
	if err != nil {
		t.Fatal(err)
	}
	c := one(t, string(src)).Connection
	want := connector.Result{
		CodeName: "code", MsgName: "message", SuccessCode: connector.Texts{"0"},
		Duplicate: connector.AnswerMatch{Codes: connector.Texts{}, Messages: connector.Texts{"已存在"}},
		Gone:      connector.AnswerMatch{Codes: connector.Texts{}, Messages: connector.Texts{"】不存在"}},
		Partial:   connector.PartialMatch{Codes: connector.Texts{}},
	}
	if diff := cmp.Diff(want, c.Result); diff != "" {
		t.Errorf("result (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]connector.Text{"base": "http://oa.example.com"}, c.Variables); diff != "" {
		t.Errorf("variables (-want +got):\n%s", diff)
	}
	if got := c.Limits.Rate.String(); got != "100/s" {
		t.Errorf("rate: %s", got)
	}
	if c.Scenes[connector.SceneEdit].Enabled || !c.Scenes[connector.SceneCreate].Enabled {
		t.Error("scenes: edit must be off, create on")
	}
	if got := c.Headers["Accept"]; got != "application/json" {
		t.Errorf("a header that only the preset has: %q", got)
	}
}

func TestDefaults(t *testing.T) {
	t.Parallel()
	got := one(t, head+create).Connection
	want := connector.Defaults()
	want.Tenant, want.Name = "714439", "oa"
	want.Scenes = map[connector.Scene]*connector.SceneSettings{connector.SceneCreate: {
		Enabled: true, Method: "POST", Address: "http://oa.example.com", Body: `{"id":"#F012"}`,
	}}
	if diff := cmp.Diff(&want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]retry.Class{"network", "timeout", "http_429", "http_5xx", "token"}, got.Retry.On); diff != "" {
		t.Errorf("retry.on (-want +got):\n%s", diff)
	}
	if got := got.Retry.Schedule[4].String(); got != "30m" {
		t.Errorf("last wait: %s", got)
	}
}

// TestMerge holds what a file says against what comes of it; each got is a part of the settings as JSON.
func TestMerge(t *testing.T) {
	t.Parallel()
	seeyon := head + "preset: seeyon\nvariables: {base: \"http://oa.example.com\", registerCode: 3004}\n"
	yunzhijia := head + "preset: yunzhijia\nvariables: {appId: 1, headImg: \"https://x.example.com/y.png\"}\n"
	tests := map[string]struct {
		src  string
		part func(c *connector.Connection) any
		want string
	}{
		"a number is taken as written": {
			head + create + "variables: {a: 007, b: 1.50, c: true, d: 1e3}\n",
			func(c *connector.Connection) any { return c.Variables },
			`{"a":"007","b":"1.50","c":"true","d":"1e3"}`,
		},
		"one code or a list": {
			head + create + "result: {codeName: a, successCode: [0, true, \"x\"]}\n",
			func(c *connector.Connection) any { return c.Result.SuccessCode }, `["0","true","x"]`,
		},
		"a member of a mapping goes over the preset's": {
			seeyon + "token: {ttl: 5m}\n",
			func(c *connector.Connection) any { return []any{c.Token.TTL, c.Token.Value, c.Token.Refuse} }, `["5m","id",["-1"]]`,
		},
		"a list replaces": {
			seeyon + "token: {refuse: []}\n", func(c *connector.Connection) any { return len(c.Token.Refuse) }, `0`,
		},
		"null removes": {
			seeyon + "token: null\nscenes: {remind: ~}\nheaders: {Accept: null}\n",
			func(c *connector.Connection) any { return []any{c.Token, len(c.Scenes), c.Headers} },
			`[null,3,{"Content-Type":"application/json;charset=UTF-8"}]`,
		},
		"null of a plain member is the default": {
			head + create + "timeouts: {total: null}\n", func(c *connector.Connection) any { return c.Timeouts.Total }, `"1m"`,
		},
		"a header in other letters is the same header": {
			seeyon + "headers: {content-type: application/json}\n",
			func(c *connector.Connection) any { return c.Headers }, `{"Accept":"application/json","content-type":"application/json"}`,
		},
		"one way to send a token replaces the other": {
			seeyon + "token: {send: {query: accessToken}}\n",
			func(c *connector.Connection) any { return c.Token.Send }, `{"query":"accessToken"}`,
		},
		"one source of a field replaces the other": {
			seeyon + "fields: {F901: {value: \"0\", map: null, default: null}}\n",
			func(c *connector.Connection) any { return c.Fields["F901"] }, `{"value":"0","label":"致远处理结果 subState"}`,
		},
		"a short form replaces a long one": {
			yunzhijia + "receivers: each\n", func(c *connector.Connection) any { return c.Receivers }, `"each"`,
		},
		"a long form goes over a long one": {
			yunzhijia + "receivers: {max: 50}\n", func(c *connector.Connection) any { return c.Receivers }, `{"as":"list","max":50}`,
		},
		"a scene takes over how receivers are told": {
			yunzhijia + "scenes: {done: {receivers: {max: 5}}}\n",
			func(c *connector.Connection) any { return c.Scenes["done"].Receivers }, `{"as":"list","max":5}`,
		},
		"a scene is on, and off where it says so": {
			seeyon + "scenes: {done: {enabled: false}, create: {headers: {X-A: b}}}\n",
			func(c *connector.Connection) any { return []any{c.Scenes["done"].Enabled, c.Scenes["create"].Enabled} }, `[false,true]`,
		},
		"a scene's result is the connection's but for what it says": {
			head + "result: {codeName: a, msgName: m, successCode: 1}\n" +
				"scenes: {create: {address: \"http://oa.example.com\", body: '{}', result: {successCode: 2}}}\n",
			func(c *connector.Connection) any {
				r := c.Scenes["create"].Result
				return []any{r.CodeName, r.MsgName, r.SuccessCode, c.Result.SuccessCode}
			}, `["a","m",["2"],["1"]]`,
		},
		"a web service's answer stands in out": {
			head + "protocol: webservice\nresult: {codeName: a, successCode: 1}\n",
			func(c *connector.Connection) any { return c.Result.XMLJSONField }, `"out"`,
		},
		"an empty xmlJsonField is none": {
			head + "protocol: webservice\nresult: {xmlJsonField: \"\"}\n",
			func(c *connector.Connection) any { return c.Result.XMLJSONField }, `""`,
		},
		"an unanswered message is held": {
			head + "scenes: {message: {address: \"http://oa.example.com\", body: '{\"t\":\"#F012\"}'}}\n",
			func(c *connector.Connection) any { return c.Retry.Unanswered }, `"hold"`,
		},
		"an anchor": {
			head + "scenes:\n  create: &c {address: \"http://oa.example.com\", body: '{}'}\n  edit:\n    <<: *c\n    body: '{\"a\":1}'\n",
			func(c *connector.Connection) any { return []any{c.Scenes["edit"].Address, c.Scenes["edit"].Body} },
			`["http://oa.example.com","{\"a\":1}"]`,
		},
		"sign-on clocks": {
			seeyon + "signOn: {skew: {past: 1m}}\n",
			func(c *connector.Connection) any { return c.SignOn },
			`{"vendor":"seeyon","skew":{"past":"1m","future":"1m"},"base":["${base}"]}`,
		},
		"variables in a field's constant": {
			head + "variables: {site: north}\nfields: {F201: {value: \"a-${site}-$${site}\"}}\n" + create,
			func(c *connector.Connection) any { return c.Fields["F201"] }, `{"value":"a-north-${site}"}`,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := json.Marshal(tt.part(one(t, tt.src).Connection))
			if err != nil {
				t.Fatal(err)
			}
			if string(got) != tt.want {
				t.Errorf("want %s, got %s", tt.want, got)
			}
		})
	}
}

// TestPresetsAreShared parses one preset twice in one call, since a preset is read once and used by all.
func TestPresetsAreShared(t *testing.T) {
	t.Parallel()
	docs, problems := Parse("a.yaml", []byte(strings.Replace(head, "name: oa", "name: a", 1)+
		"preset: weaver\nvariables: {base: \"http://a.example.com\", syscode: a, pcPrefix: \"https://p.example.com\"}\nresult: {successCode: 9}\nscenes: {create: {result: {msgName: x}}}\n---\n"+
		head+"preset: weaver\nvariables: {base: \"http://b.example.com\", syscode: b}\n"), Options{})
	if err := problems.Err(); err != nil {
		t.Fatal(err)
	}
	b := docs[1].Connection
	if b.Scenes["create"].Result != nil || b.Result.SuccessCode[0] != "1" || b.Fields["F903"].From != "F117" {
		t.Errorf("what the first document says has reached the second: %+v, %+v", b.Result, b.Fields["F903"])
	}
}

// TestSettingsAsJSON holds that a stored revision, which is the settings as JSON, is read back as it was.
func TestSettingsAsJSON(t *testing.T) {
	t.Parallel()
	docs, problems := ReadFiles([]string{"testdata/good"}, Options{})
	for _, name := range []string{"weaver-soap", "landray-rest", "welink"} {
		more, ps := Parse("a.yaml", []byte(head+"preset: "+name+"\nvariables: {base: \"http://a.example.com\", syscode: a, appName: b}\n"), Options{})
		docs, problems = append(docs, more...), append(problems, ps...)
	}
	if problems.Err() != nil || len(docs) != 7 {
		t.Fatal(len(docs), problems)
	}
	for _, d := range docs {
		var got connector.Connection
		var tenant connector.Tenant
		if d.Tenant != nil {
			again(t, d.Tenant, &tenant)
			continue
		}
		again(t, d.Connection, &got)
	}
}

func again(t *testing.T, want, got any) {
	t.Helper()
	raw, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, got); err != nil {
		t.Fatalf("%v\n%s", err, raw)
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestSourceIsCanonical(t *testing.T) {
	t.Parallel()
	a := one(t, head+create+"headers: {B: 1, A: x}\ntitle: T\n")
	b := one(t, "# words\ntitle: T\nheaders:\n  A: 'x'\n  B: \"1\"\n"+create+
		"name: \"oa\"\ntenant: 714439\nkind: Connection\napiVersion: todosync/v1\n")
	if diff := cmp.Diff(string(a.Source), string(b.Source)); diff != "" {
		t.Errorf("two files that say the same differ:\n%s", diff)
	}
	c := one(t, string(a.Source))
	if string(c.Source) != string(a.Source) || c.Line != 1 {
		t.Errorf("read again from its source it is %s", c.Source)
	}
}

func TestReadFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name, text string) {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("b/c.yml", head+create)
	write("b/a.json", `{"apiVersion":"todosync/v1","kind":"Tenant","tenant":"714439","fields":{"F201":{"path":"todo.ext.amount"}}}`)
	write("b/z.yaml", "# nothing\n")
	write("b/.hidden/x.yaml", "kind: nonsense\n")
	write("b/readme.md", "no settings")
	write("b/d.yaml", "---\n"+strings.Replace(head, "name: oa", "name: two", 1)+
		"scenes: {create: {address: \"http://oa.example.com\", body: '{\"a\": #F201}'}}\n")
	docs, problems := ReadFiles([]string{dir, filepath.Join(dir, "b", "c.yml")}, Options{})
	if err := problems.Err(); err != nil {
		t.Fatalf("a tenant's code, and a file named twice: %v", err)
	}
	if len(docs) != 3 || len(problems) != 1 || !strings.Contains(problems[0].Message, "no document") {
		t.Errorf("want 3 documents and a word about z.yaml, got %d and %v", len(docs), problems)
	}
	write("e.yaml", "\n---\n"+head+create)
	docs, problems = ReadFiles([]string{dir}, Options{})
	want := filepath.Join(dir, "e.yaml") + ":6:7: name: the same connection 714439/oa stands in " + filepath.Join(dir, "b/c.yml") + ", line 1, too"
	if got := problems.Err(); got == nil || !strings.Contains(got.Error(), want) || len(docs) != 3 {
		t.Errorf("want %s\ngot %v", want, got)
	}
	_, problems = ReadFiles([]string{filepath.Join(dir, "none.yaml"), t.TempDir()}, Options{})
	if len(problems) != 2 || problems.Err() == nil {
		t.Errorf("a file that is not there and an empty folder: %v", problems)
	}
}

func TestDocumentProblem(t *testing.T) {
	t.Parallel()
	docs, problems := Parse("a.yaml", []byte("---\n"+head+create+"headers:\n  X.Y: a\n"), Options{})
	if problems.Err() != nil {
		t.Fatal(problems)
	}
	for path, want := range map[string]string{
		"headers.X.Y": "a.yaml:8:8: headers.X.Y: bad", "scenes.create.body": "a.yaml:6:59: scenes.create.body: bad",
		"title": "a.yaml:2:1: title: bad",
	} {
		if got := docs[0].Problem(path, "bad").String(); got != want {
			t.Errorf("want %s, got %s", want, got)
		}
	}
}

func TestOptions(t *testing.T) {
	t.Parallel()
	src := head + "scenes:\n  create:\n    address: http://${env:OA_HOST}/x\n    body: |\n      {\"a\": \"#F201\",\n       \"u\": \"#F117\"}\n"
	fields := func(tenant string) map[string]mapping.Field {
		return map[string]mapping.Field{"F201": {Path: "todo.ext." + tenant}}
	}
	docs, problems := Parse("a.yaml", []byte(src), Options{
		CheckPublicURL: true, PublicURL: "https://t.example.com", TenantFields: fields,
		Env: func(name string) (string, bool) { return "oa.example.com", name == "OA_HOST" },
	})
	if len(problems) > 0 || len(docs) != 1 {
		t.Errorf("with all that it needs: %v", problems)
	}
	_, problems = Parse("a.yaml", []byte(src), Options{CheckPublicURL: true, Env: func(string) (string, bool) { return "", false }})
	var got []string
	for _, p := range problems {
		got = append(got, fmt.Sprint(p.Line, ":", p.Column))
	}
	if diff := cmp.Diff([]string{"7:21", "9:14"}, got); diff != "" {
		t.Errorf("without: places (-want +got):\n%s\n%v", diff, problems)
	}
}

// The examples of the README go into a server without --public-url: only a scene that is off names sign-on addresses.
func TestRepositoryExamples(t *testing.T) {
	t.Parallel()
	docs, problems := ReadFiles([]string{"../../examples/connections"}, Options{CheckPublicURL: true})
	if len(problems) > 0 {
		t.Error(problems)
	}
	if len(docs) != 2 {
		t.Errorf("%d documents, want 2", len(docs))
	}
	src, err := os.ReadFile("../../examples/connections/seeyon.yaml")
	if err != nil {
		t.Fatal(err)
	}
	on := strings.Replace(string(src), "remind: {enabled: false}", "remind: {enabled: true}", 1)
	if _, problems := Parse("a.yaml", []byte(on), Options{CheckPublicURL: true}); !strings.Contains(problems.Error(), "--public-url") {
		t.Errorf("with the scene on: %v, want a word about --public-url", problems)
	}
}
