package connector

import (
	"slices"
	"time"
)

// Planned says what became of one event.
type Planned struct {
	Event    *Event
	Outcome  Outcome // OutcomeNoConnection, or empty: see Outcomes
	Outcomes []ConnectionOutcome
}

// A ConnectionOutcome says what became of an event at one connection. Its deliveries are new: N is 0.
type ConnectionOutcome struct {
	Conn       int64
	Key        ConnectionKey
	Outcome    Outcome
	Deliveries []*Delivery
}

// End is one word for what became of the event at all connections: planned where it was at one, else what it was at the first.
func (p *Planned) End() Outcome {
	end := p.Outcome
	for i := range p.Outcomes {
		switch o := p.Outcomes[i].Outcome; {
		case o == OutcomePlanned:
			return o
		case end == "":
			end = o
		}
	}
	return end
}

// PlanEvent decides which deliveries an event leads to, at each connection of its tenant. It is pure but for k, which it
// brings up to date: todos and lanes that it changed are Dirty, new deliveries stand in their lane's Waiting, and
// waiting ones that they make needless are Superseded there.
func PlanEvent(k *Known, e *Event, now time.Time, newID func() string) Planned {
	out := Planned{Event: e}
	programs := k.Programs[e.Tenant]
	if len(programs) == 0 {
		out.Outcome = OutcomeNoConnection
		return out
	}
	for _, p := range programs {
		l := planner{known: k, program: p, event: e, now: now, newID: newID}
		outcome := l.plan()
		out.Outcomes = append(out.Outcomes, ConnectionOutcome{
			Conn: p.Conn, Key: p.Key, Outcome: outcome, Deliveries: l.made,
		})
	}
	return out
}

// A planner plans one event at one connection.
type planner struct {
	known   *Known
	program *Program
	event   *Event
	now     time.Time
	newID   func() string

	todo      *Todo
	made      []*Delivery
	sceneOff  bool // an action was left out because its scene is off
	elsewhere bool // a receiver was left out: another connection's, or not chosen by `when`
}

func (l *planner) plan() Outcome {
	key := TodoKey{Conn: l.program.Conn, Kind: l.event.Kind, ID: l.event.Object.ID}
	l.todo = l.known.Todos[key]
	if l.todo == nil {
		l.todo = &Todo{Key: key, Lanes: map[string]*Lane{}}
		l.known.Todos[key] = l.todo
	}
	if l.event.Kind != KindTodo {
		return l.planNotice()
	}
	return l.planTodo()
}

// planNotice plans a reminder or a message: it is told once to each receiver and has no life after that.
func (l *planner) planNotice() Outcome {
	scene := SceneRemind
	if l.event.Kind == KindMessage {
		scene = SceneMessage
	}
	if !l.chosen() {
		return OutcomeFiltered
	}
	if !l.program.On(scene) {
		return OutcomeSceneOff
	}
	var acts []act
	for _, r := range l.mine() {
		acts = append(acts, act{scene: scene, receiver: Recipient{ID: r.ID, Name: r.Name}})
	}
	l.todo.Keyed = l.program.mode(scene).As
	l.carryOut(acts)
	return l.outcome()
}

func (l *planner) planTodo() Outcome {
	e, t := l.event, l.todo
	if o := &e.Object; o.Versioned && t.Versioned && o.Version <= t.Version {
		return OutcomeStale
	}
	if e.Replayed && t.Newest > e.Sequence {
		return OutcomeStale
	}
	chosen := l.chosen()
	if !chosen && !t.Known {
		return OutcomeFiltered
	}
	if t.Keyed == "" {
		t.Keyed = l.keying()
	}
	var acts []act
	switch {
	case !chosen:
		// The todo is here and the event says that it is no longer this connection's: all its receivers are gone.
		l.elsewhere = true
		acts = l.gone(nil)
		t.Receivers = nil
	case e.Action == ActionDelete:
		acts = l.deletes()
	case e.Object.Finished && len(e.Object.Receivers) == 0:
		acts = l.finishes()
	default:
		acts = l.changes(l.mine())
	}
	t.Known, t.Dirty, t.Newest = true, true, e.Sequence
	t.Finished = e.Object.Finished
	t.Deleted = e.Action == ActionDelete && len(t.Receivers) == 0
	if e.Object.Versioned {
		t.Version, t.Versioned = e.Object.Version, true
	}
	l.carryOut(acts)
	return l.outcome()
}

// outcome sums up what was planned.
func (l *planner) outcome() Outcome {
	switch {
	case len(l.made) > 0:
		return OutcomePlanned
	case l.sceneOff:
		return OutcomeSceneOff
	case l.elsewhere:
		return OutcomeFiltered
	}
	return OutcomeNoReceiver
}

// chosen reports whether the event's type and object are this connection's. Events that end a todo may leave both out;
// then what is known of the todo decides.
func (l *planner) chosen() bool {
	fits := func(want []string, have string) bool {
		return len(want) == 0 || slices.Contains(want, have) || have == "" && l.todo.Known
	}
	when := &l.program.Settings.When
	return fits(when.Types, l.event.Object.Type) && fits(when.Objects, l.event.Object.APIName)
}

