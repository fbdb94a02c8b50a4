package freeport_test

import (
	"net"
	"testing"

	"todosync/internal/freeport"
)

func TestAddress(t *testing.T) {
	t.Parallel()
	address, err := freeport.Address()
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	if port := l.Addr().(*net.TCPAddr).Port; port < 20_000 || port >= 32_768 {
		t.Errorf("port %d is one that the system gives to whoever asks for any", port)
	}
}

// TestChosenOnce chooses so many ports that chance alone would give one twice: of 1,000 among 12,000, some 40 pairs meet.
func TestChosenOnce(t *testing.T) {
	t.Parallel()
	seen := map[int]bool{}
	for range 1000 {
		port, err := freeport.Choose()
		if err != nil {
			t.Fatal(err)
		}
		if seen[port] {
			t.Fatalf("port %d is given twice", port)
		}
		seen[port] = true
	}
}
