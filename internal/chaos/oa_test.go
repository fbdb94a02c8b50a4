package chaos

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// What an OA does with a request.
const (
	doTake = "take" // takes it and says so
	doBusy = "busy" // 503, nothing taken
	doNo   = "no"   // a failure code, nothing taken
	doLost = "lost" // takes it and hangs up without an answer
	doDrop = "drop" // hangs up without an answer, nothing taken
	doGate = "gate" // takes it, and a gateway in between says 502
	doHang = "hang" // answers nothing until the caller is gone
)

// An arrival is one request that an OA has read whole.
type arrival struct {
	Seq                               int
	At                                time.Time
	Over                              time.Time // when it was answered, or given up; zero: still in hand
	Connection                        string    // tenant/name
	Key, Todo, Receiver, Scene, Event string
	N                                 int // place of the event in its todo's story
	Do                                string
	Variant                           string // of the settings: as the header and the body say
	Answered                          bool   // the answer was written whole, as far as the OA can tell
}

// taken: it changed the OA's inbox.
func (a *arrival) taken() bool { return a.Do == doTake || a.Do == doLost || a.Do == doGate }

// lane is the todo at its connection for its receiver.
func (a *arrival) lane() string { return a.Connection + " " + a.Todo + " " + a.Receiver }

// A nature says how an OA behaves; all by the seed, the key and the number of times that the key has come.
type nature struct {
	latency time.Duration  // at most
	bad     map[string]int // what it does in so many of 1,000 requests; the rest it takes
	firm    int            // from this arrival of a key on, it is taken; 0: never firm
	hangs   bool           // everything hangs
}

// oas are all OAs of a test: POST /TENANT/CONNECTION.
type oas struct {
	seed   uint64
	server *httptest.Server

	mu       sync.Mutex // guards what follows
	arrivals []*arrival
	times    map[string]int // how often a key has come
	natures  map[string]nature
	trap     *trap
	strange  []string // what no OA should be asked
}

// A trap calls do at the next arrival: before it is answered, or right after.
type trap struct {
	after bool
	delay time.Duration
	do    func()
}

func newOAs(seed uint64) *oas {
	o := &oas{seed: seed, times: map[string]int{}, natures: map[string]nature{}}
	o.server = httptest.NewServer(o)
	return o
}

// close ends what hangs, too.
func (o *oas) close() {
	o.server.CloseClientConnections()
	o.server.Close()
}

// set gives the OA of a connection its nature; "" stands for all others.
func (o *oas) set(connection string, n nature) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.natures[connection] = n
}

// catch arms a trap.
func (o *oas) catch(t trap) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.trap = &t
}

// ServeHTTP enters the request in the ledger before it does anything else.
func (o *oas) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	raw, err := io.ReadAll(r.Body)
	if err != nil {
		return // it never arrived whole
	}
	a, nature, trap := o.enter(r, raw)
	gone := r.Context().Done()
	wait := time.NewTimer(time.Duration(o.dice(a, "latency") % uint64(nature.latency+1)))
	defer wait.Stop()
	if trap != nil && !trap.after {
		trap.do()
	}
	select {
	case <-wait.C:
	case <-gone:
		o.over(a, false)
		return
	}
	switch a.Do {
	case doHang:
		<-gone
		o.over(a, false)
		return
	case doLost, doDrop:
		o.over(a, false)
		panic(http.ErrAbortHandler)
	}
	status, answer := 200, `{"code":0,"message":"ok"}`
	switch a.Do {
	case doBusy:
		status, answer = 503, "busy"
	case doGate:
		status, answer = 502, "bad gateway"
	case doNo:
		answer = `{"code":1001,"message":"refused"}`
	}
	// Who is there when the answer goes gets it, or is killed first; who closes the connection after it has still had it.
	there, began := r.Context().Err() == nil, time.Now()
	w.Header().Set("Content-Length", strconv.Itoa(len(answer)))
	w.WriteHeader(status)
	_, err = io.WriteString(w, answer)
	if err == nil {
		err = http.NewResponseController(w).Flush()
	}
	o.overAt(a, began, err == nil && there)
	if trap != nil && trap.after {
		for began := time.Now(); time.Since(began) < trap.delay; { // shorter than a timer can tell
		}
		trap.do()
	}
}

