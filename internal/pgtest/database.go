package pgtest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
)

// shared is the server of all tests of this process, started when the first of them asks for it.
var shared = sync.OnceValues(func() (*Server, error) {
	if address := os.Getenv("TEST_PG_DSN"); address != "" {
		return &Server{address: address}, nil
	}
	return start(Options{})
})

// Database makes an empty database on the server that this process's tests share and gives its address, as --store takes it. It
// is dropped after the test.
func Database(t testing.TB) string {
	t.Helper()
	s, err := shared()
	if err != nil {
		unavailable(t, err)
	}
	return s.Database(t)
}

// Database makes an empty database on the server and gives its address.
func (s *Server) Database(t testing.TB) string {
	t.Helper()
	name := "test_" + strings.ToLower(rand.Text())
	if err := s.exec(t.Context(), `CREATE DATABASE `+name); err != nil {
		t.Fatalf("make a database: %v", err)
	}
	t.Cleanup(func() {
		// The test's own context has ended; the server may be down, which takes the database with it.
		_ = s.exec(context.WithoutCancel(t.Context()), `DROP DATABASE IF EXISTS `+name+` WITH (FORCE)`)
	})
	address, err := s.of(name)
	if err != nil {
		t.Fatalf("TEST_PG_DSN: %v", err)
	}
	return address
}

// of is the address of a database of the server.
func (s *Server) of(database string) (string, error) {
	if s.address == "" {
		u := url.URL{
			Scheme: "postgres", User: url.UserPassword(owner, s.password), Host: fmt.Sprintf("127.0.0.1:%d", s.port), Path: "/" + database,
			RawQuery: "sslmode=disable",
		}
		return u.String(), nil
	}
	u, err := url.Parse(s.address)
	if err != nil || u.Scheme != "postgres" && u.Scheme != "postgresql" {
		return "", errors.New("it must be an address such as postgres://user:password@host/postgres")
	}
	u.Path = "/" + database
	return u.String(), nil
}

// exec runs a statement as the owner, in no database of a test.
func (s *Server) exec(ctx context.Context, query string) error {
	address := s.address
	if address == "" {
		var err error
		if address, err = s.of("postgres"); err != nil {
			return err
		}
	}
	conn, err := pgx.Connect(ctx, address)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	_, err = conn.Exec(ctx, query)
	return err
}

// Exec runs a statement as the server's owner: to kill connections, to make it read only.
func (s *Server) Exec(t testing.TB, query string) {
	t.Helper()
	if err := s.exec(t.Context(), query); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
}
