package notify

import (
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"todosync/connector"
	"todosync/retry"
)

var update = flag.Bool("update", false, "write the goldens")

// golden compares what was made with testdata, or writes it there.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s: -want +got\n%s", name, diff)
	}
}

func window(from string, length time.Duration) Window {
	t, err := time.Parse(time.RFC3339, from)
	if err != nil {
		panic(err)
	}
	return Window{From: t, To: t.Add(length)}
}

// told is a summary with each kind of news.
func told(lang connector.Language, publicURL string) Summary {
	at := func(s string) time.Time {
		t, err := time.Parse(time.RFC3339, s)
		if err != nil {
			panic(err)
		}
		return t
	}
	first, last, until := at("2026-11-22T00:58:00Z"), at("2026-11-22T02:03:10Z"), at("2026-11-22T02:06:30Z")
	return Summary{
		ID: "01JD0Z3K9QF2X7M4T8V6B5N1CW", Tenant: "714439", Title: "示例公司", Zone: "Asia/Shanghai", Language: lang, PublicURL: publicURL,
		Window: window("2026-11-22T02:00:00Z", 10*time.Minute), To: []string{"crm-admins"},
		Groups: []Group{
			{Kind: Rejected, Class: "rejected", Count: 2, Messages: []Message{{Text: "todo.id: is missing", Count: 2}}},
			{Kind: Failed, Connection: "seeyon-hq", Scene: connector.SceneCreate, Class: "business", Count: 12, Recovered: 3, Messages: []Message{
				{Code: "-1", Text: "未授权的IP", Count: 9}, {Code: "500", Text: "人员不存在", Count: 2}, {Code: "7", Text: "a", Count: 1},
			}},
			{Kind: Failed, Connection: "seeyon-hq", Scene: connector.SceneDelete, Class: "mapping", Count: 1, Messages: []Message{{Text: "#F055 is missing", Count: 1}}},
			{Kind: Unbound, Connection: "seeyon-hq", Class: "unbound", Count: 2, Messages: []Message{{Text: "1003 has no OA account", Count: 1}}},
			{Kind: TokenRefused, Connection: "welink", Class: "token_refused", Count: 1},
			{Kind: Down, Connection: "weaver-east", Class: "down", Count: 1},
			{Kind: Back, Connection: "landray", Class: "back", Count: 1},
		},
		Examples: []Example{
			{Kind: Rejected, Record: "R1", Class: "rejected", Message: "todo.id: is missing"},
			{
				Kind: Failed, Record: "01JC1", Connection: "seeyon-hq", Scene: connector.SceneCreate, Todo: "67298f0c", Title: "待审批：报价单 Q-2024-118", Receiver: "1002",
				Class: "business", Code: "-1", Message: "未授权的IP", Tries: 6, FirstTry: &first, LastTry: &last, Recovered: true,
			},
			{Kind: Unbound, Record: "01JC2", Connection: "seeyon-hq", Scene: connector.SceneCreate, Todo: "67298f0d", Title: "合同 HT-77", Receiver: "1003", Class: "unbound"},
			{Kind: Down, Connection: "weaver-east", Class: "down", Message: "503"},
		},
		Waiting: []Waiting{
			{Connection: "seeyon-hq", Count: 2, Since: first, Reason: "unbound"},
			{Connection: "weaver-east", Count: 1240, Since: last, Reason: "down"},
			{Connection: "x", Count: 1, Since: last},
		},
		OAs: []Outage{
			{Kind: Down, Connection: "landray", Since: first, Until: &until, Waited: 340},
			{Kind: Down, Connection: "weaver-east", Since: last, Waited: 1240, Message: "weaver.example.com answered 503"},
			{Kind: TokenRefused, Connection: "welink", Since: last, Waited: 1, Message: "code 1001: wrong password"},
		},
		SignOns: &SignOns{Since: first, LetIn: 42, Refused: 4, Why: map[string]int{"no_binding": 3, "too_old": 1}},
	}
}

