package file

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

// TestSchema holds that every member is described, and nothing that is no member.
func TestSchema(t *testing.T) {
	t.Parallel()
	used := map[string]bool{}
	for _, kind := range []string{"connection", "Tenant"} {
		raw, err := Schema(kind)
		if err != nil {
			t.Fatal(err)
		}
		var schema map[string]any
		if err := json.Unmarshal(raw, &schema); err != nil {
			t.Fatal(err)
		}
		visit(t, kind, schema, used)
		if got := schema["$schema"]; got != "https://json-schema.org/draft/2020-12/schema" {
			t.Errorf("$schema: %v", got)
		}
	}
	for name, text := range descriptions() {
		if !used[text] {
			t.Errorf("%s is described and no member", name)
		}
		if !strings.HasSuffix(text, ".") {
			t.Errorf("%s: %q is not a sentence", name, text)
		}
	}
	if _, err := Schema("event"); err == nil {
		t.Error("there is a schema of what is not this package's")
	}
}

func visit(t *testing.T, path string, schema map[string]any, used map[string]bool) {
	t.Helper()
	if properties, ok := schema["properties"].(map[string]any); ok {
		for name, p := range properties {
			p := p.(map[string]any)
			text, _ := p["description"].(string)
			if text == "" {
				t.Errorf("%s.%s is not described", path, name)
			}
			used[text] = true
			visit(t, path+"."+name, p, used)
		}
	}
	for _, inner := range []string{"$defs", "patternProperties"} {
		if defs, ok := schema[inner].(map[string]any); ok {
			for name, d := range defs {
				visit(t, name, d.(map[string]any), used)
			}
		}
	}
	for _, inner := range []string{"items", "additionalProperties"} {
		if d, ok := schema[inner].(map[string]any); ok {
			visit(t, path, d, used)
		}
	}
	if forms, ok := schema["anyOf"].([]any); ok {
		for _, d := range forms {
			visit(t, path, d.(map[string]any), used)
		}
	}
}

// TestShapesAreComplete holds that every word type of package connector has its words here, so that a new one is not taken for
// any text.
func TestShapesAreComplete(t *testing.T) {
	t.Parallel()
	r := newReader(Options{})
	var walk func(path string, s *shape)
	free := []string{"string", "Text"}
	walk = func(path string, s *shape) {
		if s.form == textForm && s.enum == nil && !slices.Contains(free, s.typ.Name()) {
			t.Errorf("%s: the words of %s are not known to enumOf", path, s.typ)
		}
		for _, m := range s.members {
			walk(join(path, m.name), m.shape)
		}
		if s.elem != nil {
			walk(path, s.elem)
		}
	}
	walk("", r.connection)
	walk("", r.tenant)
}
