package api_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/unicode"

	"todosync/connector"
	"todosync/web/api"
)

func TestReadBindings(t *testing.T) {
	t.Parallel()
	han := api.ImportRow{Row: 2, Binding: connector.Binding{Connection: "oa", User: "1002", UserName: "韩梅梅", Account: "han", AccountName: "韩"}}
	const table = "connection,crm_user_id,crm_user_name,oa_account,oa_user_name\noa,1002,韩梅梅,han,韩\n"
	encode := func(b []byte, err error) string {
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	row := func(n int, edit func(*api.ImportRow)) api.ImportRow {
		r := han
		r.Row = n
		if edit != nil {
			edit(&r)
		}
		return r
	}
	for name, c := range map[string]struct {
		text       string
		connection string
		rows       []api.ImportRow
		wrong      []api.RowError
		err        string
	}{
		"UTF-8":       {text: table, rows: []api.ImportRow{han}},
		"with a mark": {text: "\uFEFF" + table, rows: []api.ImportRow{han}},
		"GBK":         {text: encode(simplifiedchinese.GBK.NewEncoder().Bytes([]byte(table))), rows: []api.ImportRow{han}},
		"GB18030, beyond GBK": {
			text: encode(simplifiedchinese.GB18030.NewEncoder().Bytes([]byte(strings.Replace(table, "韩梅梅", "𠮷", 1)))),
			rows: []api.ImportRow{row(2, func(r *api.ImportRow) { r.UserName = "𠮷" })},
		},
		"UTF-16": {
			text: encode(unicode.UTF16(unicode.LittleEndian, unicode.UseBOM).NewEncoder().Bytes([]byte(strings.ReplaceAll(table, ",", "\t")))),
			rows: []api.ImportRow{han},
		},
		"semicolons and CRLF": {text: strings.NewReplacer(",", ";", "\n", "\r\n").Replace(table), rows: []api.ImportRow{han}},
		"Chinese headings, another order": {
			text: "OA 账号,CRM用户姓名,OA用户姓名,备注,CRM 用户ID,连接\nhan,韩梅梅,韩,好,1002,oa\n", rows: []api.ImportRow{han},
		},
		"headings in capitals": {text: "Connection,CRM User ID,CRM User Name,OA Account,OA User Name\noa,1002,韩梅梅,han,韩\n", rows: []api.ImportRow{han}},
		"no connection column": {
			text: "crm_user_id,oa_account\n1002,han\n", connection: "given",
			rows: []api.ImportRow{row(2, func(r *api.ImportRow) { r.Connection, r.UserName, r.AccountName = "given", "", "" })},
		},
		"no connection at all": {text: "crm_user_id,oa_account\n1002,han\n", err: "--connection"},
		"blanks and blank rows": {
			text: "connection,crm_user_id,crm_user_name,oa_account,oa_user_name\n,,,,\n\n  oa , 1002 ,韩梅梅, han ,韩\n",
			rows: []api.ImportRow{row(4, nil)},
		},
		"quotes with line breaks": {
			text: "connection,crm_user_id,crm_user_name,oa_account,oa_user_name\noa,1,\"a\nb\",x,\noa,1002,韩梅梅,han,韩\n",
			rows: []api.ImportRow{
				{Row: 2, Binding: connector.Binding{Connection: "oa", User: "1", UserName: "a\nb", Account: "x"}}, row(4, nil),
			},
		},
		"rows that are wrong": {
			text: "connection,crm_user_id,oa_account\noa,,a\noa,1,\noa,2,b\n",
			rows: []api.ImportRow{{Row: 4, Binding: connector.Binding{Connection: "oa", User: "2", Account: "b"}}},
			wrong: []api.RowError{
				{Row: 2, Column: "crm_user_id", Message: "missing"}, {Row: 3, Column: "oa_account", Message: "missing"},
			},
		},
		"short row":     {text: "connection,crm_user_id,oa_account\noa,1\n", wrong: []api.RowError{{Row: 2, Column: "oa_account", Message: "missing"}}},
		"too long":      {text: "connection,crm_user_id,oa_account\noa,1," + strings.Repeat("x", 257) + "\n", wrong: []api.RowError{{Row: 2, Column: "oa_account", Message: "longer than 256 bytes"}}},
		"empty":         {text: "", err: "empty"},
		"headings only": {text: "connection,crm_user_id,oa_account\n"},
		"no headings":   {text: "oa,1002,han\n", err: "crm_user_id"},
		"twice":         {text: "connection,crm_user_id,oa_account,OA账号\n", err: "twice"},
		"a workbook":    {text: "PK\x03\x04rest", err: "workbook"},
		"an old one":    {text: "\xD0\xCF\x11\xE0rest", err: "XLSX"},
		"Excel's number": {
			text: "connection,crm_user_id,oa_account\noa,1.23457E+15,a\noa,2,1E+20\noa,3,6E5\n",
			rows: []api.ImportRow{{Row: 4, Binding: connector.Binding{Connection: "oa", User: "3", Account: "6E5"}}},
			wrong: []api.RowError{
				{Row: 2, Column: "crm_user_id", Message: "Excel has made the number 1.23457E+15 of the id; format the column as text in Excel and enter the id again"},
				{Row: 3, Column: "oa_account", Message: "Excel has made the number 1E+20 of the id; format the column as text in Excel and enter the id again"},
			},
		},
		"no formulas": {
			text: "connection,crm_user_id,oa_account\noa,'=1+1,''@x\noa,'1,a\n",
			rows: []api.ImportRow{
				{Row: 2, Binding: connector.Binding{Connection: "oa", User: "=1+1", Account: "'@x"}}, {Row: 3, Binding: connector.Binding{Connection: "oa", User: "'1", Account: "a"}},
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rows, wrong, err := api.ReadBindings([]byte(c.text), c.connection)
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) || connector.KindOf(err) != connector.Invalid {
					t.Fatalf("want an error with %q, got %v", c.err, err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.rows, rows); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(c.wrong, wrong); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func FuzzReadBindings(f *testing.F) {
	f.Add([]byte("connection,crm_user_id,oa_account\noa,1,a\n"), "")
	f.Add([]byte("crm_user_id;oa_account\n\"1;a\n"), "oa")
	f.Add([]byte("\xFF\xFEc\x00"), "oa")
	f.Fuzz(func(t *testing.T, raw []byte, connection string) {
		rows, _, err := api.ReadBindings(raw, connection)
		if err != nil && connector.KindOf(err) == connector.Internal {
			t.Errorf("want an error for people, got %v", err)
		}
		for _, r := range rows {
			if r.Row < 2 || r.User == "" || r.Account == "" || r.Connection == "" || !utf8.ValidString(r.User+r.Account) {
				t.Errorf("a row that must not be: %+v", r)
			}
		}
	})
}

func TestImport(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	const path = "/tenants/t1/bindings/import"
	post := func(query, body string) answer {
		return s.do(ask{method: "POST", path: path + query, body: body, header: map[string]string{"Content-Type": "text/csv"}})
	}
	const good = "crm_user_id,oa_account\n1,a\n2,b\n"
	report := decode[api.ImportReport](s, post("?connection=oa&dryRun=true", good))
	if !report.DryRun || report.Added != 2 || !s.b.imports[0].DryRun || s.b.imports[0].Tenant != "t1" || report.Errors == nil {
		t.Errorf("want a dry run, got %+v", report)
	}
	if report := decode[api.ImportReport](s, post("?connection=oa", good)); report.DryRun || report.Added != 2 || s.b.imports[1].DryRun {
		t.Errorf("want an import, got %+v", report)
	}
	// A file with a mistake changes nothing, and says which rows; a dry run tells the same with 200.
	const bad = "crm_user_id,oa_account\n1,a\n,b\n"
	p := s.problem(post("?connection=oa", bad), 422)
	if len(s.b.imports) != 2 || len(p.Errors) != 1 || p.Errors[0].Path != "row 3 crm_user_id" {
		t.Errorf("want row 3 told and nothing imported, got %+v", p)
	}
	if report := decode[api.ImportReport](s, post("?connection=oa&dryRun=true", bad)); len(report.Errors) != 1 || report.Added != 1 {
		t.Errorf("want the same told, got %+v", report)
	}
	s.b.report.Errors = []api.RowError{{Row: 2, Column: "oa_account", Message: "is bound to 9 already"}}
	if p := s.problem(post("?connection=oa", good), 422); p.Errors[0].Message != "is bound to 9 already" {
		t.Errorf("want the store's mistake told, got %+v", p)
	}
	s.problem(post("", good), 422)
	s.problem(post("?connection=oa", "PK\x03\x04"), 422)
}

func TestBindings(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	const path = "/tenants/t1/connections/oa/bindings"
	put := func(body string) answer { return s.do(ask{method: "PUT", path: path, body: body}) }
	want := connector.Binding{Connection: "oa", User: "1002", UserName: "韩梅梅", Account: "han"}
	if got := decode[connector.Binding](s, put(`{"crm_user_id":" 1002 ","crm_user_name":"韩梅梅","oa_account":"han"}`)); got != want {
		t.Errorf("want %+v, got %+v", want, got)
	}
	s.problem(put(`{"crm_user_id":"1002","oa_account":" "}`), 422)
	s.problem(put(`{"crm_user_id":"1002"}`), 422)
	s.problem(put(`{"connection":"other","crm_user_id":"1002","oa_account":"x"}`), 422)
	if got := decode[connector.Page[connector.Binding]](s, s.do(ask{path: path})); len(got.Items) != 1 || got.Items[0] != want {
		t.Errorf("got %+v", got)
	}
	out := s.do(ask{path: path + "?format=csv"})
	rows, _, err := api.ReadBindings([]byte(out.body), "")
	if err != nil || len(rows) != 1 || rows[0].Binding != want {
		t.Errorf("want a file that can be imported again, got %v %s", err, out.body)
	}
	if got := s.do(ask{path: "/tenants/t1/connections/oa/unbound"}); !strings.Contains(got.body, `"crm_user_id":"7"`) || !strings.Contains(got.body, `"newest":null`) {
		t.Errorf("got %s", got.body)
	}
	if got := s.do(ask{method: "DELETE", path: path + "?user=1002"}); got.status != 204 || len(s.b.bindings) != 0 {
		t.Errorf("want it gone, got %d", got.status)
	}
	s.problem(s.do(ask{method: "DELETE", path: path}), 422)
}

// TestBindingsAsAWorkbook gives a workbook to who asks for one.
func TestBindingsAsAWorkbook(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	if got := s.do(ask{path: "/tenants/t1/connections/oa/bindings?format=xlsx"}); !strings.HasPrefix(got.body, "PK") {
		t.Errorf("no workbook: %.80q", got.body)
	}
}
