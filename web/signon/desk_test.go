package signon_test

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"todosync/connector"
	"todosync/retry"
	"todosync/web/signon"
)

// BeginAsk implements signon.Desk.
func (h *house) BeginAsk(_ context.Context, host string) (string, bool, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.away != nil {
		return "", false, h.away
	}
	all, bad := 0, 0
	for _, a := range h.asks {
		if a.host == host && h.now.Sub(a.at) < time.Minute {
			all++
			if !a.good {
				bad++
			}
		}
	}
	if all >= signon.WialonAll || bad >= signon.WialonFailed {
		return "", false, nil
	}
	h.asks = append(h.asks, &ask{host: host, at: h.now})
	return fmt.Sprint(len(h.asks) - 1), true, nil
}

// An ask is one log-in that a host was asked about.
type ask struct {
	host string
	at   time.Time
	good bool
}

// EndAsk implements signon.Desk.
func (h *house) EndAsk(_ context.Context, _, id string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	var i int
	_, err := fmt.Sscan(id, &i)
	h.asks[i].good = true
	return err
}

// WidgetVersion implements signon.Desk.
func (h *house) WidgetVersion(_ context.Context, key connector.ConnectionKey, user string, newest int) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	at := key.String() + "/" + user
	if h.versions == nil {
		h.versions = map[string]int{}
	}
	if h.versions[at] == 0 {
		h.versions[at] = newest
	}
	return h.versions[at], nil
}

// SignKeys implements signon.Desk: there are two of each kind, of which the second does not sign yet.
func (h *house) SignKeys(_ context.Context, kind signon.KeyKind) ([]signon.Key, error) {
	if h.away != nil {
		return nil, h.away
	}
	from := h.keyFrom
	if from.IsZero() {
		from = h.now.Add(time.Hour)
	}
	return []signon.Key{
		{ID: string(kind) + "-1", Seed: bytes.Repeat([]byte{1}, 32)}, {ID: string(kind) + "-2", Seed: bytes.Repeat([]byte{2}, 32), From: from},
	}, nil
}

// AskAsApp implements signon.OA.
func (h *house) AskAsApp(ctx context.Context, conn int64, r retry.Request) (retry.Receipt, error) {
	if h.asApp != nil {
		h.asApp(&r)
	}
	return h.AskOA(ctx, conn, r)
}
