package notify

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"todosync/connector"
)

// A memory is a Desk that keeps all in memory, for one tenant.
type memory struct {
	mu       sync.Mutex // guards what follows
	settings connector.Tenant
	mark     int
	open     int       // failures that nobody has claimed
	since    time.Time // the first of them
	digests  []*made
	lost     int // how many calls of Tell fail
}

type made struct {
	Closed
	failures int
	says     *Digest
	sends    map[string]*Parcel
}

func (m *memory) fail(n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.open == 0 {
		m.since = time.Now()
	}
	m.open += n
}

func (m *memory) window(now time.Time) Window {
	last := time.Time{}
	if len(m.digests) > 0 {
		last = m.digests[len(m.digests)-1].Window.To
	}
	return NextWindow(m.since, last, now, time.Duration(m.settings.Notify.Window), time.UTC)
}

func (m *memory) Failing(_ context.Context, now time.Time) ([]Failing, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.open == 0 {
		return nil, nil
	}
	return []Failing{{"T", m.window(now).To}}, nil
}

func (m *memory) Close(_ context.Context, _ int64, _ string, now time.Time) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	w := m.window(now)
	if m.open == 0 || w.To.After(now) {
		return false, nil
	}
	n := int64(len(m.digests) + 1)
	m.digests = append(m.digests, &made{Closed: Closed{n, fmt.Sprint("D", n), "T", w, now}, failures: m.open, sends: map[string]*Parcel{}})
	m.open = 0
	return true, nil
}

func (m *memory) Closed(context.Context) (out []Closed, _ error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, d := range m.digests {
		if d.says == nil {
			out = append(out, d.Closed)
		}
	}
	return out, nil
}

func (m *memory) Gather(_ context.Context, digests []Closed) (Summary, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	last := digests[len(digests)-1]
	s := Summary{ID: last.ID, Tenant: "T", Window: Window{digests[0].Window.From, last.Window.To}}
	n := 0
	for _, c := range digests {
		n += m.digests[c.N-1].failures
		if len(digests) > 1 {
			s.Covers = append(s.Covers, c.ID)
		}
	}
	s.Groups = []Group{{Kind: Failed, Connection: "oa", Class: "business", Count: n}}
	return s, nil
}

func (m *memory) Keep(_ context.Context, _ int64, c Closed, d Digest, to []Addressed) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	x := m.digests[c.N-1]
	if x.says != nil {
		return nil
	}
	x.says = &d
	for _, a := range to {
		p := &Parcel{Closed: c, State: ParcelWaiting, First: c.At, Due: c.At}
		if a.Mild {
			p.State = ParcelSkipped
		}
		x.sends[a.Channel] = p
	}
	return nil
}

func (m *memory) Tenant(context.Context, string) (connector.Tenant, string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.settings, fmt.Sprint(m.mark), nil
}

func (m *memory) Lanes(context.Context) (out []Lane, _ error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, d := range m.digests {
		for name, p := range d.sends {
			if l := (Lane{"T", name}); p.State == ParcelWaiting && !slices.Contains(out, l) {
				out = append(out, l)
			}
		}
	}
	return out, nil
}

func (m *memory) Waiting(_ context.Context, l Lane) (out []Parcel, _ error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, d := range m.digests {
		if p := d.sends[l.Channel]; p != nil && p.State == ParcelWaiting {
			out = append(out, *p)
			if out[len(out)-1].Says == nil {
				out[len(out)-1].Says = d.says
			}
		}
	}
	return out, nil
}

func (m *memory) Tell(_ context.Context, _ int64, l Lane, p Parcel) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.lost > 0 {
		m.lost--
		return errors.New("the commit got lost")
	}
	*m.digests[p.N-1].sends[l.Channel] = p
	return nil
}

func (m *memory) Join(_ context.Context, _ int64, l Lane, parcels []Parcel, d Digest) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, p := range parcels[:len(parcels)-1] {
		m.digests[p.N-1].sends[l.Channel].State = ParcelJoined
	}
	last := m.digests[parcels[len(parcels)-1].N-1].sends[l.Channel]
	last.Says, last.Whole = &d, true
	return nil
}

func (m *memory) parcel(digest int, channel string) Parcel {
	m.mu.Lock()
	defer m.mu.Unlock()
	return *m.digests[digest].sends[channel]
}

// A line is a channel that notes what it got, and when.
type line struct {
	mu   sync.Mutex // guards what follows
	got  []string
	at   []time.Time
	down bool
	hang bool
	part bool // it takes a digest, but not for all
}

