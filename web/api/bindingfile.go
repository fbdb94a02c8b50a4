package api

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/unicode"

	"todosync/connector"
)

// bindingColumns are the columns of a file of bindings, as they are written.
var bindingColumns = [...]string{"connection", "crm_user_id", "crm_user_name", "oa_account", "oa_user_name", "kind"}

// bindingHeadings are the headings that people write in place of the columns' own names, folded by foldHeading.
var bindingHeadings = map[string][]string{
	"connection": {"connection", "connectionname", "连接", "连接名称", "连接名", "连接标识", "帐套", "账套", "oa帐套", "oa账套"},
	"crm_user_id": {
		"crmuserid", "crmuser", "userid", "crm用户id", "crm用户", "crm用户编号", "crm员工id", "crm员工编号", "用户id", "员工id",
	},
	"crm_user_name": {"crmusername", "username", "crm用户姓名", "crm用户名", "crm用户名称", "crm姓名", "crm员工姓名", "姓名", "用户姓名", "员工姓名"},
	"oa_account":    {"oaaccount", "account", "oalogin", "oa账号", "oa帐号", "oa登录名", "oa用户账号", "oa用户id", "账号", "帐号"},
	"oa_user_name":  {"oausername", "oaname", "oa用户姓名", "oa用户名", "oa用户名称", "oa姓名", "oa员工姓名"},
	"kind":          {"kind", "type", "类型", "类别", "人员类型", "人员类别"},
}

// bindingKinds are the kinds as people write them.
var bindingKinds = map[string]connector.BindingKind{
	"": "", "employee": connector.KindEmployee, "员工": connector.KindEmployee, "contact": connector.KindContact, "联系人": connector.KindContact,
}

// What one file may have at most.
const (
	maxBindings = 200_000
	maxColumns  = 100
)

// A BindingFile is what stands in a file of bindings. Rows are told by their number; 1 is the headings.
type BindingFile struct {
	Rows     []ImportRow
	Wrong    []RowError
	Warnings []RowError // what may have been lost before the file came here
	Nameless bool       // it has no column with the users' names
	Unnamed  bool       // nor one with those in the OA
}

// ReadBindings is ReadBindingFile without warnings.
func ReadBindings(raw []byte, connection string) (rows []ImportRow, wrong []RowError, err error) {
	f, err := ReadBindingFile(raw, connection)
	return f.Rows, f.Wrong, err
}

// ReadBindingFile reads a file of bindings: CSV (UTF-8, UTF-16, GBK or GB18030; commas, semicolons or tabs) or XLSX (its first sheet), columns
// in any order with headings in English or Chinese. connection is that of rows that name none. The error, of kind Invalid or TooLarge, is
// for a file that is none.
func ReadBindingFile(raw []byte, connection string) (BindingFile, error) {
	t := bindingTable{connection: connection, numbers: map[string]*RowError{}}
	return t.read(raw)
}

// WrongRows writes the rows of a file that are wrong as CSV, each with what is wrong in a last column, to be mended and imported alone.
func WrongRows(w io.Writer, raw []byte, connection string, wrong []RowError) error {
	why := map[int]string{}
	for _, e := range wrong {
		text := strings.TrimPrefix(e.Column+": "+e.Message, ": ")
		if why[e.Row] != "" {
			text = why[e.Row] + "; " + text
		}
		why[e.Row] = text
	}
	out := csv.NewWriter(w)
	headings := true
	t := bindingTable{connection: connection, numbers: map[string]*RowError{}}
	t.seen = func(line int, cells []cell) {
		last := "!"
		if !headings {
			if last = why[line]; last == "" {
				return
			}
		}
		record := make([]string, len(cells), len(cells)+1)
		for i, c := range cells {
			if record[i] = strings.ToValidUTF8(c.text, "\uFFFD"); !t.guarded {
				record[i] = guard(record[i])
			}
		}
		headings = false
		_ = out.Write(append(record, guard(last))) // Flush says whether it failed
	}
	if _, err := t.read(raw); err != nil {
		return err
	}
	out.Flush()
	return out.Error()
}

// read reads the file of a table.
func (t *bindingTable) read(raw []byte) (BindingFile, error) {
	var err error
	if isWorkbook(raw) {
		err = readWorkbook(raw, t.take)
	} else {
		t.guarded = true
		err = t.readCSV(raw)
	}
	if err == nil && t.columns == nil {
		err = invalid("", "the file is empty; its first row holds the headings "+strings.Join(bindingColumns[:], ", "))
	}
	if err != nil {
		return BindingFile{}, err
	}
	t.file.Nameless, t.file.Unnamed = !t.has("crm_user_name"), !t.has("oa_user_name")
	for _, column := range bindingColumns {
		if n := t.numbers[column]; n != nil {
			t.file.Warnings = append(t.file.Warnings, *n)
		}
	}
	return t.file, nil
}

// A bindingTable makes bindings of the rows of a file.
type bindingTable struct {
	connection string
	guarded    bool           // an apostrophe may stand before what would be a formula
	columns    map[string]int // nil before the headings
	numbers    map[string]*RowError
	seen       func(line int, cells []cell) // is shown each row as it stands, from the headings on; nil: nobody
	file       BindingFile
}

