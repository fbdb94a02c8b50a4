package freeport

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"syscall"
)

// Ports are taken from here on; Linux gives those from 32768 on to whoever asks for any.
const (
	first = 20_000
	count = 12_000
	tries = 100
)

// Choose gives a port of the loopback address that nothing listens on now, and that nobody else is given as long as this process lives. It
// fails when it finds none in a hundred tries.
func Choose() (int, error) {
	var last error
	for range tries {
		port := first + rand.IntN(count)                               //nolint:gosec // chance, not secrecy
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port)) //nolint:noctx // it takes no time
		if err != nil {
			last = err
			continue
		}
		_ = l.Close()
		if last = reserve(port); last == nil {
			return port, nil
		}
	}
	return 0, errors.Join(errors.New("no port is free"), last)
}

// reserve keeps others that choose, in any process of this machine, from a port until this process ends: it takes the port of the same number
// from UDP, which no server here uses. The socket belongs to the process and not to Go, whose collector would close one that nobody holds.
func reserve(port int) error {
	s, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_DGRAM, 0)
	if err != nil {
		return err
	}
	syscall.CloseOnExec(s) // a server that outlives its test holds nothing
	if err := syscall.Bind(s, &syscall.SockaddrInet4{Port: port, Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		return errors.Join(err, syscall.Close(s))
	}
	return nil
}

// Address is Choose with the loopback address in front.
func Address() (string, error) {
	port, err := Choose()
	return fmt.Sprintf("127.0.0.1:%d", port), err
}
