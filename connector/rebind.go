package connector

import (
	"slices"
	"time"

	"todosync/mapping"
)

// The steps of deliveries that a changed binding leads to. They are apart from those of events, so that a delete which
// fails does not end the create that follows: the new account must get its todo all the same.
const (
	stepUnbind = 10
	stepBind   = 11
)

// Rebinds reports whether the delivery is one of those.
func (d *Delivery) Rebinds() bool { return d.Step == stepUnbind || d.Step == stepBind }

// PlanRebind decides what a changed or removed binding of a receiver leads to for one todo: a delete for the account that
// has it, and a create for the new one, where there is one. newest is the todo's last accepted event at the connection;
// account is the receiver's account from now on, empty when he has none. Like PlanEvent it is pure but for t.
//
// A todo that the old account never got leads to nothing: what waits for it takes the binding of the day it is sent. Nor
// does one that is over, or whose end is planned.
func PlanRebind(p *Program, t *Todo, receiver, account string, newest *StoredEvent, now time.Time, newID func() string) []*Delivery {
	lane := t.lane(receiver)
	if lane == nil || receiver == "" || lane.Ended != "" {
		return nil
	}
	if old := lane.account(receiver); old == "" || old == account || lane.presence(receiver) == Absent {
		return nil
	}
	if r := t.receiver(receiver); lane.Receiver == "" && (r == nil || r.Finished) {
		return nil // it is over for him, or its end is planned
	}
	for _, w := range lane.Waiting {
		if w.Step == stepUnbind && w.State != Sending && w.Names(receiver) {
			return nil // an earlier change still waits; its create takes the binding of the day
		}
	}
	who := TodoReceiver{ID: receiver}
	if r := t.receiver(receiver); r != nil {
		who = *r
	}
	l := planner{
		known:   &Known{Bindings: map[UserKey]Binding{}},
		program: p, now: now, newID: newID, todo: t,
		event: &Event{Kind: t.Key.Kind, ID: newest.ID, Object: Object{ID: t.Key.ID, Title: titleOf(newest)}},
	}
	recipients := []Recipient{{ID: who.ID, Name: who.Name}}
	if p.On(SceneDelete) {
		d := l.put(lane, SceneDelete, stepUnbind, recipients, bound)
		if before := lane.Waiting[:len(lane.Waiting)-1]; lane.Has > 0 && !slices.ContainsFunc(before, func(w *Delivery) bool { return w.External > lane.Has }) {
			d.External = lane.Has // a re-creation under a newer id has failed
		}
	}
	if account != "" && p.On(SceneCreate) && !p.Condition.Leaving {
		l.put(lane, SceneCreate, stepBind, recipients, bound).Account = account
	}
	lane.Dirty = len(l.made) > 0
	return l.made
}

// titleOf reads the title of a stored event.
func titleOf(e *StoredEvent) string {
	doc, err := mapping.ParseDoc(e.Payload)
	if err != nil {
		return "" // it was parsed when it was accepted; a title is not worth an error
	}
	return clean(doc.Value(string(e.Kind)).Get("title").Text())
}
