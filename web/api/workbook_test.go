package api_test

import (
	"archive/zip"
	"bytes"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"todosync/connector"
	"todosync/web/api"
)

// workbookOf packs a sheet, and texts that are shared, as Excel does.
func workbookOf(t testing.TB, sheet, shared string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for name, text := range map[string]string{
		"xl/workbook.xml": `<workbook xmlns:r="r"><sheets><sheet name="绑定" sheetId="7" r:id="rId9"/><sheet name="b" r:id="rId1"/></sheets></workbook>`,
		"xl/_rels/workbook.xml.rels": `<Relationships><Relationship Id="rId1" Target="worksheets/sheet1.xml"/>` +
			`<Relationship Id="rId9" Target="/xl/worksheets/sheet2.xml"/></Relationships>`,
		"xl/worksheets/sheet1.xml": `<worksheet><sheetData><row><c t="inlineStr"><is><t>another</t></is></c></row></sheetData></worksheet>`,
		"xl/worksheets/sheet2.xml": sheet,
		"xl/sharedStrings.xml":     shared,
	} {
		f, err := z.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestReadWorkbook(t *testing.T) {
	t.Parallel()
	const shared = `<sst><si><t>CRM用户ID</t></si><si><r><t>OA</t></r><r><t>账号</t></r><rPh sb="0"><t>zhanghao</t></rPh></si><si><t xml:space="preserve"> han </t></si></sst>`
	const sheet = `<worksheet><dimension ref="A1:C9"/><sheetData>
		<row r="2"><c r="A2" t="s"><v>0</v></c><c r="C2" t="s"><v>1</v></c></row>
		<row r="3"><c r="A3"><v>1002</v></c><c r="C3" t="s"><v>2</v></c></row>
		<row r="4"/>
		<row r="5"><c r="A5"><v>1.2345678901234599E+18</v></c><c r="C5" t="inlineStr"><is><t>x</t></is></c></row>
		<row r="6"><c r="A6" t="str"><f>B1</f><v>007</v></c><c r="C6"><v>1234567890123456</v></c></row>
		<row r="7"><c r="A7" t="e"><v>#N/A</v></c><c r="C7" t="inlineStr"><is><t>y</t></is></c></row>
		<row r="8"><c r="A8" t="str"><v>=1+1</v></c><c r="C8" t="inlineStr"><is><t>z</t></is></c></row>
	</sheetData></worksheet>`
	got, err := api.ReadBindingFile(workbookOf(t, sheet, shared), "oa")
	if err != nil {
		t.Fatal(err)
	}
	want := []api.ImportRow{
		{Row: 3, Binding: connector.Binding{Connection: "oa", User: "1002", Account: "han"}},
		{Row: 8, Binding: connector.Binding{Connection: "oa", User: "=1+1", Account: "z"}},
	}
	if diff := cmp.Diff(want, got.Rows); diff != "" {
		t.Error(diff)
	}
	var wrong []string
	for _, w := range got.Wrong {
		wrong = append(wrong, fmt.Sprintf("%d %s %.20s", w.Row, w.Column, w.Message))
	}
	if diff := cmp.Diff([]string{"5 crm_user_id Excel has made the n", "6 oa_account is a number of more ", "7 crm_user_id holds an error of Ex"}, wrong); diff != "" {
		t.Error(diff)
	}
	if len(got.Warnings) != 1 || got.Warnings[0].Row != 3 || got.Warnings[0].Column != "crm_user_id" {
		t.Errorf("want a warning of the number, got %+v", got.Warnings)
	}
}

// TestBindingFilesComeBack writes what spreadsheets would run, change or choke on, and reads it again.
func TestBindingFilesComeBack(t *testing.T) {
	t.Parallel()
	var want []api.ImportRow
	for i, v := range []string{"=cmd|' /C calc'!A0", "+1", "-1", "@x", "'=x", "''", "007", "1e5", "a,b\"c", "x\ny", "<&>", "韩梅梅", "𠮷"} {
		want = append(want, api.ImportRow{Row: i + 2, Binding: connector.Binding{Connection: "oa", User: fmt.Sprint("u", i), UserName: v, Account: v, AccountName: v}})
	}
	for _, format := range []string{"csv", "xlsx"} {
		var b bytes.Buffer
		err := api.WriteBindings(&b, format, func(row func([]string) error) error {
			if err := row([]string{"connection", "crm_user_id", "crm_user_name", "oa_account", "oa_user_name"}); err != nil {
				return err
			}
			for _, r := range want {
				if err := row([]string{r.Connection, r.User, r.UserName, r.Account, r.AccountName}); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if format == "csv" {
			for line := range strings.Lines(b.String()) {
				for _, bad := range []string{",=", ",+", ",-", ",@", ",\"="} {
					if strings.Contains(line, bad) {
						t.Errorf("a spreadsheet would run %q", line)
					}
				}
			}
		}
		got, err := api.ReadBindingFile(b.Bytes(), "")
		if err != nil {
			t.Fatal(err)
		}
		for i := range got.Rows {
			got.Rows[i].Row = i + 2 // one of them has two lines
		}
		if diff := cmp.Diff(want, got.Rows); diff != "" || len(got.Wrong) > 0 {
			t.Errorf("%s: %s %v", format, diff, got.Wrong)
		}
	}
}

func TestHostileWorkbooks(t *testing.T) {
	const head = `<worksheet><sheetData><row><c t="inlineStr"><is><t>crm_user_id</t></is></c><c t="inlineStr"><is><t>oa_account</t></is></c></row>`
	const end = `</sheetData></worksheet>`
	for name, sheet := range map[string]string{
		"zeros":                    head + strings.Repeat("0", 90<<20) + end,
		"rows":                     head + strings.Repeat("<row/>", 2<<20) + end,
		"one long cell":            head + `<row><c t="str"><v>` + strings.Repeat("0123456789abcdef", 1<<20) + `</v></c></row>` + end,
		"entities":                 `<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;">]><worksheet><sheetData><row><c><v>&b;</v></c></row>` + end,
		"a text that is not there": `<worksheet><sheetData><row><c t="s"><v>99999999999</v></c></row>` + end,
		"columns":                  head + `<row><c r="XFDZZZZZZ9"><v>1</v></c></row><row>` + strings.Repeat(`<c><v>1</v></c>`, 200_000) + `</row>` + end,
		"nothing":                  `<worksheet/>`,
		"torn":                     head + `<row><c`,
	} {
		raw := workbookOf(t, sheet, `<sst/>`)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		at := time.Now()
		got, err := api.ReadBindingFile(raw, "oa")
		took := time.Since(at)
		runtime.ReadMemStats(&after)
		if err == nil && len(got.Rows) > 0 {
			t.Errorf("%s: taken: %+v", name, got.Rows[0])
		}
		if k := connector.KindOf(err); err != nil && k != connector.Invalid && k != connector.TooLarge {
			t.Errorf("%s: want an error for people, got %v", name, err)
		}
		if took > 5*time.Second || after.TotalAlloc-before.TotalAlloc > 200<<20 {
			t.Errorf("%s: took %v and %d MB", name, took, (after.TotalAlloc-before.TotalAlloc)>>20)
		}
		t.Logf("%s: %d KB, %v, %d MB, %v", name, len(raw)>>10, took, (after.TotalAlloc-before.TotalAlloc)>>20, err)
	}
}
