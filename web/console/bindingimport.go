package console

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"todosync/connector"
	"todosync/web/api"
)

// An importing is a file of bindings on its way: chosen, looked at, carried out.
type importing struct {
	Key         connector.ConnectionKey
	Connections []api.ConnectionState
	File, Token string
	Pasted      string // what was pasted in place of a file
	Report      *api.ImportReport
	Done        bool
	Mistake     *api.Problem
	Fate        string // which rows are shown
	Page        int
}

// An importLine is one row of the file, and what becomes of it.
type importLine struct {
	Row                                        int
	Fate                                       string // wrong, or as the API has it
	Connection, User, Account, Before, Mistake string
}

// What of a report a page shows.
const (
	importLines = 100
	fateWrong   = "wrong"
	fateAdded   = "added"
	fateChanged = "changed"
	fateSame    = "same"
)

func (c *Console) importRoutes() {
	c.page("GET /bindings/import", api.Operate, c.importForm)
	c.page("POST /bindings/import", api.Operate, c.importBindings)
	c.page("GET /bindings/import/wrong", api.Operate, c.wrongRows)
}

func (v *visit) importing() (*importing, error) {
	v.Active, v.Title = "bindings", v.T("Import bindings", "导入绑定")
	i := &importing{Key: v.chosen()}
	var all list[api.ConnectionState]
	if err := v.api.get(v.ctx(), "/connections", url.Values{"limit": {"1000"}}, &all); err != nil {
		return nil, err
	}
	i.Connections = all.Items
	if tenants := tenantsIn(all.Items); i.Key.Tenant == "" && len(tenants) == 1 {
		i.Key.Tenant = tenants[0]
	}
	return i, nil
}

// importForm asks for a file, or shows what was found in one.
func (c *Console) importForm(v *visit) error {
	i, err := v.importing()
	if err != nil {
		return err
	}
	q := v.r.URL.Query()
	token := q.Get("check")
	if token == "" {
		return v.show(importPage(v, i))
	}
	f := c.uploads.look(v.Who.Name, token, v.Now)
	if f == nil {
		return v.refusedFile(v.T("The file is not here any more. Choose it again.", "文件已不在服务器上，请重新选择。"))
	}
	i.Key, i.File, i.Token, i.Report, i.Done = f.key, f.name, f.token, f.report, f.done
	i.Fate = q.Get("fate")
	if i.Page, _ = strconv.Atoi(q.Get("page")); i.Page < 1 {
		i.Page = 1
	}
	return v.show(importPage(v, i))
}

// importMost is how large a file may be, in bytes: as large as the API takes.
const importMost = 32 << 20

// importBindings looks at a file without changing anything, or carries out what was looked at.
func (c *Console) importBindings(v *visit) error {
	v.r.Body = http.MaxBytesReader(v.w, v.r.Body, importMost+1<<20)
	if err := v.r.ParseMultipartForm(8 << 20); err != nil && !errors.Is(err, http.ErrNotMultipart) {
		return v.refusedFile(v.T("The file is too large, or did not arrive whole.", "文件过大，或没有完整送达。"))
	}
	defer func() {
		if f := v.r.MultipartForm; f != nil {
			_ = f.RemoveAll() // what stays in the temporary folder is the system's to tidy up
		}
	}()
	if token := v.r.FormValue("token"); token != "" {
		f, begun := c.uploads.begin(v.Who.Name, token, v.Now)
		switch {
		case f == nil:
			return v.refusedFile(v.T("The file is not here any more. Choose it again.", "文件已不在服务器上，请重新选择。"))
		case begun:
			return v.importedTo(token)
		}
		return c.carryOut(v, f)
	}
	f := &upload{who: v.Who.Name, at: v.Now, key: v.chosen()}
	if text := strings.TrimSpace(v.r.FormValue("text")); text != "" {
		f.name, f.data = v.T("the pasted rows", "粘贴的内容"), withHeadings(text)
	} else {
		file, head, err := v.r.FormFile("file")
		if err != nil {
			return v.refusedFile(v.T("Choose a file, or paste rows.", "请选择文件，或粘贴内容。"))
		}
		if f.data, err = io.ReadAll(file); err != nil || len(f.data) > importMost {
			return v.refusedFile(v.T("The file is too large, or did not arrive whole.", "文件过大，或没有完整送达。"))
		}
		f.name = head.Filename
	}
	report, err := v.runImport(f, true)
	if err != nil {
		return v.refusedImport(err)
	}
	f.report = report
	return v.importedTo(c.uploads.keep(f))
}

