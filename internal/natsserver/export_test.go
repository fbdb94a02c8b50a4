package natsserver

import "github.com/nats-io/nats-server/v2/server"

// JetStreamConfig is what JetStream really runs with.
func JetStreamConfig(s *Server) *server.JetStreamConfig {
	ns, _ := s.current()
	return ns.JetStreamConfig()
}

// Break has the server log what nats-server logs when it has given up writing.
func Break(s *Server, text string) {
	_, log := s.current()
	log.Errorf("%s", text)
}
