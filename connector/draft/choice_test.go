package draft

import (
	"strings"
	"testing"
)

func TestChoicesGoBeforeGuesses(t *testing.T) {
	t.Parallel()
	sample := []Source{{Name: "sample", Text: []byte(`{"taskId": "8a2f01", "title": "Approve it", "password": "s3cret-9", "kind": "3"}`)}}
	o := Options{Tenant: "t1", Scene: "create", Choices: []Choice{
		{"create", "body", "taskId", "crm-#F123"}, {"create", "body", "title", "Approve it"}, {"create", "body", "password", "#F012"}, {"done", "body", "kind", "#F105"},
	}}
	d, err := From(sample, o)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]Guess{}
	for _, g := range d.Guesses {
		got[g.Field] = g
	}
	if g := got["taskId"]; g.Right != "crm-#F123" || g.Kind != "placeholder" || g.Reason != "chosen by hand" {
		t.Errorf("taskId: %+v", g)
	}
	if g := got["title"]; g.Right != "Approve it" || g.Kind != "constant" {
		t.Errorf("title: %+v", g)
	}
	if g := got["password"]; g.Kind != "secret" {
		t.Errorf("a secret has become %+v", g)
	}
	if g := got["kind"]; strings.Contains(g.Right, "#F105") {
		t.Errorf("a choice of another scene counts: %+v", g)
	}
	if !strings.Contains(d.File, `"crm-#F123"`) || strings.Contains(d.File, "s3cret-9") {
		t.Errorf("the file is\n%s", d.File)
	}
}
