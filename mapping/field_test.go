package mapping

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestOwnFields(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		field Field
		text  string // in a string
		json  string // outside quotes
	}{
		"path":              {Field{Path: "todo.ext.amount"}, "10000.50", "10000.50"},
		"path of an object": {Field{Path: "todo.ext.obj"}, `{"a":[1,"<"]}`, `{"a":[1,"<"]}`},
		"path, digits":      {Field{Path: "todo.ext.digits"}, "123", `"123"`},
		"path, missing":     {Field{Path: "todo.ext.nope"}, "", "null"},
		"path, null":        {Field{Path: "todo.ext.null"}, "", "null"},
		"path, empty":       {Field{Path: "todo.content"}, "", `""`},
		"path, element":     {Field{Path: "todo.ext.list.0"}, "x", `"x"`},
		"constant":          {Field{Value: new("CRM审批")}, "CRM审批", `"CRM审批"`},
		"constant, JSON":    {Field{Value: new("true")}, "true", "true"},
		"constant, empty":   {Field{Value: new("")}, "", `""`},
		"time":              {Field{From: "F009"}, "2024-11-05 09:29:58", `"2024-11-05 09:29:58"`},
		"time, pattern":     {Field{From: "F009", Format: "yyyy-MM-dd'T'HH:mm"}, "2024-11-05T09:29", `"2024-11-05T09:29"`},
		"time, seconds":     {Field{From: "#F009", Format: "epochSeconds"}, "1730770198", "1730770198"},
		"time, zone":        {Field{From: "F009", Zone: "UTC"}, "2024-11-05 01:29:58", `"2024-11-05 01:29:58"`},
		"time, both":        {Field{From: "F126", Format: "rfc3339", Zone: "America/New_York"}, "2024-11-04T20:30:01-05:00", `"2024-11-04T20:30:01-05:00"`},
		"time at a path":    {Field{Path: "todo.createdAt", Format: "yyyyMMdd"}, "20241105", `"20241105"`},
		"time, cut":         {Field{From: "F009", Max: 10}, "2024-11-05", `"2024-11-05"`},
		"map":               {Field{From: "F106", Map: map[string]string{"approved": "1"}}, "1", "1"},
		"map, else":         {Field{From: "F106", Map: map[string]string{"x": "1"}, Default: new("two")}, "two", `"two"`},
		"map, unknown":      {Field{From: "F106", Map: map[string]string{"x": "1"}}, "", "null"},
		"map of nothing":    {Field{Path: "todo.x", Map: map[string]string{"": "none"}}, "none", `"none"`},
		"default":           {Field{Path: "todo.x", Default: new("-")}, "-", `"-"`},
		"default, unused":   {Field{From: "F056", Default: new("-")}, "plain", `"plain"`},
		"default for empty": {Field{Path: "todo.content", Default: new("-")}, "-", `"-"`},
		"max":               {Field{Path: "todo.sender.name", Max: 1}, "李", `"李"`},
		"max, enough":       {Field{Path: "todo.sender.name", Max: 2}, "李雷", `"李雷"`},
		"join":              {Field{Join: []string{"F054", "F201", "#F108"}, With: "/"}, "李雷/10000.50/", `"李雷/10000.50/"`},
		"join of nothing":   {Field{Join: []string{"F108", "F049"}, With: "/"}, "", "null"},
		"required, there":   {Field{From: "F056", Required: true}, "plain", `"plain"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, err := ParseFields(map[string]Field{"F200": tt.field, "F201": {Path: "todo.ext.amount"}}, nil, "")
			if err != nil {
				t.Fatal(err)
			}
			got, err := mustCompile(t, `["#F200",{},#F200]`, Options{Place: Body, Fields: f}).Append(nil, testScope(t), Wire)
			if err != nil {
				t.Fatal(err)
			}
			doc := mustDoc(t, `{"v":`+string(got)+`}`)
			if got := doc.Value("v.0").Text(); got != tt.text {
				t.Errorf("in a string: %q, want %q", got, tt.text)
			}
			if got := doc.Value("v.2").Raw(); got != tt.json {
				t.Errorf("outside quotes: %s, want %s", got, tt.json)
			}
		})
	}
}

func TestRequired(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		field Field
		want  string
	}{
		"missing": {Field{Path: "todo.x", Required: true, Label: "金额"}, "#F200: 金额: required, and there is no value: the event's todo.x"},
		"empty":   {Field{From: "F108", Required: true}, "#F200: required, and there is no value: from #F108"},
		"map":     {Field{From: "F106", Map: map[string]string{"x": "y"}, Required: true}, "#F200: required, and there is no value: from #F106"},
		"join":    {Field{Join: []string{"F108", "F049"}, With: "-", Required: true}, "#F200: required, and there is no value: #F108 and #F049"},
		"no time": {Field{Path: "todo.title", Format: "epochMillis", Max: 5, Label: "L"}, "#F200: L: a time is wanted: \"a\\\"b\\\\c\\n<d>&']]>\\x01\\t\\r中😀\\uffff\" is not a time such as 2024-11-05T09:30:00+08:00, 2024-11-05 09:30:00, or seconds or milliseconds since 1970"},
	} {
		f, err := ParseFields(map[string]Field{"F200": tt.field}, nil, "")
		if err != nil {
			t.Fatal(err)
		}
		_, err = mustCompile(t, `{"a":"#F200"}`, Options{Place: Body, Fields: f}).Append(nil, testScope(t), Wire)
		if err != nil {
			inChinese(t, err)
		}
		if err == nil || err.Error() != tt.want {
			t.Errorf("%s: got %v\nwant %s", name, err, tt.want)
		}
	}
}

