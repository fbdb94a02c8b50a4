package connector

import (
	"maps"
	"slices"
	"time"

	"todosync/mapping"
)

// stepWithdraw is the step of deletes by which a connection's todos leave its OA before it is deleted.
const stepWithdraw = 40

// PlanWithdraw decides which deletes take an open todo out of an OA, for all who have it there. Who the todo's receivers are in the CRM stays
// as it is: if the connection is kept after all, the next event or a push gives it to them anew. Like PlanEvent it is pure but for t.
func PlanWithdraw(p *Program, t *Todo, newest *StoredEvent, now time.Time, newID func() string) []*Delivery {
	l := planner{
		known: &Known{Bindings: map[UserKey]Binding{}}, program: p, now: now, newID: newID, todo: t,
		event: &Event{Kind: t.Key.Kind, ID: newest.ID, Object: Object{ID: t.Key.ID, Title: titleOf(newest)}},
	}
	for _, key := range slices.Sorted(maps.Keys(t.Lanes)) {
		lane := t.Lanes[key]
		if lane.Ended != "" || lane.Presence == Absent {
			continue
		}
		who := l.holders(lane)
		most := len(who)
		if mode := p.mode(SceneDelete); mode.As == mapping.Each {
			most = 1
		} else if mode.Max > 0 {
			most = mode.Max
		}
		for part := range slices.Chunk(who, max(most, 1)) {
			d := l.put(lane, SceneDelete, stepWithdraw, part, bound)
			if lane.Has > 0 && len(lane.Waiting) == 1 {
				d.External = lane.Has // a re-creation under a newer id has failed
			}
		}
		lane.Ended, lane.Dirty = SceneDelete, true
	}
	return l.made
}

// holders are those of a lane who have its todo open.
func (l *planner) holders(lane *Lane) []Recipient {
	if lane.Receiver != "" {
		return []Recipient{l.named(lane.Receiver)}
	}
	var out []Recipient
	for _, r := range l.todo.Receivers {
		if !r.Finished && l.todo.Lanes[r.ID] == nil && lane.presence(r.ID) != Absent {
			out = append(out, Recipient{ID: r.ID, Name: r.Name})
		}
	}
	for _, user := range slices.Sorted(maps.Keys(lane.People)) {
		if l.todo.receiver(user) == nil && l.todo.Lanes[user] == nil && lane.presence(user) != Absent {
			out = append(out, Recipient{ID: user})
		}
	}
	return out
}

// named is a user as the last event named him.
func (l *planner) named(user string) Recipient {
	if r := l.todo.receiver(user); r != nil {
		return Recipient{ID: r.ID, Name: r.Name}
	}
	return Recipient{ID: user}
}
