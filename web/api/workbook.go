package api

import (
	"archive/zip"
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"path"
	"strconv"
	"strings"

	"todosync/connector"
)

// What a workbook may hold at most. A real table of bindings takes some 60 bytes a cell and is packed to a tenth.
const (
	workbookParts  = 2_000
	workbookBytes  = 96 << 20 // of one part, unpacked
	workbookPacked = 80       // times the packed size, above packedFrom
	packedFrom     = 4 << 20
	workbookRow    = 16 << 10 // bytes a row, on average
	workbookCells  = 1_000    // a row
)

// A cell is one cell of a table.
type cell struct {
	text   string
	number bool // Excel keeps it as a number: what was typed may have been changed
	broken bool // Excel shows an error in it
}

// isWorkbook reports whether a file is an XLSX workbook by its first bytes.
func isWorkbook(raw []byte) bool { return bytes.HasPrefix(raw, []byte("PK\x03\x04")) }

// A workbook is an XLSX file, of which the first sheet is read row by row. It is never unpacked whole.
type workbook struct {
	parts  map[string]*zip.File
	shared []string
}

// readWorkbook gives each the rows of a workbook's first sheet, under their numbers. It stops with each's error.
func readWorkbook(raw []byte, each func(row int, cells []cell) error) error {
	w, err := openWorkbook(raw)
	if err != nil {
		return err
	}
	sheet := w.parts[w.firstSheet()]
	if sheet == nil {
		return invalid("", "the workbook has no sheet")
	}
	for _, part := range []*zip.File{w.parts["xl/sharedStrings.xml"], sheet} {
		if err := checkPart(part); err != nil {
			return err
		}
	}
	if err := w.readShared(); err != nil {
		return err
	}
	return w.readSheet(sheet, each)
}

func openWorkbook(raw []byte) (*workbook, error) {
	z, err := zip.NewReader(bytes.NewReader(raw), int64(len(raw)))
	if err != nil {
		return nil, invalid("", "the workbook is damaged: "+err.Error())
	}
	if len(z.File) > workbookParts {
		return nil, &connector.Error{Kind: connector.TooLarge, Msg: fmt.Sprintf("the workbook has %d parts", len(z.File)), Hint: "save the sheet alone, or as CSV"}
	}
	w := &workbook{parts: make(map[string]*zip.File, len(z.File))}
	for _, f := range z.File {
		w.parts[strings.TrimPrefix(f.Name, "/")] = f
	}
	if w.parts["xl/workbook.xml"] == nil {
		return nil, invalid("", "this is a zip file, and no Excel workbook (XLSX)")
	}
	return w, nil
}

// checkPart refuses a part that is far larger than a table of bindings can be, before any of it is understood.
func checkPart(f *zip.File) error {
	if f == nil {
		return nil
	}
	large := func(why string) error {
		return &connector.Error{Kind: connector.TooLarge, Msg: "the workbook is too large: " + why, Hint: "save its rows alone as CSV, in several files"}
	}
	if f.UncompressedSize64 > workbookBytes {
		return large(fmt.Sprintf("%s has %d MB", path.Base(f.Name), f.UncompressedSize64>>20))
	}
	if f.UncompressedSize64 > packedFrom && f.UncompressedSize64 > workbookPacked*max(f.CompressedSize64, 1) {
		return large(path.Base(f.Name) + " is packed as no real table is")
	}
	r, err := f.Open()
	if err != nil {
		return invalid("", "the workbook is damaged: "+err.Error())
	}
	defer func() { _ = r.Close() }()
	mark := []byte("<row")
	if strings.HasSuffix(f.Name, "sharedStrings.xml") {
		mark = []byte("<si")
	}
	size, rows := 0, 0
	for b := make([]byte, 64<<10); ; {
		n, err := io.ReadFull(r, b)
		size, rows = size+n, rows+bytes.Count(b[:n], mark)
		switch {
		case size > workbookBytes:
			return large(path.Base(f.Name))
		case rows > (maxBindings+1)*len(bindingColumns):
			return large(fmt.Sprintf("more than %d rows", maxBindings))
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			if size > packedFrom && size > workbookRow*(rows+1) {
				return large("a row of it has more than any binding")
			}
			return nil
		case err != nil:
			return invalid("", "the workbook is damaged: "+err.Error())
		}
	}
}

