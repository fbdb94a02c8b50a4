package chaos

import (
	"fmt"
	"slices"
	"sort"
	"strings"
	"time"
)

// A history is all that an oracle needs to judge a run that has come to rest.
type history struct {
	events      []*said // confirmed ones; each todo's in their order
	unsure      int     // sent and never confirmed: they may be there or not
	connections map[string][]string
	arrivals    []arrival
	kills       []kill
	records     []record
	accounts    []account
	concurrency int
	waits       bool // something may still wait: an OA hangs, or the run was cut short
	byHand      bool // people sent refused deliveries again
	lossy       bool // an OA refused for good: where the last delivery of a lane failed, it stays behind
}

// A verdict counts what was seen, and names what must not be.
type verdict struct {
	wrong []string

	events, deliveries, arrivals, lanes int
	repeats                             int // arrivals with a key that the OA had taken or might have
	afterKill, unanswered, refused      int // why they were sent again
	marked                              int
	mostAtAKill                         int
	hitting                             int // kills that struck while a request was in hand at an OA, or answered and not committed
}

func (v *verdict) bad(format string, args ...any) {
	if len(v.wrong) < 200 {
		v.wrong = append(v.wrong, fmt.Sprintf(format, args...))
	}
}

func (v *verdict) String() string {
	return fmt.Sprintf("%d events, %d deliveries, %d requests to %d lanes; %d sent again: %d after a kill (at most %d a kill and connection), "+
		"%d without an answer, %d refused for the moment; %d marked", v.events, v.deliveries, v.arrivals, v.lanes, v.repeats, v.afterKill,
		v.mostAtAKill, v.unanswered, v.refused, v.marked)
}

// judge compares what the CRM said, what the OAs got, and what the program says of itself.
func judge(h *history) *verdict {
	v := &verdict{events: len(h.events), deliveries: len(h.records), arrivals: len(h.arrivals)}
	byID := map[string]*record{}
	for i := range h.records {
		r := &h.records[i]
		if byID[r.ID] != nil {
			v.bad("record %s is listed twice", r.ID)
		}
		byID[r.ID] = r
		if r.PossiblySentTwice {
			v.marked++
		}
	}
	h.judgeAccounts(v, byID)
	h.judgeRecords(v)
	h.judgeRepeats(v, byID)
	h.judgeOrder(v)
	h.judgeEnd(v)
	return v
}

// judgeAccounts: every accepted event is there once, says what became of it at each connection, and what it names is there.
func (h *history) judgeAccounts(v *verdict, records map[string]*record) {
	found := map[string]*account{}
	for i := range h.accounts {
		a := &h.accounts[i]
		if found[a.Tenant+" "+a.ID] != nil {
			v.bad("event %s of %s is accounted for twice", a.ID, a.Tenant)
		}
		found[a.Tenant+" "+a.ID] = a
	}
	last := map[string]uint64{}
	for _, e := range h.events {
		a := found[e.tenant+" "+e.id]
		if a == nil {
			v.bad("event %s, confirmed at %s, is lost", e.id, e.stored.Format(time.StampMicro))
			continue
		}
		if a.Todo != e.todo || a.Action != e.action {
			v.bad("event %s is kept as %s of %s", e.id, a.Action, a.Todo)
		}
		if a.Sequence <= last[e.todo] {
			v.bad("event %s has place %d of the stream, the one before it %d", e.id, a.Sequence, last[e.todo])
		}
		last[e.todo] = a.Sequence
		if len(a.Connections) != len(h.connections[e.tenant]) {
			v.bad("event %s says what became of it at %d connections of %d", e.id, len(a.Connections), len(h.connections[e.tenant]))
		}
		for _, c := range a.Connections {
			if c.Outcome == "planned" && len(c.Deliveries) == 0 || c.Outcome == "" {
				v.bad("event %s at %s: outcome %q with %d deliveries", e.id, c.Connection, c.Outcome, len(c.Deliveries))
			}
			for _, id := range c.Deliveries {
				if r := records[id]; r == nil {
					v.bad("event %s names delivery %s, of which there is no record", e.id, id)
				} else if r.EventID != e.id || r.Connection != c.Connection || r.Tenant != e.tenant {
					v.bad("event %s of %s names delivery %s of event %s at %s/%s", e.id, e.tenant, id, r.EventID, r.Tenant, r.Connection)
				}
			}
		}
	}
	if extra := len(h.accounts) - len(h.events); extra > h.unsure || extra < 0 {
		v.bad("%d events are accounted for, %d were confirmed and %d are unsure", len(h.accounts), len(h.events), h.unsure)
	}
}

