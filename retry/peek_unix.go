//go:build unix

package retry

import (
	"errors"
	"net"
	"syscall"
)

// peek looks, without waiting and without taking a byte, what the other side has done on a connection. The transport's own
// reader finds out as well, only later: this closes the gap between the two.
func peek(c net.Conn) peeked {
	s, ok := c.(syscall.Conn)
	if !ok {
		return peerQuiet
	}
	raw, err := s.SyscallConn()
	if err != nil {
		return peerClosed
	}
	seen := peerQuiet
	var first [1]byte
	// Control and not Read: the transport's reader sits in Read and would keep us out.
	err = raw.Control(func(fd uintptr) {
		n, _, err := syscall.Recvfrom(int(fd), first[:], syscall.MSG_PEEK) // net sets every socket non-blocking
		switch {
		case n > 0:
			seen = peerSpoke
		case err == nil, !errors.Is(err, syscall.EAGAIN) && !errors.Is(err, syscall.EINTR):
			seen = peerClosed
		}
	})
	if err != nil {
		return peerClosed
	}
	return seen
}

// isReset tells whether the other side, or the network, cut the connection.
func isReset(err error) bool {
	return errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.ECONNABORTED) ||
		errors.Is(err, syscall.ETIMEDOUT) || errors.Is(err, syscall.EHOSTUNREACH) || errors.Is(err, syscall.ENETUNREACH)
}