func TestSummarize(t *testing.T) {
	t.Parallel()
	for _, lang := range []connector.Language{connector.Chinese, connector.English} {
		t.Run(string(lang), func(t *testing.T) {
			t.Parallel()
			d := Summarize(told(lang, "https://todosync.example.com/"))
			b, err := json.MarshalIndent(d, "", " ")
			if err != nil {
				t.Fatal(err)
			}
			golden(t, "digest."+string(lang)+".json", string(b)+"\n")
			golden(t, "digest."+string(lang)+".txt", d.Title+"\n\n"+d.Text)
			html, err := newView(&d).html()
			if err != nil {
				t.Fatal(err)
			}
			golden(t, "digest."+string(lang)+".html", html)
		})
	}
}

// TestSampleSaysSo holds that nobody takes a sample for news.
func TestSampleSaysSo(t *testing.T) {
	t.Parallel()
	for lang, want := range map[connector.Language]string{connector.Chinese: "测试", connector.English: "(test)"} {
		d := Sample(Summary{ID: "X", Tenant: "1", Language: lang, Window: window("2026-11-22T02:00:00Z", time.Minute)})
		if !d.Test || !strings.Contains(d.Title, want) || !strings.Contains(d.Text, want) || len(d.Groups) == 0 || len(d.Examples) == 0 {
			t.Errorf("%s: %+v", lang, d.Title)
		}
	}
}

// TestSums makes up summaries and holds that the numbers of a digest are one: counts, groups, examples and the rest; that it is
// within its bounds; and that the order in which the store counted does not show.
func TestSums(t *testing.T) {
	t.Parallel()
	kinds := []Kind{Failed, Rejected, Unbound, TokenRefused, Down, Back}
	rapid.Check(t, func(t *rapid.T) {
		s := Summary{ID: "I", Tenant: "1", Window: window("2026-11-22T02:00:00Z", time.Minute), Language: connector.English}
		want := Counts{}
		total := 0
		for range rapid.IntRange(0, 300).Draw(t, "groups") {
			k := rapid.SampledFrom(kinds).Draw(t, "kind")
			g := Group{Kind: k, Class: string(k), Connection: fmt.Sprint("c", rapid.IntRange(0, 150).Draw(t, "connection")), Count: rapid.IntRange(1, 1000).Draw(t, "count")}
			if k == Failed {
				g.Class = string(rapid.SampledFrom(retry.Classes()).Draw(t, "class"))
			}
			if k == Rejected {
				g.Connection = ""
			}
			g.Recovered = rapid.IntRange(0, g.Count).Draw(t, "recovered")
			for range rapid.IntRange(0, 3).Draw(t, "examples") {
				s.Examples = append(s.Examples, Example{Kind: k, Class: g.Class, Connection: g.Connection, Record: rapid.StringN(0, 9, -1).Draw(t, "record")})
			}
			s.Groups = append(s.Groups, g)
			want[g.Class] += g.Count
			total += g.Count
		}
		s.Examples = s.Examples[:min(len(s.Examples), total)]
		d := Summarize(s)
		if diff := cmp.Diff(want, d.Counts); diff != "" {
			t.Fatalf("counts: -want +got\n%s", diff)
		}
		sum := 0
		for i, g := range d.Groups {
			sum += g.Count
			if i > 0 && g.Count > d.Groups[i-1].Count {
				t.Fatalf("group %d has more than the one before", i)
			}
		}
		if sum != total || len(d.Examples)+d.More != total || len(d.Examples) > ExamplesMost || len(d.Groups) > GroupsMost+len(kinds)+len(retry.Classes()) {
			t.Fatalf("want %d; groups %d in %d, examples %d, more %d", total, sum, len(d.Groups), len(d.Examples), d.More)
		}
		rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1)).Shuffle(len(s.Groups), func(i, j int) { s.Groups[i], s.Groups[j] = s.Groups[j], s.Groups[i] })
		again := Summarize(s)
		again.Examples, d.Examples, again.Text, d.Text = nil, nil, "", ""
		for i := range d.Groups { // advice names a receiver of an example
			d.Groups[i].Advice, again.Groups[i].Advice = "", ""
		}
		if diff := cmp.Diff(d, again); diff != "" {
			t.Fatalf("another order: %s", diff)
		}
	})
}

