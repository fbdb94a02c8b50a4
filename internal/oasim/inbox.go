package oasim

import (
	"maps"
	"time"
)

// A State is where a todo stands in the OA.
type State string

// The states of a todo.
const (
	StateTodo    State = "todo"
	StateDone    State = "done"
	StateOver    State = "over" // Weaver's 办结: the whole flow is complete
	StateCC      State = "cc"   // to be read, not to be done
	StateDeleted State = "deleted"
)

// A Todo is one entry of one account's inbox.
type Todo struct {
	App       string            `json:"app,omitempty"` // registration that it came under, and what else is part of its key
	ID        string            `json:"id"`
	Account   string            `json:"account"`
	Message   bool              `json:"message,omitempty"` // a notice: it cannot be done
	State     State             `json:"state"`
	Title     string            `json:"title"`
	Sender    string            `json:"sender,omitempty"`
	URL       string            `json:"url,omitempty"`
	MobileURL string            `json:"mobileUrl,omitempty"`
	Created   string            `json:"created,omitempty"` // as sent
	Workflow  string            `json:"workflow,omitempty"`
	Node      string            `json:"node,omitempty"`
	Result    string            `json:"result,omitempty"` // how it ended, where the vendor is told (Seeyon's subState)
	Fields    map[string]string `json:"fields,omitempty"` // all that the last accepted call said
	Stamp     int64             `json:"stamp,omitempty"`  // Weaver's receivets
	Writes    int               `json:"writes"`           // accepted calls that made or changed it
	ChangedAt time.Time         `json:"changedAt"`
}

// open says whether the todo still stands in the inbox.
func (t *Todo) open() bool { return t.State == StateTodo || t.State == StateCC }

// A todoKey finds a todo: most vendors tell receivers apart, some know a todo by its id alone (account empty).
type todoKey struct{ app, id, account string }

// An inbox holds the todos of all accounts. The Sim's lock guards it.
type inbox struct {
	keep  int
	byKey map[todoKey]*Todo
	byID  map[todoKey][]*Todo // key without account
	order []*Todo
}

// newInbox makes an empty inbox that keeps so many entries; 0 is the default of Config.
func newInbox(keep int) inbox {
	if keep == 0 {
		keep = 100_000
	}
	return inbox{keep: keep, byKey: map[todoKey]*Todo{}, byID: map[todoKey][]*Todo{}}
}

// find gives a todo, or nil.
func (b *inbox) find(app, id, account string) *Todo {
	return b.byKey[todoKey{app, id, account}]
}

// of gives a todo's entries in all inboxes.
func (b *inbox) of(app, id string) []*Todo {
	return b.byID[todoKey{app: app, id: id}]
}

// put writes an entry that is new, or takes the place of one with the same app, id and account, and says which. A new
// entry after a deleted one is new.
func (b *inbox) put(t *Todo, now time.Time) Effect {
	t.ChangedAt = now
	key := todoKey{t.App, t.ID, t.Account}
	if old := b.byKey[key]; old != nil {
		effect := EffectEdited
		if old.State == StateDeleted {
			effect = EffectNew
		}
		t.Writes = old.Writes + 1
		*old = *t
		return effect
	}
	t.Writes = 1
	b.forget()
	b.byKey[key] = t
	b.byID[todoKey{app: t.App, id: t.ID}] = append(b.byID[todoKey{app: t.App, id: t.ID}], t)
	b.order = append(b.order, t)
	return EffectNew
}

// end moves an entry to a final state, unless it is there.
func (b *inbox) end(t *Todo, state State, now time.Time) Effect {
	if t.State == state {
		return EffectSame
	}
	t.State, t.ChangedAt = state, now
	t.Writes++
	if state == StateDeleted {
		return EffectDeleted
	}
	return EffectDone
}

// forget makes room for one more: finished entries go first, then the oldest.
func (b *inbox) forget() {
	if len(b.order) < b.keep {
		return
	}
	// A quarter goes at once, so that the walk over all entries is paid for by many additions.
	surplus := len(b.order) - b.keep*3/4
	left := make([]*Todo, 0, b.keep)
	drop := func(t *Todo) {
		surplus--
		delete(b.byKey, todoKey{t.App, t.ID, t.Account})
		delete(b.byID, todoKey{app: t.App, id: t.ID})
	}
	for _, t := range b.order {
		if surplus > 0 && !t.open() {
			drop(t)
			continue
		}
		left = append(left, t)
	}
	for surplus > 0 {
		drop(left[0])
		left = left[1:]
	}
	b.order = left
	clear(b.byID)
	for _, t := range left {
		k := todoKey{app: t.App, id: t.ID}
		b.byID[k] = append(b.byID[k], t)
	}
}

// list copies the entries that are wanted, oldest first. It is never nil, so that it is [] in JSON.
func (b *inbox) list(wanted func(*Todo) bool) []Todo {
	out := []Todo{}
	for _, t := range b.order {
		if wanted(t) {
			c := *t
			c.Fields = maps.Clone(t.Fields)
			out = append(out, c)
		}
	}
	return out
}
