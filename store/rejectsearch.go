package store

import (
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"todosync/connector"
)

// Limits of a search for rejected events: their bodies are read one by one, and no index helps.
const (
	rejectsLooked  = 5_000
	rejectsTime    = 50 * time.Millisecond
	rejectStep     = 64    // rows that a search looks at first; bodies may have a megabyte
	rejectStepMost = 1_024 // rows that it looks at between two looks at the clock
)

// A rejectSearch goes down the rejected events, newest first.
type rejectSearch struct {
	reader *reader
	tenant where
	text   string
	before int64 // numbers below this
	limit  int
	until  time.Time
}

// run gives the rows that mention the text and, where there may be more, the number below which to go on; to is down to where all was looked
// through, where the search stopped before it had a page full.
func (s *rejectSearch) run() (rows []storedReject, next int64, to time.Time, err error) {
	for looked, step := 0, rejectStep; ; {
		began := time.Now()
		var last []storedReject
		w := s.tenant.clone()
		w.add(`n < ?`, s.before)
		err := s.reader.Select(&last, `SELECT n, received_ms FROM rejected `+w.text()+` ORDER BY n DESC LIMIT 1 OFFSET ?`, w.with(step-1)...)
		if err != nil {
			return nil, 0, to, err
		}
		floor := int64(0)
		if len(last) > 0 {
			floor = last[0].N
		}
		if rows, err = s.between(rows, floor); err != nil {
			return nil, 0, to, err
		}
		if len(rows) > s.limit {
			return rows[:s.limit], rows[s.limit-1].N, to, nil
		}
		if len(last) == 0 {
			return rows, 0, to, nil
		}
		s.before = floor
		if looked += step; looked >= rejectsLooked || time.Now().After(s.until) {
			return rows, floor, instant(last[0].ReceivedMs), nil
		}
		if time.Since(began) < rejectsTime/8 {
			step = min(2*step, rejectStepMost, rejectsLooked-looked)
		}
	}
}

// between adds what mentions the text among the rows from a number on. The database finds the text anywhere; that it stands there as a word
// is seen here, one body at a time.
func (s *rejectSearch) between(rows []storedReject, floor int64) ([]storedReject, error) {
	w := s.tenant.clone()
	w.add(`n < ? AND n >= ?`, s.before, floor)
	s.mentions(&w)
	var some []storedReject
	err := s.reader.Select(&some, `SELECT n, id, tenant, subject, header, stream_seq, reason, path, received_ms, size FROM rejected `+w.text()+
		` ORDER BY n DESC`, w.args...)
	if err != nil {
		return nil, err
	}
	for i := range some {
		r := &some[i]
		found := connector.Mentions(s.text, r.ID, r.Subject, r.Header, r.Reason, r.Path)
		if !found {
			var payload []byte
			if err := s.reader.Get(&payload, `SELECT payload FROM rejected WHERE n = ?`, r.N); err != nil {
				return nil, err
			}
			found = connector.Mentions(s.text, string(payload)) || connector.Mentions(escaped(s.text), string(payload))
		}
		if found {
			if rows = append(rows, *r); len(rows) > s.limit {
				break
			}
		}
	}
	return rows, nil
}

// mentions wants the text to stand somewhere in a row.
func (s *rejectSearch) mentions(w *where) {
	within := `instr(payload, ?) > 0`
	if s.reader.postgres {
		within = `position(?::bytea in payload) > 0`
	}
	var either where
	for _, column := range []string{`id`, `subject`, `header`, `reason`, `path`} {
		either.add(column+` LIKE ? ESCAPE '\'`, likeText(s.text))
	}
	either.add(within, []byte(s.text))
	if e := escaped(s.text); e != s.text {
		either.add(within, []byte(e))
	}
	w.add(either.any(), either.args...)
}

// escaped is a text as JSON of ASCII alone has it.
func escaped(text string) string {
	if strings.IndexFunc(text, func(r rune) bool { return r >= utf8.RuneSelf }) < 0 {
		return text
	}
	var b strings.Builder
	for _, r := range text {
		switch {
		case r < utf8.RuneSelf || r > 0xFFFF || r == unicode.ReplacementChar:
			b.WriteRune(r)
		default:
			b.WriteString(strings.Trim(strconv.QuoteRuneToASCII(r), `'`))
		}
	}
	return b.String()
}
