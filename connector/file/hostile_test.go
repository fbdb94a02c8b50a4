//go:build unix

package file

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// What the worst of files may cost. A test binary alone takes some 20 MB.
const (
	hostileTime   = time.Second // of processor
	hostileMemory = 200         // MB
)

// A hostile file is made to be slow, large or misleading. want stands in what is told of it; empty: it is right.
type hostile struct {
	name string
	src  func() string
	want string
}

func hostileFiles() map[string]hostile {
	bomb := "a: &a [x,x,x,x,x,x,x,x,x,x]\n"
	for c := 'b'; c < 'k'; c++ {
		bomb += string(c) + ": &" + string(c) + " [" + strings.TrimSuffix(strings.Repeat("*"+string(c-1)+",", 10), ",") + "]\n"
	}
	merges := "a: &a {x: 1}\n"
	for c := 'b'; c < 'z'; c++ {
		merges += string(c) + ": &" + string(c) + " {<<: [*" + string(c-1) + ", *" + string(c-1) + "], " + string(c) + ": *" + string(c-1) + "}\n"
	}
	body := func(text string) string {
		var raw strings.Builder
		e := json.NewEncoder(&raw)
		e.SetEscapeHTML(false)
		if err := e.Encode(text); err != nil {
			panic(err)
		}
		return head + "receivers: list\nscenes: {create: {address: \"http://oa.example.com\", body: " + strings.TrimSpace(raw.String()) + "}}\n"
	}
	const full = 250_000 // nearly as much as one value may have
	fill := func(s string) string { return strings.Repeat(s, full/len(s)) }
	list := func(n int, item func(i int) string) string {
		var b strings.Builder
		for i := range n {
			b.WriteString(item(i))
		}
		return b.String()
	}
	return map[string]hostile{
		"anchors of anchors":      {"a.yaml", func() string { return bomb }, "more than 20000 values"},
		"merges of merges":        {"a.yaml", func() string { return merges }, "more than 20000 values"},
		"an anchor in itself":     {"a.yaml", func() string { return "a: &a [*a]\n" }, "no anchor &a"},
		"deep lists":              {"a.yaml", func() string { return "a: " + strings.Repeat("[", 200_000) }, "more than 100 levels"},
		"deep mappings":           {"a.yaml", func() string { return "a: " + strings.Repeat("{a: ", 10_000) }, "more than 100 levels"},
		"deep dashes":             {"a.yaml", func() string { return strings.Repeat("- ", 100_000) + "x" }, "more than 100 levels"},
		"deep indentation":        {"a.yaml", func() string { return indented(300) }, "more than 100 levels"},
		"deep indentation, large": {"a.yaml", func() string { return indented(1400) }, "more than 100 levels"},
		"deep JSON":               {"a.json", func() string { return strings.Repeat(`{"a":`, 5_000) }, "more than 100 levels"},
		"deep JSON lists":         {"a.json", func() string { return strings.Repeat("[", 500_000) }, "more than 100 levels"},
		"many members":            {"a.yaml", func() string { return strings.Repeat("a: b\n", 50_000) }, "too large to be settings"},
		"many quotes":             {"a.yaml", func() string { return "a: " + strings.Repeat("'' ", 100_000) }, ""},
		"many colons":             {"a.yaml", func() string { return strings.Repeat(": ", 100_000) }, ""},
		"many question marks":     {"a.yaml", func() string { return strings.Repeat("? ", 100_000) }, ""},
		"many stars":              {"a.yaml", func() string { return strings.Repeat("*a ", 100_000) }, ""},
		"many exclamation marks":  {"a.yaml", func() string { return strings.Repeat("!a ", 100_000) }, ""},
		"many pipes":              {"a.yaml", func() string { return strings.Repeat("a: |\n", 100_000) }, ""},
		"a long plain line":       {"a.yaml", func() string { return "a: " + strings.Repeat("x y ", 60_000) }, ""},
		"a long folded text":      {"a.yaml", func() string { return "a: >\n" + strings.Repeat("  x\n\n", 50_000) }, ""},
		"many plain lines":        {"a.yaml", func() string { return "a: x\n" + strings.Repeat("  x\n", 50_000) }, ""},
		"many open lines":         {"a.yaml", func() string { return strings.Repeat("a\n", 100_000) }, ""},
		"a quote that never ends": {"a.yaml", func() string { return "a: \"" + strings.Repeat("\\n", 200_000) }, ""},
		"many escapes":            {"a.yaml", func() string { return "a: \"" + strings.Repeat("\\u4e2d", 40_000) + "\"" }, ""},
		"many comments":           {"a.yaml", func() string { return strings.Repeat("#\n", 300_000) + "a: b\n" }, ""},
		"many comments inside":    {"a.yaml", func() string { return "a:\n" + strings.Repeat("  # x\n", 100_000) + "  b: c\n" }, ""},
		"many blank lines":        {"a.yaml", func() string { return "a:\n" + strings.Repeat("\n", 900_000) + "  b: c\n" }, ""},
		"many blanks":             {"a.yaml", func() string { return "a:" + strings.Repeat(" ", 900_000) + "b\n" }, ""},
		"many anchors":            {"a.yaml", func() string { return list(6_000, func(i int) string { return fmt.Sprintf("a%d: &a%d x\n", i, i) }) }, ""},
		"many values on a line":   {"a.yaml", func() string { return "a: [" + strings.Repeat(strings.Repeat(" ", 90)+"x,", 9_900) + "x]\n" }, ""},
		"many members on a line": {"a.yaml", func() string {
			return "a: {" + list(6_000, func(i int) string { return fmt.Sprintf("%100d: x, ", i) }) + "x: y}\n"
		}, ""},
		"a large value":           {"a.yaml", func() string { return "a: " + strings.Repeat("x", 300_000) }, "longer than 256 KiB"},
		"a large block":           {"a.yaml", func() string { return "a: |\n" + strings.Repeat("  line of text\n", 30_000) }, "longer than 256 KiB"},
		"a large JSON text":       {"a.json", func() string { return `{"a":"` + strings.Repeat("x", 300_000) + `"}` }, "longer than 256 KiB"},
		"a large document":        {"a.yaml", func() string { return strings.Repeat("# words\n", 200_000) + "a: b\n" }, "larger than 1 MiB"},
		"a large file":            {"a.yaml", func() string { return strings.Repeat("\n", MaxFile+1) }, "larger than 32 MiB"},
		"a full file":             {"a.yaml", func() string { return strings.Repeat("---\nx: y\n", MaxFile/9) }, "only the first 1000"},
		"a full file of markers":  {"a.yaml", func() string { return strings.Repeat("---\n", MaxFile/4) }, "no document"},
		"a full JSON file":        {"a.json", func() string { return strings.Repeat("{}", MaxFile/2) }, "only the first 1000"},
		"a full JSON list":        {"a.json", func() string { return "[" + strings.Repeat("{},", MaxFile/3-1) + "{}]" }, "only the first 1000"},
		"a full file of blanks":   {"a.json", func() string { return strings.Repeat(" ", MaxFile) }, "no document"},
		"UTF-16":                  {"a.yaml", func() string { return "\xff\xfea\x00:\x00" }, "UTF-16"},
		"UTF-16, other end":       {"a.yaml", func() string { return "\xfe\xff\x00a\x00:" }, "UTF-16"},
		"UTF-32":                  {"a.yaml", func() string { return "a\x00\x00\x00:\x00\x00\x00" }, "control character (U+0000)"},
		"GBK":                     {"a.yaml", func() string { return "title: \xd6\xc2\xd4\xb6\n" }, "not UTF-8"},
		"a control character":     {"a.yaml", func() string { return "title: a\x00b\n" }, "control character (U+0000)"},
		"an escaped NUL":          {"a.yaml", func() string { return head + create + "title: \"a\\0b\"\n" }, "unseen character (U+0000)"},
		"an escaped NUL in JSON":  {"a.json", func() string { return `{"apiVersion":"todosync/v1","kind":"Tenant","tenant":"a\u0000b"}` }, "want 1 to 64"},
		"a lone surrogate":        {"a.json", func() string { return `{"apiVersion":"todosync/v1","kind":"Tenant","tenant":"a\ud800b"}` }, "want 1 to 64"},
		"a mark at the front":     {"a.yaml", func() string { return "\ufeff" + head + create }, ""},
		"a YAML that is no YAML":  {"a.yaml", func() string { return "a: [1\nb: }\n" }, "not YAML"},
		"a tab for an indent":     {"a.yaml", func() string { return "a:\n\tb: c\n" }, "not YAML"},
		"a tag of somebody":       {"a.yaml", func() string { return "a: !ruby/object:Gem x\n" }, "the tag"},
		"a key that is no text":   {"a.yaml", func() string { return "? [a, b]\n: c\n" }, ""},
		"JSON cut short":          {"a.json", func() string { return `{"a": [1, 2` }, "ends in the middle"},
		"JSON with a comma":       {"a.json", func() string { return `{"a": 1,}` }, "not JSON"},
		"JSON that is no object":  {"a.json", func() string { return `"text"` }, "want a document"},
		"no document at all":      {"a.yaml", func() string { return "just words\n" }, "want a document"},
		"very many documents":     {"a.yaml", func() string { return strings.Repeat("---\nx: y\n", 5_000) }, "only the first 1000"},
		"a merge of a plain text": {"a.yaml", func() string { return "a:\n  <<: text\n" }, "<< takes a mapping"},
		"a name twice":            {"a.yaml", func() string { return head + create + "title: a\ntitle: b\n" }, "stands here twice; the first is on line 6"},
		"a name 6,000 times":      {"a.yaml", func() string { return head + strings.Repeat("title: a\n", 6_000) }, "twice"},
		"many unknown names": {"a.yaml", func() string {
			return head + list(6_000, func(i int) string { return fmt.Sprintf("scenes%d: 1\n", i) })
		}, "perhaps \"scenes\" is meant"},
		"10,000 fields": {"a.json", func() string {
			return `{"apiVersion":"todosync/v1","kind":"Connection","tenant":"1","name":"a","fields":{` + list(9_900, func(i int) string { return fmt.Sprintf(`"F%d":{"path":"a"},`, i+200) }) + `"F200":{}}}`
		}, "want F and three digits"},
		"all fields of one": {"a.yaml", func() string {
			return head + "fields:\n" + list(799, func(i int) string { return fmt.Sprintf("  F%d: {join: [F%d, F%d]}\n", i+200, i+201, i+201) }) + "  F999: {path: a}\n"
		}, "more than 1000 values"},
		"a circle of all fields": {"a.yaml", func() string {
			return head + "fields:\n" + list(800, func(i int) string { return fmt.Sprintf("  F%d: {from: F%d}\n", i+200, (i+1)%800+200) })
		}, "break the circle"},
		"100,000 map entries": {"a.yaml", func() string {
			return head + "fields:\n  F200:\n    from: F106\n    map:\n" + list(50_000, func(i int) string { return fmt.Sprintf("      %d: a\n", i) })
		}, "too large to be settings"},
		"9,000 map entries": {"a.json", func() string {
			return `{"apiVersion":"todosync/v1","kind":"Connection","tenant":"1","name":"a","scenes":{"create":{"address":"http://a","body":"{\"a\":\"#F200\"}"}},"fields":{"F200":{"from":"F106","map":{` + list(9_000, func(i int) string { return fmt.Sprintf(`"k%d":"a",`, i) }) + `"x":"y"}}}}`
		}, ""},
		"6,000 variables": {"a.yaml", func() string {
			return head + create + "variables:\n" + list(6_000, func(i int) string { return fmt.Sprintf("  v%d: a\n", i) })
		}, ""},
		"6,000 bad variables": {"a.yaml", func() string {
			return head + create + "variables:\n" + list(6_000, func(i int) string { return fmt.Sprintf("  v %d: a\n", i) })
		}, "can't be used as"},
		"6,000 headers": {"a.yaml", func() string {
			return head + create + "headers:\n" + list(6_000, func(i int) string { return fmt.Sprintf("  H%d: a\n", i) })
		}, ""},
		"6,000 secrets": {"a.yaml", func() string {
			return head + create + "variables:\n" + list(6_000, func(i int) string { return fmt.Sprintf("  v%d: \"${secret:s%d}\"\n", i, i) })
		}, ""},
		"a variable many times": {"a.yaml", func() string {
			return strings.Replace(body(fill("${v}")), "receivers: list", "variables: {v: \""+fill("x")+"\"}", 1)
		}, "longer than 1 MiB"},
		"nothing many times": {"a.yaml", func() string {
			return strings.Replace(body(fill("${v}")), "receivers: list", "variables: {v: \"\"}", 1)
		}, ""},
		"nothing in an address": {"a.yaml", func() string {
			return head + "variables: {v: \"\"}\nscenes: {create: {address: \"" + fill("${v}") + "http://a\", body: '{}'}}\n"
		}, ""},
		"slashes in an address": {"a.yaml", func() string {
			return head + "scenes: {create: {address: \"http://a" + fill("/#F012") + "\", body: '{}'}}\n"
		}, ""},
		"hosts in an address": {"a.yaml", func() string {
			return head + "scenes: {create: {address: \"http://" + fill("#F012") + "\", body: '{}'}}\n"
		}, ""},
		"unknown codes":       {"a.yaml", func() string { return body(`{"a":"` + fill("#F998") + `"}`) }, "only the first 100 "},
		"unknown variables":   {"a.yaml", func() string { return body(`{"a":"` + fill("${no}") + `"}`) }, "only the first 100 "},
		"open braces":         {"a.yaml", func() string { return body(fill("${")) }, "} is missing"},
		"a very long name":    {"a.yaml", func() string { return body("${" + fill("x") + "}") }, "no such variable"},
		"receivers in a list": {"a.yaml", func() string { return body("[" + fill(`{"a":"#F001"},`) + `"#F001"]`) }, ""},
		"a receiver in many":  {"a.yaml", func() string { return body("[" + fill(`1,`) + `"#F001","#F102"]`) }, ""},
		"receivers in a row":  {"a.yaml", func() string { return body(`["` + fill("#F001") + `"]`) }, ""},
		"holes in XML":        {"a.yaml", func() string { return body("<a>" + fill("#F012") + "</a>") }, ""},
		"holes in CDATA":      {"a.yaml", func() string { return body("<a><![CDATA[" + fill("#F012") + "]]></a>") }, ""},
		"holes before ]]>":    {"a.yaml", func() string { return body("<a>]" + fill("#F012") + "></a>") }, ""},
		"brackets and ends":   {"a.yaml", func() string { return body("<a>" + fill("]>") + "</a>") }, ""},
		"attributes": {"a.yaml", func() string {
			return body("<a" + list(20_000, func(i int) string { return fmt.Sprintf(" a%d=''", i) }) + "/>")
		}, ""},
		"receivers in XML": {"a.yaml", func() string { return body("<a>" + fill("<b>#F001</b>") + "</a>") }, ""},
		"receivers in deep XML": {"a.yaml", func() string {
			return body("<a>" + strings.Repeat("<b>", 150) + strings.Repeat("<c>#F001</c><d>#F102</d>", 9_000) + strings.Repeat("</b>", 150) + "</a>")
		}, ""},
		"deep XML":               {"a.yaml", func() string { return body(fill("<a>")) }, "nested deeper than 200"},
		"deep JSON in a body":    {"a.yaml", func() string { return body(fill("[")) }, ""},
		"deep objects in a body": {"a.yaml", func() string { return body(fill(`{"a":`)) }, "nested deeper than 200"},
		"JSON texts in JSON":     {"a.yaml", func() string { return body("[" + fill(`"{\"a\":#F012,}",`) + "1]") }, "only the first 100 "},
		"JSON in JSON in JSON":   {"a.yaml", func() string { return body(inEachOther(14)) }, ""},
		"form fields":            {"a.yaml", func() string { return body(fill("a=#F012&") + "b=1") }, ""},
		"a DOCTYPE": {"a.yaml", func() string {
			return body(`<!DOCTYPE a [<!ENTITY x "y"><!ENTITY z SYSTEM "file:///etc/passwd">]><a>&z;#F012</a>`)
		}, "DOCTYPE"},
		"entities": {"a.yaml", func() string { return body("<a>&lol;#F012</a>") }, "no reference that XML knows"},
		"10,000 values in a body": {"a.yaml", func() string {
			return body("{" + list(10_000, func(i int) string { return fmt.Sprintf(`"field%d":"#F012",`, i) }) + `"x":"y"}`)
		}, ""},
		"a body of 1 MiB": {"a.json", func() string {
			return `{"apiVersion":"todosync/v1","kind":"Connection","tenant":"1","name":"a","scenes":{"create":{"address":"http://a","body":"` + strings.Repeat("x", 1<<20) + `"}}}`
		}, "longer than 256 KiB"},
		"a time pattern":        {"a.yaml", func() string { return head + "timeFormat: " + fill("yyyy ") + "\n" + create }, ""},
		"a time pattern, wrong": {"a.yaml", func() string { return head + "timeFormat: " + fill("y") + "\n" + create }, "is not known"},
		"a path":                {"a.yaml", func() string { return head + "result: {codeName: " + fill("a.") + "a, successCode: 1}\n" + create }, ""},
		"a name of a host":      {"a.yaml", func() string { return head + "allowHosts: [" + fill("a") + "]\n" + create }, ""},
	}
}