func TestParseFieldsMistakes(t *testing.T) {
	t.Parallel()
	_, err := ParseFields(map[string]Field{
		"F009": {Path: "a"}, "F150": {Path: "a"}, "X": {Path: "a"}, "F000": {Path: "a"}, "F016": {Path: "a"},
		"F200": {}, "F201": {Path: "a", From: "F012"}, "F202": {Path: "a|b"}, "F203": {From: "F999"}, "F204": {From: "F12"},
		"F205": {From: "F206"}, "F206": {Join: []string{"F205"}}, "F207": {From: "F055", Format: "epochMillis"}, "F208": {From: "F009", Format: "YYYY"},
		"F209": {From: "F009", Zone: "Nowhere/Else"}, "F210": {Path: "a", Zone: "UTC"}, "F211": {Path: "a", With: "x"}, "F212": {Path: "a", Max: -1},
		"F213": {From: "F214"}, "F214": {Path: "a"}, "F215": {From: "F213", Format: "rfc3339"}, "F216": {From: "F009", Zone: "Local"},
	}, time.UTC, "QQ")
	want := []string{
		`timeFormat: the time pattern "QQ" holds the letter Q: want y M d H h m s S a X Z, epochMillis, epochSeconds or rfc3339; put other text in single quotes`,
		"fields.F009: #F009 is built in (待办创建时间, creation time of the todo): define your own under F200 to F999",
		"fields.F150: #F150 is reserved: define your own under F200 to F999",
		`fields.X: "X" is no code: want F and three digits, F200 to F999`,
		"fields.F200: want one of path, from, value, join and first",
		"fields.F201: want only one of path, from, value, join and first, not path and from",
		`fields.F202.path: path "a|b" holds '|': want names of letters, digits, _, - and $ joined by dots, such as data.id`,
		"fields.F203.from: #F999: no such field; do you mean #F209?",
		`fields.F204.from: "F12" is no code: want F and three digits, such as F055`,
		"fields.F206.join: #F206 reads #F205, which reads it in turn: break the circle",
		"fields.F207.format: only a time can have a format: want from with the code of a time, or path",
		`fields.F208.format: the time pattern "YYYY" holds the letter Y: do you mean yyyy?`,
		`fields.F209.zone: "Nowhere/Else" is no time zone such as Asia/Shanghai`,
		"fields.F210.zone: only a time can have a zone: want from with the code of a time, or a format beside path",
		"fields.F211.with: stands only beside join",
		"fields.F212.max: want a number of characters, not -1",
		`fields.F216.zone: "Local" is no time zone such as Asia/Shanghai`,
	}
	errs, ok := errors.AsType[Errors](err)
	if !ok {
		t.Fatalf("got %v", err)
	}
	var got []string
	for _, e := range errs {
		got = append(got, e.Error())
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	inChinese(t, err)
}

func TestCut(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		text string
		max  int
		want string
	}{
		"bytes of one":    {"中文", 1, "中"},
		"accent":          {"ae\u0301x", 2, "ae\u0301"},
		"accent, fits":    {"ae\u0301x", 3, "ae\u0301x"},
		"family":          {"a👨\u200d👩\u200d👧b", 2, "a👨\u200d👩\u200d👧"},
		"before a family": {"a👨\u200d👩\u200d👧b", 1, "a"},
		"skin":            {"👍🏽👍🏽", 1, "👍🏽"},
		"variation":       {"a❤\ufe0fb", 2, "a❤\ufe0f"},
		"only accents":    {"\u0301\u0301\u0301", 2, "\u0301\u0301\u0301"},
		"long enough":     {"abc", 3, "abc"},
		"line break":      {"a\r\nb", 2, "a\r\n"},
		"emoji, no split": {"😀😀", 1, "😀"},
		"flags":           {"🇨🇳🇨🇳🇨🇳", 2, "🇨🇳🇨🇳"},
		"vowel sign":      {"aकिb", 2, "aकि"},
		"Hangul":          {"a\u1112\u1161\u11abb", 2, "a\u1112\u1161\u11ab"},
		"not UTF-8":       {"\xff\xfe", 1, "\xff"},
		"exactly":         {"中文", 2, "中文"},
	} {
		if got := cut(tt.text, tt.max); got != tt.want {
			t.Errorf("%s: got %q, want %q", name, got, tt.want)
		}
	}
}