// carryOut imports what was looked at. Where the API refuses it, the file may be given again.
func (c *Console) carryOut(v *visit, f *upload) error {
	report, err := v.runImport(f, false)
	c.uploads.end(v.Who.Name, f.token, v.Now, report)
	if err != nil {
		return v.refusedImport(err)
	}
	return v.importedTo(f.token)
}

// withHeadings puts headings above pasted rows that have none: two columns are a user and his account.
func withHeadings(text string) []byte {
	text += "\n"
	first, _, _ := strings.Cut(text, "\n")
	if _, err := api.ReadBindingFile([]byte(text), "any"); err != nil {
		for _, between := range []string{"\t", ";", ","} {
			if strings.Count(first, between) == 1 {
				return []byte("crm_user_id" + between + "oa_account\n" + text)
			}
		}
	}
	return []byte(text)
}

// streamed reports whether the browser's script wants to hear how far it is.
func (v *visit) streamed() bool {
	return strings.Contains(v.r.Header.Get("Accept"), "application/x-ndjson")
}

// say sends a line to the script that listens.
func (v *visit) say(line any) {
	if v.w.Header().Get("Content-Type") == "" {
		v.w.Header().Set("Content-Type", "application/x-ndjson")
		v.w.Header().Set("Cache-Control", "no-store")
	}
	if b, err := json.Marshal(line); err == nil {
		_, _ = v.w.Write(append(b, '\n')) // who went away hears nothing
		_ = http.NewResponseController(v.w).Flush()
	}
}

// runImport has the API look at a file, or import it. A browser that listens hears how far it is.
func (v *visit) runImport(f *upload, dry bool) (*api.ImportReport, error) {
	query := url.Values{"dryRun": {strconv.FormatBool(dry)}, "rows": {strconv.FormatBool(dry)}}
	if f.key.Name != "" {
		query.Set("connection", f.key.Name)
	}
	ask := request{method: http.MethodPost, path: segments("tenants", f.key.Tenant, "bindings", "import"), query: query, body: bytes.NewReader(f.data), contentType: "text/csv"}
	var report api.ImportReport
	if !v.streamed() {
		return &report, v.api.do(v.ctx(), ask, &report)
	}
	var last struct {
		Done    int               `json:"done"`
		Total   int               `json:"total"`
		Report  *api.ImportReport `json:"report"`
		Problem *api.Problem      `json:"problem"`
	}
	err := v.api.lines(v.ctx(), ask, func(line []byte) {
		if err := json.Unmarshal(line, &last); err == nil && last.Report == nil && last.Problem == nil {
			v.say(map[string]int{"done": last.Done, "total": last.Total})
		}
	})
	switch {
	case err != nil:
		return nil, err
	case last.Problem != nil:
		return nil, last.Problem
	case last.Report == nil:
		return nil, errors.New("import bindings: the API has ended without a report")
	}
	return last.Report, nil
}

// importedTo leads to the report of a file.
func (v *visit) importedTo(token string) error {
	to := "/bindings/import?check=" + url.QueryEscape(token)
	if v.streamed() {
		v.say(map[string]string{"to": to})
		return nil
	}
	return v.redirect(to)
}

// refusedImport shows the form again with what the API has against the file.
func (v *visit) refusedImport(err error) error {
	p, ok := errors.AsType[*api.Problem](err)
	if !ok || p.Status >= 500 {
		if v.streamed() && v.w.Header().Get("Content-Type") != "" {
			v.console.Log.ErrorContext(v.ctx(), "an import failed", "error", err)
			v.say(map[string]string{"problem": v.T("The import failed. Rows that were done stay so; give the file again.", "导入失败。已处理的行保持不变，请重新提交文件。")})
			return nil
		}
		return err
	}
	return v.refusedTable(p)
}

// refusedFile shows the form again with a mistake of the file.
func (v *visit) refusedFile(text string) error {
	return v.refusedTable(&api.Problem{Status: http.StatusUnprocessableEntity, Detail: text})
}

