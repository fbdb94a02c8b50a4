package api

import (
	"bytes"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"

	"todosync/connector"
)

// keepAlive is how often a stream without news says that it lives, so that proxies leave it open.
const keepAlive = 15 * time.Second

// stream sends records as they change until the client goes or the server shuts down.
func (a *API) stream(r *http.Request, w http.ResponseWriter, match func(*connector.Record) bool) {
	changed, stop := a.Records.Subscribe()
	defer stop()
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("X-Accel-Buffering", "no") // nginx
	rc := http.NewResponseController(w)
	send := func(b []byte) bool {
		_ = rc.SetWriteDeadline(a.Now().Add(writeLimit)) // a writer without deadlines has none to move
		if _, err := w.Write(b); err != nil {
			return false
		}
		return rc.Flush() == nil
	}
	if !send([]byte(": records that change from now on\n\n")) {
		return
	}
	ticker := time.NewTicker(keepAlive)
	defer ticker.Stop()
	for {
		select {
		case <-r.Context().Done():
			return
		case <-a.done:
			return
		case <-ticker.C:
			if !send([]byte(": still here\n\n")) {
				return
			}
		case record, open := <-changed:
			if !open {
				return
			}
			// What is there goes out at once: a flush for each of thousands a second would be wasted.
			if b := gather(record, changed, match); len(b) > 0 && !send(b) {
				return
			}
		}
	}
}

// gather writes first and what stands behind it, 1,000 at most.
func gather(first connector.Record, more <-chan connector.Record, match func(*connector.Record) bool) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	for range 1000 {
		switch {
		case first.ID == "":
			b.WriteString("event: gap\ndata: {}\n\n")
		case match(&first):
			first.Attempts = nil
			b.WriteString("event: record\nid: " + first.ID + "\ndata: ")
			_ = enc.Encode(viewRecord(first)) // a buffer takes it, and a record has nothing that is no JSON
			b.WriteByte('\n')
		}
		select {
		case next, open := <-more:
			if !open {
				return b.Bytes()
			}
			first = next
		default:
			return b.Bytes()
		}
	}
	return b.Bytes()
}

// matcher is a filter for records that are not read from the store.
func matcher(f connector.RecordFilter, some bool) func(*connector.Record) bool {
	in := func(list []string, v string) bool { return len(list) == 0 || slices.Contains(list, v) }
	text := strings.ToLower(f.Text)
	return func(r *connector.Record) bool {
		receivers := strings.Split(r.Receiver, ",")
		return some && in(f.Tenants, r.Tenant) && in(f.Connections, r.Connection) && in(f.Scenes, string(r.Scene)) &&
			in(f.States, string(r.State)) && in(f.Classes, string(r.Class)) && in(f.Todos, r.Todo) && in(f.Events, r.EventID) &&
			(len(f.Receivers) == 0 || slices.ContainsFunc(receivers, func(v string) bool { return slices.Contains(f.Receivers, v) })) &&
			(f.From.IsZero() || !r.CreatedAt.Before(f.From)) && (f.To.IsZero() || r.CreatedAt.Before(f.To)) &&
			(text == "" || strings.Contains(strings.ToLower(r.Title), text) || strings.Contains(strings.ToLower(r.Message), text))
	}
}
