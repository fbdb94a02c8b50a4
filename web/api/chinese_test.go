package api

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestTwins reads what the sources say to people through this API, and wants a Chinese twin for each.
func TestTwins(t *testing.T) {
	t.Parallel()
	// What people are told at the start of the process, and by commands that work on files, does not pass here.
	elsewhere := []string{
		"store/log.go", "store/migrate.go", "store/postgresopen.go", "store/restore.go", "store/store.go", "store/box.go", "store/sharing.go", "store/accept.go",
		"connector/housekeeping.go", "notify/digester.go",
	}
	said := map[string]string{}
	for _, glob := range []string{"web/api/*.go", "store/*.go", "connector/*.go", "internal/identity/*.go", "notify/*.go", "retry/*.go", "cmd/todosync/api*.go", "cmd/todosync/appdigests.go", "cmd/todosync/rotate.go", "cmd/todosync/backup.go"} {
		files, err := filepath.Glob(filepath.Join("../..", glob))
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: no files (%v)", glob, err)
		}
		for _, name := range files {
			rel, _ := filepath.Rel("../..", name)
			if strings.HasSuffix(name, "_test.go") || slices.Contains(elsewhere, rel) {
				continue
			}
			src, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			for _, text := range toldBy(t, src) {
				said[text] = rel
			}
		}
	}
	if len(said) < 150 {
		t.Fatalf("only %d texts were found: the test looks for them in the wrong way", len(said))
	}
	for text, file := range said {
		if chinese(text) == text {
			t.Errorf("%s: %q has no Chinese twin; write it in twins.go", file, text)
		}
	}
	for en, zh := range twins {
		for i := range strings.Count(en, "*") {
			if mark := "{" + strconv.Itoa(i+1) + "}"; !strings.Contains(zh, mark) {
				t.Errorf("%q: its twin leaves out %s: %q", en, mark, zh)
			}
		}
	}
}

// toldBy finds the texts for people in a file; * stands for what is filled in.
func toldBy(t *testing.T, src []byte) (texts []string) {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), "", src, 0)
	if err != nil {
		t.Fatal(err)
	}
	verb := regexp.MustCompile(`%[+#]?[a-z]`)
	var literal func(ast.Expr) string
	literal = func(e ast.Expr) string {
		switch x := e.(type) {
		case *ast.BasicLit:
			s, _ := strconv.Unquote(x.Value)
			return s
		case *ast.BinaryExpr:
			return literal(x.X) + literal(x.Y)
		case *ast.CallExpr:
			if s, ok := x.Fun.(*ast.SelectorExpr); ok && s.Sel.Name == "Sprintf" {
				return strings.ReplaceAll(verb.ReplaceAllString(literal(x.Args[0]), "*"), "%%", "%")
			}
		}
		return "*"
	}
	add := func(e ast.Expr, prefix string) {
		text := prefix + literal(e)
		if strings.Trim(strings.TrimPrefix(text, prefix), "*%.: ") != "" {
			texts = append(texts, text)
		}
	}
	ast.Inspect(f, func(n ast.Node) bool {
		switch x := n.(type) {
		case *ast.KeyValueExpr:
			if k, ok := x.Key.(*ast.Ident); ok && (k.Name == "Msg" || k.Name == "Hint") {
				add(x.Value, "")
			}
		case *ast.CallExpr:
			if s, ok := x.Fun.(*ast.SelectorExpr); ok && s.Sel.Name == "reject" && len(x.Args) >= 2 { // why an event is rejected
				add(&ast.BasicLit{Value: strconv.Quote(verb.ReplaceAllString(literal(x.Args[1]), "*"))}, "")
			}
			id, ok := x.Fun.(*ast.Ident)
			switch {
			case !ok:
			case id.Name == "newProblem" && len(x.Args) == 3:
				add(x.Args[1], "")
				add(x.Args[2], "")
			case id.Name == "invalid" && len(x.Args) == 2:
				add(x.Args[1], "")
			case id.Name == "notFound" && len(x.Args) == 1:
				add(x.Args[0], "there is no ")
			}
		}
		return true
	})
	return texts
}

func TestChinese(t *testing.T) {
	t.Parallel()
	for en, want := range map[string]string{
		"there is no record 01X":     "没有同步记录 01X",
		"there is no tenant a * b":   "没有租户 a * b",
		"it has revision 4, not 3":   "当前修订是 4，不是 3",
		"a word that nobody has":     "a word that nobody has",
		"":                           "",
		"missing":                    "缺少",
		"the file has more than 9 x": "the file has more than 9 x",
		`"5" is not an integer from 0 to 9223372036854775807`: `"5" 不是 0 到 9223372036854775807 的整数`,
		// What records keep of why something failed.
		"network: 127.0.0.1:8080 closed the connection before it answered":                                         "网络：127.0.0.1:8080 在应答前关闭了连接",
		"http_5xx: oa.example.com answered 503 Service Unavailable, and asks to wait 30s":                          "HTTP 5xx：oa.example.com 应答 503 Service Unavailable，并要求等待 30s",
		"http_4xx: oa.example.com answered 404 Not Found; check the path of the address":                           "HTTP 4xx：oa.example.com 应答 404 Not Found；请检查地址中的路径",
		"no OA account is bound to 王建国 (1003) in connection seeyon":                                                "王建国 (1003) 在连接 seeyon 中没有绑定 OA 账号",
		"the answer is not understood: want success in JSON, and it is: no such member":                            "应答无法识别：应有 JSON 中的 success，实际是：没有这个成员",
		"could not connect to oa:80 within 5s; is the address right, and does a firewall let this server through?": "5s 内无法连接 oa:80；地址是否正确，防火墙是否放行本服务器？",
	} {
		if got := chinese(en); want != got {
			t.Errorf("%q: want %q, got %q", en, want, got)
		}
	}
	for header, want := range map[string]bool{"": false, "zh": true, "zh-CN,en;q=0.5": true, "en-GB,zh;q=0.5": false, "de, zh;q=0.2": true, "\x00": false, "*": false} {
		if got := WantsChinese(header); want != got {
			t.Errorf("%q: want %v, got %v", header, want, got)
		}
	}
}