// enter writes down an arrival and decides what becomes of it.
func (o *oas) enter(r *http.Request, raw []byte) (*arrival, nature, *trap) {
	var body struct{ ID, Event, Scene, Receiver, Variant string }
	a := &arrival{At: time.Now(), Connection: strings.Trim(r.URL.Path, "/"), Key: r.Header.Get("Idempotency-Key")}
	err := json.Unmarshal(raw, &body)
	a.Todo, a.Event, a.Scene, a.Receiver = body.ID, body.Event, body.Scene, body.Receiver
	a.Variant = body.Variant
	_, place, _ := strings.Cut(body.Event, "/")
	a.N, _ = strconv.Atoi(place)
	o.mu.Lock()
	defer o.mu.Unlock()
	if v := r.Header.Get("X-Variant"); v != a.Variant {
		o.strange = append(o.strange, fmt.Sprintf("%s got a request half of variant %q, half of %q", a.Connection, v, a.Variant))
	}
	if err != nil || a.Key == "" || a.N == 0 || a.Receiver == "" {
		o.strange = append(o.strange, fmt.Sprintf("%s got %q with key %q", a.Connection, raw, a.Key))
	}
	a.Seq = len(o.arrivals) + 1
	o.arrivals = append(o.arrivals, a)
	o.times[a.Key]++
	n, ok := o.natures[a.Connection]
	if !ok {
		n = o.natures[""]
	}
	a.Do = o.decide(a, n, o.times[a.Key])
	t := o.trap
	o.trap = nil
	return a, n, t
}

func (o *oas) decide(a *arrival, n nature, times int) string {
	if n.hangs {
		return doHang
	}
	if n.firm > 0 && times >= n.firm {
		return doTake
	}
	dice := int(o.dice(a, "do"+strconv.Itoa(times)) % 1000)
	for _, do := range []string{doBusy, doNo, doLost, doDrop, doGate, doHang} {
		if dice -= n.bad[do]; dice < 0 {
			return do
		}
	}
	return doTake
}

// dice gives the same number for the same event and receiver under the same seed, whatever its key is this time.
func (o *oas) dice(a *arrival, what string) uint64 {
	return hash(o.seed, a.lane(), a.Event, a.Scene, what)
}

func (o *oas) over(a *arrival, answered bool) { o.overAt(a, time.Now(), answered) }

// overAt notes when the answer began to go: from then on the caller may have it, whenever this process gets to note it.
func (o *oas) overAt(a *arrival, at time.Time, answered bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	a.Over, a.Answered = at, answered
}

// ledger copies all arrivals, in their order.
func (o *oas) ledger() []arrival {
	o.mu.Lock()
	defer o.mu.Unlock()
	out := make([]arrival, len(o.arrivals))
	for i, a := range o.arrivals {
		out[i] = *a
	}
	return out
}

// oddities are requests that no event explains.
func (o *oas) oddities() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.strange)
}

// inHand counts the requests that are being answered.
func (o *oas) inHand() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	n := 0
	for i := len(o.arrivals) - 1; i >= 0 && i >= len(o.arrivals)-2000; i-- {
		if o.arrivals[i].Over.IsZero() {
			n++
		}
	}
	return n
}

func hash(seed uint64, parts ...string) uint64 {
	h := fnv.New64a()
	fmt.Fprint(h, seed, parts)
	x := h.Sum64() // FNV's low bits are weak for short texts
	x ^= x >> 33
	x *= 0xff51afd7ed558ccd
	x ^= x >> 33
	return x
}

// disarm takes the trap away.
func (o *oas) disarm() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.trap = nil
}
