package storetest

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"todosync/connector"
	"todosync/notify"
	"todosync/retry"
)

// testDigestHistories plays random histories around the edges of windows: failures, closing, summing up and sending, each of which may end
// before its commit, be done twice, or be done by who comes after; the clock jumps, and windows change their length. Every failure is told
// in exactly one digest, and the sums are those of the records.
func testDigestHistories(t *testing.T, e Engine) {
	for seed := range uint64(8) {
		p := play(t, e, nil)
		r := rand.New(rand.NewPCG(seed, 1))
		p.now = Start.Add(9*time.Minute + 55*time.Second)
		todos, failed := 0, 0
		desk := p.db.Desk()
		for range 120 {
			switch r.IntN(8) {
			case 0, 1, 2:
				todos++
				p.accept(Todo{Todo: fmt.Sprint(todos), Receivers: []string{"a"}})
				if r.IntN(3) > 0 {
					p.fail(retry.Business, fmt.Sprint("full ", r.IntN(3)))
					failed++
				} else {
					p.drain()
				}
			case 3:
				p.now = p.now.Add(time.Duration(r.IntN(8000)) * time.Millisecond)
			case 4:
				p.now = p.now.Add(time.Duration(r.IntN(1800)-300) * time.Second)
			case 5:
				lengths := []time.Duration{time.Second, 5 * time.Second, time.Minute, 10 * time.Minute}
				Save(t, p.db, tenantItem("T", func(c *connector.Tenant) { c.Notify.Window = connector.Duration(lengths[r.IntN(len(lengths))]) }))
			case 6: // whoever closes does it twice, or ends before anything is summed up
				p.close(0)
				if r.IntN(2) == 0 {
					p.close(0)
				}
			case 7:
				for _, c := range p.close(0) {
					if r.IntN(3) == 0 {
						p.sum(c) // and ends before the commit
						continue
					}
					if p.keep(c, "crm"); r.IntN(2) == 0 {
						p.keep(c, "crm")
					}
				}
			}
		}
		p.now = p.now.Add(25 * time.Hour)
		for _, c := range p.close(0) {
			p.keep(c, "crm")
		}
		waiting, err := desk.Waiting(t.Context(), notify.Lane{Tenant: "T", Channel: "crm"})
		if err != nil {
			t.Fatal(err)
		}
		told := 0
		for i, w := range waiting {
			n := p.sum(w.Closed).Counts["business"]
			if told += n; n == 0 {
				t.Errorf("seed %d: digest %d of %v tells nothing", seed, i, w.Window)
			}
			if !w.Window.From.Before(w.Window.To) {
				t.Errorf("seed %d: window %v", seed, w.Window)
			}
		}
		records := len(p.records(connector.RecordFilter{States: []string{"failed"}}))
		if told != failed || records != failed {
			t.Errorf("seed %d: %d failed, %d records say so, %d were told in %d digests", seed, failed, records, told, len(waiting))
		}
	}
}
