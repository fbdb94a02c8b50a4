package file

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"todosync/connector/preset"
)

// editorSchema compiles a schema as an editor does.
func editorSchema(t *testing.T, raw []byte) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("schema.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("schema.json")
	if err != nil {
		t.Fatalf("it is no JSON Schema: %v", err)
	}
	return s
}

func schemas(t *testing.T) map[string]*jsonschema.Schema {
	t.Helper()
	out := map[string]*jsonschema.Schema{}
	for _, kind := range []string{kindConnection, kindTenant} {
		raw, err := Schema(kind)
		if err != nil {
			t.Fatal(err)
		}
		out[kind] = editorSchema(t, raw)
	}
	return out
}

// asEditor reads the documents of a file as an editor does.
func asEditor(t *testing.T, src []byte) []any {
	t.Helper()
	var out []any
	for doc := range documents(string(src)) {
		var v any
		if err := yaml.Unmarshal([]byte(doc.text), &v); err != nil {
			t.Fatal(err)
		}
		raw, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		if v, err = jsonschema.UnmarshalJSON(bytes.NewReader(raw)); err != nil {
			t.Fatal(err)
		}
		if v != nil {
			out = append(out, v)
		}
	}
	return out
}

// TestSchemasTakeWhatIsRight holds the schemas against all settings files of this repository and all presets.
func TestSchemasTakeWhatIsRight(t *testing.T) {
	t.Parallel()
	all := schemas(t)
	files := map[string][]byte{}
	for _, pattern := range []string{"testdata/good/*", "../../examples/connections/*", "../../testdata/demo/connections/*", "../../testdata/demo/tenants.yaml"} {
		names, err := filepath.Glob(pattern)
		if err != nil || len(names) == 0 {
			t.Fatalf("%s: %v, %v", pattern, names, err)
		}
		for _, name := range names {
			src, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			files[name] = src
		}
	}
	for _, name := range preset.Names() {
		src, err := preset.Source(name)
		if err != nil {
			t.Fatal(err)
		}
		files["preset "+name] = []byte("apiVersion: todosync/v1\nkind: Connection\ntenant: \"1\"\nname: a\npreset: " + name + "\n" + string(src))
	}
	for name, src := range files {
		for _, doc := range asEditor(t, src) {
			kind, _ := doc.(map[string]any)["kind"].(string)
			if all[kind] == nil {
				t.Errorf("%s: kind %q", name, kind)
				continue
			}
			if err := all[kind].Validate(doc); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

// TestSchemasRefuseWhatIsWrong holds that an editor marks what Parse would tell of names and types.
func TestSchemasRefuseWhatIsWrong(t *testing.T) {
	t.Parallel()
	all := schemas(t)
	for name, src := range map[string]string{
		"an unknown member":   head + "titel: x\n",
		"one deep inside":     head + "scenes: {create: {adress: \"http://x\"}}\n",
		"an unknown scene":    head + "scenes: {creat: {}}\n",
		"a wrong word":        head + "protocol: soap\n",
		"an unknown preset":   head + "preset: seeyom\n",
		"a method":            head + "scenes: {create: {method: FETCH}}\n",
		"no boolean":          head + "enabled: perhaps\n",
		"a duration":          head + "timeouts: {total: soon}\n",
		"a rate":              head + "limits: {rate: 100}\n",
		"too many at once":    head + "limits: {concurrency: 5000}\n",
		"half a probe":        head + "down: {probe: [1s]}\n",
		"a list for a text":   head + "title: [a]\n",
		"a class":             head + "retry: {on: [weather]}\n",
		"receivers":           head + "receivers: some\n",
		"receivers as a list": head + "receivers: {as: list, max: 0}\n",
		"a reserved code":     head + "fields: {F150: {path: a}}\n",
		"a code":              head + "fields: {X: {path: a}}\n",
		"a field's member":    head + "fields: {F201: {paht: a}}\n",
		"a field's max":       head + "fields: {F201: {from: F055, max: 0}}\n",
		"a name":              strings.Replace(head, "name: oa", "name: OA 1", 1),
		"no name":             strings.Replace(head, "name: oa\n", "", 1),
		"another version":     strings.Replace(head, "todosync/v1", "todosync/v9", 1),
		"a tenant":            strings.Replace(head, "714439", "a b", 1),
	} {
		if all[kindConnection].Validate(asEditor(t, []byte(src))[0]) == nil {
			t.Errorf("%s is taken", name)
		}
	}
	tenant := "apiVersion: todosync/v1\nkind: Tenant\ntenant: \"714439\"\n"
	for name, src := range map[string]string{
		"a language": tenant + "language: fr\n", "a channel": tenant + "notify: {channels: [{type: pigeon}]}\n", "a name": tenant + "name: x\n",
	} {
		if all[kindTenant].Validate(asEditor(t, []byte(src))[0]) == nil {
			t.Errorf("%s is taken", name)
		}
	}
}

// TestSchemaDefaults holds that an editor shows what holds where nothing is said.
func TestSchemaDefaults(t *testing.T) {
	t.Parallel()
	raw, err := Schema("connection")
	if err != nil {
		t.Fatal(err)
	}
	var schema struct {
		Properties map[string]struct{ Default any }
		Defs       map[string]struct {
			Properties map[string]struct{ Default any }
		} `json:"$defs"`
	}
	if err := json.Unmarshal(raw, &schema); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]any{"enabled": true, "protocol": "rest", "receivers": "each", "unbound": "hold", "editAs": "edit", "reopen": "create", "timeZone": "Asia/Shanghai"} {
		if got := schema.Properties[name].Default; got != want {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
	for name, want := range map[string]any{
		"Timeouts.connect": "15s", "Limits.concurrency": 8.0, "SceneSettings.enabled": true, "SceneSettings.method": "POST", "RetrySettings.giveUpAfter": "2d", "DownSettings.after": 5.0,
		"TLSSettings.minVersion": "1.2", "SignOnSkew.past": "5m",
	} {
		def, member, _ := strings.Cut(name, ".")
		if got := schema.Defs[def].Properties[member].Default; got != want {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
}
