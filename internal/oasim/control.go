package oasim

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
)

// control serves the small interface for other processes; the package comment describes it.
func (s *Sim) control(w http.ResponseWriter, r *http.Request) {
	switch r.Method + " " + r.URL.Path {
	case "GET /_sim/todos":
		account, state := r.URL.Query().Get("account"), State(r.URL.Query().Get("state"))
		s.mu.Lock()
		items := s.inbox.list(func(t *Todo) bool {
			return (account == "" || t.Account == account) && (state == "" || t.State == state)
		})
		s.mu.Unlock()
		send(w, asJSON(200, map[string]any{"vendor": s.vendor, "items": items}))
	case "GET /_sim/calls":
		after := 0
		if text := r.URL.Query().Get("after"); text != "" {
			n, err := strconv.Atoi(text)
			if err != nil {
				send(w, mistake(fmt.Errorf("after: %q is not a number", text)))
				return
			}
			after = n
		}
		s.mu.Lock()
		items, arrived := s.ledger.list(after), s.ledger.arrived
		s.mu.Unlock()
		send(w, asJSON(200, map[string]any{"vendor": s.vendor, "arrived": arrived, "items": items}))
	case "POST /_sim/script":
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
		if err == nil {
			err = s.ScriptJSON(body)
		}
		if err != nil {
			send(w, mistake(err))
			return
		}
		send(w, reply{status: 204})
	case "POST /_sim/click":
		s.clicked(w, r)
	case "DELETE /_sim/script":
		s.Unscript()
		send(w, reply{status: 204})
	default:
		send(w, asJSON(404, map[string]any{"error": "there are GET /_sim/todos, GET /_sim/calls, POST /_sim/click, POST and DELETE /_sim/script"}))
	}
}

// clicked answers with the address that a click leads to.
func (s *Sim) clicked(w http.ResponseWriter, r *http.Request) {
	var in struct{ Account, Link string }
	err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<16)).Decode(&in)
	at := ""
	if err == nil {
		at, err = s.Click(r.Context(), Click{Account: in.Account, Link: in.Link, Base: "http://" + r.Host})
	}
	if err != nil {
		send(w, mistake(err))
		return
	}
	send(w, asJSON(200, map[string]any{"address": at}))
}

// ScriptJSON takes one Rule or an array of them as JSON. Members that no rule has are a mistake.
func (s *Sim) ScriptJSON(text []byte) error {
	if t := bytes.TrimSpace(text); len(t) > 0 && t[0] != '[' {
		text = append(append([]byte{'['}, t...), ']')
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	var rules []Rule
	if err := d.Decode(&rules); err != nil {
		return fmt.Errorf("read the script: %w", err)
	}
	if d.More() {
		return fmt.Errorf("read the script: text after the rules")
	}
	return s.Script(rules...)
}

// mistake answers whoever sent what can't be taken.
func mistake(err error) reply { return asJSON(400, map[string]any{"error": err.Error()}) }
