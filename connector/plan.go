package connector

import (
	"slices"
	"strings"
	"time"

	"todosync/mapping"
)

// A TodoKey names a todo (or reminder, or message) at a connection.
type TodoKey struct {
	Conn int64
	Kind Kind
	ID   string
}

// A Todo is what is known of one todo at one connection: the last accepted event of it there, and its lanes.
type Todo struct {
	Key       TodoKey
	Known     bool  // an event of it was accepted at this connection
	Version   int64 // the newest accepted, where Versioned
	Versioned bool
	Finished  bool
	Deleted   bool
	Newest    uint64            // stream sequence of the newest accepted event
	Keyed     mapping.Receivers // how its lanes are keyed: as its create was planned
	Receivers []TodoReceiver    // those of the last accepted event that are this connection's
	Lanes     map[string]*Lane  // by Lane.Receiver
	Dirty     bool              // planning changed it
}

// A TodoReceiver is a receiver of the last accepted event.
type TodoReceiver struct {
	ID       string `json:"id"`
	Name     string `json:"name,omitempty"`
	Finished bool   `json:"finished,omitempty"`
}

// A UserKey names a CRM user at a connection.
type UserKey struct {
	Conn int64
	User string
}

// Known is what planning a batch needs to know. The store fills it; PlanEvent changes it, so that the next event of the
// batch finds what the one before led to.
type Known struct {
	Programs map[string][]*Program // by tenant, sorted by name, enabled or not
	Todos    map[TodoKey]*Todo     // a todo that is not there is not known
	// Bindings are those of the batch's receivers, and of all who have a lane of its todos: an event may end what it does
	// not name. They are of all connections of the tenants, since a receiver who is bound in another is not this one's.
	Bindings map[UserKey]Binding
}

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

// An act is what one receiver is owed.
type act struct {
	scene    Scene
	receiver Recipient
	newID    bool  // under a new external id
	ends     Scene // how the lane stands afterwards: SceneDone, SceneDelete or open
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
		t.Keyed = l.program.mode(SceneCreate).As
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
		case before == nil || e.Action == ActionCreate:
			a.scene = SceneCreate
			a.newID = l.again(r.ID)
		case before.Finished || t.Finished:
			a.scene = SceneCreate
			if l.program.Settings.Reopen == ReopenEdit {
				a.scene = SceneEdit
			}
			a.newID = l.again(r.ID)
		default:
			a.scene = SceneEdit
		}
		acts = append(acts, a)
	}
	t.Receivers = after
	return acts
}

// finalScene is the scene of an event that says "finished": done where that is on, else the edit that carries the status.
// An OA whose edits are re-creations would show the finished todo as a new one, so there it is done or nothing.
func (l *planner) finalScene() Scene {
	if l.program.On(SceneDone) || l.program.Settings.EditAs == EditAsRecreate {
		return SceneDone
	}
	return SceneEdit
}

