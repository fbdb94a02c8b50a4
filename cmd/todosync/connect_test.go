package main

import (
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"todosync/internal/oasim"
)

// TestConnectFromNothing does what README.md tells a newcomer to do with an OA that nobody has a preset for: from the request in its manual
// to the record of the first todo.
func TestConnectFromNothing(t *testing.T) {
	t.Parallel()
	const examples = "../../examples"
	sim, err := oasim.New(oasim.Generic, oasim.Config{})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(sim)
	t.Cleanup(server.Close)
	oa := server.URL
	p := newProcess(t)
	p.start()
	dir := t.TempDir()
	manual, conn, event, bindings := filepath.Join(dir, "manual.txt"), filepath.Join(dir, "portal.yaml"), filepath.Join(examples, "event.json"), filepath.Join(examples, "bindings-portal.csv")
	src, err := os.ReadFile(filepath.Join(examples, "manual.txt"))
	if err != nil {
		t.Fatal(err)
	}
	write(t, manual, strings.ReplaceAll(string(src), "http://127.0.0.1:18083", oa))

	drafted := p.cli("draft", "--from", manual, "--tenant", "714439", "--name", "portal", "--links", "crm")
	write(t, conn, drafted)
	holds(t, drafted, `"taskId": "#F123_#F001"`, `"title": "#F055"`, `"receiver": "#F001"`, `"sender": "#F049"`, `"senderName": "#F054"`, `"createTime": "#F009"`,
		`"deadline": #F201`, `"pcUrl": "#F109"`, `"mobileUrl": "#F110"`, `"system": "CRM"`, "timeFormat: 'yyyy/MM/dd HH:mm'", "codeName: code", `successCode: "0"`, "\n  done:\n", "${secret:portal-x-api-key}")
	if strings.Contains(drafted, "6f2c9b7e41d84a0f") {
		t.Errorf("the draft shows the key of the manual:\n%s", drafted)
	}
	holds(t, p.cli("validate", "-f", conn), "1 document, no mistake")
	holds(t, p.cli("render", "-f", conn, "--event", event, "--receiver", "1002", "--bindings", bindings, "--explain"),
		"X-Api-Key: ***", `"taskId": "67298f0c9b3c1a0001a2b3c4_hanmm"`, `"createTime": "2024/11/05 09:29"`, `"deadline": null`, "#F055")
	p.cli("secret", "set", "portal-x-api-key", "--tenant", "714439", "--value", "a-key-of-the-portal")
	p.cli("apply", "-f", conn)
	p.cli("bindings", "import", bindings, "--tenant", "714439")
	holds(t, p.cli("try", "--tenant", "714439", "--connection", "portal", "--auth"), "ok     address")
	holds(t, p.cli("try", "--tenant", "714439", "--connection", "portal", "--event", event, "--dry-run"), "# nothing was sent", `"receiver": "hanmm"`)
	tried := p.cli("try", "--tenant", "714439", "--connection", "portal", "--event", event)
	holds(t, tried, "the OA took it, code 0: ok", `"0" is in result.successCode`, `"taskId": "try-`, "X-Api-Key: ***")
	if strings.Contains(tried, "a-key-of-the-portal") {
		t.Errorf("a try shows a secret:\n%s", tried)
	}
	if out := p.cli("records", "list", "--tenant", "714439", "-o", "json"); strings.TrimSpace(out) != "[]" {
		t.Errorf("a try has made a record: %s", out)
	}
	p.cli("publish", event)
	eventually(t, 30*time.Second, "the todo is delivered", func() bool {
		return strings.Contains(p.cli("records", "list", "--tenant", "714439", "--receiver", "1002"), "succeeded")
	})
}

func holds(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("want %q in:\n%s", part, text)
		}
	}
}