// refusedTable shows the form again with a problem, or says it to the script that listens.
func (v *visit) refusedTable(p *api.Problem) error {
	if v.streamed() {
		says := []string{p.Detail}
		for _, e := range p.Errors {
			says = append(says, e.Path+": "+e.Message)
		}
		v.say(map[string]string{"problem": strings.TrimSpace(strings.Join(append(says, p.Hint), " "))})
		return nil
	}
	i, err := v.importing()
	if err != nil {
		return err
	}
	v.Status, i.Mistake, i.Pasted = p.Status, p, v.r.FormValue("text")
	return v.show(importPage(v, i))
}

// wrongRows gives the rows of a file that are wrong, each with what is wrong with it.
func (c *Console) wrongRows(v *visit) error {
	f := c.uploads.look(v.Who.Name, v.r.URL.Query().Get("check"), v.Now)
	if f == nil || f.done {
		return v.refusedFile(v.T("The file is not here any more. Choose it again.", "文件已不在服务器上，请重新选择。"))
	}
	var out bytes.Buffer
	out.WriteString("\uFEFF") // so that Excel reads it as UTF-8
	if err := api.WrongRows(&out, f.data, f.key.Name, f.report.Errors); err != nil {
		return v.plain(err)
	}
	h := v.w.Header()
	h.Set("Content-Type", "text/csv; charset=utf-8")
	h.Set("Content-Disposition", `attachment; filename="wrong-rows.csv"`)
	h.Set("Cache-Control", "no-store")
	_, _ = v.w.Write(out.Bytes()) // to a browser that went away nothing can be said
	return nil
}

// lines are the rows of a fate, or all where none is chosen, in the order of the file.
func (i *importing) lines() []importLine {
	var out []importLine
	if i.Fate == "" || i.Fate == fateWrong {
		for _, e := range i.Report.Errors {
			text := strings.TrimPrefix(e.Column+": "+e.Message, ": ")
			out = append(out, importLine{Row: e.Row, Fate: fateWrong, Mistake: text})
		}
	}
	for _, r := range i.Report.Rows {
		if i.Fate == "" || i.Fate == r.Fate {
			out = append(out, importLine{Row: r.Row, Fate: r.Fate, Connection: r.Connection, User: r.User, Account: r.Account, Before: r.Before})
		}
	}
	slices.SortStableFunc(out, func(a, b importLine) int { return a.Row - b.Row })
	return out
}

// A fateTab chooses the rows of a fate.
type fateTab struct {
	Key, Text string
	Count     int
}

func (i *importing) tabs(v *visit) []fateTab {
	all := []fateTab{
		{fateWrong, v.T("wrong", "有误"), len(i.Report.Errors)},
		{fateAdded, v.T("new", "新增"), i.Report.Added},
		{fateChanged, v.T("changed", "修改"), i.Report.Changed},
		{fateSame, v.T("as before", "无变化"), i.Report.Same},
	}
	all = slices.DeleteFunc(all, func(t fateTab) bool { return t.Count == 0 })
	if len(all) > 1 {
		all = append([]fateTab{{"", v.T("all rows", "全部行"), len(i.Report.Errors) + len(i.Report.Rows)}}, all...)
	}
	return all
}

// at is the address of the report with a parameter changed.
func (i *importing) at(fate string, page int) string {
	q := url.Values{"check": {i.Token}}
	if fate != "" {
		q.Set("fate", fate)
	}
	if page > 1 {
		q.Set("page", strconv.Itoa(page))
	}
	return "/bindings/import?" + q.Encode()
}

// FateName is what becomes of a row, in a word.
func (v *visit) FateName(fate string) string {
	switch fate {
	case fateWrong:
		return v.T("wrong", "有误")
	case fateAdded:
		return v.T("new", "新增")
	case fateChanged:
		return v.T("changed", "修改")
	case fateSame:
		return v.T("as before", "无变化")
	}
	return fate
}

func fateColour(fate string) string {
	switch fate {
	case fateWrong:
		return "bad"
	case fateAdded:
		return "good"
	case fateChanged:
		return "warn"
	}
	return ""
}

// pageOf are the rows of a page, counted from 1; of one behind the end none.
func pageOf(rows []importLine, page int) []importLine {
	from := min((page-1)*importLines, len(rows))
	return rows[from:min(from+importLines, len(rows))]
}
