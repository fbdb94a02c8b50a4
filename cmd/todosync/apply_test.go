package main

import (
	"path/filepath"
	"strings"
	"testing"
)

// TestApplyOfParts applies a tenant and its connection each alone: what one defines and the other uses is known to the server.
func TestApplyOfParts(t *testing.T) {
	t.Parallel()
	p := newProcess(t)
	p.start()
	dir := t.TempDir()
	tenant, conn := filepath.Join(dir, "tenant.yaml"), filepath.Join(dir, "connection.yaml")
	const fields = "fields: {F301: {path: todo.ext.currency}}\n"
	write(t, tenant, "apiVersion: todosync/v1\nkind: Tenant\ntenant: t1\n"+fields)
	write(t, conn, strings.Replace(genericConnection("t1", "one", "http://127.0.0.1:9", ""), "headers: {", `headers: {X-Currency: "#F301", `, 1))
	if code, _, errs := p.try("apply", "-f", conn); code != exitFailed || !strings.Contains(errs, "F301") {
		t.Errorf("a code that nobody defines: exit %d %s", code, errs)
	}
	p.cli("apply", "-f", conn, "-f", tenant)
	if out := p.cli("apply", "-f", conn); !strings.Contains(out, "unchanged") {
		t.Errorf("the connection alone: %s", out)
	}
	write(t, tenant, "apiVersion: todosync/v1\nkind: Tenant\ntenant: t1\n")
	code, _, errs := p.try("apply", "-f", tenant)
	if code != exitFailed || !strings.Contains(errs, "t1/one") || !strings.Contains(errs, tenant+":1:1: connections.one.") {
		t.Errorf("a code in use was taken away: exit %d %s", code, errs)
	}
}
