package mapping

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
)

// largeScope has an event of 900 KB and as many receivers as one event may name.
func largeScope(tb testing.TB, fill string) *Scope {
	tb.Helper()
	s := testScope(tb)
	s.Event = mustDoc(tb, `{"todo":{"title":"`+strings.Repeat(fill, 900_000/len(fill))+`"}}`)
	s.Receivers = nil
	for i := range 1150 {
		s.Receivers = append(s.Receivers, Person{ID: fmt.Sprint(i), Account: fmt.Sprint("a", i)})
	}
	return s
}

func TestMaxRendered(t *testing.T) {
	t.Parallel()
	fields, err := ParseFields(map[string]Field{
		"F200": {Join: strings.Fields(strings.Repeat("F055 ", 500))},
		"F201": {Join: []string{"F001", "F055"}},
	}, nil, "")
	if err != nil {
		t.Fatal(err)
	}
	deep := `"#F055"`
	for range 8 {
		deep = `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(`{"a":`+deep+`}`) + `"`
	}
	for name, tt := range map[string]struct {
		src, fill string
		receivers Receivers
		want      string // the placeholder that is named
	}{
		"a list of long values": {`{"p":[{"u":"#F101","t":"#F055"}]}`, "x", List, "#F055"},
		"a joined field":        {`{"p":"#F200"}`, "x", Each, "#F200"},
		"joined receivers":      {`{"p":"#F201"}`, "x", Joined, "#F201"},
		"escaped many times":    {`{"p":` + deep + `}`, `\"`, Each, "#F055"},
		"many placeholders":     {`{"p":"` + strings.Repeat("#F055", 12) + `"}`, "x", Each, "#F055"},
	} {
		s := largeScope(t, tt.fill)
		tmpl := mustCompile(t, tt.src, Options{Place: Body, Fields: fields, Receivers: tt.receivers})
		out, err := tmpl.Append([]byte("before"), s, Wire)
		if err == nil || !strings.HasPrefix(err.Error(), tt.want+": the rendered text is too large: ") || !strings.Contains(err.Error(), "max: 100") {
			t.Errorf("%s: %v", name, err)
		}
		if string(out) != "before" || cap(out) > 4*MaxRendered {
			t.Errorf("%s: %d bytes of %d", name, len(out), cap(out))
		}
		for _, e := range tmpl.Explain(s) {
			if len(e.Value) > MaxRendered {
				t.Errorf("%s: %s is explained in %d bytes", name, e.Placeholder, len(e.Value))
			}
		}
	}
}

// TestRenderedMemory holds that what would have hundreds of megabytes is refused before they are there. It runs alone.
func TestRenderedMemory(t *testing.T) {
	fields, err := ParseFields(map[string]Field{
		"F200": {Join: strings.Fields(strings.Repeat("F055 ", 500))},
		"F201": {Join: []string{"F001", "F055"}},
	}, nil, "")
	if err != nil {
		t.Fatal(err)
	}
	deep := `"#F055"`
	for range 10 {
		deep = `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(`{"a":`+deep+`}`) + `"`
	}
	for name, tt := range map[string]struct{ src, fill string }{
		"escaped many times": {`{"p":` + deep + `}`, `\"`},
		"a joined field":     {`{"p":"#F200"}`, "x"},
		"joined receivers":   {`{"p":"#F201"}`, "x"},
	} {
		tmpl := mustCompile(t, tt.src, Options{Place: Body, Fields: fields, Receivers: Joined})
		s := largeScope(t, tt.fill)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := tmpl.Append(nil, s, Wire)
		runtime.ReadMemStats(&after)
		if got := after.TotalAlloc - before.TotalAlloc; err == nil || got > 64<<20 {
			t.Errorf("%s: %d MB for %.100v", name, got>>20, err)
		}
	}
}

// TestLargeSecret holds that the bound is on secrets too.
func TestLargeSecret(t *testing.T) {
	t.Parallel()
	s := testScope(t)
	s.Secret = func(string) (string, error) { return strings.Repeat("x", MaxRendered), nil }
	if _, err := mustCompile(t, `{"p":"${secret:x}"}`, Options{Place: Body}).Append(nil, s, Wire); err == nil || !strings.Contains(err.Error(), "8388614 bytes") {
		t.Errorf("got %.100v", err)
	}
}

// TestJustNotTooLarge holds that the bound is on what is rendered, not on what it might have been.
func TestJustNotTooLarge(t *testing.T) {
	t.Parallel()
	s := testScope(t)
	for fill, n := range map[string]int{"x": MaxRendered - len(`{"p":""}`), "中": 2_700_000} {
		s.Event = mustDoc(t, `{"todo":{"title":"`+strings.Repeat(fill, n)+`"}}`)
		out, err := mustCompile(t, `{"p":"#F055"}`, Options{Place: Body}).Append(nil, s, Wire)
		if want := len(fill)*n + len(`{"p":""}`); err != nil || len(out) != want {
			t.Errorf("%s: %d bytes, want %d: %v", fill, len(out), want, err)
		}
	}
}

func TestManyVariables(t *testing.T) {
	t.Parallel()
	_, err := Compile(strings.Repeat("${a}", 50_000), Options{Place: Body, Variables: map[string]string{"a": strings.Repeat("x", 250_000)}})
	if err == nil || err.Error() != "line 1, column 17: ${a}: the variables make this text longer than 1 MiB: shorten them, or use them less often" {
		t.Errorf("got %.300v", err)
	}
}
