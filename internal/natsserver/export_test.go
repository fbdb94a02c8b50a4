package natsserver

import "github.com/nats-io/nats-server/v2/server"

// JetStreamConfig is what JetStream really runs with.
func JetStreamConfig(s *Server) *server.JetStreamConfig { return s.nats.JetStreamConfig() }
