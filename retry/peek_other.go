//go:build !unix

package retry

import (
	"errors"
	"net"
	"syscall"
)

// peek cannot look without taking bytes here; the transport's own reader finds out a little later.
func peek(net.Conn) peeked { return peerQuiet }

// isReset tells whether the other side, or the network, cut the connection.
func isReset(err error) bool {
	return errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.ECONNABORTED)
}
