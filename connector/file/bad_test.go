package file

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
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
