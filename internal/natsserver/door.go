package natsserver

import (
	"github.com/nats-io/nats-server/v2/server"

	"todosync/connector"
)

// Check finds what is wrong with a Config before anything is started: the file in NATS's own format cannot be read, or the address
// is open to other machines and nothing would ask clients who they are.
func (c Config) Check() error {
	_, err := c.options()
	return err
}

// guard refuses an address that other machines reach where the server lets in everybody.
func (c Config) guard(o *server.Options, host, address string) error {
	if loopback(host) || asksClients(o) {
		return nil
	}
	e := &connector.Error{
		Kind: connector.Invalid, Op: "start NATS",
		Msg:  address + " can be reached from other machines, and nothing would ask clients who they are",
		Hint: "give users and TLS in a file in NATS's own format by --nats-config, or listen on " + DefaultListen,
	}
	if c.ConfigFile != "" {
		e.Msg += ": " + c.ConfigFile + " has neither users nor client certificates"
		e.Hint = "add authorization { users: [...] } or tls { verify: true, ... } to it, or listen on " + DefaultListen
	}
	return e
}

// asksClients reports whether a client must show who it is.
func asksClients(o *server.Options) bool {
	return len(o.Users)+len(o.Nkeys)+len(o.TrustedOperators)+len(o.TrustedKeys) > 0 || o.Authorization != "" || o.Username != "" ||
		o.AuthCallout != nil || o.TLSConfig != nil && (o.TLSVerify || o.TLSMap)
}
