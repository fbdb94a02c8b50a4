package console

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/a-h/templ"

	"todosync/web/api"
)

// maxForm bounds the body of a form, in bytes.
const maxForm = 4 << 20

// A form is what somebody has typed, and what is wrong with it.
type form struct {
	Values   url.Values
	Mistake  string            // of the whole
	Hint     string            // what to do about it
	Mistakes map[string]string // by field
}

// form reads what was sent.
func (v *visit) form() (*form, error) {
	v.r.Body = http.MaxBytesReader(v.w, v.r.Body, maxForm)
	if err := v.r.ParseForm(); err != nil {
		return nil, &api.Problem{Status: http.StatusBadRequest, Detail: v.T("What was sent cannot be read.", "无法读取提交的内容。")}
	}
	return &form{Values: v.r.PostForm, Mistakes: map[string]string{}}, nil
}

// formOf is a form with what is known already.
func formOf(pairs ...string) *form {
	f := &form{Values: url.Values{}, Mistakes: map[string]string{}}
	for i := 0; i+1 < len(pairs); i += 2 {
		f.Values.Set(pairs[i], pairs[i+1])
	}
	return f
}

// V is what stands in a field.
func (f *form) V(name string) string { return f.Values.Get(name) }

// Words are the parts of a field with commas or blanks between.
func (f *form) Words(name string) []string {
	return strings.FieldsFunc(f.V(name), func(r rune) bool {
		return r == ',' || r == '，' || r == '、' || r == ' ' || r == '\n' || r == '\r' || r == '\t'
	})
}

// refuse takes what the API says against a form and puts it to its fields; false: it is about something else. The page is shown again then.
func (f *form) refuse(v *visit, err error, fields ...string) bool {
	p, ok := errors.AsType[*api.Problem](err)
	if !ok || !slices.Contains([]int{http.StatusUnprocessableEntity, http.StatusConflict, http.StatusBadRequest, http.StatusTooManyRequests}, p.Status) {
		return false
	}
	placed := false
	for _, e := range p.Errors {
		if slices.Contains(fields, e.Path) {
			f.Mistakes[e.Path], placed = e.Message, true
		}
	}
	if f.Hint = p.Hint; !placed {
		f.Mistake = p.Detail
	}
	v.Status = http.StatusUnprocessableEntity
	return true
}

// invalid marks a field with what is wrong with it.
func (f *form) invalid(name string) templ.Attributes {
	return describedBy(f.Mistakes[name], name+"-mistake")
}

// commas writes words with commas between.
func commas(words []string) string { return strings.Join(words, ", ") }
