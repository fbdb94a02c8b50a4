package connector

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"todosync/mapping"
)

// Text is a string that a settings file may also give as a number or a boolean; it is taken as written.
type Text string

// UnmarshalJSON takes a string, a number or a boolean.
func (t *Text) UnmarshalJSON(b []byte) error {
	b = bytes.TrimSpace(b)
	if len(b) > 0 && b[0] == '"' {
		var s string
		if err := json.Unmarshal(b, &s); err != nil {
			return err
		}
		*t = Text(s)
		return nil
	}
	if len(b) == 0 || b[0] == '{' || b[0] == '[' || bytes.Equal(b, []byte("null")) {
		return fmt.Errorf("want text, a number or a boolean, not %s", b)
	}
	*t = Text(b)
	return nil
}

// Texts is a list of texts that may also be given as one.
type Texts []Text

// UnmarshalJSON takes one text or a list of them.
func (t *Texts) UnmarshalJSON(b []byte) error {
	b = bytes.TrimSpace(b)
	if len(b) > 0 && b[0] == '[' {
		var l []Text
		if err := json.Unmarshal(b, &l); err != nil {
			return err
		}
		*t = l
		return nil
	}
	var one Text
	if err := one.UnmarshalJSON(b); err != nil {
		return err
	}
	*t = Texts{one}
	return nil
}

// Strings gives the texts as plain strings.
func (t Texts) Strings() []string {
	out := make([]string, len(t))
	for i, s := range t {
		out[i] = string(s)
	}
	return out
}

// Headers are header lines. In a file they are a mapping from name to value; names keep their case.
type Headers map[string]Text

// Duration is a time.Duration written as in 1h30m, with d for days.
type Duration time.Duration

// ParseDuration reads a duration such as 90d, 1d12h, 1h30m or 500ms. It is never negative.
func ParseDuration(s string) (Duration, error) {
	rest, days := s, time.Duration(0)
	if i := strings.IndexByte(s, 'd'); i > 0 {
		n, err := strconv.ParseUint(s[:i], 10, 16)
		if err != nil {
			return 0, fmt.Errorf("%q is not a duration such as 10s, 5m, 2h or 90d", s)
		}
		days, rest = time.Duration(n)*24*time.Hour, s[i+1:]
	}
	if rest == "" && days > 0 {
		return Duration(days), nil
	}
	d, err := time.ParseDuration(rest)
	if err != nil || d < 0 {
		return 0, fmt.Errorf("%q is not a duration such as 10s, 5m, 2h or 90d", s)
	}
	return Duration(days + d), nil
}

// String writes the duration as briefly as it can be read back.
func (d Duration) String() string {
	t := time.Duration(d)
	if day := 24 * time.Hour; t >= day && t%day == 0 {
		return strconv.Itoa(int(t/day)) + "d"
	}
	s := t.String()
	if strings.HasSuffix(s, "m0s") {
		s = s[:len(s)-2]
	}
	if strings.HasSuffix(s, "h0m") {
		s = s[:len(s)-2]
	}
	return s
}

// MarshalJSON writes the duration as text.
func (d Duration) MarshalJSON() ([]byte, error) { return json.Marshal(d.String()) }

// UnmarshalJSON reads the duration from text.
func (d *Duration) UnmarshalJSON(b []byte) error {
	var s string
	if err := json.Unmarshal(b, &s); err != nil {
		return errors.New("want a duration such as 10s, 5m, 2h or 90d")
	}
	v, err := ParseDuration(s)
	*d = v
	return err
}

// Rate is a bound on calls in a span of time, written as 100/s, 20/m or 1000/h. The zero Rate is no bound.
type Rate struct {
	N   int
	Per time.Duration
}

// ParseRate reads a rate such as 100/s.
func ParseRate(s string) (Rate, error) {
	n, unit, ok := strings.Cut(s, "/")
	per := map[string]time.Duration{"s": time.Second, "m": time.Minute, "h": time.Hour}[unit]
	count, err := strconv.Atoi(n)
	if !ok || err != nil || per == 0 || count < 1 {
		return Rate{}, fmt.Errorf("%q is not a rate such as 100/s, 20/m or 1000/h", s)
	}
	return Rate{N: count, Per: per}, nil
}

// String writes the rate as in a file.
func (r Rate) String() string {
	switch r.Per {
	case time.Second:
		return strconv.Itoa(r.N) + "/s"
	case time.Minute:
		return strconv.Itoa(r.N) + "/m"
	case time.Hour:
		return strconv.Itoa(r.N) + "/h"
	}
	return ""
}

// IsZero reports whether there is no bound.
func (r Rate) IsZero() bool { return r.N == 0 }

// MarshalJSON writes the rate as text.
func (r Rate) MarshalJSON() ([]byte, error) { return json.Marshal(r.String()) }

// UnmarshalJSON reads the rate from text.
func (r *Rate) UnmarshalJSON(b []byte) error {
	var s string
	if err := json.Unmarshal(b, &s); err != nil {
		return errors.New("want a rate such as 100/s, 20/m or 1000/h")
	}
	v, err := ParseRate(s)
	*r = v
	return err
}

// ReceiverMode says how receivers are told: a mode, and with list how many at most a call.
type ReceiverMode struct {
	As  mapping.Receivers `json:"as"`
	Max int               `json:"max,omitempty"`
}

// MarshalJSON writes the short form where there is no Max.
func (m ReceiverMode) MarshalJSON() ([]byte, error) {
	if m.Max == 0 {
		return json.Marshal(m.As)
	}
	type plain ReceiverMode
	return json.Marshal(plain(m))
}

// UnmarshalJSON takes each, list, joined, or {as: list, max: 100}.
func (m *ReceiverMode) UnmarshalJSON(b []byte) error {
	if b = bytes.TrimSpace(b); len(b) > 0 && b[0] == '"' {
		m.Max = 0
		return json.Unmarshal(b, &m.As)
	}
	type plain ReceiverMode
	return json.Unmarshal(b, (*plain)(m))
}
