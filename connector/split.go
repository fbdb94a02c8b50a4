package connector

import (
	"slices"
	"time"

	"todosync/mapping"
)

// A Split is a receiver who leaves a delivery of several, and the common lane of its todo, for a lane of his own. The store makes, in
// the transaction that stores the outcome, a delivery for him alone in place of his part of this one, and of each that waits behind it
// in the common lane and names him: so his order stays, and nothing of him is left where the others go.
type Split struct {
	Recipient Recipient
	Lane      Lane // what is known of his inbox
}

// split has receivers leave with the change. lane is the common lane as the change leaves it to the others.
func (c *Change) split(lane *Lane, who []Recipient) {
	if len(who) == 0 {
		return
	}
	ids := make([]string, len(who))
	for i, r := range who {
		ids[i] = r.ID
		c.Splits = append(c.Splits, Split{Recipient: r, Lane: lane.own(r.ID)})
	}
	lane.drop(ids...)
}

// sortOut takes out of a delivery of the common lane who cannot go with the others, before anything is sent. Nil: all can.
func (a *attempter) sortOut(w *Work, now time.Time) *Change {
	if w.Lane != "" || w.Before != nil {
		return nil // one person's, or a request as it was
	}
	leave := a.program.strangers(w)
	stay := *w
	stay.Recipients = slices.DeleteFunc(slices.Clone(w.Recipients), func(r Recipient) bool { return slices.Contains(leave, r) })
	if scene, ended := settled(a.program, &stay, now); ended == nil {
		for _, r := range stay.Recipients {
			if a.program.lacksAccount(&stay, scene, r.ID) {
				leave = append(leave, r)
			}
		}
	}
	if len(leave) == 0 {
		return nil
	}
	c := w.ends(a.program, Pending, "", w.Message)
	c.Due = now
	if len(leave) == len(w.Recipients) {
		c.To, c.Due = Superseded, time.Time{}
	}
	lane := w.LaneNow
	c.split(&lane, leave)
	if w.Kind == KindTodo {
		c.Lane = &lane
	}
	return c
}

// strangers are the receivers of a delivery whose inboxes stand otherwise than those of the others, so that one request cannot be
// right for all of them.
func (p *Program) strangers(w *Work) []Recipient {
	if w.Parts() {
		return w.Recipients
	}
	if len(w.Recipients) < 2 {
		return nil
	}
	if p.mode(w.Scene).As == mapping.Each {
		return w.Recipients[1:] // the connection was changed: its request is for one
	}
	if w.Kind != KindTodo || !p.On(SceneCreate) {
		return nil
	}
	var has, rest []Recipient
	for _, r := range w.Recipients {
		presence := w.LaneNow.presence(r.ID)
		fits := presence == Present
		if w.Scene == SceneDone || w.Scene == SceneDelete {
			fits = presence != Absent
		}
		if fits {
			has = append(has, r)
		} else {
			rest = append(rest, r)
		}
	}
	if w.Scene == SceneCreate || len(has) == 0 {
		return nil
	}
	return rest
}

// lacksAccount reports whether a request of a scene needs a receiver's account and nobody knows it.
func (p *Program) lacksAccount(w *Work, s Scene, user string) bool {
	place := slices.IndexFunc(w.Recipients, func(r Recipient) bool { return r.ID == user })
	if !p.usesAccount(s) || place >= 0 && stays(&w.Delivery, s, &w.LaneNow, place) != "" {
		return false
	}
	_, ok := w.Bindings[user]
	return !ok
}

// presence is what is known of the inboxes of a delivery's receivers, of the one that knows least.
func (w *Work) presence() Presence {
	if w.Lane != "" || len(w.Recipients) == 0 {
		return w.LaneNow.Presence
	}
	least := Present
	for _, r := range w.Recipients {
		switch w.LaneNow.presence(r.ID) {
		case Absent:
			return Absent
		case Maybe:
			least = Maybe
		case Present:
		}
	}
	return least
}
