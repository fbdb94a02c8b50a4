package main

import (
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"todosync/connector"
)

// TestCommands takes one connection through its life with the command line alone.
func TestCommands(t *testing.T) {
	t.Parallel()
	sim, oa := startGeneric(t)
	p := newProcess(t)
	p.start()
	dir := t.TempDir()
	file := func(name, text string) string {
		write(t, filepath.Join(dir, name), text)
		return filepath.Join(dir, name)
	}
	want := func(out, part string) {
		t.Helper()
		if !strings.Contains(out, part) {
			t.Errorf("want %q in\n%s", part, out)
		}
	}
	refused := func(code int, part string, args ...string) {
		t.Helper()
		got, _, errs := p.try(args...)
		if got != code || !strings.Contains(errs, part) {
			t.Errorf("todosync %q exits with %d: %s\nwant %d and %q", args, got, errs, code, part)
		}
	}

	// Settings: a secret before its tenant, files twice, export and back.
	p.cli("secret", "set", "key", "--tenant", "t1", "--value", "a-long-secret")
	want(p.cli("secret", "list", "-o", "csv"), "t1,key")
	refused(exitFailed, "fewer than 6 characters", "secret", "set", "key", "--tenant", "t1", "--value", "short")
	conn := file("one.yaml", genericConnection("t1", "one", oa, "title: 一号\nvariables: {key: \"${secret:key}\"}\n")+"")
	refused(exitFailed, "one.yaml:10:1: variables", "apply", "-f", conn)
	conn = file("one.yaml", strings.Replace(genericConnection("t1", "one", oa, "title: 一号\n"), "headers: {", `headers: {X-Key: "${secret:key}", X-Other: "${secret:other}", `, 1))
	code, out, errs := p.try("apply", "-f", conn)
	want(out, "changed")
	want(errs, "other")
	if code != exitDone {
		t.Fatalf("apply exits with %d: %s", code, errs)
	}
	want(p.cli("apply", "-f", conn), "unchanged")
	p.cli("secret", "set", "other", "--tenant", "t1", "--value", "another-secret")
	exported := p.cli("export", "--tenant", "t1")
	want(exported, "${secret:key}")
	want(p.cli("apply", "-f", file("exported.yaml", exported)), "unchanged")
	want(p.cli("connections", "list"), "一号")
	want(p.cli("tenants", "-o", "json"), `"connections": 1`)

	// Bindings: GBK with Chinese headings, a dry run, a wrong row that changes nothing.
	table := file("bindings.csv", "OA\xd5\xcb\xba\xc5,CRM\xd3\xc3\xbb\xa7ID,\xd0\xd5\xc3\xfb\na1,u1,\xba\xab\xc3\xb7\xc3\xb7\n") // OA账号,CRM用户ID,姓名: 韩梅梅
	want(p.cli("bindings", "import", table, "--tenant", "t1", "--connection", "one", "--dry-run"), "would add 1")
	want(p.cli("bindings", "import", table, "--tenant", "t1", "--connection", "one"), "added 1")
	want(p.cli("bindings", "list", "--tenant", "t1"), "韩梅梅")
	wrong := file("wrong.csv", "connection,crm_user_id,oa_account\none,u1,a2\none,u2,\nnowhere,u3,a3\n")
	refused(exitFailed, "nothing was changed", "bindings", "import", wrong, "--tenant", "t1")
	refused(exitFailed, "row 3 oa_account: missing", "bindings", "import", wrong, "--tenant", "t1")
	nowhere := file("nowhere.csv", "connection,crm_user_id,oa_account\none,u1,a2\nnowhere,u3,a3\n")
	refused(exitFailed, `row 3 connection: tenant t1 has no connection "nowhere"`, "bindings", "import", nowhere, "--tenant", "t1")
	replace := file("replace.csv", "connection,crm_user_id,oa_account\none,u1,a9\n")
	want(p.cli("bindings", "import", replace, "--tenant", "t1", "--dry-run"), "from a1 to a9")
	want(p.cli("bindings", "export", "--tenant", "t1"), "one,u1,韩梅梅,a1,")

	// Events: one that goes, one for somebody unbound, one that is a duplicate, one that is refused.
	events := file("events.jsonl", oneEvent+"\n"+strings.NewReplacer("e1", "e2", "u1", "u2", "todo-1", "todo-2").Replace(oneEvent)+"\n"+oneEvent+"\n")
	want(p.cli("publish", events), "3 events published, 1 of them known already")
	records := func(state string) []connector.Record {
		t.Helper()
		var list []connector.Record
		if err := json.Unmarshal([]byte(p.cli("records", "list", "--state", state, "-o", "json")), &list); err != nil {
			t.Fatal(err)
		}
		return list
	}
	eventually(t, 20*time.Second, "the first is sent", func() bool { return len(records("succeeded")) == 1 })
	eventually(t, 20*time.Second, "the second is held", func() bool { return len(records("held")) == 1 })
	shown := p.cli("records", "show", records("succeeded")[0].ID)
	want(shown, "> POST "+oa+"/todo")
	want(shown, "X-Key: ***")
	if strings.Contains(shown, "a-long-secret") {
		t.Error("records show prints a secret")
	}
	if got := sim.Calls()[0].Header.Get("X-Key"); got != "a-long-secret" {
		t.Errorf("the OA got X-Key %q", got)
	}
	want(p.cli("events", "--tenant", "t1", "--id", "e1"), "one: planned (1)")
	want(p.cli("bindings", "unbound", "--tenant", "t1"), "u2")
	p.cli("bindings", "set", "u2", "a2", "--tenant", "t1", "--connection", "one")
	eventually(t, 20*time.Second, "the second is sent", func() bool { return len(records("succeeded")) == 2 })
	refused(exitFailed, "a2 is bound to user u2", "bindings", "set", "u3", "a2", "--tenant", "t1", "--connection", "one")
	want(p.cli("records", "export", "-o", "csv"), "todo-2")
	refused(exitFailed, "is not there", "records", "show", "nothing")

	tail := &lines{}
	follow := exec.Command("todosync", "records", "tail", "--server", "http://"+p.api, "--data-dir", p.dir, "-o", "json")
	follow.Stdout, follow.Stderr = tail, tail
	if err := follow.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = follow.Process.Kill()
		if t.Failed() {
			t.Logf("records tail said:\n%s", tail.String())
		}
	})

	// Pause holds, resume lets go, delete is refused while something waits.
	want(p.cli("connections", "pause", "t1/one"), "paused")
	p.cli("publish", file("third.json", strings.NewReplacer("e1", "e3", "todo-1", "todo-3").Replace(oneEvent)))
	eventually(t, 20*time.Second, "the third is held", func() bool { return len(records("held")) == 1 })
	refused(exitFailed, "deliveries that wait: 1", "connections", "delete", "one", "--tenant", "t1")
	want(p.cli("connections", "resume", "one", "--tenant", "t1"), "running")
	eventually(t, 20*time.Second, "the third is sent", func() bool { return len(records("succeeded")) == 3 })
	// Tail shows what comes after it has begun, and nobody says when that is.
	more := 0
	eventually(t, 20*time.Second, "tail shows one more", func() bool {
		more++
		id := strconv.Itoa(3 + more)
		p.cli("publish", file("more.json", strings.NewReplacer("e1", "e"+id, "todo-1", "todo-more-"+id).Replace(oneEvent)))
		return strings.Contains(tail.String(), `"todo":"todo-more-`)
	})
	if err := follow.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := follow.Wait(); err != nil {
		t.Errorf("tail ends with %v: %s", err, tail)
	}
	eventually(t, 20*time.Second, "all are sent", func() bool { return len(records("succeeded")) == 3+more })
	want(p.cli("connections", "delete", "one", "--tenant", "t1"), "deleted")
	want(p.cli("rejected", "list", "-o", "json"), "[]")

	// Without the token nobody gets in.
	resp, err := http.Get("http://" + p.api + "/api/v1/records")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("without a token: %s", resp.Status)
	}
	refused(exitFailed, "--token", "tenants", "--token", "wrong-token-of-some-length")
}