// firstSheet is the name of the part that holds the first sheet.
func (w *workbook) firstSheet() string {
	const usual = "xl/worksheets/sheet1.xml"
	id := ""
	_ = w.elements("xl/workbook.xml", func(e *xml.StartElement) bool {
		if e.Name.Local == "sheet" {
			id = attribute(e, "id")
		}
		return id == ""
	})
	at := usual
	_ = w.elements("xl/_rels/workbook.xml.rels", func(e *xml.StartElement) bool {
		if e.Name.Local == "Relationship" && attribute(e, "Id") == id {
			at = strings.TrimPrefix(path.Join("xl", attribute(e, "Target")), "/")
			if target := attribute(e, "Target"); strings.HasPrefix(target, "/") {
				at = strings.TrimPrefix(target, "/")
			}
			return false
		}
		return true
	})
	if w.parts[at] == nil {
		return usual
	}
	return at
}

// elements gives each the elements of a small part, until it says false.
func (w *workbook) elements(name string, each func(e *xml.StartElement) bool) error {
	f := w.parts[name]
	if f == nil {
		return nil
	}
	r, err := f.Open()
	if err != nil {
		return err
	}
	defer func() { _ = r.Close() }()
	d := xml.NewDecoder(io.LimitReader(r, 1<<20))
	for {
		t, err := d.RawToken()
		if err != nil {
			return err
		}
		if e, ok := t.(xml.StartElement); ok && !each(&e) {
			return nil
		}
	}
}

func attribute(e *xml.StartElement, local string) string {
	for _, a := range e.Attr {
		if a.Name.Local == local {
			return a.Value
		}
	}
	return ""
}

// readShared reads the texts that cells name by their number.
func (w *workbook) readShared() error {
	f := w.parts["xl/sharedStrings.xml"]
	if f == nil {
		return nil
	}
	var text strings.Builder
	t := textOf{into: &text}
	return tokens(f, func(token xml.Token) error {
		t.token(token)
		switch e := token.(type) {
		case xml.StartElement:
			if e.Name.Local == "si" {
				text.Reset()
			}
		case xml.EndElement:
			if e.Name.Local == "si" {
				w.shared = append(w.shared, text.String())
			}
		}
		return nil
	})
}

// A textOf gathers what stands in t elements, but for readings (phonetic runs).
type textOf struct {
	into    *strings.Builder
	in      bool
	reading int
}

func (t *textOf) token(token xml.Token) {
	switch e := token.(type) {
	case xml.StartElement:
		switch e.Name.Local {
		case "t":
			t.in = t.reading == 0
		case "rPh":
			t.reading++
		}
	case xml.EndElement:
		switch e.Name.Local {
		case "t":
			t.in = false
		case "rPh":
			t.reading--
		}
	case xml.CharData:
		if t.in {
			t.into.Write(e)
		}
	}
}

// tokens gives each the tokens of a part.
func tokens(f *zip.File, each func(xml.Token) error) error {
	r, err := f.Open()
	if err != nil {
		return invalid("", "the workbook is damaged: "+err.Error())
	}
	defer func() { _ = r.Close() }()
	d := xml.NewDecoder(io.LimitReader(r, workbookBytes))
	for {
		t, err := d.RawToken()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return invalid("", "the workbook is damaged: "+err.Error())
		}
		if _, ok := t.(xml.Directive); ok {
			return invalid("", "the workbook holds a document type, as no workbook does")
		}
		if err := each(t); err != nil {
			return err
		}
	}
}

// A sheetReader makes rows of a sheet's elements.
type sheetReader struct {
	shared []string
	each   func(row int, cells []cell) error

	row   int
	cells []cell
	at    int    // the column of the cell
	seen  int    // cells of the row
	kind  string // its type
	value strings.Builder
	inV   bool
	text  textOf
}

func (w *workbook) readSheet(f *zip.File, each func(row int, cells []cell) error) error {
	s := &sheetReader{shared: w.shared, each: each}
	s.text.into = &s.value
	return tokens(f, s.token)
}

