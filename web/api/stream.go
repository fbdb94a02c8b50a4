package api

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"todosync/connector"
)

// keepAlive is how often a stream without news says that it lives, so that proxies leave it open. rightsFor is for how long a stream goes on
// without asking whether its reader still may see it.
const (
	keepAlive = 15 * time.Second
	rightsFor = time.Second
)

// streamQuery chooses what a stream tells, and from where on.
type streamQuery struct {
	RecordParams
	After       string `query:"after" doc:"a Last-Event-ID, for clients that can't send the header when they begin"`
	LastEventID string `header:"Last-Event-ID" doc:"the id of the last event that was read, or what GET /records answered in this header: what changed after it is told first; where that is not known any more, an event gap says so"`
}

// place is from where on a stream tells; browsers keep the address when they come back with the header.
func (q *streamQuery) place() string { return cmp.Or(q.LastEventID, q.After) }

func (a *API) streamRoute() {
	handle(a, route{
		method: http.MethodGet, path: "/records/stream", id: "streamRecords", need: View,
		summary: "Sync records as they change, as server-sent events: record with one as data; gap where some were missed and the list is to be read again",
	}, func(ctx context.Context, in *streamQuery) (*huma.StreamResponse, error) {
		f, some, err := visible(ctx, &in.RecordParams)
		if err != nil {
			return nil, err
		}
		var watch Watch = silence{}
		if some {
			if watch, err = a.Records.Watch(f, in.place()); err != nil {
				return nil, err
			}
		}
		return &huma.StreamResponse{Body: func(hc huma.Context) { //nolint:contextcheck // it is the context of the same request
			r, w := humago.Unwrap(hc)
			s := stream{watch: watch, filter: f, still: a.stillMay(hc.Context(), r), head: r.Method == http.MethodHead}
			if in.place() == "" {
				s.begins = watch.Place() // who has named a place keeps it until he was told what changed since, or that it is not known
			}
			a.stream(hc.Context(), w, s)
		}}, nil
	})
}

// A stream is one run of /records/stream. It closes its watch.
type stream struct {
	watch  Watch
	filter connector.RecordFilter
	begins string                     // the place to come back to before anything was told
	still  func(context.Context) bool // whether its reader still may see it
	head   bool                       // only the head of the answer is wanted
}

// stream sends records as they change until the client goes, loses its right to see them or the server shuts down.
func (a *API) stream(ctx context.Context, w http.ResponseWriter, s stream) {
	defer s.watch.Close()
	ctx, cancel := context.WithCancel(ctx)
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
	h.Set("Cache-Control", "no-store, no-transform") // a proxy that packs it would hold it back
	h.Set("X-Accel-Buffering", "no")                 // nginx
	if s.head {
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
	// Who loses his connection comes back after 2 seconds, and says up to where he has read; an id without data is kept by him, too.
	news := []byte(": records that change from now on\nretry: 2000\n" + idOf(s.begins) + "\n")
	asked := a.Now()
	for send(news) {
		var err error
		if news, err = s.next(ctx); err != nil {
			if ctx.Err() == nil {
				a.Log.WarnContext(ctx, "stream of records was cut off", "error", err)
			}
			return
		}
		if now := a.Now(); now.Sub(asked).Abs() >= rightsFor {
			if !s.still(ctx) {
				return
			}
			asked = now
		}
	}
}

// standingKey holds how to ask anew who somebody is.
type standingKey struct{}

// WithStanding is WithPrincipal for an answer that goes on for long: standing is asked now and then who it is that it goes to; nil: nobody any more.
func WithStanding(ctx context.Context, p *Principal, standing func(context.Context) (*Principal, error)) context.Context {
	return context.WithValue(WithPrincipal(ctx, p), standingKey{}, standing)
}

// stillMay asks whether who began to read records may go on: a token may be revoked or expire, a user be disabled, and tenants be taken away.
func (a *API) stillMay(ctx context.Context, r *http.Request) func(context.Context) bool {
	began := principal(ctx)
	ask, ok := ctx.Value(standingKey{}).(func(context.Context) (*Principal, error))
	if !ok {
		token := bearer(r.Header.Get("Authorization"))
		ask = func(ctx context.Context) (*Principal, error) { return a.Auth.Authenticate(ctx, token) }
	}
	return func(ctx context.Context) bool {
		now, err := ask(ctx)
		return err == nil && now != nil && now.May(View) && slices.Equal(now.Tenants, began.Tenants)
	}
}

// next waits for changes and writes them as events; after a while without any it says that the stream lives.
func (s *stream) next(ctx context.Context) ([]byte, error) {
	wait, cancel := context.WithTimeout(ctx, keepAlive)
	defer cancel()
	for {
		changed, err := s.watch.Next(wait)
		switch {
		case err != nil && wait.Err() != nil && ctx.Err() == nil:
			return []byte(": still here\n" + idOf(s.watch.Place()) + "\n"), nil
		case err != nil:
			return nil, err
		}
		if b := s.events(&changed); len(b) > 0 {
			return b, nil
		}
	}
}

// events writes records as server-sent events.
func (s *stream) events(changed *connector.RecordChanges) []byte {
	var b bytes.Buffer
	if changed.Missed {
		b.WriteString("event: gap\ndata: {}\n\n")
	}
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	for i, r := range changed.Records {
		if !watched(&r, s.filter) {
			continue
		}
		r.Attempts = nil
		b.WriteString("event: record\n" + idOf(changed.Places[i]) + "data: ")
		_ = enc.Encode(viewRecord(r)) // a buffer takes it, and a record has nothing that is no JSON
		b.WriteByte('\n')
	}
	return b.Bytes()
}

// idOf is the field of an event that says where in the feed it stands.
func idOf(place string) string {
	if place == "" {
		return ""
	}
	return "id: " + place + "\n"
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
func (silence) Next(ctx context.Context) (connector.RecordChanges, error) {
	<-ctx.Done()
	return connector.RecordChanges{}, ctx.Err()
}

// Place is nowhere.
func (silence) Place() string { return "" }

// Close does nothing.
func (silence) Close() {}
