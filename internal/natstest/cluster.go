package natstest

import (
	"context"
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// Nodes is how many servers a cluster has, and replicas a stream can have.
const Nodes = 3

// patience bounds each wait; a test that passes never waits so long, whatever else the machine has to do.
const patience = 60 * time.Second

// A Config changes what a cluster is like. Its zero value is ready.
type Config struct {
	// Options changes the settings of a server before it starts, at each start; optional.
	Options func(node int, o *server.Options)
	// Connect are further options of Cluster.Connect, where Options asks clients for a password or a certificate; optional.
	Connect []nats.Option
}

// A Cluster is three servers. Its methods may be called from many goroutines, those of one node not at the same time.
type Cluster struct {
	cfg  Config
	dir  string
	port [Nodes]int // for clients
	peer [Nodes]int // for the other servers

	mu    sync.Mutex // guards nodes
	nodes [Nodes]*server.Server
}

// Start starts a cluster that ends with the test, and returns when it has a leader.
func Start(t testing.TB, cfg Config) *Cluster {
	t.Helper()
	var err error
	for range 5 { // a port may be taken between its choice and its use
		c := &Cluster{cfg: cfg, dir: t.TempDir()}
		if err = c.start(); err == nil {
			t.Cleanup(c.close)
			return c
		}
		c.close()
	}
	t.Fatalf("start a NATS cluster: %v", err)
	return nil
}

func (c *Cluster) start() error {
	if err := c.choosePorts(); err != nil {
		return err
	}
	for i := range Nodes {
		if err := c.boot(i); err != nil {
			return err
		}
	}
	return c.awaitWhole()
}

// choosePorts takes ports that nothing listens on now.
func (c *Cluster) choosePorts() error {
	var held []net.Listener
	defer func() {
		for _, l := range held {
			_ = l.Close()
		}
	}()
	for i := range 2 * Nodes {
		l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // of a test, on loopback
		if err != nil {
			return err
		}
		held = append(held, l)
		if i < Nodes {
			c.port[i] = l.Addr().(*net.TCPAddr).Port //nolint:forcetypeassert // TCP was asked for
		} else {
			c.peer[i-Nodes] = l.Addr().(*net.TCPAddr).Port //nolint:forcetypeassert // TCP was asked for
		}
	}
	return nil
}

// boot starts a server and returns when clients can come in.
func (c *Cluster) boot(i int) error {
	var routes []string
	for j := range Nodes {
		if j != i {
			routes = append(routes, fmt.Sprintf("nats://127.0.0.1:%d", c.peer[j]))
		}
	}
	o := &server.Options{
		ServerName: name(i), Host: "127.0.0.1", Port: c.port[i],
		Cluster: server.ClusterOpts{Name: "natstest", Host: "127.0.0.1", Port: c.peer[i]},
		Routes:  server.RoutesFromStr(strings.Join(routes, ",")),
		// As the embedded server: what is larger than an event may be must get to the worker, who rejects it with a record.
		MaxPayload: 2 << 20,
		JetStream:  true, StoreDir: filepath.Join(c.dir, name(i)), JetStreamMaxStore: 4 << 30, JetStreamMaxMemory: 64 << 20,
		NoSigs: true, NoLog: true,
	}
	if c.cfg.Options != nil {
		c.cfg.Options(i, o)
	}
	s, err := server.NewServer(o)
	if err != nil {
		return err
	}
	c.mu.Lock()
	c.nodes[i] = s
	c.mu.Unlock()
	s.Start()
	if !s.ReadyForConnections(patience / 4) {
		return fmt.Errorf("server %s does not take connections at port %d", name(i), c.port[i])
	}
	return nil
}

func name(node int) string { return fmt.Sprintf("node-%d", node) }

// Node is a server; nil while it is stopped.
func (c *Cluster) Node(i int) *server.Server {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.nodes[i]
}

// awaitWhole waits until the cluster has a leader that knows all servers which run, and these are up to date.
func (c *Cluster) awaitWhole() error {
	return until("the cluster has a leader and all servers are in it", func() bool {
		leaders, running := 0, 0
		for i := range Nodes {
			s := c.Node(i)
			if s == nil {
				continue
			}
			running++
			if s.JetStreamIsLeader() {
				leaders++
			}
			if !s.JetStreamIsCurrent() || s.NumRoutes() == 0 {
				return false
			}
		}
		return leaders == 1 && running > Nodes/2
	})
}

// until waits for something that the servers do by themselves and tell nobody of.
func until(what string, ok func() bool) error {
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline.C:
			return fmt.Errorf("after %s it is not so that %s", patience, what)
		}
	}
	return nil
}

