package notify

import (
	"encoding/json"
	"time"
)

// Times go over the wire as everywhere in the API: RFC 3339 in UTC, with milliseconds.

// wireTime is a time as it goes over the wire; the zero one is null.
type wireTime time.Time

// MarshalJSON writes the time.
func (t wireTime) MarshalJSON() ([]byte, error) {
	v := time.Time(t)
	if v.IsZero() {
		return []byte("null"), nil
	}
	return []byte(v.UTC().Format(`"2006-01-02T15:04:05.000Z"`)), nil
}

func wireOf(t *time.Time) wireTime {
	if t == nil {
		return wireTime{}
	}
	return wireTime(*t)
}

// MarshalJSON writes the window.
func (w Window) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		From wireTime `json:"from"`
		To   wireTime `json:"to"`
	}{wireTime(w.From), wireTime(w.To)})
}

// MarshalJSON writes the example.
func (e Example) MarshalJSON() ([]byte, error) {
	type plain Example
	return json.Marshal(struct {
		plain
		FirstTry wireTime `json:"firstTryAt"`
		LastTry  wireTime `json:"lastTryAt"`
	}{plain(e), wireOf(e.FirstTry), wireOf(e.LastTry)})
}

// MarshalJSON writes what waits.
func (w Waiting) MarshalJSON() ([]byte, error) {
	type plain Waiting
	return json.Marshal(struct {
		plain
		Since wireTime `json:"since"`
	}{plain(w), wireTime(w.Since)})
}

// MarshalJSON writes the counts.
func (s SignOns) MarshalJSON() ([]byte, error) {
	type plain SignOns
	return json.Marshal(struct {
		plain
		Since wireTime `json:"since"`
	}{plain(s), wireTime(s.Since)})
}

// MarshalJSON writes the outage.
func (o Outage) MarshalJSON() ([]byte, error) {
	type plain Outage
	return json.Marshal(struct {
		plain
		Since wireTime `json:"since"`
		Until wireTime `json:"until"`
	}{plain(o), wireTime(o.Since), wireOf(o.Until)})
}
