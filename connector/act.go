package connector

import (
	"slices"
	"strings"
	"time"

	"todosync/mapping"
)

// An act is what one receiver is owed.
type act struct {
	scene    Scene
	receiver Recipient
	newID    bool  // under a new external id
	parts    bool  // the same, while others of his common lane keep the one they have
	ends     Scene // how the lane stands afterwards: SceneDone, SceneDelete or open
}

// carryOut makes the deliveries of the acts, in lanes of their own or together.
func (l *planner) carryOut(acts []act) {
	acts = slices.DeleteFunc(acts, func(a act) bool {
		if l.program.Condition.Leaving && a.scene != SceneDone && a.scene != SceneDelete {
			l.elsewhere = true
			return true
		}
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
			case l.apart(a):
				l.alone(a)
			case l.account(a) == others:
				l.elsewhere = true
			case a.parts:
				l.part(a)
			default:
				together = append(together, a)
			}
		}
		mode := l.program.mode(scene)
		most := mode.Max
		switch {
		case mode.As == mapping.Each:
			most = 1
		case most <= 0:
			most = len(together)
		}
		for part := range slices.Chunk(together, max(most, 1)) {
			l.toAll(part)
		}
	}
}

// keying is how the todo's lanes are keyed: as its create is planned. Where a scene tells several receivers together what others tell one
// by one, all go in the common lane: only there is everybody's order kept.
func (l *planner) keying() mapping.Receivers {
	as := l.program.mode(SceneCreate).As
	for _, s := range []Scene{SceneEdit, SceneDone, SceneDelete} {
		if other := l.program.mode(s).As; as == mapping.Each && l.program.On(s) && other != mapping.Each {
			as = other
		}
	}
	return as
}

// apart reports whether a receiver goes in a lane of his own while others go together. Who has something waiting in the common lane stays
// there, with or without an account: else what comes now could overtake it.
func (l *planner) apart(a act) bool {
	if l.todo.Lanes[a.receiver.ID] != nil {
		return true
	}
	if l.account(a) != unbound && !a.parts {
		return false
	}
	common := l.todo.Lanes[""]
	return common == nil || !slices.ContainsFunc(common.Waiting, func(w *Delivery) bool { return w.Names(a.receiver.ID) })
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
	standing := l.account(a)
	if standing == others {
		l.elsewhere = true
		return
	}
	lane := l.todo.openLane(a.receiver.ID)
	if a.parts {
		lane.External, a.newID = l.todo.Lanes[""].External, true
	}
	l.add(lane, a, []Recipient{a.receiver}, standing)
}

// stepApart is the step of a create for one who goes on by himself under a new external id, while something waits for him in the common lane
// that must go before.
const stepApart = 30

// part plans such a create. When its turn comes he leaves the common lane with all that is planned for him behind it, see Split.
func (l *planner) part(a act) {
	lane := l.todo.openLane("")
	d := l.put(lane, a.scene, stepApart, []Recipient{a.receiver}, bound)
	d.External++
	lane.Ended, lane.Dirty = "", true
}

// Parts reports whether the delivery is for one who goes on by himself from here on, under its external id.
func (d *Delivery) Parts() bool { return d.Step == stepApart && d.Lane == "" }

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
	if a.ends != "" && slices.ContainsFunc(l.todo.Receivers, func(r TodoReceiver) bool { return !r.Finished && l.todo.Lanes[r.ID] == nil }) {
		a.ends = "" // others still have it open here
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
	case lane != nil && lane.account(a.receiver.ID) != "" && a.scene != SceneCreate:
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
	l.put(lane, SceneCreate, stepAnew, who, st)
	old := l.put(lane, SceneDelete, stepAnew+1, who, st)
	old.External--
	return old
}

// end plans a done or a delete. What the OA never got needs no end: then all that waits is superseded, or there was
// nothing to begin with.
func (l *planner) end(lane *Lane, a act, who []Recipient, st standing) {
	never := !lane.Left && lane.Presence == Absent && l.program.On(SceneCreate) &&
		!slices.ContainsFunc(lane.Waiting, func(d *Delivery) bool { return d.State == Sending || d.Unanswered })
	if !never {
		l.put(lane, a.scene, 0, who, st)
		return
	}
	waiting := lane.Waiting
	d := l.put(lane, a.scene, 0, who, bound)
	if l.replace(lane, waiting, d, func(*Delivery) bool { return true }) {
		d.State, d.Class, d.Due = Superseded, "", time.Time{}
		return
	}
	d.State, d.Class, d.Due = Skipped, ReasonNothingThere, time.Time{}
	d.Message = "the OA never got this todo"
}

// replace has a delivery take the place of what waits for its recipients, as far as which says so, and reports whether there was any.
// Others of the common lane keep what is theirs. waiting is what waited before; the lane is left with what of it still does.
func (l *planner) replace(lane *Lane, waiting []*Delivery, by *Delivery, which func(*Delivery) bool) (any bool) {
	kept := make([]*Delivery, 0, len(waiting)+1)
	for _, w := range waiting {
		if !which(w) {
			kept = append(kept, w)
			continue
		}
		rest := *w
		left := rest.Leave(idsOf(by.Recipients)...)
		any = any || left || lane.Receiver != ""
		switch {
		case lane.Receiver != "" || left && len(rest.Recipients) == 0:
			supersede(w, by)
			continue
		case left:
			w.Recipients, w.Account = rest.Recipients, rest.Account
		}
		kept = append(kept, w)
	}
	lane.Waiting = kept
	if len(kept) > 0 && kept[0].State == Pending && kept[0].Due.IsZero() {
		kept[0].Due = l.now
	}
	return any
}

// coalesce ends the edits that still wait in front of the newest one, where the connection wants that.
func (l *planner) coalesce(lane *Lane, newest *Delivery) {
	if !l.program.Settings.Coalesce || newest == nil {
		return
	}
	l.replace(lane, lane.Waiting, newest, func(w *Delivery) bool {
		return w.EventID != newest.EventID && w.Scene == SceneEdit && (w.State == Pending || w.State == Retrying)
	})
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
		for _, r := range who {
			if why := l.known.Refused[UserKey{l.program.Conn, r.ID}]; why != "" {
				d.Message += "; " + why
			}
		}
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
	var out []string
	for _, r := range who {
		if account := lane.account(r.ID); account != "" {
			out = append(out, account)
		} else if b, ok := l.known.Bindings[UserKey{l.program.Conn, r.ID}]; ok {
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