func TestTimeFormat(t *testing.T) {
	t.Parallel()
	shanghai := time.FixedZone("", 8*60*60)
	at := time.Date(2024, 1, 5, 0, 9, 8, 76_543_210, shanghai)
	for pattern, want := range map[string]string{
		"yyyy-MM-dd HH:mm:ss": "2024-01-05 00:09:08", "yy/M/d H:m:s": "24/1/5 0:9:8", "hh:mm a": "12:09 AM", "h": "12", "yyyyMMddHHmmssSSS": "20240105000908076",
		"S": "0", "SSSSSSSSS": "076543210", "yyyy'年'MM''dd": "2024年01'05", "yyyy年M月d日": "2024年1月5日", "'it''s' y": "it's 2024", "yyyy-MM-dd'T'HH:mm:ssXXX": "2024-01-05T00:09:08+08:00",
		"Z": "+0800", "X": "+08", "epochMillis": "1704384548076", "epochSeconds": "1704384548", "rfc3339": "2024-01-05T00:09:08+08:00",
	} {
		f, err := CompileTimeFormat(pattern)
		if err != nil {
			t.Errorf("%s: %v", pattern, err)
			continue
		}
		if got := f.Format(at); got != want {
			t.Errorf("%s: got %s, want %s", pattern, got, want)
		}
	}
	noon, _ := CompileTimeFormat("hh a, yyyy")
	if got := noon.Format(time.Date(7, 1, 1, 13, 0, 0, 0, time.UTC)); got != "01 PM, 0007" {
		t.Errorf("got %s", got)
	}
	for _, pattern := range []string{"", "YYYY", "DD", "EEE", "yyy", "yyyyy", "MMM", "ddd", "HHH", "aa", "XX", "SSSSSSSSSS", "'open", "yyyy-MM-ddTHH:mm", "rfc"} {
		if _, err := CompileTimeFormat(pattern); err == nil {
			t.Errorf("%q is accepted", pattern)
		}
	}
}

func TestParseOwnTime(t *testing.T) {
	t.Parallel()
	zone := time.FixedZone("", -5*60*60)
	for text, want := range map[string]string{
		"2024-11-05T09:30:00+08:00": "2024-11-05T01:30:00Z", "2024-11-05 09:30:00": "2024-11-05T14:30:00Z", "1730770198": "2024-11-05T01:29:58Z",
		"1730770198076": "2024-11-05T01:29:58.076Z", "999999999": "2001-09-09T01:46:39Z", "999999999999": "2001-09-09T01:46:39.999Z",
	} {
		got, err := parseOwnTime(text, zone)
		if err != nil || got.UTC().Format(time.RFC3339Nano) != want {
			t.Errorf("%s: got %s, %v, want %s", text, got.UTC(), err, want)
		}
	}
	for _, text := range []string{"", "5", "2024-11-05", "20241105", "20241105093000", "-1730770198", "1730770198.5", "0730770198", "2024-13-05 09:30:00", "+730770198"} {
		if got, err := parseOwnTime(text, zone); err == nil {
			t.Errorf("%q is taken for %s", text, got)
		}
	}
	f, err := ParseFields(map[string]Field{"F200": {Path: "todo.a", Format: "rfc3339"}, "F201": {From: "F202", Format: "yyyyMMddHHmm", Zone: "UTC"}, "F202": {Path: "todo.b"}},
		time.FixedZone("", 8*60*60), "")
	if err != nil {
		t.Fatal(err)
	}
	s := testScope(t)
	s.Event = mustDoc(t, `{"todo":{"a":1730770198000,"b":"2024-11-05 09:30:00"}}`)
	got, err := mustCompile(t, "#F200 #F201", Options{Place: Body, Fields: f}).Append(nil, s, Wire)
	if err != nil || string(got) != "2024-11-05T09:29:58+08:00 202411050130" {
		t.Errorf("got %s, %v", got, err)
	}
}

func TestParseTime(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"2024-11-05T09:30:00+08:00": "2024-11-05T01:30:00Z", "2024-11-05T09:30:00.123456789Z": "2024-11-05T09:30:00.123456789Z",
		"2024-11-05t09:30:00z": "2024-11-05T09:30:00Z", "2016-12-31T23:59:60Z": "2017-01-01T00:00:00Z", "2024-11-05T09:30:00-00:00": "2024-11-05T09:30:00Z",
	} {
		got, err := parseTime(text)
		if err != nil || got.UTC().Format(time.RFC3339Nano) != want {
			t.Errorf("%s: got %s, %v, want %s", text, got.UTC(), err, want)
		}
	}
	for _, text := range []string{"", "2024-11-05", "2024-11-05 09:30:00", "2024-11-05T09:30:00", "2024-11-05T9:30:00Z", "1730770198000", "2024-13-05T09:30:00Z", "2024-11-05T09:30:61Z"} {
		if got, err := parseTime(text); err == nil {
			t.Errorf("%q is taken for %s", text, got)
		}
	}
}
