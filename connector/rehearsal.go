package connector

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"todosync/internal/difference"
	"todosync/mapping"
	"todosync/retry"
)

// A Rehearsal says what a retry of a delivery would send, as it was rendered before and with today's mapping, and what differs.
// Secrets show as ***.
type Rehearsal struct {
	Before     *SentRequest `json:"before"` // nil: no earlier request is kept
	Now        *SentRequest `json:"now"`    // nil: today's mapping makes none, Problem says why
	Problem    string       `json:"problem,omitempty"`
	Difference []string     `json:"difference"` // lines with "- ", "+ " or "  " in front: those of before, of now, of both
}

// Rehearse renders a delivery as its retry would be, without sending it. Nothing is asked of anybody: secrets need not be known.
func (p *Program) Rehearse(w *Work, now time.Time) Rehearsal {
	var out Rehearsal
	if w.Before != nil {
		r := w.Before.Request.masked()
		out.Before = &r
	}
	r, err := p.rerender(w, now)
	if err != nil {
		out.Problem = err.Error()
	} else {
		out.Now = &r
	}
	out.Difference = difference.Lines(linesOf(out.Before), linesOf(out.Now))
	return out
}

// rerender is a delivery's request as it would be kept if it were sent now.
func (p *Program) rerender(w *Work, now time.Time) (SentRequest, error) {
	scene, ended := settled(p, w, now)
	if ended != nil {
		return SentRequest{}, &Error{Kind: Conflict, Msg: "nothing would be sent: " + ended.Message}
	}
	doc, err := mapping.ParseDoc(w.Event.Payload)
	if err != nil {
		return SentRequest{}, err
	}
	s := p.scope(&w.Delivery, scene, &w.Event, doc, &w.LaneNow, w.Bindings)
	s.Tries, s.TryTime = 1, now
	s.Secret = func(string) (string, error) { return "", nil }
	s.UUID = func() string { return "00000000-0000-0000-0000-000000000000" }
	one, err := p.scenes[scene].request.preview(s)
	if err != nil {
		return SentRequest{}, err
	}
	r := rendering{stored: SentRequest{Method: one.Method, Address: one.Address, Headers: one.Headers, Body: one.Body}}
	r.wire.Headers = slices.Clone(one.Headers)
	r.text = bodyText{kind: p.scenes[scene].request.kind(), wire: one.Body, stored: one.Body}
	if p.basic != nil {
		r.add("Authorization", "", "Basic "+mapping.Mark(basicMark))
	}
	r.addOnce("Idempotency-Key", w.ID)
	if w.Event.Trace != "" {
		r.addOnce("traceparent", w.Event.Trace)
	}
	if p.token != nil {
		p.token.place(&r, "")
	}
	if p.sign != nil {
		if err := p.sign.show(&r, now); err != nil {
			return SentRequest{}, err
		}
	}
	return r.stored.masked(), nil
}

// masked is a kept request as people see it.
func (r SentRequest) masked() SentRequest {
	r.Address, r.Body = mapping.Mask(r.Address), mapping.Mask(r.Body)
	r.Headers = slices.Clone(r.Headers)
	for i := range r.Headers {
		r.Headers[i].Value = mapping.Mask(r.Headers[i].Value)
	}
	if r.Headers == nil {
		r.Headers = []retry.Header{}
	}
	return r
}

// linesOf writes a request as lines: JSON indented, XML an element a line, so that what differs shows.
func linesOf(r *SentRequest) []string {
	if r == nil {
		return nil
	}
	lines := []string{r.Method + " " + r.Address}
	for _, h := range r.Headers {
		lines = append(lines, h.Name+": "+h.Value)
	}
	if r.Body == "" {
		return lines
	}
	body := r.Body
	var pretty bytes.Buffer
	switch {
	case json.Indent(&pretty, []byte(body), "", "  ") == nil:
		body = pretty.String()
	case strings.HasPrefix(strings.TrimSpace(body), "<"):
		body = strings.ReplaceAll(body, "><", ">\n<")
	}
	return append(append(lines, ""), strings.Split(body, "\n")...)
}
