package file

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"todosync/connector/preset"
)

func TestEditKeepsWhatItDoesNotTouch(t *testing.T) {
	t.Parallel()
	const text = `# a connection
apiVersion: todosync/v1
kind: Connection
tenant: "714439" # the CRM's number
name: oa
variables:
  base: http://oa.example.com   # in the data centre
headers: {X-A: one, X-B: two}
retry:
  schedule:
  - 10s
  - 30s
scenes:
  # the first
  create:
    address: ${base}/a
    body: |
      {"id": "#F012"}

  # the last
  done: {enabled: false}
# the end
`
	for _, c := range []struct {
		about string
		path  []string
		value string
		old   string // of text
		now   string // in its place
	}{
		{"a body", []string{"scenes", "create", "body"}, `"{\"id\": \"#F123\",\n \"x\": 1}\n"`, "      {\"id\": \"#F012\"}\n", "      {\"id\": \"#F123\",\n       \"x\": 1}\n"},
		{"a value with a remark", []string{"variables", "base"}, `"https://oa.example.com/#/x"`, "base: http://oa.example.com ", `base: "https://oa.example.com/#/x" `},
		{"a quoted value", []string{"tenant"}, `"1"`, `"714439" #`, `"1" #`},
		{"a member of a flow mapping", []string{"headers", "X-A"}, `"three"`, "headers: {X-A: one, X-B: two}\n", "headers:\n  X-A: three\n  X-B: two\n"},
		{"a list", []string{"retry", "schedule"}, `["1m"]`, "  schedule:\n  - 10s\n  - 30s\n", "  schedule: [1m]\n"},
		{"a new member", []string{"variables", "app"}, `"crm"`, "in the data centre\n", "in the data centre\n  app: crm\n"},
		{"a new mapping", []string{"limits", "concurrency"}, `4`, "# the end\n", "limits:\n  concurrency: 4\n# the end\n"},
		{"a scene more", []string{"scenes", "edit", "address"}, `"${base}/e"`, "  done: {enabled: false}\n", "  done: {enabled: false}\n  edit:\n    address: ${base}/e\n"},
		{"one that goes", []string{"name"}, `null`, "name: oa\n", ""},
		{"the last one of a mapping", []string{"variables", "base"}, `null`, "variables:\n  base: http://oa.example.com   # in the data centre\n", "variables: {}\n"},
		{"none that was not there", []string{"proxy"}, `null`, "", ""},
		{"the same", []string{"name"}, `"oa"`, "", ""},
	} {
		t.Run(c.about, func(t *testing.T) {
			t.Parallel()
			got, err := Edit(text, "en", []Change{{c.path, json.RawMessage(c.value)}})
			if err != nil {
				t.Fatal(err)
			}
			if c.old != "" && strings.Count(text, c.old) != 1 {
				t.Fatalf("%q is not once in the text", c.old)
			}
			if want := strings.Replace(text, c.old, c.now, 1); want != got.Text {
				t.Errorf("want\n%s\ngot\n%s", want, got.Text)
			}
		})
	}
}

func TestEditTellsWhereTextsStand(t *testing.T) {
	t.Parallel()
	got, err := Edit("---\nname: oa\nscenes:\n  create:\n    address: 'http://x'\n    body: |\n      {\n      }\n", "en", nil)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]Place{"name": {2, 7, 0, false}, "scenes.create.address": {5, 15, 0, false}, "scenes.create.body": {7, 1, 6, true}}
	if !reflect.DeepEqual(want, got.Places) {
		t.Errorf("want %v, got %v", want, got.Places)
	}
	if want, got := `{"name":"oa","scenes":{"create":{"address":"http://x","body":"{\n}\n"}}}`, string(got.Source); want != got {
		t.Errorf("want %s, got %s", want, got)
	}
}

// Whatever is edited, the text says what was wanted afterwards.
func TestEditOfPresetsAndOfOddFiles(t *testing.T) {
	t.Parallel()
	texts := []string{
		"", "# nothing yet\n", "name: oa", "{\"name\": \"oa\", \"scenes\": {}}", "name: &n oa\ntitle: *n\n", "scenes: {create: {body: x}}\n", "scenes:\n", "scenes: text\n",
		"\"scenes\":\n    'create':\n        body: >-\n            folded\n            text\n\n\n", "a:\n  - b: 1\n    c: 2\nscenes:\n  create: {}\n", "scenes:\r\n  create:\r\n    body: x\r\n",
	}
	for _, name := range preset.Names() {
		src, err := preset.Source(name)
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, string(src))
	}
	for _, text := range texts {
		for _, c := range []Change{
			{[]string{"scenes", "create", "body"}, json.RawMessage(`"a\n  b: #F001\n"`)},
			{[]string{"scenes", "create", "body"}, json.RawMessage(`" leading\nand \"quotes\" # no comment"`)},
			{[]string{"scenes", "create", "headers", "X-Trace"}, json.RawMessage(`"${uuid}"`)},
			{[]string{"scenes", "done"}, nil},
			{[]string{"retry", "enabled"}, json.RawMessage(`false`)},
		} {
			before, _, _, err := onlyDocument(text, "en")
			if err != nil {
				t.Fatalf("%q: %v", text, err)
			}
			value, err := nodeOf(c.Value)
			if err != nil {
				t.Fatal(err)
			}
			before.put(c.Path, value)
			got, err := Edit(text, "en", []Change{c})
			if err != nil {
				t.Fatalf("%q: %v", text, err)
			}
			after, _, _, err := onlyDocument(got.Text, "en")
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(tree(before), tree(after)) {
				t.Errorf("%v in\n%s\ngives\n%s", c.Path, text, got.Text)
			}
		}
	}
	for _, text := range []string{"a: [", "- a\n", "a: 1\n---\nb: 2\n", "text"} {
		if _, err := Edit(text, "zh", nil); err == nil {
			t.Errorf("%q: no error", text)
		}
	}
}
