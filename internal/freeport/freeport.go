package freeport

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
)

// Ports are taken from here on; Linux gives those from 32768 on to whoever asks for any.
const (
	first = 20_000
	count = 12_000
	tries = 100
)

// Choose gives a port of the loopback address that nothing listens on now. It fails when it finds none in a hundred tries.
func Choose() (int, error) {
	var last error
	for range tries {
		port := first + rand.IntN(count)                               //nolint:gosec // chance, not secrecy
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port)) //nolint:noctx // it takes no time
		if err != nil {
			last = err
			continue
		}
		return port, l.Close()
	}
	return 0, errors.Join(errors.New("no port is free"), last)
}

// Address is Choose with the loopback address in front.
func Address() (string, error) {
	port, err := Choose()
	return fmt.Sprintf("127.0.0.1:%d", port), err
}