// judgeRecords: who was owed what, by the story alone, is there exactly once; and every record has ended.
func (h *history) judgeRecords(v *verdict) {
	owed, known := map[string]int{}, map[string]bool{}
	for tenant, lanes := range h.owed() {
		for _, c := range h.connections[tenant] {
			for _, o := range lanes {
				owed[strings.Join([]string{tenant, c, o.event, o.receiver, o.scene}, " ")]++
			}
		}
	}
	for _, e := range h.events {
		known[e.tenant+" "+e.id] = true
	}
	ended := []string{"succeeded", "failed", "skipped", "superseded", "canceled"}
	for _, r := range h.records {
		if !h.waits && !slices.Contains(ended, r.State) {
			v.bad("record %s of event %s is %s (%s)", r.ID, r.EventID, r.State, r.Class)
		}
		if r.State == "failed" && !h.lossy {
			v.bad("record %s of event %s failed: %s %s", r.ID, r.EventID, r.Class, r.Message)
		}
		if !known[r.Tenant+" "+r.EventID] {
			continue // of an event that was not confirmed
		}
		owed[strings.Join([]string{r.Tenant, r.Connection, r.EventID, r.Receiver, r.Scene}, " ")]--
	}
	if h.unsure > 0 {
		return // what an unsure event led to changes what the next one of its todo owes
	}
	for what, n := range owed {
		switch {
		case n > 0:
			v.bad("owed and not recorded: %s", what)
		case n < 0:
			v.bad("recorded and not owed: %s", what)
		}
	}
}

// An owing is one delivery that an event must lead to.
type owing struct{ event, receiver, scene string }

// owed works out, from the stories alone, which deliveries each tenant's events must lead to.
func (h *history) owed() map[string][]owing {
	out := map[string][]owing{}
	type state struct {
		before   []string        // who stood in the last event
		finished map[string]bool // those of them who had ended it, with all or on their own
		reached  map[string]bool // who was or will be pushed to, and was not deleted
	}
	todos := map[string]*state{}
	for _, e := range h.events {
		s := todos[e.todo]
		if s == nil {
			s = &state{finished: map[string]bool{}, reached: map[string]bool{}}
			todos[e.todo] = s
		}
		owe := func(receiver, scene string) {
			out[e.tenant] = append(out[e.tenant], owing{e.id, receiver, scene})
		}
		over := e.status != "pending"
		switch {
		case e.action == "delete":
			for r := range s.reached {
				owe(r, "delete")
			}
			clear(s.reached)
			clear(s.finished)
			s.before = nil
		case over && e.receivers == nil:
			for _, r := range s.before {
				if !s.finished[r] {
					owe(r, "done")
				}
				s.finished[r] = true
			}
		default:
			for _, r := range s.before { // who has ended it on his own, and is gone after that, has nothing open
				if !slices.Contains(e.receivers, r) && !s.finished[r] {
					owe(r, "delete")
					delete(s.reached, r)
				}
			}
			finished := map[string]bool{}
			for _, r := range e.receivers {
				finished[r] = over || slices.Contains(e.finished, r)
				switch {
				case finished[r] && s.finished[r] && !over: // he ended it earlier
				case finished[r]:
					owe(r, "done")
				case !slices.Contains(s.before, r) || s.finished[r]: // new, or pending after it was finished
					owe(r, "create")
				default:
					owe(r, "edit")
				}
				s.reached[r] = true
			}
			s.before, s.finished = e.receivers, finished
		}
	}
	return out
}

// judgeRepeats: a key comes again only after an answer that asks for it, after no answer, or after a kill while it was in
// flight; the last two are marked; and a kill repeats no more than a connection may have in flight.
func (h *history) judgeRepeats(v *verdict, records map[string]*record) {
	sort.Slice(h.kills, func(i, j int) bool { return h.kills[i].at.Before(h.kills[j].at) })
	last := map[string]*arrival{}
	atKill := map[string]int{}
	hit := map[int]bool{}
	for i := range h.arrivals {
		a := &h.arrivals[i]
		if k := h.killIn(a.At, a.Over); k >= 0 {
			hit[k] = true
		}
		r := records[a.Key]
		if r == nil {
			v.bad("request %d bears the key %q, of which there is no record", a.Seq, a.Key)
			continue
		}
		if r.EventID != a.Event || r.Todo != a.Todo || r.Tenant+"/"+r.Connection != a.Connection {
			v.bad("request %d for event %s at %s bears the key of event %s at %s", a.Seq, a.Event, a.Connection, r.EventID, r.Connection)
		}
		p := last[a.Key]
		last[a.Key] = a
		if p == nil {
			continue
		}
		v.repeats++
		if p.Event != a.Event || p.Receiver != a.Receiver {
			v.bad("requests %d and %d bear the same key for events %s and %s", p.Seq, a.Seq, p.Event, a.Event)
		}
		kill := h.killIn(p.At, a.At)
		asked := p.Answered && (p.Do == doBusy || p.Do == doNo && h.byHand)
		hungUp := p.Do == doLost || p.Do == doDrop || p.Do == doGate || p.Do == doHang
		switch {
		case asked:
			v.refused++
			continue
		case hungUp:
			v.unanswered++
		case kill >= 0:
			v.afterKill++
			at := fmt.Sprint(kill, " ", a.Connection)
			atKill[at]++
			hit[kill] = true
			v.mostAtAKill = max(v.mostAtAKill, atKill[at])
			if atKill[at] == h.concurrency+1 {
				v.bad("after the kill at %s more than %d requests to %s came again", h.kills[kill].at.Format(time.StampMicro), h.concurrency, a.Connection)
			}
		case !p.Answered:
			v.unanswered++ // the caller went away by itself: its own timeout
		default:
			v.bad("request %d (%s of %s to %s) was answered %q at %s, and came again as %d at %s, with no kill in between",
				p.Seq, p.Scene, p.Event, p.lane(), p.Do, p.Over.Format(time.StampMicro), a.Seq, a.At.Format(time.StampMicro))
		}
		if !r.PossiblySentTwice {
			v.bad("delivery %s of event %s was sent again as request %d and is not marked", a.Key, a.Event, a.Seq)
		}
	}
	v.hitting = len(hit)
}

