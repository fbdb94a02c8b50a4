package file

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the wanted problems anew")

// TestBadFiles holds each file of testdata/bad against the problems that stand beside it, one a line.
func TestBadFiles(t *testing.T) {
	t.Parallel()
	paths, err := filepath.Glob("testdata/bad/*.*")
	if err != nil || len(paths) < 10 {
		t.Fatalf("files: %v, %v", paths, err)
	}
	for _, path := range paths {
		name, isWant := strings.CutSuffix(path, ".want")
		if isWant {
			continue
		}
		t.Run(filepath.Base(name), func(t *testing.T) {
			t.Parallel()
			src, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			o := Options{CheckPublicURL: true, Env: func(name string) (string, bool) { return "x", name == "KNOWN" }}
			if strings.Contains(name, "zh-") {
				o.Lang = "zh"
			}
			_, problems := Parse(filepath.Base(path), src, o)
			if problems.Err() == nil {
				t.Error("nothing is wrong with it")
			}
			got := problems.Error() + "\n"
			if *update {
				if err := os.WriteFile(path+".want", []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			want, err := os.ReadFile(path + ".want")
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
		})
	}
}

// TestProblemsInChinese holds that nothing is told in English to who reads Chinese.
func TestProblemsInChinese(t *testing.T) {
	t.Parallel()
	paths, err := filepath.Glob("testdata/bad/*.want")
	if err != nil || len(paths) < 10 {
		t.Fatalf("files: %v, %v", paths, err)
	}
	for _, path := range paths {
		path = strings.TrimSuffix(path, ".want")
		src, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		_, problems := Parse(filepath.Base(path), src, Options{Lang: "zh", CheckPublicURL: true, Env: func(string) (string, bool) { return "", false }})
		for _, p := range problems {
			if !strings.ContainsFunc(p.Message, func(r rune) bool { return unicode.Is(unicode.Han, r) }) {
				t.Error(p)
			}
		}
	}
}

// TestHostileFiles are refused in words, and soon.
func TestHostileFiles(t *testing.T) {
	t.Parallel()
	bomb := "a: &a [x,x,x,x,x,x,x,x,x,x]\n"
	for c := 'b'; c < 'k'; c++ {
		bomb += string(c) + ": &" + string(c) + " [" + strings.TrimSuffix(strings.Repeat("*"+string(c-1)+",", 10), ",") + "]\n"
	}
	tests := map[string]struct{ name, src, want string }{
		"anchors of anchors":      {"a.yaml", bomb, "more than 20000 values"},
		"an anchor in itself":     {"a.yaml", "a: &a [*a]\n", "no anchor &a"},
		"deep lists":              {"a.yaml", "a: " + strings.Repeat("[", 200_000), "more than 100 levels"},
		"deep mappings":           {"a.yaml", "a: " + strings.Repeat("{a: ", 10_000), "more than 100 levels"},
		"deep dashes":             {"a.yaml", strings.Repeat("- ", 100_000) + "x", "more than 100 levels"},
		"deep indentation":        {"a.yaml", indented(300), "more than 100 levels"},
		"deep JSON":               {"a.json", strings.Repeat(`{"a":`, 5_000), "more than 100 levels"},
		"deep JSON lists":         {"a.json", strings.Repeat("[", 500_000), "more than 100 levels"},
		"many members":            {"a.yaml", strings.Repeat("a: b\n", 50_000), "too large to be settings"},
		"a large value":           {"a.yaml", "a: " + strings.Repeat("x", 300_000), "longer than 256 KiB"},
		"a large block":           {"a.yaml", "a: |\n" + strings.Repeat("  line of text\n", 30_000), "longer than 256 KiB"},
		"a large JSON text":       {"a.json", `{"a":"` + strings.Repeat("x", 300_000) + `"}`, "longer than 256 KiB"},
		"a large document":        {"a.yaml", strings.Repeat("# words\n", 200_000) + "a: b\n", "larger than 1 MiB"},
		"a large file":            {"a.yaml", strings.Repeat("\n", maxFile+1), "larger than 32 MiB"},
		"UTF-16":                  {"a.yaml", "\xff\xfea\x00:\x00", "UTF-16"},
		"GBK":                     {"a.yaml", "title: \xd6\xc2\xd4\xb6\n", "not UTF-8"},
		"a control character":     {"a.yaml", "title: a\x00b\n", "control character (U+0000)"},
		"a YAML that is no YAML":  {"a.yaml", "a: [1\nb: }\n", "not YAML"},
		"a tab for an indent":     {"a.yaml", "a:\n\tb: c\n", "not YAML"},
		"a tag of somebody":       {"a.yaml", "a: !ruby/object:Gem x\n", "the tag"},
		"a key that is no text":   {"a.yaml", "? [a, b]\n: c\n", ""},
		"JSON cut short":          {"a.json", `{"a": [1, 2`, "ends in the middle"},
		"JSON with a comma":       {"a.json", `{"a": 1,}`, "not JSON"},
		"JSON that is no object":  {"a.json", `"text"`, "want a document"},
		"no document at all":      {"a.yaml", "just words\n", "want a document"},
		"very many documents":     {"a.yaml", strings.Repeat("---\nx: y\n", 5_000), "only the first 1000"},
		"a merge of a plain text": {"a.yaml", "a:\n  <<: text\n", "<< takes a mapping"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			start := time.Now()
			docs, problems := Parse(tt.name, []byte(tt.src), Options{})
			if took := time.Since(start); took > 10*time.Second {
				t.Errorf("took %v", took)
			}
			if problems.Err() == nil || len(docs) > 0 || len(problems) > maxProblems+1 {
				t.Fatalf("%d documents, %d problems", len(docs), len(problems))
			}
			if got := problems.Error(); !strings.Contains(got, tt.want) {
				t.Errorf("want %q, got %s", tt.want, got[:min(len(got), 300)])
			}
		})
	}
}

func indented(depth int) string {
	var b strings.Builder
	for i := range depth {
		b.WriteString(strings.Repeat(" ", i) + "a:\n")
	}
	return b.String()
}

// TestPlacesOfDocuments holds that lines count through a file with several documents, one of which can't be read.
func TestPlacesOfDocuments(t *testing.T) {
	t.Parallel()
	src := "\ufeff%YAML 1.2\r\n--- # one\r\n" + strings.ReplaceAll(head, "\n", "\r\n") + "titel: x\r\n...\r\n---\r\na: [\r\n---\r\n" + head + "nme: y\n"
	_, problems := Parse("a.yaml", []byte(src), Options{})
	var got []string
	for _, p := range problems {
		got = append(got, p.String()[:len("a.yaml:7:1")])
	}
	want := []string{"a.yaml:7:1", "a.yaml:10:", "a.yaml:15:", "a.yaml:16:"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s\n%v", diff, problems)
	}
}

func TestNearest(t *testing.T) {
	t.Parallel()
	names := []string{"address", "method", "body", "headers", "successCode"}
	for given, want := range map[string]string{
		"adress": "address", "metohd": "method", "Body": "body", "header": "headers", "successcode": "successCode",
		"url": "", "x": "", strings.Repeat("a", 1000): "",
	} {
		if got := nearest(given, names); got != want {
			t.Errorf("%.20s: want %q, got %q", given, want, got)
		}
	}
}
