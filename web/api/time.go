package api

import (
	"time"

	"github.com/danielgtaylor/huma/v2"
)

// timeLayout is RFC 3339 with exactly three digits of the second; the time is UTC.
const timeLayout = "2006-01-02T15:04:05.000Z"

// Time is a time as the API writes it: RFC 3339 in UTC with milliseconds, and null where there is none.
type Time time.Time

// MarshalJSON writes the time.
func (t Time) MarshalJSON() ([]byte, error) {
	v := time.Time(t)
	if v.IsZero() {
		return []byte("null"), nil
	}
	return []byte(`"` + v.UTC().Format(timeLayout) + `"`), nil
}

// UnmarshalJSON reads what MarshalJSON writes.
func (t *Time) UnmarshalJSON(b []byte) error { return (*time.Time)(t).UnmarshalJSON(b) }

// Schema describes the time in /openapi.json.
func (Time) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeString, Format: "date-time", Nullable: true}
}

// String is the time as in a table, empty where there is none.
func (t Time) String() string {
	v := time.Time(t)
	if v.IsZero() {
		return ""
	}
	return v.UTC().Format(timeLayout)
}

// timeOf is *t, or no time.
func timeOf(t *time.Time) Time {
	if t == nil {
		return Time{}
	}
	return Time(*t)
}

var _ huma.SchemaProvider = Time{}
