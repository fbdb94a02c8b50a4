package notify

import "time"

// WindowAt is the window of a length that holds a time, aligned to the clock of a zone: windows begin at midnight there and follow each other
// until the next. Where that clock is put forward or back, those of up to an hour begin anew, and longer ones end when it shows their end.
func WindowAt(t time.Time, length time.Duration, zone *time.Location) Window {
	t = t.In(zone)
	y, m, d := t.Date()
	midnight, next := shows(y, m, d, 0, zone), shows(y, m, d+1, 0, zone)
	shown := sinceMidnight(t)
	if length <= time.Hour {
		from, to := t.Add(-(shown % length)), t.Add(length-shown%length)
		begun, over := t.ZoneBounds()
		if from = latest(from, midnight); !begun.IsZero() {
			from = latest(from, begun)
		}
		if to.After(next) {
			to = next
		}
		if !over.IsZero() && to.After(over) {
			to = over
		}
		return Window{From: from.UTC(), To: to.UTC()}
	}
	w := Window{From: midnight, To: next}
	for at := length; at < 24*time.Hour; at += length {
		edge := shows(y, m, d, at, zone)
		if !edge.After(t) {
			w.From = latest(w.From, edge)
		} else if edge.Before(w.To) {
			w.To = edge
		}
	}
	return Window{From: w.From.UTC(), To: w.To.UTC()}
}

func latest(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}

// shows is when a clock first shows a time of a day, or a later one where it leaves that out.
func shows(y int, m time.Month, d int, clock time.Duration, zone *time.Location) time.Time {
	want := time.Date(y, m, d, 0, 0, 0, int(clock), time.UTC)
	t := time.Date(y, m, d, 0, 0, 0, int(clock), zone)
	begun, over := t.ZoneBounds()
	_, offset := t.Zone()
	switch shown := t.Add(time.Duration(offset) * time.Second); {
	case shown.After(want):
		return begun
	case shown.Before(want):
		return over
	case begun.IsZero():
		return t
	}
	_, before := begun.Add(-1).Zone()
	if earlier := t.Add(time.Duration(offset-before) * time.Second); earlier.Before(begun) && before > offset {
		return earlier
	}
	return t
}

// sinceMidnight is what a clock shows, as a time since midnight.
func sinceMidnight(t time.Time) time.Duration {
	h, m, s := t.Clock()
	return time.Duration(h)*time.Hour + time.Duration(m)*time.Minute + time.Duration(s)*time.Second + time.Duration(t.Nanosecond())
}

// NextWindow is the window in which failures are told that nobody has claimed since a time, after the tenant's last digest ended at last; zero:
// there was none. Windows do not overlap, whatever the settings were when the last one was closed. What a clock that was put
// back since says of times to come is not believed.
func NextWindow(since, last, now time.Time, length time.Duration, zone *time.Location) Window {
	at := since
	if at.After(now) {
		at = now
	}
	if last.Sub(now) > length {
		last = time.Time{} // it is not over yet: the clock was put back by more than a wait is worth
	}
	if at.Before(last) {
		at = last
	}
	w := WindowAt(at, length, zone)
	if w.From.Before(last) {
		w.From = last.UTC()
	}
	return w
}

// quietUntil is when quiet hours end that a time falls into; the zero time: it falls into none.
func quietUntil(t time.Time, from, to string, zone *time.Location) time.Time {
	begin, err1 := time.Parse("15:04", from)
	end, err2 := time.Parse("15:04", to)
	if err1 != nil || err2 != nil || begin.Equal(end) {
		return time.Time{}
	}
	t = t.In(zone)
	shown, a, b := sinceMidnight(t), sinceMidnight(begin), sinceMidnight(end)
	day := 0
	switch {
	case a < b && (shown < a || shown >= b), a > b && shown < a && shown >= b:
		return time.Time{}
	case a > b && shown >= a:
		day = 1
	}
	y, m, d := t.Date()
	until := time.Date(y, m, d+day, 0, 0, 0, int(b), zone)
	if !until.After(t) {
		until = t.Add(time.Minute) // the clock was put back around it
	}
	return until.UTC()
}