// many is a window in which very much failed, with texts as long and nasty as they come.
func many(failures int) Summary {
	s := Summary{
		ID: "01JD0Z3K9QF2X7M4T8V6B5N1CW", Tenant: "714439", Title: "Example Ltd", Zone: "Asia/Shanghai", Language: connector.Chinese,
		Window: window("2026-11-22T02:00:00Z", 10*time.Minute), PublicURL: "https://todosync.example.com",
	}
	nasty := strings.Repeat("\u202e<at user_id=\"all\">**[点我](http://evil.example)**</at>\x00\x1b[31m`&lt;\n# ", 1200)
	classes := retry.Classes()
	for i := range 1000 {
		g := Group{Kind: Failed, Connection: fmt.Sprintf("oa-%d", i/len(classes)), Scene: connector.SceneCreate, Class: string(classes[i%len(classes)]), Count: failures / 1000}
		for k := range 3 {
			g.Messages = append(g.Messages, Message{Code: "E" + nasty, Text: fmt.Sprint(k, nasty), Count: g.Count / 3})
		}
		s.Groups = append(s.Groups, g)
		s.Waiting = append(s.Waiting, Waiting{Connection: fmt.Sprint("oa-", i), Count: i, Since: s.Window.From, Reason: "down"})
		s.OAs = append(s.OAs, Outage{Kind: Down, Connection: fmt.Sprint("oa-", i), Since: s.Window.From, Message: nasty})
		s.Examples = append(s.Examples, Example{
			Kind: Failed, Record: "01JC", Connection: g.Connection, Scene: g.Scene, Class: g.Class, Todo: nasty, Title: nasty, Receiver: nasty, Code: nasty, Message: nasty,
			Tries: 6, FirstTry: &s.Window.From, LastTry: &s.Window.To,
		})
	}
	return s
}

// TestMuch holds what 50,000 failures of 1,000 causes with texts of 64 KiB come to.
func TestMuch(t *testing.T) {
	t.Parallel()
	d := Summarize(many(50_000))
	if n := len(d.Examples) + d.More; n != 50_000 {
		t.Errorf("%d failures told, want 50000", n)
	}
	b, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	html, err := newView(&d).html()
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("JSON %d bytes, text %d, HTML %d", len(b), len(d.Text), len(html))
	// A NATS server takes 1 MiB by default; a mail client cuts HTML beyond about 100 KB.
	if len(b) > 900<<10 || len(d.Text) > textMost || len(html) > 200<<10 {
		t.Errorf("JSON %d bytes, text %d, HTML %d", len(b), len(d.Text), len(html))
	}
	if !strings.HasSuffix(strings.TrimSpace(d.Text), d.URL) {
		t.Error("the text does not end with the way to all of it")
	}
	harmless(t, d.Text)
	harmless(t, d.Title)
	if strings.Contains(html, "<at") || strings.Contains(html, "http://evil.example\"") {
		t.Error("what an OA said is markup in the mail")
	}
	for name, kind := range map[string]robotKind{"wecom": wecom{}, "dingtalk": dingtalk{}, "feishu": feishu{}} {
		body, err := kind.message(&d, "a key", time.Now())
		if err != nil {
			t.Fatal(err)
		}
		if !utf8.Valid(body) || strings.Contains(string(body), "<at") || strings.Contains(string(body), "](http://evil") || strings.Contains(string(body), "**[") {
			t.Errorf("%s: what an OA said is markup in %s", name, body)
		}
	}
}

