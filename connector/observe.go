package connector

import (
	"context"
	"log/slog"
)

// observe tells of stored outcomes: one wide log line an attempt, without a body, a token or an address.
func (r *runner) observe(ctx context.Context) {
	log := r.worker.cfg.Log
	loud := log.Enabled(ctx, slog.LevelInfo)
	for i := range r.settling {
		o := &r.settling[i]
		if o.sent != "" && loud {
			log.LogAttrs(ctx, slog.LevelInfo, "delivery.attempted", o.attrs()...)
		}
		if f := r.worker.cfg.Observe; f != nil {
			f(ctx, Observed{Work: &o.work, Change: &o.change, Sent: o.sent, Duration: o.duration})
		}
	}
}

// attrs are the members of the wide log line.
func (o *outcome) attrs() []slog.Attr {
	w, c := &o.work, &o.change
	out := []slog.Attr{
		slog.String("tenant", w.Key.Tenant), slog.String("connection", w.Key.Name), slog.String("delivery", w.ID),
		slog.String("event", w.EventID), slog.String("todo", w.Todo), slog.String("scene", string(w.Scene)),
		slog.String("sent", string(o.sent)), slog.String("state", string(c.To)), slog.String("class", string(c.Class)),
		slog.String("code", c.Code), slog.Int("tries", c.Tries), slog.Int64("duration_ms", o.duration.Milliseconds()),
		slog.Int64("revision", c.Revision), slog.Bool("possibly_sent_twice", c.SentTwice),
	}
	if n := len(c.Attempts); n > 0 {
		last := &c.Attempts[n-1]
		out = append(out, slog.Int("attempt", last.Number), slog.Int("status", last.Response.Status), slog.String("worker", last.Worker))
	}
	if !c.Due.IsZero() && c.To == Retrying {
		out = append(out, slog.Time("next_try_at", c.Due.UTC()))
	}
	return out
}

// observeOver tells of deliveries that were given up without another try.
func (r *runner) observeOver(ctx context.Context, over []Delivery) {
	if len(over) == 0 {
		return
	}
	r.worker.cfg.Log.WarnContext(ctx, "deliveries given up", "connection", r.program.Key.String(), "deliveries", len(over))
	for i := range over {
		d := &over[i]
		d.Key = r.program.Key
		if f := r.worker.cfg.Observe; f != nil {
			c := Change{
				N: d.N, To: d.State, Class: d.Class, Code: d.Code, Message: d.Message, Tries: d.Tries, FirstTry: d.FirstTry,
				Account: d.Account, RemoteID: d.RemoteID, Revision: d.Revision, SentTwice: d.SentTwice, Unanswered: d.Unanswered,
			}
			f(ctx, Observed{Work: &Work{Delivery: *d}, Change: &c})
		}
	}
}
