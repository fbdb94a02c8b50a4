package api

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"todosync/connector"
)

// keepAlive is how often a stream without news says that it lives, so that proxies leave it open.
const keepAlive = 15 * time.Second

// gap tells that records changed which the stream did not show: who keeps a list reads it again.
const gap = "event: gap\ndata: {}\n\n"

// stream sends records as they change until the client goes or the server shuts down. It closes watch.
func (a *API) stream(r *http.Request, w http.ResponseWriter, watch Watch, f connector.RecordFilter) {
	defer watch.Close()
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	go func() {
		select {
		case <-a.done:
			cancel()
		case <-ctx.Done():
		}
	}()
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("X-Accel-Buffering", "no") // nginx
	if r.Method == http.MethodHead {
		return
	}
	rc := http.NewResponseController(w)
	send := func(b []byte) bool {
		_ = rc.SetWriteDeadline(a.Now().Add(writeLimit)) // a writer without deadlines has none to move
		if _, err := w.Write(b); err != nil {
			return false
		}
		return rc.Flush() == nil
	}
	news := []byte(": records that change from now on\n\n")
	if r.Header.Get("Last-Event-ID") != "" { // it comes back, and nobody knows what it missed
		news = append(news, gap...)
	}
	for send(news) {
		var err error
		if news, err = next(ctx, watch, f); err != nil {
			if ctx.Err() == nil {
				a.Log.WarnContext(ctx, "stream of records was cut off", "error", err)
			}
			return
		}
	}
}

// next waits for changes and writes them as events; after a while without any it says that the stream lives.
func next(ctx context.Context, watch Watch, f connector.RecordFilter) ([]byte, error) {
	wait, cancel := context.WithTimeout(ctx, keepAlive)
	defer cancel()
	for {
		changed, missed, err := watch.Next(wait)
		switch {
		case err != nil && wait.Err() != nil && ctx.Err() == nil:
			return []byte(": still here\n\n"), nil
		case err != nil:
			return nil, err
		}
		if b := events(changed, missed, f); len(b) > 0 {
			return b, nil
		}
	}
}

// events writes records as server-sent events.
func events(changed []connector.Record, missed bool, f connector.RecordFilter) []byte {
	var b bytes.Buffer
	if missed {
		b.WriteString(gap)
	}
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	for _, r := range changed {
		if !watched(&r, f) {
			continue
		}
		r.Attempts = nil
		b.WriteString("event: record\nid: " + r.ID + "\ndata: ")
		_ = enc.Encode(viewRecord(r)) // a buffer takes it, and a record has nothing that is no JSON
		b.WriteByte('\n')
	}
	return b.Bytes()
}

// watched looks at what a Watch leaves aside.
func watched(r *connector.Record, f connector.RecordFilter) bool {
	text := strings.ToLower(f.Text)
	return (f.From.IsZero() || !r.CreatedAt.Before(f.From)) && (f.To.IsZero() || r.CreatedAt.Before(f.To)) &&
		(text == "" || strings.Contains(strings.ToLower(r.Title), text) || strings.Contains(strings.ToLower(r.Message), text))
}

// A silence is the Watch of somebody who may see nothing of what he asked for.
type silence struct{}

// Next waits for the end of ctx.
func (silence) Next(ctx context.Context) ([]connector.Record, bool, error) {
	<-ctx.Done()
	return nil, false, ctx.Err()
}

// Close does nothing.
func (silence) Close() {}
