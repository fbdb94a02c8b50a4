package chaos

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestContent puts events that a database dislikes into a batch of 500: U+0000, ids of 3 KB, lone surrogates, bytes that are no UTF-8. The
// others go on; each of those is stored or rejected, with its reason, and none is lost.
func TestContent(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 81, settings{tenants: 1, connections: 1, people: 4, concurrency: 8, more: impatient})
	w.oas.set("", nature{})
	n := w.single()
	const all = 500
	strange := map[int]struct {
		id, title string
		rejected  bool
	}{
		50:  {`"id":"%s",`, `"a\u0000b"`, false},
		150: {`"id":"%s",`, `"\ud800 alone"`, false},
		200: {`"id":"` + strings.Repeat("x", 3000) + `",`, `"long"`, true},
		250: {`"id":"nul\u0000%s",`, `"id with U+0000"`, false},
		300: {`"id":"%s",`, `"` + string([]byte{0xff, 0xfe}) + `"`, true},
		350: {`"id":"\udfff%s",`, `"id with half a pair"`, false},
		400: {`"id":"%s",`, `"` + strings.Repeat(`\u0000`, 500) + `"`, false},
	}
	// They are published without waiting, so that they come in batches as large as the worker takes; that exactly 500 in one go fare so is
	// the store's conformance suite to show.
	before := len(w.oas.ledger())
	rejected := 0
	for i := range all {
		id, title := fmt.Sprintf(`"id":"c-%d/1",`, i), `"fine"`
		if s, ok := strange[i]; ok {
			id, title = s.id, s.title
			if strings.Contains(id, "%s") {
				id = fmt.Sprintf(id, fmt.Sprintf("c-%d/1", i))
			}
			if s.rejected {
				rejected++
			}
		}
		body := fmt.Sprintf(`{%s"todo":{"id":"todo-%d","title":%s,"receivers":[{"id":"u%d"}]}}`, id, i, title, i%4)
		if _, err := w.crm.js.PublishAsync("crm.t0.todo.create", []byte(body)); err != nil {
			t.Fatal(err)
		}
	}
	select {
	case <-w.crm.js.PublishAsyncComplete():
	case <-time.After(time.Minute):
		t.Fatal("JetStream does not confirm")
	}
	var f figures
	until(t, time.Minute, "all is taken or rejected, and sent", func() bool {
		var err error
		f, err = n.figures()
		return err == nil && f.Events+f.Rejected == all && f.Waiting == 0
	})
	if f.Rejected != int64(rejected) {
		t.Errorf("%d are rejected, want %d", f.Rejected, rejected)
	}
	sent := map[string]bool{}
	for _, a := range w.oas.ledger()[before:] {
		sent[a.Todo] = true
	}
	for i := range all {
		if s := strange[i]; !s.rejected && !sent[fmt.Sprintf("todo-%d", i)] {
			t.Errorf("todo %d did not arrive", i)
		}
	}
	if out := n.cli("rejected", "list", "-o", "json"); strings.Count(out, `"reason"`) != rejected {
		t.Errorf("rejected list prints %s", out)
	}
	if code := n.stop(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// TestSameIDs gives two tenants the same ids of everything: events, todos, receivers, connections. Each sees its own, at its own OA, with its own
// accounts, through every list; what is done for one does nothing to the other.
func TestSameIDs(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 82, settings{tenants: 2, connections: 1, people: 4, concurrency: 4, more: impatient})
	w.oas.set("", nature{latency: time.Millisecond})
	n := w.single()
	for tenant := range 2 {
		n.cli("bindings", "set", "u0", fmt.Sprintf("account-%d", tenant), "--tenant", w.settings.tenant(tenant), "--connection", "oa0")
		n.cli("secret", "set", "password", "--tenant", w.settings.tenant(tenant), "--value", fmt.Sprintf("secret-of-%d", tenant))
	}
	say := func(tenant, id, action, title string) {
		t.Helper()
		body := fmt.Sprintf(`{"id":%q,"todo":{"id":"same","title":%q,"receivers":[{"id":"u0"}]}}`, id, title)
		if !w.crm.try(t.Context(), &said{tenant: tenant, id: id, action: action, body: []byte(body)}) {
			t.Fatalf("%s %s is not confirmed", tenant, id)
		}
	}
	for tenant := range 2 {
		for i := range 3 {
			action := "edit"
			if i == 0 {
				action = "create"
			}
			say(w.settings.tenant(tenant), fmt.Sprintf("same/%d", i+1), action, fmt.Sprintf("title of %d", tenant))
		}
	}
	until(t, time.Minute, "all six are sent", func() bool { return n.quiet(6) })
	say("t0", "same/4", "delete", "title of 0") // ends it for one
	until(t, time.Minute, "the delete is sent", func() bool { return n.quiet(7) })
	n.cli("connections", "pause", "oa0", "--tenant", "t0")
	say("t1", "same/4", "edit", "title of 1")
	until(t, time.Minute, "a pause of one holds the other not", func() bool { return n.quiet(8) })
	keys := map[string]bool{}
	counts := map[string]int{}
	for _, a := range w.oas.ledger() {
		tenant, _, _ := strings.Cut(a.Connection, "/")
		if want := "account-" + strings.TrimPrefix(tenant, "t"); a.Receiver != want {
			t.Errorf("the OA of %s got %s of %s, want %s", tenant, a.Scene, a.Receiver, want)
		}
		if keys[a.Key] {
			t.Errorf("key %s came twice", a.Key)
		}
		keys[a.Key] = true
		counts[tenant]++
	}
	if counts["t0"] != 4 || counts["t1"] != 4 {
		t.Errorf("the OAs got %v, want 4 each", counts)
	}
	for tenant := range 2 {
		own, other := fmt.Sprint(tenant), fmt.Sprint(1-tenant)
		for _, path := range []string{
			"records?tenant=t" + own, "events?tenant=t" + own, "rejected?tenant=t" + own, "records?todo=same&tenant=t" + own,
			"tenants/t" + own + "/connections/oa0", "tenants/t" + own + "/connections/oa0/bindings", "stats?tenant=t" + own, "connections?tenant=t" + own,
			"secrets?tenant=t" + own, "export?tenant=t" + own, "audit?tenant=t" + own,
		} {
			body := n.page(path)
			for _, alien := range []string{"title of " + other, "account-" + other, `"t` + other + `"`, "/t" + other + "/", "secret-of-"} {
				if strings.Contains(body, alien) {
					t.Errorf("GET /%s tells %q", path, alien)
				}
			}
		}
	}
	if code := n.stop(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// quiet says that so many events are known and nothing waits. The counts are not of one moment, so it asks twice.
func (n *node) quiet(events int64) bool {
	for range 2 {
		if f, err := n.figures(); err != nil || f.Events != events || f.Waiting != 0 {
			return false
		}
	}
	return true
}

// page is what the API answers, whatever it is.
func (n *node) page(path string) string {
	n.t.Helper()
	resp, err := n.open(path)
	if err != nil {
		if strings.Contains(err.Error(), fmt.Sprint(http.StatusNotFound)) {
			return ""
		}
		n.t.Fatal(err)
	}
	defer resp.Body.Close()
	var b bytes.Buffer
	_, _ = b.ReadFrom(resp.Body)
	if json.Valid(b.Bytes()) {
		var out bytes.Buffer
		_ = json.Compact(&out, b.Bytes())
		return out.String()
	}
	return b.String()
}
