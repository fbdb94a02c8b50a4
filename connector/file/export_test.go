package file

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestMarshalGolden(t *testing.T) {
	t.Parallel()
	src, err := os.ReadFile("testdata/good/rest.yaml")
	if err != nil {
		t.Fatal(err)
	}
	got, err := Marshal(one(t, string(src)).Source)
	if err != nil {
		t.Fatal(err)
	}
	const path = "testdata/rest.export.yaml"
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestMarshalReadsBack holds that whatever a source holds, its YAML is the same source.
func TestMarshalReadsBack(t *testing.T) {
	t.Parallel()
	words := rapid.SampledFrom([]string{
		"", "true", "No", "~", "null", "10s", "010", "1e3", "1.5", ".inf", "0x1F", "-", "- a", "# x", "a # b", "a: b", "a:", ":a", "'", `"`, `\`,
		"${base}/x", "#F012", "*a", "&a", "!x", "|", ">", "%a", "@a", "`a", "{a}", "[a]", "a, b", "中文 标题", "x\n", "x\ny", "\n", "\n\n", " x\n y",
		"x\n\n\ny\n\n", "a\r\nb", "a\tb", "\ta", "a\u2028b", "a\u0085b", "\ufeff", "😀", "---", "--- a\nb", "...\n", "a\n---\nb\n", "? a", "<<", "=",
		"100/s", "2024-11-05", "12:30", "http://x/y?z=1#f", "a \n", "a\n \nb", "{\"a\": \"#F012\",\n \"b\": 1}\n", "2d", "1_000", "y", "\x7f",
	})
	text := rapid.OneOf(words, rapid.String(), rapid.StringMatching(`[ -~\n]{0,20}`))
	var value func(depth int) *rapid.Generator[any]
	value = func(depth int) *rapid.Generator[any] {
		scalars := []*rapid.Generator[any]{
			text.AsAny(), rapid.Bool().AsAny(), rapid.IntRange(-9, 9999).AsAny(), rapid.Just[any](nil),
		}
		if depth == 0 {
			return rapid.OneOf(scalars...)
		}
		inner := rapid.Deferred(func() *rapid.Generator[any] { return value(depth - 1) })
		return rapid.OneOf(append(scalars,
			rapid.SliceOfN(inner, 0, 3).AsAny(), rapid.MapOfN(text, inner, 0, 3).AsAny())...)
	}
	rapid.Check(t, func(t *rapid.T) {
		tree := rapid.MapOfN(text, value(3), 1, 4).Draw(t, "tree")
		want, err := json.Marshal(tree)
		if err != nil {
			t.Skip("not JSON")
		}
		yaml, err := Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		n, fault := readYAML(string(yaml))
		if fault != nil {
			t.Fatalf("%s at %v\n%s", fault.text.in("en", fault.args...), fault.at, yaml)
		}
		if decoded, bad := decode(yaml); bad != nil || decoded != string(yaml) {
			t.Fatalf("not taken as text of a file: %q", yaml)
		}
		var a, b any
		if err := json.Unmarshal(want, &a); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(appendJSON(nil, n, &shape{}), &b); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(a, b); diff != "" {
			t.Fatalf("(-want +got):\n%s\n%s", diff, yaml)
		}
	})
}

// TestSourceReadsBack holds the same for documents: what export prints makes no new revision.
func TestSourceReadsBack(t *testing.T) {
	t.Parallel()
	docs, problems := ReadFiles([]string{"testdata/good"}, Options{})
	if problems.Err() != nil {
		t.Fatal(problems)
	}
	for _, d := range docs {
		yaml, err := Marshal(d.Source)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(d.Source), string(one(t, string(yaml)).Source)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", d.File, diff)
		}
	}
	if _, err := Marshal([]byte(`[1]`)); err == nil {
		t.Error("what is no source is written")
	}
}

// FuzzParse holds that no file breaks the reader, that what is told has a place in the file, and that a right document reads back.
func FuzzParse(f *testing.F) {
	for _, path := range []string{"testdata/good/rest.yaml", "testdata/good/tenant.yaml", "testdata/good/portal.json", "testdata/bad/bodies.yaml", "testdata/bad/types.yaml"} {
		src, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(src))
	}
	f.Add("a: &a [*a]\n<<: *a\n? x\n: |2-\n   y\n")
	f.Add(head + create)
	f.Fuzz(func(t *testing.T, src string) {
		if _, problems := Parse("a.json", []byte(src), Options{Lang: "zh"}); len(problems) > maxProblems+1 {
			t.Errorf("%d problems", len(problems))
		}
		docs, problems := Parse("a.yaml", []byte(src), Options{})
		lines := strings.Count(src, "\n") + strings.Count(src, "\r") + 2
		for _, p := range problems {
			if p.Line > lines || p.Line < 0 || p.Line > 0 && p.Column < 1 {
				t.Errorf("a problem beyond the file: %s", p)
			}
		}
		for _, d := range docs {
			yaml, err := Marshal(d.Source)
			if err != nil {
				t.Fatal(err)
			}
			again, problems := Parse("b.yaml", yaml, Options{})
			if len(again) != 1 || string(again[0].Source) != string(d.Source) {
				t.Errorf("%v\n%s\nreads back as another document:\n%s", problems, d.Source, yaml)
			}
		}
	})
}
