package chaos

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// A told is a digest as the API shows it.
type told struct {
	ID, Tenant string
	Window     struct{ From, To time.Time }
	Counts     map[string]int
	Groups     []struct{ Count int }
	Examples   []struct{}
	More       int
	Channels   []struct{ Channel, State string }
}

// failures are the deliveries that a digest tells of, not what happened to whole connections.
func (d *told) failures() int {
	n := 0
	for class, count := range d.Counts {
		switch class {
		case "down", "back", "unbound", "rejected", "token_refused":
		default:
			n += count
		}
	}
	return n
}

// TestDigests kills the worker again and again, at windows' edges too, while OAs refuse todos. Each failure is told in exactly one digest,
// each digest is sent once, and there is one for a tenant and window.
func TestDigests(t *testing.T) {
	t.Parallel()
	kills := 8
	if *long {
		kills = 200
	}
	if *killsOf > 0 {
		kills = *killsOf
	}
	w := newWorld(t, 111, settings{tenants: 3, connections: 2, people: 5, concurrency: 4, more: impatient})
	w.oas.set("", nature{latency: 5 * time.Millisecond, bad: map[string]int{doNo: 250}})
	ctx := w.context()
	n := w.single()
	var b strings.Builder
	for i := range w.settings.tenants {
		fmt.Fprintf(&b, "apiVersion: todosync/v1\nkind: Tenant\ntenant: %q\nnotify: {window: 1s, channels: [{type: crm, to: [admins]}]}\n---\n", w.settings.tenant(i))
	}
	tenants := filepath.Join(w.dir, "tenants.yaml")
	if err := os.WriteFile(tenants, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	n.cli("apply", "-f", tenants)
	speaking, quiet := context.WithCancel(ctx)
	spoken := make(chan struct{})
	go func() {
		defer close(spoken)
		w.crm.speak(speaking, 1<<30, 10*time.Millisecond)
	}()
	defer quiet()
	rnd := rand.New(rand.NewPCG(w.seed, 7))
	for range kills {
		// Windows end with the seconds of the clock; a digest is closed, summed up and sent right after.
		edge := time.Until(time.Now().Truncate(time.Second).Add(time.Second))
		pause(ctx, edge+time.Duration(rnd.IntN(60))*time.Millisecond)
		n.strike()
		<-n.done
		n.start()
	}
	quiet()
	<-spoken
	w.settle(ctx)
	w.rest(n, time.Minute)
	records, err := n.records()
	if err != nil {
		t.Fatal(err)
	}
	failed := map[string]int{}
	all := 0
	for _, r := range records {
		if r.State == "failed" {
			failed[r.Tenant]++
			all++
		}
	}
	if all == 0 {
		t.Fatal("nothing has failed: this proves nothing")
	}
	var digests []told
	until(t, time.Minute, "all failures are told and all digests sent", func() bool {
		if digests, err = n.digests(); err != nil {
			return false
		}
		sum, sent := 0, true
		for i := range digests {
			sum += digests[i].failures()
			for _, c := range digests[i].Channels {
				sent = sent && c.State == "sent"
			}
		}
		return sum >= all && sent
	})
	windows := map[string]bool{}
	for i := range digests {
		d := &digests[i]
		failed[d.Tenant] -= d.failures()
		if window := d.Tenant + d.Window.From.String(); windows[window] {
			t.Errorf("two digests of %s from %s on", d.Tenant, d.Window.From)
		} else {
			windows[window] = true
		}
		counts, groups := 0, 0
		for _, c := range d.Counts {
			counts += c
		}
		for _, g := range d.Groups {
			groups += g.Count
		}
		if counts != groups || counts != len(d.Examples)+d.More || len(d.Channels) != 1 {
			t.Errorf("digest %s counts %d, groups %d, examples %d and %d more, %d channels", d.ID, counts, groups, len(d.Examples), d.More, len(d.Channels))
		}
	}
	for tenant, left := range failed {
		if left != 0 {
			t.Errorf("%s: %d failures are not told, or told twice (less than 0)", tenant, left)
		}
	}
	js, err := jetstream.New(w.crm.conn)
	if err != nil {
		t.Fatal(err)
	}
	heard := map[string]int{}
	stream, err := js.Stream(ctx, "CRM-OUT")
	if err != nil {
		t.Fatal(err)
	}
	last := stream.CachedInfo().State.LastSeq
	for seq := uint64(1); seq <= last; seq++ {
		m, err := stream.GetMsg(ctx, seq)
		if err != nil {
			t.Fatal(err)
		}
		var d told
		if err := json.Unmarshal(m.Data, &d); err != nil || m.Subject != "crm-notice."+d.Tenant {
			t.Fatalf("%s: %v", m.Subject, err)
		}
		heard[d.ID]++
	}
	for i := range digests {
		if heard[digests[i].ID] != 1 {
			t.Errorf("digest %s came %d times", digests[i].ID, heard[digests[i].ID])
		}
	}
	t.Logf("seed %d: %d kills, %d records, %d failed, told in %d digests, each heard once", w.seed, kills, len(records), all, len(digests))
	if code := n.stop(); code != 0 {
		t.Errorf("the last worker exits with %d", code)
	}
}

// digests reads all digests.
func (n *node) digests() ([]told, error) {
	var out []told
	for cursor := ""; ; {
		var page struct {
			Items []told
			Next  string
		}
		if err := n.fetch("digests?limit=1000&cursor="+url.QueryEscape(cursor), &page); err != nil {
			return nil, err
		}
		out = append(out, page.Items...)
		if cursor = page.Next; cursor == "" {
			return out, nil
		}
	}
}