func (l *line) Send(ctx context.Context, d Digest) error {
	l.mu.Lock()
	down, hang := l.down, l.hang
	l.mu.Unlock()
	if hang {
		<-ctx.Done()
		return ctx.Err()
	}
	if down {
		return &Error{Msg: "no"}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.got, l.at = append(l.got, fmt.Sprintf("%s:%d", d.ID, d.Counts["business"])), append(l.at, time.Now())
	if l.part {
		return &Error{Taken: true, Msg: "not to b@example.com"}
	}
	return nil
}

func (l *line) has(t *testing.T, want string) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	if got := strings.Join(l.got, " "); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func (l *line) set(f func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f()
}

// digesting runs a Digester in a bubble whose clock begins at midnight UTC.
func digesting(t *testing.T, settings connector.NotifySettings, lines map[string]*line, play func(m *memory, d *Digester)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		m := &memory{settings: connector.Tenant{Tenant: "T", TimeZone: "UTC", Notify: settings}}
		d, err := NewDigester(DigesterConfig{
			Desk: m, Log: slog.New(slog.DiscardHandler),
			Open: func(_ context.Context, _ *connector.Tenant, c *connector.NotifyChannel) (Channel, error) {
				return lines[c.Name], nil
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- d.Run(ctx) }()
		play(m, d)
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

func channels(names ...string) connector.NotifySettings {
	n := connector.NotifySettings{Window: connector.Duration(10 * time.Minute), Language: connector.English}
	for _, name := range names {
		n.Channels = append(n.Channels, connector.NotifyChannel{Name: name, Type: connector.ChannelWebhook})
	}
	return n
}

// TestDigesterTellsOnce closes a window at its end and has each channel get it once, within a moment; where nothing fails nothing is told.
func TestDigesterTellsOnce(t *testing.T) {
	t.Parallel()
	a := &line{}
	digesting(t, channels("a"), map[string]*line{"a": a}, func(m *memory, d *Digester) {
		began := time.Now()
		time.Sleep(3 * time.Minute)
		m.fail(2)
		d.Poke()
		time.Sleep(time.Minute)
		m.fail(3)
		d.Poke()
		time.Sleep(5*time.Minute + 59*time.Second)
		a.has(t, "")
		time.Sleep(2 * time.Second)
		a.has(t, "D1:5")
		if took := a.at[0].Sub(began.Add(10 * time.Minute)); took < 0 || took > time.Second {
			t.Errorf("told %s after the window's end", took)
		}
		time.Sleep(5 * time.Hour)
		a.has(t, "D1:5")
	})
}

// TestDigesterTellsNobodyTwice has a mail server that takes a digest for some of its recipients: those do not get it again.
func TestDigesterTellsNobodyTwice(t *testing.T) {
	t.Parallel()
	a := &line{part: true}
	digesting(t, channels("a"), map[string]*line{"a": a}, func(m *memory, d *Digester) {
		m.fail(2)
		d.Poke()
		time.Sleep(2 * time.Hour)
		a.has(t, "D1:2")
	})
}

// TestDigesterWaitsForChannels has one channel down for two hours and one that hangs: the third is told in time, and the first gets all
// afterwards, in order.
func TestDigesterWaitsForChannels(t *testing.T) {
	t.Parallel()
	a, b, c := &line{}, &line{down: true}, &line{hang: true}
	digesting(t, channels("a", "b", "c"), map[string]*line{"a": a, "b": b, "c": c}, func(m *memory, d *Digester) {
		var want []string
		for i := range 12 {
			m.fail(1)
			d.Poke()
			time.Sleep(10*time.Minute + 3*time.Second)
			want = append(want, fmt.Sprintf("D%d:1", i+1))
			a.has(t, strings.Join(want, " "))
		}
		b.has(t, "")
		b.set(func() { b.down = false })
		time.Sleep(31 * time.Minute)
		b.has(t, strings.Join(want, " "))
		c.set(func() { c.hang = false })
		m.mu.Lock()
		m.mark++ // somebody has mended it: it is tried at once
		m.mu.Unlock()
		time.Sleep(45 * time.Second)
		c.has(t, strings.Join(want, " "))
	})
}

// TestDigesterGivesUp ends what a channel has not taken for a day, and says so.
func TestDigesterGivesUp(t *testing.T) {
	t.Parallel()
	a := &line{down: true}
	digesting(t, channels("a"), map[string]*line{"a": a}, func(m *memory, _ *Digester) {
		m.fail(1)
		time.Sleep(24 * time.Hour)
		if p := m.parcel(0, "a"); p.State != ParcelWaiting || p.Error != "no" || p.Tries < 40 {
			t.Errorf("after a day %+v", p)
		}
		time.Sleep(time.Hour)
		if p := m.parcel(0, "a"); p.State != ParcelFailed {
			t.Errorf("after a day and an hour %+v", p)
		}
	})
}

// TestDigesterSendsAgain loses the commit after a digest was sent: it goes once more under its id, and no other.
func TestDigesterSendsAgain(t *testing.T) {
	t.Parallel()
	a := &line{}
	digesting(t, channels("a"), map[string]*line{"a": a}, func(m *memory, _ *Digester) {
		m.mu.Lock()
		m.lost = 1
		m.mu.Unlock()
		m.fail(1)
		time.Sleep(time.Hour)
		a.has(t, "D1:1 D1:1")
	})
}

// TestDigesterKeepsQuiet keeps what comes in quiet hours until they end, as one digest with the sums of all.
func TestDigesterKeepsQuiet(t *testing.T) {
	t.Parallel()
	a, b := &line{}, &line{}
	n := channels("a", "b")
	n.Channels[0].Quiet = &connector.QuietHours{From: "00:00", To: "06:00"}
	n.Channels[1].Severity = connector.SeverityCritical
	digesting(t, n, map[string]*line{"a": a, "b": b}, func(m *memory, _ *Digester) {
		for range 3 {
			m.fail(2)
			time.Sleep(time.Hour)
		}
		a.has(t, "")
		time.Sleep(3*time.Hour + time.Minute)
		a.has(t, "D3:6")
		if got := m.parcel(2, "a").Says.Covers; !slices.Equal(got, []string{"D1", "D2", "D3"}) {
			t.Errorf("covers %v", got)
		}
		m.fail(1)
		time.Sleep(time.Hour)
		a.has(t, "D3:6 D4:1")
		b.has(t, "") // it wants worse news
	})
}
