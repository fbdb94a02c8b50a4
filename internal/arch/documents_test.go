package arch

import (
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// documents are the Markdown files by their paths from the root.
func documents(t *testing.T) (fs.FS, map[string]string) {
	t.Helper()
	root, _ := repository(t)
	out := map[string]string{}
	err := fs.WalkDir(root, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && name != "." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "node_modules" || name == "bin" || name == "data"):
			return fs.SkipDir
		case path.Ext(name) != ".md":
			return nil
		}
		src, err := fs.ReadFile(root, name)
		out[name] = string(src)
		return err
	})
	if err != nil {
		t.Fatalf("read documents: %v", err)
	}
	return root, out
}

// TestLinks follows every link of the documents that stays in the repository, to its heading where it names one.
func TestLinks(t *testing.T) {
	t.Parallel()
	root, docs := documents(t)
	link := regexp.MustCompile(`\]\(([^)\s]+)\)`)
	for name, text := range docs {
		for _, m := range link.FindAllStringSubmatch(text, -1) {
			target, anchor, _ := strings.Cut(m[1], "#")
			if strings.Contains(target, "://") {
				continue
			}
			file := name
			if target != "" {
				file = path.Join(path.Dir(name), target)
			}
			if _, err := fs.Stat(root, file); err != nil {
				t.Errorf("%s: link %s: %v", name, m[1], err)
			} else if anchor != "" && !slices.Contains(anchors(docs[file]), anchor) {
				t.Errorf("%s: link %s: there is no such heading", name, m[1])
			}
		}
	}
}

// anchors are what a renderer of Markdown makes of headings.
func anchors(md string) []string {
	var out []string
	drop := regexp.MustCompile(`[^\p{L}\p{N} _-]`)
	for line := range strings.Lines(md) {
		if heading, ok := strings.CutPrefix(strings.TrimLeft(line, "#"), " "); ok && strings.HasPrefix(line, "#") {
			out = append(out, strings.ReplaceAll(drop.ReplaceAllString(strings.ToLower(strings.TrimSpace(heading)), ""), " ", "-"))
		}
	}
	return out
}

// TestTwin holds the Chinese README to the English one: as many headings and rows, the same commands and links.
func TestTwin(t *testing.T) {
	t.Parallel()
	_, docs := documents(t)
	if diff := cmp.Diff(skeleton(docs["README.md"]), skeleton(docs["README.zh-CN.md"])); diff != "" {
		t.Errorf("-README.md +README.zh-CN.md\n%s", diff)
	}
}

// skeleton is what two languages share.
func skeleton(md string) []string {
	var out []string
	link := regexp.MustCompile(`\]\(([^)\s]+)\)`)
	command := regexp.MustCompile(`^    ((?:\$ |\./bin/todosync |install |systemctl |make ).*)`)
	for line := range strings.Lines(md) {
		if strings.HasPrefix(line, "#") {
			out = append(out, line[:strings.Index(line, " ")])
		}
		if strings.HasPrefix(line, "| ") {
			out = append(out, "row")
		}
		if m := command.FindStringSubmatch(line); m != nil {
			text, _, _ := strings.Cut(m[1], " # ")
			out = append(out, strings.TrimSpace(text))
		}
		for _, m := range link.FindAllStringSubmatch(line, -1) {
			if !strings.Contains(m[1], "README") || strings.Contains(m[1], "/") {
				out = append(out, strings.Replace(m[1], ".zh-CN", "", 1))
			}
		}
	}
	return out
}