func (s *sheetReader) token(token xml.Token) error {
	s.text.token(token)
	switch e := token.(type) {
	case xml.StartElement:
		switch e.Name.Local {
		case "row":
			s.row++
			if n, err := strconv.Atoi(attribute(&e, "r")); err == nil && n > 0 {
				s.row = n
			}
			s.cells, s.at, s.seen = s.cells[:0], -1, 0
		case "c":
			if s.seen++; s.seen > workbookCells {
				return &connector.Error{
					Kind: connector.TooLarge, Msg: fmt.Sprintf("row %d of the workbook has more than %d cells", s.row, workbookCells), Hint: "a file of bindings has six columns",
				}
			}
			s.at++
			if i := columnOf(attribute(&e, "r")); i >= 0 {
				s.at = i
			}
			s.kind = attribute(&e, "t")
			s.value.Reset()
		case "v":
			s.inV = true
		}
	case xml.CharData:
		if s.inV {
			s.value.Write(e)
		}
	case xml.EndElement:
		switch e.Name.Local {
		case "v":
			s.inV = false
		case "c":
			return s.put()
		case "row":
			return s.each(s.row, s.cells)
		}
	}
	return nil
}

// put puts the cell into its row.
func (s *sheetReader) put() error {
	if s.at >= maxColumns {
		return nil // beyond what bindings have
	}
	c := cell{text: s.value.String()}
	switch s.kind {
	case "s":
		i, err := strconv.Atoi(c.text)
		if err != nil || i < 0 || i >= len(s.shared) {
			return invalid(fmt.Sprintf("row %d", s.row), "the workbook is damaged: a cell names a text that is not there")
		}
		c.text = s.shared[i]
	case "e":
		c.broken = true
	case "", "n":
		c.number = c.text != ""
	}
	for len(s.cells) < s.at {
		s.cells = append(s.cells, cell{})
	}
	if s.at == len(s.cells) {
		s.cells = append(s.cells, c)
	} else {
		s.cells[s.at] = c
	}
	return nil
}

// columnOf is the place of a cell's column, from 0; -1 where its name is none.
func columnOf(ref string) int {
	n := 0
	for i := range len(ref) {
		c := ref[i]
		if c < 'A' || c > 'Z' {
			break
		}
		if n = n*26 + int(c-'A') + 1; n > 1<<20 {
			return -1
		}
	}
	return n - 1
}

// writeWorkbook writes a workbook of one sheet whose cells are all text: nothing in it is ever a formula, and ids stay as they are.
func writeWorkbook(out io.Writer, rows func(yield func(cells []string) error) error) error {
	z := zip.NewWriter(out)
	for _, p := range []struct{ name, text string }{
		{"[Content_Types].xml", `<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" ContentType="application/xml"/><Override PartName="/xl/workbook.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/><Override PartName="/xl/worksheets/sheet1.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"/><Override PartName="/xl/styles.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.styles+xml"/></Types>`},
		{"_rels/.rels", `<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="xl/workbook.xml"/></Relationships>`},
		{"xl/workbook.xml", `<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sheets><sheet name="bindings" sheetId="1" r:id="rId1"/></sheets></workbook>`},
		{"xl/_rels/workbook.xml.rels", `<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet" Target="worksheets/sheet1.xml"/><Relationship Id="rId2" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/styles" Target="styles.xml"/></Relationships>`},
		{"xl/styles.xml", `<styleSheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><fonts count="1"><font><sz val="11"/></font></fonts><fills count="2"><fill><patternFill patternType="none"/></fill><fill><patternFill patternType="gray125"/></fill></fills><borders count="1"><border/></borders><cellStyleXfs count="1"><xf/></cellStyleXfs><cellXfs count="2"><xf/><xf numFmtId="49" applyNumberFormat="1"/></cellXfs></styleSheet>`},
	} {
		f, err := z.Create(p.name)
		if err != nil {
			return err
		}
		if _, err := io.WriteString(f, xml.Header+p.text); err != nil {
			return err
		}
	}
	f, err := z.Create("xl/worksheets/sheet1.xml")
	if err != nil {
		return err
	}
	var b bytes.Buffer
	b.WriteString(xml.Header + `<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><cols><col min="1" max="5" width="24" style="1" customWidth="1"/></cols><sheetData>`)
	err = rows(func(cells []string) error {
		b.WriteString("<row>")
		for _, c := range cells {
			b.WriteString(`<c s="1" t="inlineStr"><is><t xml:space="preserve">`)
			if err := xml.EscapeText(&b, []byte(c)); err != nil {
				return err
			}
			b.WriteString("</t></is></c>")
		}
		b.WriteString("</row>")
		if b.Len() < 32<<10 {
			return nil
		}
		_, err := b.WriteTo(f)
		return err
	})
	if err != nil {
		return err
	}
	b.WriteString("</sheetData></worksheet>")
	if _, err := b.WriteTo(f); err != nil {
		return err
	}
	return z.Close()
}