func (t *bindingTable) readCSV(raw []byte) error {
	text, err := decodeText(raw)
	if err != nil {
		return err
	}
	head, _, _ := strings.Cut(text, "\n")
	r := csv.NewReader(strings.NewReader(text))
	r.Comma, r.FieldsPerRecord, r.TrimLeadingSpace, r.ReuseRecord = delimiter(head), -1, true, true
	var cells []cell
	for {
		record, err := r.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil && t.columns == nil {
			return invalid("row 1", csvMistake(err))
		}
		if err != nil {
			line := 0
			if e, ok := errors.AsType[*csv.ParseError](err); ok {
				line = e.StartLine
			}
			t.file.Wrong = append(t.file.Wrong, RowError{Row: line, Message: csvMistake(err)})
			return nil
		}
		line, _ := r.FieldPos(0)
		cells = cells[:0]
		for _, text := range record {
			cells = append(cells, cell{text: text})
		}
		if err := t.take(line, cells); err != nil {
			return err
		}
	}
}

// take takes one row. The first that is not blank holds the headings.
func (t *bindingTable) take(line int, cells []cell) error {
	if !slices.ContainsFunc(cells, func(c cell) bool { return strings.TrimSpace(c.text) != "" }) {
		return nil
	}
	if t.seen != nil {
		t.seen(line, cells)
	}
	if t.columns == nil {
		headings := make([]string, len(cells))
		for i, c := range cells {
			headings[i] = c.text
		}
		var err error
		t.columns, err = findColumns(headings, t.connection)
		return err
	}
	if len(t.file.Rows)+len(t.file.Wrong) >= maxBindings {
		return &connector.Error{
			Kind: connector.TooLarge, Msg: fmt.Sprintf("the file has more than %d rows", maxBindings), Hint: "split it",
		}
	}
	row, wrong := t.row(line, cells)
	if len(wrong) > 0 {
		t.file.Wrong = append(t.file.Wrong, wrong...)
		return nil
	}
	t.file.Rows = append(t.file.Rows, row)
	return nil
}

// has reports whether the file has a column.
func (t *bindingTable) has(column string) bool {
	_, there := t.columns[column]
	return there
}

// row reads one row.
func (t *bindingTable) row(line int, cells []cell) (row ImportRow, wrong []RowError) {
	bad := func(column, why string) { wrong = append(wrong, RowError{Row: line, Column: column, Message: why}) }
	read := func(column string) string {
		i, there := t.columns[column]
		if !there || i >= len(cells) {
			return ""
		}
		c := cells[i]
		v := strings.TrimSpace(strings.ToValidUTF8(c.text, "\uFFFD"))
		if t.guarded {
			v = unguard(v)
		}
		if len(v) > connector.MaxID {
			bad(column, fmt.Sprintf("longer than %d bytes", connector.MaxID))
		}
		if strings.ContainsRune(v, 0) || strings.ContainsRune(v, utf8.RuneError) {
			bad(column, "holds characters that are none: is the file in UTF-8 or GBK?")
		}
		if c.broken {
			bad(column, "holds an error of Excel: "+v)
		}
		if column == "crm_user_id" || column == "oa_account" {
			if why := t.spoilt(line, column, v, c.number); why != "" {
				bad(column, why)
			}
		}
		return v
	}
	row = ImportRow{Row: line, Binding: connector.Binding{
		Connection: read("connection"), User: read("crm_user_id"), UserName: read("crm_user_name"),
		Account: read("oa_account"), AccountName: read("oa_user_name"),
	}}
	kind, known := bindingKinds[strings.ToLower(read("kind"))]
	if !known {
		bad("kind", "want employee or contact")
	}
	row.Kind = kind
	if row.Connection == "" {
		row.Connection = t.connection
	}
	for _, need := range [...]struct{ column, value string }{
		{"connection", row.Connection}, {"crm_user_id", row.User}, {"oa_account", row.Account},
	} {
		if need.value == "" {
			bad(need.column, "missing")
		}
	}
	return row, wrong
}

// exactDigits is how many digits of a number Excel keeps.
const exactDigits = 15

// spoilt says what Excel has made of an id that it took for a number, where that can be seen. What cannot is warned of, once a column.
func (t *bindingTable) spoilt(line int, column, v string, number bool) string {
	const hint = "; format the column as text in Excel and enter the id again"
	mantissa, exponent, scientific := strings.Cut(strings.ToUpper(v), "E")
	digits := strings.Trim(strings.Replace(mantissa, ".", "", 1), "0123456789") == "" && mantissa != ""
	if scientific && digits && strings.Contains(mantissa, ".") && len(exponent) > 0 && strings.Trim(exponent, "+0123456789") == "" {
		return "Excel has made the number " + v + " of the id" + hint
	}
	if scientific && digits && strings.HasPrefix(exponent, "+") && strings.Trim(exponent[1:], "0123456789") == "" {
		return "Excel has made the number " + v + " of the id" + hint
	}
	if !number {
		return ""
	}
	switch {
	case strings.ContainsAny(v, ".E"):
		return "is the number " + v + ", and no id" + hint
	case len(v) > exactDigits:
		return fmt.Sprintf("is a number of more than %d digits, of which Excel has changed the last ones%s", exactDigits, hint)
	}
	if t.numbers[column] == nil {
		t.numbers[column] = &RowError{
			Row: line, Column: column, Message: "is kept as a number, from this row on: zeros in front of it, if there were any, are lost" + hint,
		}
	}
	return ""
}

