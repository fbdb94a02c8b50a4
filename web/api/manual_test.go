package api_test

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode"

	"todosync/web/api"
)

// TestManualTwins wants a Chinese twin for all that the description of the API says to people.
func TestManualTwins(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	var doc map[string]any
	if err := json.Unmarshal([]byte(s.do(ask{path: "root:/openapi.json", token: "-"}).body), &doc); err != nil {
		t.Fatal(err)
	}
	said := map[string]bool{}
	var walk func(v any, within string)
	walk = func(v any, within string) {
		switch x := v.(type) {
		case map[string]any:
			for k, below := range x {
				text, ok := below.(string)
				if ok && (k == "summary" || k == "description") && within != "info" {
					said[text] = true
				}
				walk(below, k)
			}
		case []any:
			for _, below := range x {
				walk(below, within)
			}
		}
	}
	walk(doc, "")
	if len(said) < 200 {
		t.Fatalf("only %d texts", len(said))
	}
	for text := range said {
		zh := api.Described(text, true)
		if zh == text && strings.ContainsFunc(text, unicode.IsLower) && strings.Contains(text, " ") || strings.TrimSpace(zh) == "" {
			t.Errorf("%q has no Chinese twin; write it in manualtwins.go", text)
		}
		if api.Described(text, false) != text {
			t.Errorf("%q is not kept in English", text)
		}
	}
}
