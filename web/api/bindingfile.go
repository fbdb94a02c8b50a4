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
var bindingColumns = [...]string{"connection", "crm_user_id", "crm_user_name", "oa_account", "oa_user_name"}

// bindingHeadings are the headings that people write in place of the columns' own names, folded by foldHeading.
var bindingHeadings = map[string][]string{
	"connection": {"connection", "connectionname", "连接", "连接名称", "连接名", "连接标识", "帐套", "账套", "oa帐套", "oa账套"},
	"crm_user_id": {
		"crmuserid", "crmuser", "userid", "crm用户id", "crm用户", "crm用户编号", "crm员工id", "crm员工编号", "用户id", "员工id",
	},
	"crm_user_name": {"crmusername", "username", "crm用户姓名", "crm用户名", "crm用户名称", "crm姓名", "crm员工姓名", "姓名", "用户姓名", "员工姓名"},
	"oa_account":    {"oaaccount", "account", "oalogin", "oa账号", "oa帐号", "oa登录名", "oa用户账号", "oa用户id", "账号", "帐号"},
	"oa_user_name":  {"oausername", "oaname", "oa用户姓名", "oa用户名", "oa用户名称", "oa姓名", "oa员工姓名"},
}

// What one file may have at most.
const (
	maxBindings = 200_000
	maxColumns  = 100
)

// ReadBindings reads a CSV file of bindings: columns in any order with headings in English or Chinese; UTF-8, UTF-16, GBK or GB18030;
// commas, semicolons or tabs. connection is that of rows that name none. Rows that are wrong are told by their number (1 is the headings);
// the error, of kind Invalid, is for a file that is none.
func ReadBindings(raw []byte, connection string) (rows []ImportRow, wrong []RowError, err error) {
	text, err := decodeText(raw)
	if err != nil {
		return nil, nil, err
	}
	head, _, _ := strings.Cut(text, "\n")
	r := csv.NewReader(strings.NewReader(text))
	r.Comma, r.FieldsPerRecord, r.TrimLeadingSpace = delimiter(head), -1, true
	headings, err := r.Read()
	if errors.Is(err, io.EOF) {
		return nil, nil, invalid("", "the file is empty; its first row holds the headings "+strings.Join(bindingColumns[:], ", "))
	}
	if err != nil {
		return nil, nil, invalid("row 1", csvMistake(err))
	}
	columns, err := findColumns(headings, connection)
	if err != nil {
		return nil, nil, err
	}
	for {
		cells, err := r.Read()
		if errors.Is(err, io.EOF) {
			return rows, wrong, nil
		}
		if err != nil {
			line := 0
			if e, ok := errors.AsType[*csv.ParseError](err); ok {
				line = e.StartLine
			}
			return rows, append(wrong, RowError{Row: line, Message: csvMistake(err)}), nil
		}
		line, _ := r.FieldPos(0)
		if len(rows) == maxBindings {
			return nil, nil, &connector.Error{
				Kind: connector.TooLarge, Msg: fmt.Sprintf("the file has more than %d rows", maxBindings), Hint: "split it",
			}
		}
		if row, blank, mistakes := readRow(cells, columns, connection); len(mistakes) > 0 {
			for _, m := range mistakes {
				m.Row = line
				wrong = append(wrong, m)
			}
		} else if !blank {
			row.Row = line
			rows = append(rows, row)
		}
	}
}

// readRow reads one row; a row of empty cells is blank.
func readRow(cells []string, columns map[string]int, connection string) (row ImportRow, blank bool, wrong []RowError) {
	blank = !slices.ContainsFunc(cells, func(c string) bool { return strings.TrimSpace(c) != "" })
	if blank {
		return row, true, nil
	}
	cell := func(column string) string {
		i, there := columns[column]
		if !there || i >= len(cells) {
			return ""
		}
		v := strings.TrimSpace(strings.ToValidUTF8(cells[i], "\uFFFD"))
		if len(v) > connector.MaxID {
			wrong = append(wrong, RowError{Column: column, Message: fmt.Sprintf("longer than %d bytes", connector.MaxID)})
		}
		if strings.ContainsRune(v, 0) || strings.ContainsRune(v, utf8.RuneError) {
			wrong = append(wrong, RowError{Column: column, Message: "holds characters that are none: is the file in UTF-8 or GBK?"})
		}
		return v
	}
	row.Binding = connector.Binding{
		Connection: cell("connection"), User: cell("crm_user_id"), UserName: cell("crm_user_name"),
		Account: cell("oa_account"), AccountName: cell("oa_user_name"),
	}
	if row.Connection == "" {
		row.Connection = connection
	}
	for _, need := range [...]struct{ column, value string }{
		{"connection", row.Connection}, {"crm_user_id", row.User}, {"oa_account", row.Account},
	} {
		if need.value == "" {
			wrong = append(wrong, RowError{Column: need.column, Message: "missing"})
		}
	}
	return row, false, wrong
}

// findColumns finds out which column stands where.
func findColumns(headings []string, connection string) (map[string]int, error) {
	if len(headings) > maxColumns {
		return nil, invalid("row 1", fmt.Sprintf("%d columns; a file of bindings has five", len(headings)))
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
	case bytes.HasPrefix(raw, []byte("PK\x03\x04")), bytes.HasPrefix(raw, []byte("\xD0\xCF\x11\xE0")):
		return "", &connector.Error{
			Kind: connector.Invalid, Msg: "this is an Excel workbook, not CSV", Hint: "save it as CSV (Save As, CSV UTF-8) and import that",
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
