package arch

import (
	"bytes"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"strings"
	"testing"
)

const module = "todosync"

// A source is one Go file of the tree.
type source struct {
	name  string // from the root, with slashes
	pkg   string // its folder
	test  bool
	lines int
	fset  *token.FileSet
	file  *ast.File
}

// at says where n stands, for a message.
func (s *source) at(n ast.Node) string {
	return fmt.Sprintf("%s:%d", s.name, s.fset.Position(n.Pos()).Line)
}

func parse(name string, src []byte) (*source, error) {
	s := &source{
		name: name, pkg: path.Dir(name), test: strings.HasSuffix(name, "_test.go"),
		lines: bytes.Count(src, []byte("\n")), fset: token.NewFileSet(),
	}
	var err error
	s.file, err = parser.ParseFile(s.fset, name, src, parser.ParseComments)
	return s, err
}

// readTree parses every Go file below root: also those of folders that the go tool passes over, such as testdata.
func readTree(root fs.FS) ([]*source, error) {
	var tree []*source
	err := fs.WalkDir(root, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil && errors.Is(err, fs.ErrNotExist):
			return nil // a file that another test made and removed meanwhile
		case err != nil:
			return err
		case d.IsDir() && name != "." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "node_modules" || name == "bin" || name == "data"):
			return fs.SkipDir
		case d.IsDir() || path.Ext(name) != ".go":
			return nil
		}
		src, err := fs.ReadFile(root, name)
		if err != nil {
			return err
		}
		s, err := parse(name, src)
		tree = append(tree, s)
		return err
	})
	return tree, err
}

// repository is this repository's tree; tests run in the folder of their package.
func repository(t *testing.T) (fs.FS, []*source) {
	t.Helper()
	root := os.DirFS("../..")
	if _, err := fs.Stat(root, "go.mod"); err != nil {
		t.Fatalf("find the root: %v", err)
	}
	tree, err := readTree(root)
	if err != nil {
		t.Fatalf("read the tree: %v", err)
	}
	return root, tree
}
