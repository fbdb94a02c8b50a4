package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"todosync/store"
	"todosync/web/api"
)

const (
	clockOff  = 30 * time.Second // a clock that is off by more is warned of
	clockMove = 5 * time.Second  // and one that was moved by more since the start
)

// storeChecks says what the store has found of itself; err is why it could not look.
func storeChecks(e *store.Examination, err error) []api.Check {
	if err != nil {
		return []api.Check{{Part: "store", Name: "look", State: api.PartDown, Detail: said(err), Hint: "see /readyz and the log"}}
	}
	settings := api.Check{Part: "store", Name: "settings", State: api.PartOK}
	says := []string{e.Engine, fmt.Sprintf("schema %d", e.Schema)}
	wrong := func(hint string) { settings.State, settings.Hint = api.PartDown, hint }
	if e.Schema != e.Newest {
		wrong(fmt.Sprintf("this program works with schema %d: start the release that the database belongs to", e.Newest))
	}
	if e.Clocked {
		says = append(says, "synchronous_commit "+e.Commit, "isolation "+e.Isolation, fmt.Sprintf("%d of %d connections in use", e.Connections, e.Most))
		switch {
		case e.Commit != "on" && !strings.HasPrefix(e.Commit, "remote"):
			wrong("what is committed can be lost: set synchronous_commit to on for this database and user")
		case e.Most > 0 && e.Connections*10 > e.Most*9 && settings.State == api.PartOK:
			settings.State, settings.Hint = api.PartWarning, "raise max_connections, or have others use fewer"
		}
	} else {
		says = append(says, "journal "+e.Journal, "synchronous "+e.Synchronous)
		if !strings.EqualFold(e.Journal, "wal") || e.Synchronous != store.SyncFull {
			wrong("what is committed can be lost in a power cut: restart todosync, and look whether another program has the database open")
		}
	}
	settings.Detail = strings.Join(says, ", ")
	if e.Clocked {
		return []api.Check{settings}
	}
	whole := api.Check{Part: "store", Name: "integrity", State: api.PartOK, Detail: fmt.Sprintf("%s well", plural(e.Looked, "1 table is", "%d tables are"))}
	switch {
	case len(e.Damage) > 0:
		whole.State, whole.Detail = api.PartDown, "the database is damaged: "+strings.Join(e.Damage, "; ")
		whole.Hint = "stop todosync, keep a copy of the data folder, and restore the newest backup: todosync restore"
	case len(e.Unread) > 0:
		whole.Detail += fmt.Sprintf("; too large to be looked through beside the traffic, and only begun: %s", strings.Join(e.Unread, ", "))
	}
	return []api.Check{settings, whole}
}

// clockCheck judges a clock that is compared with ours.
func clockCheck(name string, ahead time.Duration, whose string) api.Check {
	c := api.Check{Part: "clock", Name: name, State: api.PartOK}
	where := "ahead of"
	if ahead < 0 {
		where = "behind"
	}
	c.Detail = fmt.Sprintf("%s is %s %s this machine's", whose, ahead.Abs().Round(100*time.Millisecond), where)
	if ahead.Abs() > clockOff {
		c.State, c.Hint = api.PartWarning, "have both set by a time server (chronyc tracking, timedatectl): tries, tokens and sign-on go by the clock"
	}
	return c
}

// A started says when the program started, by both clocks.
type started struct{ at time.Time }

// check says whether the time of day was moved since.
func (s started) check(now time.Time) api.Check {
	ran := now.Sub(s.at) // by the monotonic clock
	moved := now.Round(0).Sub(s.at.Round(0)) - ran
	c := api.Check{Part: "clock", State: api.PartOK, Detail: "it is " + now.UTC().Format(time.RFC3339) + " and was not moved since the start"}
	if moved.Abs() > time.Second {
		c.Detail = fmt.Sprintf("it is %s and was moved by %s since the start", now.UTC().Format(time.RFC3339), moved.Round(100*time.Millisecond))
	}
	if moved.Abs() > clockMove {
		c.State, c.Hint = api.PartWarning, "find out who sets it: a time server moves it smoothly (chronyc tracking, timedatectl)"
	}
	return c
}

// median is the middle of what was measured.
func median(all []time.Duration) (time.Duration, bool) {
	if len(all) == 0 {
		return 0, false
	}
	slices.Sort(all)
	return all[len(all)/2], true
}