// harmless fails if a text holds what changes how its reader's screen looks.
func harmless(t *testing.T, text string) {
	t.Helper()
	if !utf8.ValidString(text) {
		t.Error("no UTF-8")
	}
	for _, r := range text {
		if r < ' ' && r != '\n' || r == 0x7f || r >= 0x80 && r < 0xa0 || r >= 0x202a && r <= 0x202e || r == 0x2066 || r == 0x2067 || r == 0x200e || r == 0x200f {
			t.Fatalf("U+%04X stands in %.80q", r, text)
		}
	}
}

func TestClean(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"plain":                           "plain",
		"  two\r\n\tl \u2028 x ":          "two l x",
		"a\x00b\x1b[31mc\u0085":           "a b [31mc",
		"\u202egnp.exe\u202c\u200b\ufeff": "gnp.exe",
		"bad \xff utf8":                   "bad \ufffd utf8",
		"👩\u200d💻 works":                  "👩\u200d💻 works",
		"12345678901":                     "123456789…",
		"1234567890":                      "1234567890",
		"123456789 0":                     "123456789…",
		"中文字符超过十个的句子":                     "中文字符超过十个的…",
		"":                                "",
	} {
		if got := clean(in, 10); got != want {
			t.Errorf("clean(%q) = %q, want %q", in, got, want)
		}
	}
}

func FuzzClean(f *testing.F) {
	f.Add("a\u202eb\x00", 5)
	f.Add(strings.Repeat("👩\u200d💻", 50), 7)
	f.Fuzz(func(t *testing.T, s string, most int) {
		most = 1 + max(most, -most)%500
		got := clean(s, most)
		harmless(t, got)
		if n := utf8.RuneCountInString(got); n > most || strings.ContainsAny(got, "\n\r\t") {
			t.Errorf("%d characters of %d: %q", n, most, got)
		}
		if again := clean(got, most); again != got {
			t.Errorf("clean(%q) = %q", got, again)
		}
	})
}

// TestWords holds that each class of failure and each kind has a name, a meaning and an advice in both languages.
func TestWords(t *testing.T) {
	t.Parallel()
	type class struct {
		kind  Kind
		class string
	}
	all := []class{{Rejected, "rejected"}, {Unbound, "unbound"}, {TokenRefused, "token_refused"}, {Down, "down"}, {Back, "back"}}
	for _, c := range retry.Classes() {
		all = append(all, class{Failed, string(c)})
	}
	advice := map[string]string{}
	for _, lang := range []connector.Language{connector.Chinese, connector.English} {
		w := wordsIn(lang)
		for _, c := range all {
			d := Summarize(Summary{ID: "I", Tenant: "714439", Language: lang, Groups: []Group{{Kind: c.kind, Class: c.class, Connection: "oa-1", Count: 1}}})
			name, means, does := w.name(c.class), w.means(c.class), d.Groups[0].Advice
			if name == "" || name == c.class && lang == connector.Chinese || means == "" || does == "" {
				t.Errorf("%s %s %s: %q, %q, %q", lang, c.kind, c.class, name, means, does)
			}
			if other, ok := advice[does]; ok && c.kind != Failed {
				t.Errorf("%v has the advice of %s", c, other)
			}
			advice[does] = c.class
			for _, text := range []string{name, means, does} {
				if lang == connector.English && strings.ContainsFunc(text, func(r rune) bool { return r > 0x2e80 }) {
					t.Errorf("%v: Chinese in English: %s", c, text)
				}
			}
			if strings.Count(does, "`")%2 != 0 {
				t.Errorf("%v: a command does not end: %s", c, does)
			}
		}
	}
}

