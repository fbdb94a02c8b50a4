package retry_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	"todosync/retry"
)

// One attempt, and what follows from its failure.
func Example() {
	oa := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "20")
		w.WriteHeader(http.StatusServiceUnavailable)
	}))
	defer oa.Close()

	d, err := retry.New(retry.Config{Total: 10 * time.Second})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer d.Close()
	_, err = d.Post(context.Background(), retry.Request{Method: "POST", Address: oa.URL + "/receive", Body: []byte(`{}`)})
	e, _ := err.(*retry.Error)
	p := retry.Policy{Enabled: true, Schedule: []time.Duration{10 * time.Second, 30 * time.Second}, GiveUpAfter: 48 * time.Hour}
	wait, ok := p.Next(1, 0, e.RetryAfter, 0)
	fmt.Println(e.Class, p.Retries(e.Class, "", ""), wait, ok)
	// Output: http_5xx true 20s true
}