// again reports whether a create for this receiver re-creates what was ended, at an OA that wants a new id for that.
func (l *planner) again(receiver string) bool {
	lane := l.todo.lane(receiver)
	return l.program.Settings.Reopen == ReopenNewID && lane != nil && lane.Ended != "" && lane.Left
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

// carryOut makes the deliveries of the acts, in lanes of their own or together.
func (l *planner) carryOut(acts []act) {
	acts = slices.DeleteFunc(acts, func(a act) bool {
		if l.on(a.scene) {
			return false
		}
		l.sceneOff = true
		return true
	})
	if l.todo.Keyed == mapping.Each || l.todo.Keyed == "" {
		for _, a := range acts {
			l.alone(a)
		}
		return
	}
	for _, scene := range []Scene{SceneDelete, SceneDone, SceneEdit, SceneCreate, SceneRemind, SceneMessage} {
		var together []act
		for _, a := range acts {
			switch {
			case a.scene != scene:
			case l.todo.Lanes[a.receiver.ID] != nil || l.account(a) == unbound:
				l.alone(a)
			default:
				if l.account(a) != others {
					together = append(together, a)
				}
			}
		}
		most := l.program.mode(scene).Max
		if most <= 0 {
			most = len(together)
		}
		for part := range slices.Chunk(together, max(most, 1)) {
			l.toAll(part)
		}
	}
}

// on reports whether a scene's deliveries are wanted. A re-creation needs no edit scene, only one that isn't turned off.
func (l *planner) on(s Scene) bool {
	if s == SceneEdit && l.program.Settings.EditAs == EditAsRecreate {
		edit, written := l.program.Settings.Scenes[SceneEdit]
		return (!written || edit.Enabled) && l.program.On(SceneCreate) && l.program.On(SceneDelete)
	}
	return l.program.On(s)
}

// alone plans an act in its receiver's own lane.
func (l *planner) alone(a act) {
	lane := l.todo.openLane(a.receiver.ID)
	standing := l.account(a)
	if standing == others {
		l.elsewhere = true
		return
	}
	l.add(lane, a, []Recipient{a.receiver}, standing)
}

// toAll plans one delivery for several receivers in the todo's common lane. All acts are of one scene.
func (l *planner) toAll(acts []act) {
	if len(acts) == 0 {
		return
	}
	who := make([]Recipient, len(acts))
	for i, a := range acts {
		who[i] = a.receiver
	}
	a := acts[0]
	if a.ends != "" && slices.ContainsFunc(l.todo.Receivers, func(r TodoReceiver) bool { return !r.Finished }) {
		a.ends = "" // others still have it open
	}
	l.add(l.todo.openLane(""), a, who, bound)
}

// standing says whether a receiver can be told.
type standing uint8

const (
	bound   standing = iota + 1 // has an account here, or none is needed
	unbound                     // nobody knows his account
	others                      // he is bound in another connection of the tenant: not this one's
)

func (l *planner) account(a act) standing {
	lane := l.todo.lane(a.receiver.ID)
	ends := a.scene == SceneDone || a.scene == SceneDelete
	switch {
	case lane != nil && lane.Account != "" && a.scene != SceneCreate:
		return bound
	case lane != nil && ends && (lane.Left || len(lane.Waiting) > 0):
		return bound // what was begun for him here is ended here, whoever knows him today
	}
	if _, ok := l.known.Bindings[UserKey{l.program.Conn, a.receiver.ID}]; ok {
		return bound
	}
	for _, p := range l.known.Programs[l.event.Tenant] {
		if _, ok := l.known.Bindings[UserKey{p.Conn, a.receiver.ID}]; ok {
			return others
		}
	}
	if !l.program.usesAccount(a.scene) {
		return bound
	}
	return unbound
}

// add plans the deliveries of one act in a lane: one, or the two of a re-creation.
func (l *planner) add(lane *Lane, a act, who []Recipient, st standing) {
	if l.event.Kind == KindTodo {
		defer func() { lane.Ended, lane.Dirty = a.ends, true }()
	}
	if lane.External == 0 {
		lane.External = 1
	}
	switch {
	case l.event.Kind != KindTodo:
		l.put(lane, a.scene, 0, who, st)
	case a.scene == SceneDone || a.scene == SceneDelete:
		l.end(lane, a, who, st)
	case a.scene == SceneEdit && l.program.Settings.EditAs == EditAsRecreate:
		l.coalesce(lane, l.recreate(lane, who, st))
	case a.scene == SceneEdit:
		l.coalesce(lane, l.put(lane, a.scene, 0, who, st))
	default:
		if a.newID {
			lane.External++
		}
		l.put(lane, a.scene, 0, who, st)
	}
}

// recreate plans delete and create for an edit; under a new external id the create goes first, so that the todo is never
// away from the inbox.
func (l *planner) recreate(lane *Lane, who []Recipient, st standing) *Delivery {
	if l.program.Settings.Reopen != ReopenNewID {
		l.put(lane, SceneDelete, 0, who, st)
		return l.put(lane, SceneCreate, 1, who, st)
	}
	lane.External++
	l.put(lane, SceneCreate, 0, who, st)
	old := l.put(lane, SceneDelete, 1, who, st)
	old.External--
	return old
}

// end plans a done or a delete. What the OA never got needs no end: then all that waits is superseded, or there was
// nothing to begin with.
func (l *planner) end(lane *Lane, a act, who []Recipient, st standing) {
	never := !lane.Left && lane.Presence == Absent && l.program.On(SceneCreate) &&
		!slices.ContainsFunc(lane.Waiting, func(d *Delivery) bool { return d.State == Sending || d.Attempts > 0 })
	switch {
	case !never:
		l.put(lane, a.scene, 0, who, st)
	case len(lane.Waiting) == 0:
		d := l.put(lane, a.scene, 0, who, bound)
		d.State, d.Class, d.Due = Skipped, ReasonNothingThere, time.Time{}
		d.Message = "the OA never got this todo"
		lane.Waiting = nil
	default:
		d := l.put(lane, a.scene, 0, who, bound)
		for _, w := range lane.Waiting {
			supersede(w, d)
		}
		d.SupersededBy = ""
		lane.Waiting = nil
	}
}

// coalesce ends the edits that still wait in front of the newest one, where the connection wants that.
func (l *planner) coalesce(lane *Lane, newest *Delivery) {
	if !l.program.Settings.Coalesce || newest == nil {
		return
	}
	kept := lane.Waiting[:0]
	for _, w := range lane.Waiting {
		if w.EventID != newest.EventID && w.Scene == SceneEdit && (w.State == Pending || w.State == Retrying) {
			supersede(w, newest)
			continue
		}
		kept = append(kept, w)
	}
	lane.Waiting = kept
	if len(kept) > 0 && kept[0].State == Pending && kept[0].Due.IsZero() {
		kept[0].Due = l.now
	}
}

// supersede ends a waiting delivery in favour of a later one.
func supersede(d, by *Delivery) {
	d.State, d.Class, d.Due, d.SupersededBy = Superseded, "", time.Time{}, by.ID
}

// put makes one delivery at the end of a lane.
func (l *planner) put(lane *Lane, scene Scene, step int, who []Recipient, st standing) *Delivery {
	e := l.event
	d := &Delivery{
		ID: l.newID(), Conn: l.program.Conn, Key: l.program.Key,
		Kind: e.Kind, Todo: e.Object.ID, Lane: lane.Receiver, Scene: scene, Step: step,
		Title: e.Object.Title, Recipients: who, EventID: e.ID, External: lane.External,
		State: Pending, Created: l.now, Updated: l.now, Revision: l.program.Revision,
	}
	if st == unbound {
		d.Class = ReasonUnbound
		d.Message = unboundMessage(who, l.program.Key)
		switch l.program.Settings.Unbound {
		case UnboundFail:
			d.State = Failed
		case UnboundSkip:
			d.State = Skipped
		case UnboundHold:
			d.State = Held
		default:
			d.State = Held
		}
	} else {
		d.Account = l.accounts(lane, who)
	}
	if d.Waits() {
		if d.State == Pending && len(lane.Waiting) == 0 {
			d.Due = l.now
		}
		lane.Waiting = append(lane.Waiting, d)
	}
	l.made = append(l.made, d)
	return d
}

// accounts gives the OA accounts that the delivery would go to now, for the record.
func (l *planner) accounts(lane *Lane, who []Recipient) string {
	if lane.Account != "" && lane.Receiver != "" {
		return lane.Account
	}
	var out []string
	for _, r := range who {
		if b, ok := l.known.Bindings[UserKey{l.program.Conn, r.ID}]; ok {
			out = append(out, b.Account)
		}
	}
	return strings.Join(out, ",")
}

func unboundMessage(who []Recipient, key ConnectionKey) string {
	names := make([]string, len(who))
	for i, r := range who {
		names[i] = r.ID
		if r.Name != "" {
			names[i] = r.Name + " (" + r.ID + ")"
		}
	}
	return "no OA account is bound to " + strings.Join(names, ", ") + " in connection " + key.Name
}

// receiver is the receiver of the last accepted event with this id, nil when he was none.
func (t *Todo) receiver(id string) *TodoReceiver {
	for i := range t.Receivers {
		if t.Receivers[i].ID == id {
			return &t.Receivers[i]
		}
	}
	return nil
}

// lane is the lane that a receiver's deliveries go in, nil when there is none yet.
func (t *Todo) lane(receiver string) *Lane {
	if lane := t.Lanes[receiver]; lane != nil || t.Keyed == mapping.Each {
		return lane
	}
	return t.Lanes[""]
}

// openLane is the lane with exactly this key, made where it is missing.
func (t *Todo) openLane(key string) *Lane {
	lane := t.Lanes[key]
	if lane == nil {
		lane = &Lane{Receiver: key}
		if t.Lanes == nil {
			t.Lanes = map[string]*Lane{}
		}
		t.Lanes[key] = lane
	}
	return lane
}