// mine gives the event's receivers that this connection is for, each once.
func (l *planner) mine() []Receiver {
	rule := &l.program.Settings.When.Receivers
	var out []Receiver
	seen := make(map[string]bool, len(l.event.Object.Receivers))
	for _, r := range l.event.Object.Receivers {
		if seen[r.ID] {
			continue
		}
		seen[r.ID] = true
		if rule.Path != "" && !slices.Contains(rule.In, Text(r.Value.Get(rule.Path).Text())) {
			l.elsewhere = true
			continue
		}
		out = append(out, r)
	}
	return out
}

// changes plans a create or an edit with its receivers: who is gone, who stays, who is new.
func (l *planner) changes(receivers []Receiver) []act {
	t, e := l.todo, l.event
	acts := l.gone(receivers)
	after := make([]TodoReceiver, 0, len(receivers))
	for _, r := range receivers {
		before := t.receiver(r.ID)
		finished := e.Object.Finished || r.Finished
		after = append(after, TodoReceiver{ID: r.ID, Name: r.Name, Finished: finished})
		a := act{receiver: Recipient{ID: r.ID, Name: r.Name}}
		switch {
		case finished:
			if before != nil && before.Finished && !e.Object.Finished {
				continue // he ended on his own earlier, and was told so
			}
			a.ends = SceneDone
			a.scene = l.finalScene()
		case before == nil:
			a.scene = SceneCreate
			l.again(&a)
		case before.Finished || t.Finished:
			a.scene = SceneCreate
			if l.program.Settings.Reopen == ReopenEdit {
				a.scene = SceneEdit
			}
			l.again(&a)
		default:
			a.scene = l.change(&a)
		}
		acts = append(acts, a)
	}
	t.Receivers = after
	return acts
}

// change is the scene that tells a receiver of a todo's change: he has it, unless it was withdrawn from him.
func (l *planner) change(a *act) Scene {
	if lane := l.todo.lane(a.receiver.ID); lane == nil || lane.Ended != SceneDelete {
		return SceneEdit
	}
	l.again(a)
	return SceneCreate
}

// finalScene is the scene of an event that says "finished": done where that is on, else the edit that carries the status.
// An OA whose edits are re-creations would show the finished todo as a new one, so there it is done or nothing.
func (l *planner) finalScene() Scene {
	if l.program.On(SceneDone) || l.program.Settings.EditAs == EditAsRecreate {
		return SceneDone
	}
	return SceneEdit
}

// again has a create for this receiver go under a new external id where it re-creates what was ended, at an OA that wants that.
func (l *planner) again(a *act) {
	lane := l.todo.lane(a.receiver.ID)
	if l.program.Settings.Reopen != ReopenNewID || lane == nil || !lane.Left && len(lane.Waiting) == 0 {
		return
	}
	a.newID = lane.Ended != ""
	// Those of a common lane have one id together: whoever needs a new one while others have it open goes on by himself.
	a.parts = !a.newID && lane.Receiver == "" && lane.had(a.receiver.ID)
}

// gone plans the deletes of those who were receivers and are not any more.
func (l *planner) gone(now []Receiver) []act {
	var acts []act
	for _, b := range l.todo.Receivers {
		if b.Finished || slices.ContainsFunc(now, func(r Receiver) bool { return r.ID == b.ID }) {
			continue
		}
		acts = append(acts, act{scene: SceneDelete, ends: SceneDelete, receiver: Recipient{ID: b.ID, Name: b.Name}})
	}
	return acts
}

// finishes plans a finished edit that names nobody: it ends the todo for all who have it open.
func (l *planner) finishes() []act {
	var acts []act
	for i := range l.todo.Receivers {
		b := &l.todo.Receivers[i]
		if !b.Finished {
			acts = append(acts, act{scene: l.finalScene(), ends: SceneDone, receiver: Recipient{ID: b.ID, Name: b.Name}})
		}
		b.Finished = true
	}
	return acts
}

// deletes plans a delete: for exactly those whom it names, else for all to whom the todo was or will be pushed.
func (l *planner) deletes() []act {
	t := l.todo
	var acts []act
	add := func(r Recipient) {
		acts = append(acts, act{scene: SceneDelete, ends: SceneDelete, receiver: r})
	}
	if named := l.mine(); len(l.event.Object.Receivers) > 0 {
		for _, r := range named {
			add(Recipient{ID: r.ID, Name: r.Name})
		}
		t.Receivers = slices.DeleteFunc(t.Receivers, func(b TodoReceiver) bool {
			return slices.ContainsFunc(named, func(r Receiver) bool { return r.ID == b.ID })
		})
		return acts
	}
	told := map[string]bool{}
	for _, b := range t.Receivers {
		told[b.ID] = true
		add(Recipient{ID: b.ID, Name: b.Name})
	}
	left := make([]string, 0, len(t.Lanes))
	for id, lane := range t.Lanes {
		if id != "" && !told[id] && lane.Ended != SceneDelete {
			left = append(left, id)
		}
	}
	slices.Sort(left)
	for _, id := range left {
		add(Recipient{ID: id})
	}
	t.Receivers = nil
	return acts
}
