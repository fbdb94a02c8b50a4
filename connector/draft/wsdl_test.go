package draft

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestWSDL(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		file, operation, sample string
		want                    map[string]string
		holds                   []string // parts of the file
		lacks                   []string
	}{
		"document, schemas imported and included": {
			file: "todo.wsdl", want: map[string]string{
				"todo.todoId": "#F123_#F001", "todo.title": "#F055", "todo.receiver.loginName": "#F001", "todo.receiver.name": "#F102", "todo.sender.loginName": "#F049",
				"todo.sender.name": "#F054", "todo.createTime": "#F009", "todo.pcUrl": "#F117", "todo.mobileUrl": "#F118", "auth.password": "${secret:oa-password}",
			},
			holds: []string{
				"timeFormat: 'yyyy-MM-dd''T''HH:mm:ss'", `SOAPAction: '"urn:addTodo"'`, "base: http://portal.example.com:8080", "<ns2:level>NORMAL</ns2:level>", "<auth>",
				`xmlns:web="http://todo.portal.example.com/"`, "address: ${base}/ws/todo", "finishTodo",
			},
			lacks: []string{"score>", "<!--", "?<"},
		},
		"another operation is another scene": {
			file: "todo.wsdl", operation: "finishTodo", want: map[string]string{"todoId": "#F123_#F001", "handlerAccount": "#F001"},
			holds: []string{"\n  done:\n", `SOAPAction: '"urn:finishTodo"'`},
		},
		"two operations, two scenes": {
			file: "todo.wsdl", operation: "addTodo, finishtodo", holds: []string{"\n  create:\n", "\n  done:\n", "    headers:\n      SOAPAction: '\"urn:finishTodo\"'"},
		},
		"rpc, encoded, pinyin": {
			file: "flow.wsdl", operation: "sendTask", want: map[string]string{
				"taskid": "#F123_#F001", "biaoti": "#F055", "jieshouren": "#F001", "faqiren": "#F049", "chuangjianshijian": "#F009", "lianjie": "#F117",
			},
			holds: []string{`<web:sendTask soapenv:encodingStyle=`, `<taskid xsi:type="xsd:string">`, "xmlJsonField: sendReturn"},
		},
		"JSON in a text": {
			file: "flow.wsdl", operation: "pushByJson", sample: `{"todoId":"1","receiver":"zhangsan","subject":"A & B"}`,
			want:  map[string]string{"json.todoId": "#F123_#F001", "json.receiver": "#F001", "json.subject": "#F055"},
			holds: []string{`<json>{"todoId": "#F123_#F001", "receiver": "#F001", "subject": "#F055"}</json>`},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sources := []Source{{Name: tt.file, Text: file(t, tt.file)}}
			if tt.sample != "" {
				sources = append(sources, Source{Name: "sample.json", Text: []byte(tt.sample)})
			}
			d, err := From(sources, Options{Tenant: "714439", Operation: tt.operation, Open: func(name string) ([]byte, error) {
				return os.ReadFile(filepath.Join("testdata", filepath.Base(name)))
			}})
			if err != nil {
				t.Fatalf("draft: %v", err)
			}
			valid(t, d)
			share(t, d, tt.want, nil, 1)
			for _, s := range tt.holds {
				if !strings.Contains(d.File, s) {
					t.Errorf("the file lacks %q\n%s", s, d.File)
				}
			}
			body := d.File[strings.Index(d.File, "body:")+1:]
			for _, s := range tt.lacks {
				if strings.Contains(body, s) {
					t.Errorf("the body holds %q\n%s", s, body)
				}
			}
		})
	}
}

func file(t *testing.T, name string) []byte {
	t.Helper()
	src, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return src
}

func TestWSDLRefused(t *testing.T) {
	t.Parallel()
	one := string(file(t, "flow.wsdl"))
	tests := map[string]struct{ src, operation, want, hint string }{
		"an operation that is not there": {one, "sendTasks", `no operation "sendTasks"`, "sendTask, removeTask, pushByJson"},
		"several that may be meant":      {strings.ReplaceAll(strings.ReplaceAll(one, "sendTask", "doThis"), "pushByJson", "doThat"), "", "several operations", "--operation: doThis, removeTask, doThat"},
		"none":                           {`<definitions xmlns="http://schemas.xmlsoap.org/wsdl/"/>`, "", "no operation over SOAP", ""},
		"a DTD":                          {`<!DOCTYPE a [<!ENTITY b "c">]>` + one, "", "a DTD is refused", ""},
		"an entity":                      {strings.Replace(one, `name="taskid"`, `name="&x;"`, 1), "", "not XML", ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := From([]Source{{Name: "x.wsdl", Text: []byte(tt.src)}}, Options{Operation: tt.operation})
			e, ok := errors.AsType[*Error](err)
			if !ok || !strings.Contains(e.Msg, tt.want) || !strings.Contains(e.Hint, tt.hint) {
				t.Errorf("got %v (%+v), want %q and the hint %q", err, e, tt.want, tt.hint)
			}
		})
	}
}

func TestWSDLWithoutItsImports(t *testing.T) {
	t.Parallel()
	d, err := From([]Source{{Name: "todo.wsdl", Text: file(t, "todo.wsdl")}}, Options{Tenant: "714439"})
	if err != nil {
		t.Fatalf("draft: %v", err)
	}
	if got := strings.Join(d.Decisions, "\n"); !strings.Contains(got, "imports http://portal.example.com/ws/model.xsd, which is not beside it") {
		t.Errorf("decisions: %s", got)
	}
	valid(t, d)
}