// inEachOther gives JSON inside JSON, that many levels deep.
func inEachOther(depth int) string {
	text := `{"a":"#F012"}`
	for range depth {
		raw, err := json.Marshal(text)
		if err != nil {
			panic(err)
		}
		text = `{"a":` + string(raw) + `}`
	}
	return text
}

func indented(depth int) string {
	var b strings.Builder
	for i := range depth {
		b.WriteString(strings.Repeat(" ", i) + "a:\n")
	}
	return b.String()
}

// TestHostileFiles are refused in words, or taken where they are only large; soon, and without much memory. Each is read by a
// process of its own, so that what it takes can be seen.
func TestHostileFiles(t *testing.T) {
	t.Parallel()
	files := hostileFiles()
	if name := os.Getenv("HOSTILE_FILE"); name != "" {
		readHostile(t, files[name])
		return
	}
	if testing.Short() {
		t.Skip("a process per file")
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if underRace() { // whose own cost would hide that of the file
			readHostile(t, files[name])
		} else {
			within(t, name)
		}
	}
	t.Run("a gigabyte", func(t *testing.T) {
		t.Parallel()
		path := filepath.Join(t.TempDir(), "a.yaml")
		f, err := os.Create(path)
		if err == nil {
			err = f.Truncate(1 << 30)
		}
		if err == nil {
			err = f.Close()
		}
		if err != nil {
			t.Fatal(err)
		}
		if _, problems := ReadFiles([]string{path}, Options{}); !strings.Contains(problems.Error(), "larger than 32 MiB") {
			t.Errorf("%.300s", problems.Error())
		}
	})
}

