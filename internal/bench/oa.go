package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// An oaPlan is how the fake OA behaves until it is told another.
type oaPlan struct {
	First    int   `json:"first"`  // serial number
	Events   int   `json:"events"` // how many
	AnswerMs int   `json:"answerMs"`
	HangPath int   `json:"hangPath"` // the connection whose OA hangs; -1: none
	HangFrom int64 `json:"hangFrom"` // Unix nanoseconds
	HangFor  int64 `json:"hangFor"`  // nanoseconds
}

// An oaReport is what came since the plan was made.
type oaReport struct {
	Faults  faults `json:"faults"`
	Arrived int64  `json:"arrived"`
	Opened  int64  `json:"opened"` // connections
	Open    int64  `json:"open"`   // connections at the same time, at most
	AtOnce  int64  `json:"atOnce"` // requests in work at the same time, at most
}

// A fakeOA takes POSTs over plain HTTP/1.1 and answers at once that all is well. It reads what it must and no more, so that
// the machine is left to what is measured: net/http's server would take as much of it as todosync.
type fakeOA struct {
	plan   atomic.Pointer[oaPlan]
	ledger atomic.Pointer[ledger]
	opened atomic.Int64
	open   counter // connections
	inWork counter // requests
}

const oaAnswer = "HTTP/1.1 200 OK\r\nContent-Type: application/json;charset=UTF-8\r\nContent-Length: 27\r\n\r\n" + `{"code":"0","message":"ok"}`

// runOA is the process of the fake OA: it listens on two ports, for requests and for the conductor, until its input ends.
func runOA(ctx context.Context, say func(any) error) error {
	o := &fakeOA{}
	o.reset(oaPlan{HangPath: -1})
	var lc net.ListenConfig
	requests, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	control, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return errors.Join(err, requests.Close())
	}
	server := &http.Server{Handler: o.control(), ReadHeaderTimeout: time.Minute}
	stop := context.AfterFunc(ctx, func() {
		_ = requests.Close()
		_ = server.Close()
	})
	defer stop()
	var wg sync.WaitGroup
	wg.Go(func() { _ = server.Serve(control) }) // ends when it is closed
	if err := say(oaAddress{OA: requests.Addr().String(), Control: "http://" + control.Addr().String()}); err != nil {
		return err
	}
	for {
		c, err := requests.Accept()
		if err != nil {
			break // closed
		}
		o.opened.Add(1)
		go o.serve(ctx, c)
	}
	wg.Wait()
	return nil
}

// An oaAddress is where the fake OA is reached.
type oaAddress struct {
	OA      string `json:"oa"`      // host:port
	Control string `json:"control"` // http://host:port
}

func (o *fakeOA) reset(p oaPlan) {
	o.plan.Store(&p)
	o.ledger.Store(newLedger(p.First, p.Events))
	o.opened.Store(0)
	o.open.begin()
	o.inWork.begin()
}

// serve answers the requests of one connection until it ends or sends what is no request.
func (o *fakeOA) serve(ctx context.Context, c net.Conn) {
	defer c.Close()
	o.open.add()
	defer o.open.done()
	stop := context.AfterFunc(ctx, func() { _ = c.Close() })
	defer stop()
	r := bufio.NewReaderSize(c, 16<<10)
	for {
		path, body, err := readRequest(r)
		if err != nil {
			return // the client has gone, or is none
		}
		now := time.Now()
		o.inWork.add()
		plan := o.plan.Load()
		o.ledger.Load().note(body, now)
		wait := time.Duration(plan.AnswerMs) * time.Millisecond
		if until := plan.HangFrom + plan.HangFor - now.UnixNano(); path == plan.HangPath && now.UnixNano() >= plan.HangFrom && until > 0 {
			wait = time.Duration(until)
		}
		if wait > 0 {
			select {
			case <-ctx.Done():
				o.inWork.done()
				return
			case <-time.After(wait):
			}
		}
		_, err = io.WriteString(c, oaAnswer)
		o.inWork.done()
		if err != nil {
			return
		}
	}
}

// A counter counts what there is at the same time, and how much there was at most.
type counter struct{ now, most atomic.Int64 }

func (c *counter) add() {
	n := c.now.Add(1)
	for {
		most := c.most.Load()
		if n <= most || c.most.CompareAndSwap(most, n) {
			return
		}
	}
}

func (c *counter) done() { c.now.Add(-1) }

// begin forgets what there was.
func (c *counter) begin() { c.most.Store(c.now.Load()) }

// readRequest reads one request with a Content-Length. The body is good until the next read.
func readRequest(r *bufio.Reader) (path int, body []byte, err error) {
	line, err := r.ReadSlice('\n')
	if err != nil {
		return 0, nil, err
	}
	path = -1
	if f := bytes.Fields(line); len(f) > 1 {
		if i := bytes.LastIndexByte(f[1], '/'); i >= 0 {
			if n, err := strconv.Atoi(string(f[1][i+1:])); err == nil {
				path = n
			}
		}
	}
	length := -1
	for {
		line, err := r.ReadSlice('\n')
		if err != nil {
			return 0, nil, err
		}
		if len(line) <= 2 {
			break
		}
		const name = "content-length:"
		if len(line) > len(name) && bytes.EqualFold(line[:len(name)], []byte(name)) {
			if length, err = strconv.Atoi(string(bytes.TrimSpace(line[len(name):]))); err != nil {
				return 0, nil, err
			}
		}
	}
	if length < 0 || length > r.Size() {
		return 0, nil, fmt.Errorf("a body of %d bytes", length)
	}
	body, err = r.Peek(length)
	if err != nil {
		return 0, nil, err
	}
	_, err = r.Discard(length)
	return path, body, err
}

// control is what the conductor asks.
func (o *fakeOA) control() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /plan", func(w http.ResponseWriter, r *http.Request) {
		var p oaPlan
		if err := json.NewDecoder(r.Body).Decode(&p); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		o.reset(p)
	})
	mux.HandleFunc("GET /arrived", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, o.ledger.Load().arrived.Load())
	})
	mux.HandleFunc("GET /report", func(w http.ResponseWriter, _ *http.Request) {
		l := o.ledger.Load()
		f, _ := l.close()
		_ = json.NewEncoder(w).Encode(oaReport{Faults: f, Arrived: l.arrived.Load(), Opened: o.opened.Load(), Open: o.open.most.Load(), AtOnce: o.inWork.most.Load()})
	})
	mux.HandleFunc("GET /receipts", func(w http.ResponseWriter, _ *http.Request) {
		_, at := o.ledger.Load().close()
		_ = binary.Write(w, binary.LittleEndian, at)
	})
	return mux
}
