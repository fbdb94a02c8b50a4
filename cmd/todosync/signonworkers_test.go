package main

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"todosync/web/signon"
)

// A turnstile counts who got through: how often each link and each ticket was good, whatever happened to the workers meanwhile.
type turnstile struct {
	t       *testing.T
	apis    []string
	token   string
	client  *http.Client
	mu      sync.Mutex // guards what follows
	links   map[string]int
	tickets map[string]int
	refused int
}

// open opens a link at a worker.
func (s *turnstile) open(worker int, link string) {
	resp, err := s.client.Get("http://" + s.apis[worker] + link)
	if err != nil {
		return // killed: whether it was let in before nobody knows, and the link may only be good once in all
	}
	_ = resp.Body.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	switch to, err := resp.Location(); {
	case resp.StatusCode == http.StatusSeeOther && err == nil:
		s.links[link]++
		s.tickets[to.Query().Get("ticket")] += 0
	case resp.StatusCode == http.StatusForbidden:
		s.refused++
	case resp.StatusCode != http.StatusServiceUnavailable:
		s.t.Errorf("%s: status %d", link, resp.StatusCode)
	}
}

// redeem redeems a ticket at a worker.
func (s *turnstile) redeem(worker int, ticket string) {
	req, err := http.NewRequest(http.MethodPost, "http://"+s.apis[worker]+"/api/v1/tickets/redeem", strings.NewReader(`{"ticket":"`+ticket+`"}`))
	if err != nil {
		s.t.Error(err)
		return
	}
	req.Header.Set("Authorization", "Bearer "+s.token)
	req.Header.Set("Content-Type", "application/json")
	resp, err := s.client.Do(req)
	if err != nil {
		return
	}
	_ = resp.Body.Close()
	if resp.StatusCode == http.StatusOK {
		s.mu.Lock()
		s.tickets[ticket]++
		s.mu.Unlock()
	}
}

// some are tickets that were given out.
func (s *turnstile) some(n int, random *rand.Rand) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []string
	for ticket := range s.tickets {
		if out = append(out, ticket); len(out) == n {
			break
		}
	}
	random.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	return out
}

// TestSignOnTwoWorkers opens links and redeems tickets at two workers, most of them several times and often at the same moment, while one of the
// two is killed and comes back. No link and no ticket is good twice.
func TestSignOnTwoWorkers(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano()) //nolint:gosec // a seed
	t.Logf("seed %d", seed)
	const secret, people, browsers, each = "a-secret-of-signed-links", 20, 8, 40
	workers, args, _ := fleet(t, 2)
	args = append(args, "--public-url", "https://todo.example.com")
	a, b := workers[0], workers[1]
	file := filepath.Join(t.TempDir(), "settings.yaml")
	write(t, file, crmSettings("crm.example.com", ""))
	a.start(append(args, "--apply", file)...)
	a.cli("secret", "set", "signon", "--tenant", "t1", "--value", secret)
	var csv strings.Builder
	csv.WriteString("connection,crm_user_id,oa_account\n")
	for i := range people {
		fmt.Fprintf(&csv, "plant,u%d,a%d\n", i, i)
	}
	bindings := filepath.Join(t.TempDir(), "bindings.csv")
	write(t, bindings, csv.String())
	a.cli("bindings", "import", bindings, "--tenant", "t1")
	b.start(args...)
	s := &turnstile{
		t: t, apis: []string{a.api, b.api}, links: map[string]int{}, tickets: map[string]int{}, token: strings.TrimSpace(a.cli("token", "create", "crm", "--scope", "tickets:redeem")),
		client: &http.Client{
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, Timeout: 30 * time.Second,
			Transport: &http.Transport{MaxIdleConnsPerHost: browsers * 4},
		},
	}
	defer s.client.CloseIdleConnections()
	var mu sync.Mutex // guards all
	var all []string
	half := make(chan struct{}, browsers)
	var opening sync.WaitGroup
	for n := range browsers {
		opening.Go(func() {
			random := rand.New(rand.NewPCG(seed, uint64(n))) //nolint:gosec // a seed
			for i := range each {
				if i == each/2 {
					half <- struct{}{}
				}
				login := "a" + strconv.Itoa(random.IntN(people))
				stamp := strconv.FormatInt(time.Now().UnixMilli()-int64(n*each+i), 10)
				link := "/oa/weaver/t1/plant/todo/QuoteObj/66f?" + url.Values{"loginid": {login}, "stamp": {stamp}, "token": {signon.LinkToken(secret, login, stamp)}}.Encode()
				mu.Lock()
				all = append(all, link)
				mu.Unlock()
				var once sync.WaitGroup
				for range 1 + random.IntN(3) {
					worker := random.IntN(2)
					once.Go(func() { s.open(worker, link) })
				}
				mu.Lock()
				old := all[random.IntN(len(all))]
				mu.Unlock()
				once.Go(func() { s.open(i%2, old) })
				for _, ticket := range s.some(2, random) {
					for worker := range 2 {
						once.Go(func() { s.redeem(worker, ticket) })
					}
				}
				once.Wait()
			}
		})
	}
	for range browsers / 2 {
		<-half
	}
	b.kill()
	b.start(args...)
	opening.Wait()
	// Each once more at both, when all is quiet: what the killed one has forgotten the database has not.
	for _, link := range all {
		s.open(0, link)
		s.open(1, link)
	}
	for _, ticket := range s.some(browsers*each, rand.New(rand.NewPCG(seed, 99))) { //nolint:gosec // a seed
		s.redeem(0, ticket)
		s.redeem(1, ticket)
	}
	in, redeemed := 0, 0
	for link, n := range s.links {
		if in++; n > 1 {
			t.Errorf("a link was good %d times: %s", n, link)
		}
	}
	for _, n := range s.tickets {
		if redeemed += n; n > 1 {
			t.Errorf("a ticket was good %d times", n)
		}
	}
	// A link whose answer the kill has swallowed is spent, and so is nobody's: of the others each was good once.
	if len(s.tickets) != in || in < browsers*each*9/10 || redeemed < in*9/10 || s.refused < browsers*each {
		t.Errorf("%d of %d links were good, %d tickets of %d redeemed, %d refused", in, len(all), redeemed, len(s.tickets), s.refused)
	}
}