func readHostile(t *testing.T, h hostile) {
	docs, problems := Parse(h.name, []byte(h.src()), Options{})
	if len(problems) > maxProblems+1 {
		t.Errorf("%d problems", len(problems))
	}
	if problems.Err() != nil && len(docs) > 0 {
		t.Errorf("%d documents in spite of problems", len(docs))
	}
	got := problems.Error()
	if !strings.Contains(got, h.want) {
		t.Errorf("want %q, got %s", h.want, got[:min(len(got), 300)])
	}
	for _, p := range problems {
		if len(p.String()) > 2000 {
			t.Errorf("a problem of %d bytes: %.300s", len(p.String()), p)
			break
		}
	}
}

// within reads one file in a process of its own and looks at what that took.
func within(t *testing.T, name string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0], "-test.run=^TestHostileFiles$", "-test.count=1")
	cmd.Env = append(os.Environ(), "HOSTILE_FILE="+name)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("%s: %v\n%.2000s", name, err, out)
		return
	}
	took := cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	memory := int64(0)
	if used, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		memory = int64(used.Maxrss) >> 10 //nolint:unconvert // an int32 on some systems
	}
	t.Logf("%-25s %8v %4d MB", name, took.Round(time.Millisecond), memory)
	if took > hostileTime || memory > hostileMemory {
		t.Errorf("%s took %v of processor time and %d MB", name, took, memory)
	}
}