// URLs are the addresses of all servers with commas between, as --nats takes them; stopped ones among them.
func (c *Cluster) URLs() string {
	var out []string
	for _, p := range c.port {
		out = append(out, fmt.Sprintf("nats://127.0.0.1:%d", p))
	}
	return strings.Join(out, ",")
}

// Connect gives a connection to the cluster that lives as long as the test and goes to another server when its own ends.
func (c *Cluster) Connect(t testing.TB, more ...nats.Option) *nats.Conn {
	t.Helper()
	options := append([]nats.Option{
		nats.Name(t.Name()), nats.MaxReconnects(-1), nats.ReconnectWait(50 * time.Millisecond), nats.RetryOnFailedConnect(true),
	}, c.cfg.Connect...)
	nc, err := nats.Connect(c.URLs(), append(options, more...)...)
	if err != nil {
		t.Fatalf("connect to the NATS cluster: %v", err)
	}
	t.Cleanup(nc.Close)
	return nc
}

// Stop ends a server. It returns when the server is gone; the others may still be choosing leaders.
func (c *Cluster) Stop(i int) {
	c.mu.Lock()
	s := c.nodes[i]
	c.nodes[i] = nil
	c.mu.Unlock()
	if s != nil {
		s.Shutdown()
		s.WaitForShutdown()
	}
}

// Restart brings a stopped server back with what it had written.
func (c *Cluster) Restart(t testing.TB, i int) {
	t.Helper()
	if c.Node(i) != nil {
		t.Fatalf("%s is not stopped", name(i))
	}
	var err error
	for range 20 { // its port may be somebody's for a moment
		if err = c.boot(i); err == nil {
			return
		}
		c.Stop(i)
	}
	t.Fatalf("bring back %s: %v", name(i), err)
}

// StopAll ends all servers at once.
func (c *Cluster) StopAll() {
	var all sync.WaitGroup
	for i := range Nodes {
		all.Go(func() { c.Stop(i) })
	}
	all.Wait()
}

// RestartAll brings back all servers that are stopped, and waits until the cluster is whole.
func (c *Cluster) RestartAll(t testing.TB) {
	t.Helper()
	for i := range Nodes {
		if c.Node(i) == nil {
			c.Restart(t, i)
		}
	}
	c.AwaitWhole(t)
}

// AwaitWhole waits until the servers that run have a leader and are up to date.
func (c *Cluster) AwaitWhole(t testing.TB) {
	t.Helper()
	if err := c.awaitWhole(); err != nil {
		t.Fatal(err)
	}
}

// StreamLeader is the server that leads a stream of the cluster; it waits until there is one.
func (c *Cluster) StreamLeader(t testing.TB, stream string) int {
	t.Helper()
	leader := -1
	err := until("stream "+stream+" has a leader", func() bool {
		leader = slices.IndexFunc([]int{0, 1, 2}, func(i int) bool {
			s := c.Node(i)
			return s != nil && s.JetStreamIsStreamLeader(server.DEFAULT_GLOBAL_ACCOUNT, stream)
		})
		return leader >= 0
	})
	if err != nil {
		t.Fatal(err)
	}
	return leader
}

// MoveStreamLeader has another server lead a stream, as happens when an operator moves it or its server gets slow, and waits until
// one does.
func (c *Cluster) MoveStreamLeader(t testing.TB, stream string) {
	t.Helper()
	from := c.StreamLeader(t, stream)
	c.ask(t, fmt.Sprintf("$JS.API.STREAM.LEADER.STEPDOWN.%s", stream))
	if err := until("stream "+stream+" has another leader", func() bool {
		s := c.Node(from)
		return s == nil || !s.JetStreamIsStreamLeader(server.DEFAULT_GLOBAL_ACCOUNT, stream)
	}); err != nil {
		t.Fatal(err)
	}
	c.StreamLeader(t, stream)
}

// MoveConsumerLeader has another server lead a consumer.
func (c *Cluster) MoveConsumerLeader(t testing.TB, stream, consumer string) {
	t.Helper()
	c.ask(t, fmt.Sprintf("$JS.API.CONSUMER.LEADER.STEPDOWN.%s.%s", stream, consumer))
}

// ask makes a request to the cluster's API.
func (c *Cluster) ask(t testing.TB, subject string) {
	t.Helper()
	nc := c.Connect(t)
	defer nc.Close()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if _, err := nc.RequestWithContext(ctx, subject, nil); err != nil {
		t.Fatalf("ask %s: %v", subject, err)
	}
}

func (c *Cluster) close() { c.StopAll() }