// TestAdvice holds what the words of an OA lead to, and that a command can be typed as it stands.
func TestAdvice(t *testing.T) {
	t.Parallel()
	business := func(text string) string {
		d := Summarize(Summary{ID: "I", Tenant: "714439", Language: connector.English, Groups: []Group{{
			Kind: Failed, Class: "business", Connection: "oa-1", Count: 1, Messages: []Message{{Text: text, Count: 1}},
		}}})
		return d.Groups[0].Advice
	}
	for text, want := range map[string]string{
		"未授权的IP地址": "white list", "接收人员不存在": "bindings set", "Token 已过期": "refreshOn", "待办已存在": "result.duplicate", "调用过于频繁": "limits.rate",
		"该待办不存在": "result.gone", "标题不能为空": "compare the body", "？？？": "what the code and the message mean",
	} {
		if got := business(text); !strings.Contains(got, want) || !strings.Contains(got, "`todosync records retry --tenant 714439 --connection oa-1 --state failed --class business`") {
			t.Errorf("%s: %s", text, got)
		}
	}
	for receiver, want := range map[string]string{"1003": "set 1003 OA_ACCOUNT", "$(reboot)": "set CRM_USER OA_ACCOUNT", "-x": "set CRM_USER", "a`b": "set CRM_USER"} {
		d := Summarize(Summary{
			ID: "I", Tenant: "714439", Language: connector.English, Groups: []Group{{Kind: Unbound, Class: "unbound", Connection: "oa-1", Count: 1}},
			Examples: []Example{{Kind: Unbound, Class: "unbound", Connection: "oa-1", Receiver: receiver}},
		})
		if got := d.Groups[0].Advice; !strings.Contains(got, want) {
			t.Errorf("%s: %s", receiver, got)
		}
	}
}

func TestSpan(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		zone, from string
		length     time.Duration
		want       string
	}{
		{"Asia/Shanghai", "2026-11-22T02:00:00Z", 10 * time.Minute, "2026-11-22 10:00–10:10"},
		{"Asia/Shanghai", "2026-11-22T15:50:00Z", 10 * time.Minute, "2026-11-22 23:50 – 2026-11-23 00:00"},
		{"UTC", "2026-11-22T02:00:05Z", time.Second, "2026-11-22 02:00:05–02:00:06"},
		{"Europe/Berlin", "2026-10-25T00:30:00Z", time.Hour, "2026-10-25 02:30 +02:00 – 2026-10-25 02:30 +01:00"},
		{"No/Where", "2026-11-22T02:00:00Z", time.Hour, "2026-11-22 02:00–03:00"},
	} {
		d := Digest{Zone: tt.zone, Window: window(tt.from, tt.length)}
		if got := newView(&d).span(); got != tt.want {
			t.Errorf("%s %s: %q, want %q", tt.zone, tt.from, got, tt.want)
		}
	}
}

// TestMailPage holds that a mail asks for nothing from elsewhere and has what both its readers need.
func TestMailPage(t *testing.T) {
	t.Parallel()
	s := told(connector.Chinese, "https://todosync.example.com")
	s.Examples[1].Title, s.Groups[1].Messages[0].Text = `"><script>alert(1)</script>`, `<img src=x onerror=alert(1)> javascript:alert(1)`
	d := Summarize(s)
	html, err := newView(&d).html()
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{"<script", "<img", "url(", "@import", "<link", "javascript:alert(1)\"", "ZgotmplZ"} {
		if strings.Contains(html, bad) {
			t.Errorf("%s stands in the mail", bad)
		}
	}
	for _, want := range []string{`lang="zh-CN"`, "prefers-color-scheme: dark", "width=device-width", d.URL, "seeyon-hq", "待办"} {
		if !strings.Contains(html, want) {
			t.Errorf("%s is missing", want)
		}
	}
	for tag := range strings.SplitSeq("table tr td div span h1 h2 a code bdi html body head", " ") {
		if opened, closed := strings.Count(html, "<"+tag+" ")+strings.Count(html, "<"+tag+">"), strings.Count(html, "</"+tag+">"); opened != closed {
			t.Errorf("%d <%s>, %d ended", opened, tag, closed)
		}
	}
}

func BenchmarkSummarize(b *testing.B) {
	s := many(50_000)
	for b.Loop() {
		Summarize(s)
	}
}