// killIn is the first kill that struck between two moments; -1: none.
func (h *history) killIn(from, to time.Time) int {
	i := sort.Search(len(h.kills), func(i int) bool { return !h.kills[i].until.Before(from) })
	if i < len(h.kills) && (to.IsZero() || !h.kills[i].at.After(to)) {
		return i
	}
	return -1
}

// judgeOrder: in one lane never an older state after a newer one, and never two requests at once.
func (h *history) judgeOrder(v *verdict) {
	last := map[string]*arrival{}
	for i := range h.arrivals {
		a := &h.arrivals[i]
		p := last[a.lane()]
		last[a.lane()] = a
		if p == nil {
			continue
		}
		if a.N < p.N {
			v.bad("%s got event %d (request %d, %s) after event %d (request %d, %s)", a.lane(), a.N, a.Seq, a.Scene, p.N, p.Seq, p.Scene)
		}
		if (p.Over.IsZero() || a.At.Before(p.Over)) && h.killIn(p.At, a.At) < 0 && p.Answered {
			v.bad("%s got request %d while %d was not answered", a.lane(), a.Seq, p.Seq)
		}
	}
	v.lanes = len(last)
}

// judgeEnd: what an OA shows is what the CRM said last.
func (h *history) judgeEnd(v *verdict) {
	if h.waits || h.unsure > 0 {
		return
	}
	type shown struct {
		n    int
		as   string // open, done; "" for gone
		ever bool
	}
	oa := map[string]shown{}
	for i := range h.arrivals {
		a := &h.arrivals[i]
		if !a.taken() {
			continue
		}
		as := map[string]string{"create": "open", "edit": "open", "done": "done"}[a.Scene]
		oa[a.lane()] = shown{a.N, as, true}
	}
	failed := map[string]bool{}
	for _, r := range h.records {
		if r.State == "failed" {
			failed[r.Tenant+"/"+r.Connection+" "+r.Todo+" "+r.Receiver] = true
		}
	}
	wanted := map[string]map[string]shown{} // todo, receiver
	tenants := map[string]string{}
	place := map[string]int{}
	for _, e := range h.events {
		place[e.id], tenants[e.todo] = e.n, e.tenant
	}
	todoOf := func(event string) string { t, _, _ := strings.Cut(event, "/"); return t }
	for _, list := range h.owed() {
		for _, o := range list { // in the order of the events
			t := todoOf(o.event)
			if wanted[t] == nil {
				wanted[t] = map[string]shown{}
			}
			as := map[string]string{"create": "open", "edit": "open", "done": "done"}[o.scene]
			wanted[t][o.receiver] = shown{n: place[o.event], as: as}
		}
	}
	for t, receivers := range wanted {
		for r, want := range receivers {
			for _, c := range h.connections[tenants[t]] {
				lane := tenants[t] + "/" + c + " " + t + " " + r
				got := oa[lane]
				switch {
				case h.lossy && failed[lane]:
				case want.as == "open" && (got.as != "open" || got.n != want.n):
					v.bad("%s: the OA shows %q of event %d, the CRM's last is %q of event %d", lane, got.as, got.n, want.as, want.n)
				case want.as != "open" && got.ever && got.as != want.as:
					v.bad("%s: the OA shows %q of event %d, the CRM's last is %q of event %d", lane, got.as, got.n, want.as, want.n)
				}
			}
		}
	}
}
