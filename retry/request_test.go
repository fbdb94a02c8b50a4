package retry

import (
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestRequestGoesOutAsWritten(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var got string
	s := serveRaw(t, func(_ *rawServer, _ int64, c *rawConn) {
		buffer := make([]byte, 4096)
		n, _ := c.Read(buffer)
		mu.Lock()
		got = string(buffer[:n])
		mu.Unlock()
		c.answer("")
	})
	host := strings.TrimPrefix(s.address, "http://")
	for name, test := range map[string]struct {
		request Request
		want    []string
	}{
		"names": {
			Request{"PUT", s.address + "/a%2Fb?q=%20#part", []Header{
				{"x-APP-key", "1"},
				{"SOAPAction", `""`},
				{"x-app-KEY", "2"},
				{"x-APP-key", "3"},
				{"content-type", "text/xml;charset=GBK"},
				{"content-length", "99"},
				{"Transfer-Encoding", "chunked"},
			}, []byte("body"), nil},
			[]string{
				"PUT /a%2Fb?q=%20 HTTP/1.1", "Host: " + host, "User-Agent: todosync", "Content-Length: 4", `SOAPAction: ""`,
				"content-type: text/xml;charset=GBK", "x-APP-key: 1", "x-APP-key: 3", "x-app-KEY: 2", "", "body",
			},
		},
		"client's own": {
			Request{"", s.address, []Header{{"user-agent", "old"}, {"HOST", "oa.example"}, {"connection", "Close"}}, nil, nil},
			[]string{"POST / HTTP/1.1", "Host: oa.example", "Connection: close", "Content-Length: 0", "user-agent: old", "", ""},
		},
		"user in the address": {
			Request{"GET", "http://u:p@" + host, []Header{{"User-Agent", "mine"}}, nil, nil},
			[]string{"GET / HTTP/1.1", "Host: " + host, "User-Agent: mine", "Authorization: Basic dTpw", "", ""},
		},
		"user in the address and a header": {
			Request{"DELETE", "http://u:p@" + host, []Header{{"authorization", "Bearer x"}}, nil, nil},
			[]string{"DELETE / HTTP/1.1", "Host: " + host, "User-Agent: todosync", "authorization: Bearer x", "", ""},
		},
	} {
		t.Run(name, func(t *testing.T) { // one after the other: they share the server
			d := dispatcher(t, Config{})
			if _, err := d.Post(t.Context(), test.request); err != nil {
				t.Fatal(err)
			}
			mu.Lock()
			defer mu.Unlock()
			if diff := cmp.Diff(strings.Join(test.want, "\r\n"), got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestUnsendable(t *testing.T) {
	t.Parallel()
	d := dispatcher(t, Config{})
	for name, r := range map[string]Request{
		"address":        {Address: "http://[" + secretQuery},
		"escape":         {Address: "http://h/%zz" + secretPath},
		"scheme":         {Address: "ftp://h/" + secretPath},
		"relative":       {Address: "/" + secretPath},
		"no host":        {Address: "http:///" + secretPath},
		"port":           {Address: "http://h:99999/" + secretPath},
		"empty":          {},
		"method":         {Address: "http://h", Method: "PO ST"},
		"connect":        {Address: "http://h", Method: "CONNECT"},
		"header name":    {Address: "http://h", Headers: []Header{{"X Key", secretHeader}}},
		"no header name": {Address: "http://h", Headers: []Header{{"", secretHeader}}},
		"injection":      {Address: "http://h", Headers: []Header{{"X-Title", "a\r\nX-Evil: " + secretHeader}}},
		"host header":    {Address: "http://h", Headers: []Header{{"Host", "a/b " + secretHeader}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			receipt, e := fails(t, d, r)
			if e.Class != Mapping || e.Unanswered || receipt.Status != 0 {
				t.Errorf("got %+v", e)
			}
		})
	}
}
