package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"todosync/connector"
	"todosync/web/api"
)

// What must be free on the data folder's disk, in bytes: below the first a warning, below the second nothing can be relied on.
const (
	diskLow  = 1 << 30
	diskFull = 64 << 20
)

// health says how each part is that the program needs.
func (a *app) health(ctx context.Context) []api.Part {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	parts := []api.Part{a.storeHealth(ctx), a.natsHealth(), a.intakeHealth(ctx), a.diskHealth(), a.connectionsHealth(ctx)}
	if a.cluster != nil {
		parts = append(parts, a.cluster.health())
	}
	return parts
}

func (a *app) storeHealth(ctx context.Context) api.Part {
	if err := a.store.Health(ctx); err != nil {
		return api.Part{Name: "store", State: api.PartDown, Detail: said(err)}
	}
	return api.Part{Name: "store", State: api.PartOK}
}

func (a *app) natsHealth() api.Part {
	if a.nats != nil {
		if err := a.nats.Health(); err != nil {
			return api.Part{Name: "nats", State: api.PartDown, Detail: said(err)}
		}
	}
	if !a.conn.IsConnected() {
		return api.Part{Name: "nats", State: api.PartDown, Detail: "NATS is not reached; the connection is tried again all the time"}
	}
	return api.Part{Name: "nats", State: api.PartOK}
}

func (a *app) intakeHealth(ctx context.Context) api.Part {
	h := a.reader.Health(ctx)
	switch warning := h.Warning(); {
	case a.stopping.Load():
		return api.Part{Name: "intake", State: api.PartDown, Detail: "stopping"}
	case !h.Reading && a.cluster != nil && a.reader.Fit() == nil && !a.worker.Seating().Reader:
		return api.Part{Name: "intake", State: api.PartOK, Detail: "another worker reads the stream"}
	case !h.Reading:
		return api.Part{Name: "intake", State: api.PartDown, Detail: h.Why}
	case warning != "":
		return api.Part{Name: "intake", State: api.PartWarning, Detail: warning}
	}
	return api.Part{Name: "intake", State: api.PartOK}
}

func (a *app) diskHealth() api.Part {
	if err := a.folder.lost(); err != nil {
		return api.Part{Name: "disk", State: api.PartDown, Detail: said(err)}
	}
	free := diskFree(a.cfg.dataDir)
	if free < 0 {
		return api.Part{Name: "disk", State: api.PartDown, Detail: a.cfg.dataDir + ": it cannot be told how much is free"}
	}
	detail := fmt.Sprintf("%d MiB are free where %s is", free>>20, a.cfg.dataDir)
	switch {
	case free < diskFull:
		return api.Part{Name: "disk", State: api.PartDown, Detail: detail}
	case free < diskLow:
		return api.Part{Name: "disk", State: api.PartWarning, Detail: detail}
	}
	return api.Part{Name: "disk", State: api.PartOK}
}

// connectionsHealth warns of connections that need what the server was not started with. It names none: the page is open to all.
func (a *app) connectionsHealth(ctx context.Context) api.Part {
	out := api.Part{Name: "connections", State: api.PartOK}
	broken, err := a.store.Broken(ctx)
	switch {
	case err != nil:
		out.State, out.Detail = api.PartWarning, said(err)
	case len(broken) > 0:
		out.State = api.PartWarning
		out.Detail = plural(len(broken), "1 connection", "%d connections") + " cannot be used as the server was started; " +
			"see todosync connections list"
	}
	return out
}

// said is what an error says to an operator, with what to do.
func said(err error) string {
	if e, ok := errors.AsType[*connector.Error](err); ok {
		if e.Hint != "" {
			return plain(e) + "; " + e.Hint
		}
		return plain(e)
	}
	return err.Error()
}