// formulaMarks begin what a spreadsheet takes for a formula.
const formulaMarks = "=+-@\t\r"

// guard puts an apostrophe before what a spreadsheet would run as a formula when it opens the CSV; unguard takes it away again.
func guard(v string) string {
	if rest := strings.TrimLeft(v, "'"); rest != "" && strings.ContainsRune(formulaMarks, rune(rest[0])) {
		return "'" + v
	}
	return v
}

func unguard(v string) string {
	if rest := strings.TrimLeft(v, "'"); rest != "" && rest != v && strings.ContainsRune(formulaMarks, rune(rest[0])) {
		return v[1:]
	}
	return v
}

// findColumns finds out which column stands where.
func findColumns(headings []string, connection string) (map[string]int, error) {
	if len(headings) > maxColumns {
		return nil, invalid("row 1", fmt.Sprintf("%d columns; a file of bindings has six", len(headings)))
	}
	columns := map[string]int{}
	for i, h := range headings {
		folded := foldHeading(h)
		for column, names := range bindingHeadings {
			if !slices.Contains(names, folded) {
				continue
			}
			if _, twice := columns[column]; twice {
				return nil, invalid("row 1", fmt.Sprintf("column %s stands there twice", column))
			}
			columns[column] = i
		}
	}
	var missing []string
	for _, need := range []string{"connection", "crm_user_id", "oa_account"} {
		if _, there := columns[need]; !there && (need != "connection" || connection == "") {
			missing = append(missing, need)
		}
	}
	if len(missing) == 0 {
		return columns, nil
	}
	message := fmt.Sprintf("no column %s among the headings %q", strings.Join(missing, ", "), headings)
	if slices.Equal(missing, []string{"connection"}) {
		message += "; name the connection of all rows in its place (--connection)"
	}
	return nil, invalid("row 1", message)
}

// foldHeading makes headings alike that people take for alike.
func foldHeading(s string) string {
	return strings.NewReplacer(" ", "", "_", "", "-", "", "\u3000", "", "*", "", "(", "", ")", "", "(", "", ")", "").
		Replace(strings.ToLower(strings.TrimSpace(s)))
}

// delimiter is what stands between the headings.
func delimiter(head string) rune {
	best, most := ',', strings.Count(head, ",")
	for _, d := range []rune{'\t', ';'} {
		if n := strings.Count(head, string(d)); n > most {
			best, most = d, n
		}
	}
	return best
}

// csvMistake puts a mistake of the CSV form into words, without the places that stand beside it.
func csvMistake(err error) string {
	e, ok := errors.AsType[*csv.ParseError](err)
	if !ok {
		return "cannot be read: " + err.Error()
	}
	switch {
	case errors.Is(e.Err, csv.ErrQuote):
		return fmt.Sprintf(`a quote is not closed or stands inside a cell that does not begin with one (column %d); write "" for a quote`, e.Column)
	case errors.Is(e.Err, csv.ErrBareQuote):
		return fmt.Sprintf(`a quote stands inside a cell that does not begin with one (column %d); write the cell in quotes and "" for a quote`, e.Column)
	}
	return e.Err.Error()
}

// decodeText gives a file's text: by its byte order mark, else UTF-8 where it is that, else GB18030, which GBK is a part of.
func decodeText(raw []byte) (string, error) {
	switch {
	case bytes.HasPrefix(raw, []byte("\xD0\xCF\x11\xE0")):
		return "", &connector.Error{
			Kind: connector.Invalid, Msg: "this is an Excel workbook of the old form (XLS), or one with a password",
			Hint: "save it as XLSX without a password, or as CSV (Save As, CSV UTF-8), and import that",
		}
	case bytes.HasPrefix(raw, []byte("\xEF\xBB\xBF")):
		return string(raw[3:]), nil
	case bytes.HasPrefix(raw, []byte("\xFF\xFE")), bytes.HasPrefix(raw, []byte("\xFE\xFF")):
		b, err := unicode.UTF16(unicode.LittleEndian, unicode.UseBOM).NewDecoder().Bytes(raw)
		if err != nil {
			return "", invalid("", "the file begins as UTF-16 and is none")
		}
		return string(b), nil
	case utf8.Valid(raw):
		return string(raw), nil
	}
	b, err := io.ReadAll(bufio.NewReader(simplifiedchinese.GB18030.NewDecoder().Reader(bytes.NewReader(raw))))
	if err != nil {
		return "", invalid("", "the file is neither UTF-8 nor GBK")
	}
	return string(b), nil
}
