package mapping

import "testing"

func TestRelative(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"https://todo.example.com/oa/weaver/1/oa/home?device=mobile": "/oa/weaver/1/oa/home?device=mobile",
		"http://127.0.0.1:8080/a%20b/c#d":                            "/a%20b/c#d",
		"https://todo.example.com?x=1":                               "?x=1",
		"https://todo.example.com":                                   "",
		"//todo.example.com/a":                                       "/a",
		"/a/b":                                                       "/a/b",
		"/a?to=https://x/y":                                          "/a?to=https://x/y",
		"":                                                           "",
	} {
		if got := relative(address); got != want {
			t.Errorf("relative(%q) = %q, want %q", address, got, want)
		}
	}
}
