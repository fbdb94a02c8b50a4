package main

import (
	"context"
	"errors"
	"fmt"
	"syscall"
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
	return []api.Part{a.storeHealth(ctx), a.natsHealth(), a.intakeHealth(ctx), a.diskHealth()}
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
	case !h.Reading:
		return api.Part{Name: "intake", State: api.PartDown, Detail: h.Why}
	case warning != "":
		return api.Part{Name: "intake", State: api.PartWarning, Detail: warning}
	}
	return api.Part{Name: "intake", State: api.PartOK}
}

func (a *app) diskHealth() api.Part {
	var st syscall.Statfs_t
	if err := syscall.Statfs(a.cfg.dataDir, &st); err != nil {
		return api.Part{Name: "disk", State: api.PartDown, Detail: a.cfg.dataDir + ": " + err.Error()}
	}
	free := st.Bavail * uint64(st.Bsize)
	detail := fmt.Sprintf("%d MiB are free where %s is", free>>20, a.cfg.dataDir)
	switch {
	case free < diskFull:
		return api.Part{Name: "disk", State: api.PartDown, Detail: detail}
	case free < diskLow:
		return api.Part{Name: "disk", State: api.PartWarning, Detail: detail}
	}
	return api.Part{Name: "disk", State: api.PartOK}
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
