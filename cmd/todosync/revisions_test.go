package main

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestRevisions saves a connection twice, sees what changed, and brings back what was.
func TestRevisions(t *testing.T) {
	t.Parallel()
	p := newProcess(t)
	p.start()
	dir := t.TempDir()
	conn := filepath.Join(dir, "one.yaml")
	first := strings.Replace(genericConnection("t1", "one", "http://127.0.0.1:9", ""), "headers: {", `headers: {X-Key: "${secret:key}", `, 1)
	write(t, conn, first)
	p.cli("secret", "set", "key", "--tenant", "t1", "--value", "hunter22-of-the-oa")
	p.cli("apply", "-f", conn)
	second := strings.Replace(first, "scenes:\n", "title: 二号\nscenes:\n", 1)
	write(t, conn, second)
	p.cli("apply", "-f", conn)

	has := func(out string, parts ...string) {
		t.Helper()
		for _, part := range parts {
			if !strings.Contains(out, part) {
				t.Errorf("want %q in\n%s", part, out)
			}
		}
		if strings.Contains(out, "hunter22") {
			t.Errorf("a secret came out:\n%s", out)
		}
	}
	lines := strings.Split(strings.TrimSpace(p.cli("connections", "revisions", "one", "--tenant", "t1")), "\n")
	if len(lines) != 3 {
		t.Fatalf("listed %q", lines)
	}
	has(lines[0], "REVISION", "WHEN", "WHO", "HOW", "CHANGED")
	has(lines[1], "2 ", "admin-token", "apply", "title")
	has(lines[2], "1 ", "made")
	has(p.cli("connections", "revisions", "t1/one", "--lang", "zh"), "版本", "新建")
	has(p.cli("connections", "revisions", "one", "2", "--diff", "--tenant", "t1"), "--- revision 1\n+++ revision 2\n", "\n+title: 二号\n")
	has(p.cli("connections", "revisions", "one", "1", "--with", "2", "--tenant", "t1"), "\n-title: 二号\n")
	has(p.cli("connections", "revisions", "one", "2", "--tenant", "t1"), "title: 二号\n", "${secret:key}")

	// The old one is back, as a revision of its own, and the audit tells from where; once more makes none.
	has(p.cli("connections", "restore", "one", "1", "--tenant", "t1"), "changed", "3")
	has(p.cli("connections", "restore", "t1/one", "1"), "unchanged", "3")
	old := filepath.Join(dir, "old.yaml")
	write(t, old, p.cli("connections", "revisions", "one", "1", "--tenant", "t1"))
	has(p.cli("apply", "-f", old), "unchanged")
	var audit struct {
		Items []struct{ What, Detail string }
	}
	if err := p.client().do(t.Context(), call{method: "GET", path: path("audit"), query: only("what", "connection saved")}, &audit); err != nil {
		t.Fatal(err)
	}
	if len(audit.Items) != 3 || audit.Items[0].Detail != "revision 3 by api, restored from revision 1" {
		t.Errorf("audit %+v", audit.Items)
	}
	for what, args := range map[string][]string{
		"REVISION":    {"restore", "one", "--tenant", "t1"},
		"a revision":  {"restore", "one", "x", "--tenant", "t1"},
		"--diff":      {"revisions", "one", "--diff", "--tenant", "t1"},
		"--tenant":    {"revisions", "one"},
		"revision 9":  {"restore", "one", "9", "--tenant", "t1"},
		"t2/one":      {"revisions", "one", "1", "--tenant", "t2"},
		"a revision ": {"revisions", "one", "1", "--with", "0", "--tenant", "t1"},
	} {
		if code, out, errs := p.try(append([]string{"connections"}, args...)...); code == exitDone || !strings.Contains(errs, what) {
			t.Errorf("%q: exit %d, %s%s", args, code, out, errs)
		}
	}
}

// TestPrune takes away what files made and have no more, and nothing else.
func TestPrune(t *testing.T) {
	t.Parallel()
	p := newProcess(t)
	p.start()
	dir := t.TempDir()
	conn := func(tenant, name string) string { return genericConnection(tenant, name, "http://127.0.0.1:9", "") }
	all, one := filepath.Join(dir, "all.yaml"), filepath.Join(dir, "one.yaml")
	write(t, all, conn("t1", "one")+conn("t1", "gone")+conn("t1", "busy")+conn("t1", "theirs")+conn("t2", "other"))
	write(t, one, conn("t1", "one"))
	p.cli("apply", "-f", all)
	edited := strings.NewReader(strings.Replace(strings.TrimSuffix(conn("t1", "theirs"), "---\n"), "scenes:\n", "title: theirs\nscenes:\n", 1))
	if err := p.client().do(t.Context(), call{method: "PUT", path: path("tenants", "t1", "connections", "theirs"), body: edited, media: "application/yaml"}, nil); err != nil {
		t.Fatal(err)
	}
	names := func() string {
		t.Helper()
		var list []struct{ Tenant, Name string }
		if err := json.Unmarshal([]byte(p.cli("connections", "list", "-o", "json")), &list); err != nil {
			t.Fatal(err)
		}
		var out []string
		for _, c := range list {
			out = append(out, c.Tenant+"/"+c.Name)
		}
		return strings.Join(out, " ")
	}
	p.cli("apply", "-f", one)
	const before = "t1/busy t1/gone t1/one t1/theirs t2/other"
	if got := names(); got != before {
		t.Fatalf("without --prune there is %s", got)
	}

	// Something waits.
	p.cli("connections", "pause", "busy", "--tenant", "t1")
	p.cli("bindings", "set", "1002", "han", "--tenant", "t1", "--connection", "busy")
	event := filepath.Join(dir, "event.json")
	write(t, event, `{"tenant":"t1","kind":"todo","action":"create","todo":{"id":"1","title":"x","receivers":[{"id":"1002"}]}}`)
	p.cli("publish", event)
	eventually(t, 10*time.Second, "the delivery waits", func() bool {
		return strings.Contains(p.cli("connections", "list", "-o", "json"), `"waiting": 1`)
	})
	code, _, errs := p.try("apply", "-f", one, "--prune", "--yes")
	if code != exitFailed || !strings.Contains(errs, "t1/busy: 1 wait") || strings.Contains(errs, "t1/gone:") {
		t.Errorf("exit %d %s", code, errs)
	}
	if got := names(); got != before {
		t.Errorf("a refused prune leaves %s", got)
	}
	p.cli("connections", "delete", "busy", "--tenant", "t1", "--cancel-waiting")
	code, out, errs := p.try("apply", "-f", one, "--prune")
	if code != exitDone || !strings.Contains(out, "deleted") || !strings.Contains(errs, "t1/theirs") {
		t.Errorf("exit %d %s%s", code, out, errs)
	}
	if got := names(); got != "t1/one t1/theirs t2/other" {
		t.Errorf("pruned, there is %s", got)
	}
}
