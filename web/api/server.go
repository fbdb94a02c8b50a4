package api

import (
	"log/slog"
	"net/http"
	"time"
)

// NewServer makes a server for handler, which is an API or leads to one, with limits against clients that are slow or have
// no end. Answers that may be long (streams, exports) move their own deadline on. The caller serves and shuts down; on shutdown
// the API's streams end by themselves.
func NewServer(a *API, handler http.Handler) *http.Server {
	s := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       time.Minute,
		WriteTimeout:      10 * time.Minute, // from the head of the request on, so it bounds a large import, too
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(a.Log.Handler(), slog.LevelDebug),
	}
	s.RegisterOnShutdown(a.closeStreams)
	return s
}
