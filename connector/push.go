package connector

import (
	"slices"
	"time"

	"todosync/mapping"
)

// stepPush is the first step of deliveries that a person has pushed, so that those of the event itself, which has the same number, do
// not take them for steps of their own re-creation.
const stepPush = 20

// PushOptions say how a todo is pushed again.
type PushOptions struct {
	Lost bool // the OA has lost it: it is sent as a create, whatever is known of it there
}

// Recall reads a stored event as it was when it was accepted.
func Recall(s *StoredEvent) (*Event, error) {
	doc, err := mapping.ParseDoc(s.Payload)
	if err != nil {
		return nil, err
	}
	e := &Event{
		Sequence: s.Sequence, Tenant: s.Tenant, Kind: s.Kind, Action: s.Action, ID: s.ID, Time: s.Time, Received: s.Received,
		Payload: s.Payload, Doc: doc, Trace: s.Trace,
	}
	p := parser{}
	p.object(e)
	if p.rejection != nil {
		return nil, &Error{Kind: Invalid, Op: "read stored event", Msg: p.rejection.Reason}
	}
	return e, nil
}

// NewestState is the event that says how a todo stands now, of all that is kept of it, in stream order: stale ones do not count, and
// who was taken out by name is no receiver any more. Nil: it is deleted, or nothing is known of it.
func NewestState(history []*Event) *Event {
	var now *Event
	var version int64
	for _, e := range history {
		o := &e.Object
		if o.Versioned && version > 0 && o.Version <= version {
			continue
		}
		if o.Versioned {
			version = o.Version
		}
		switch {
		case e.Action != ActionDelete:
			now = e
		case len(o.Receivers) == 0:
			now = nil
		case now != nil:
			c := *now
			c.Object.Receivers = slices.DeleteFunc(slices.Clone(now.Object.Receivers), func(r Receiver) bool {
				return slices.ContainsFunc(o.Receivers, func(gone Receiver) bool { return gone.ID == r.ID })
			})
			now = &c
		}
	}
	return now
}

// PlanPush decides which deliveries bring a todo's newest accepted state to one connection again: for each receiver who has it open an
// edit where the OA has the todo, else a create, and for one who is done what says so. A todo that the connection knows nothing of, since it was made
// later, is planned as its newest event would be now. e is that event. Where there is nothing to push, why says so.
//
// Like PlanEvent it is pure but for k.
func PlanPush(k *Known, p *Program, e *Event, o PushOptions, now time.Time, newID func() string) (made []*Delivery, why string) {
	if p.Condition.Leaving {
		return nil, "the connection is being deleted: its todos are taken out of the OA"
	}
	l := planner{known: k, program: p, event: e, now: now, newID: newID}
	t := k.Todos[TodoKey{Conn: p.Conn, Kind: e.Kind, ID: e.Object.ID}]
	if t == nil || !t.Known {
		return l.pushUnknown()
	}
	if t.Deleted {
		return nil, "the todo is deleted in the CRM"
	}
	l.todo = t
	acts, waiting := l.pushes(o)
	l.carryOut(acts)
	for _, d := range l.made {
		d.Step += stepPush
	}
	switch {
	case len(l.made) > 0:
	case waiting:
		why = "its newest state waits to be sent already"
	case l.sceneOff:
		why = "the scene that would say it is off in this connection"
	case t.Finished:
		why = "the todo is over, and the OA never had it"
	default:
		why = "nobody has the todo open in this connection"
	}
	return l.made, why
}

// pushUnknown plans a todo that the connection knows nothing of.
func (l *planner) pushUnknown() ([]*Delivery, string) {
	if l.event.Action == ActionDelete || l.event.Object.Finished {
		return nil, "the todo is over, and the OA never had it"
	}
	switch l.plan() {
	case OutcomePlanned:
		return l.made, ""
	case OutcomeSceneOff:
		return nil, "the scene create is off in this connection"
	case OutcomeFiltered:
		return nil, "the todo is not this connection's"
	case OutcomeNoReceiver, OutcomeStale, OutcomeNoConnection:
	}
	return nil, "nobody has the todo open in this connection"
}

// pushes are the acts that say a todo's newest state, and whether some are left out because what says the same waits already.
func (l *planner) pushes(o PushOptions) (acts []act, waiting bool) {
	for _, r := range l.todo.Receivers {
		lane := l.todo.lane(r.ID)
		a := act{receiver: Recipient{ID: r.ID, Name: r.Name}}
		a.scene = l.change(&a)
		has := lane != nil && lane.presence(r.ID) != Absent
		switch {
		case r.Finished || l.todo.Finished:
			if !has {
				continue
			}
			a.scene, a.ends = l.finalScene(), SceneDone
		case a.scene == SceneCreate:
		case !has || o.Lost || !l.on(SceneEdit):
			a.scene = SceneCreate
		}
		if lane != nil && l.says(lane, &a) {
			waiting = true
			continue
		}
		acts = append(acts, a)
	}
	return acts, waiting
}

// says reports whether something waits in a lane that tells the OA what an act would.
func (l *planner) says(lane *Lane, a *act) bool {
	s := a.scene
	for _, w := range lane.Waiting {
		if w.EventID != l.event.ID || !w.Names(a.receiver.ID) {
			continue
		}
		absent := lane.presence(a.receiver.ID) == Absent
		if w.Scene == s || w.Scene == SceneCreate && s == SceneEdit || w.Scene == SceneEdit && s == SceneCreate && absent {
			return true
		}
	}
	return false
}

// opens reports whether a delivery is the first of the steps that one cause has led to, in which another may follow it.
func (d *Delivery) opens() bool { return d.Step == 0 || d.Step == stepPush || d.anew() }

// stepAnew is the step of a create that takes the place, under a new external id, of what the OA has; the delete of that follows it.
const stepAnew = 4

// anew reports whether the delivery is such a create.
func (d *Delivery) anew() bool {
	return d.Scene == SceneCreate && (d.Step == stepAnew || d.Step == stepPush+stepAnew)
}
