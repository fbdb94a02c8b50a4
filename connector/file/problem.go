package file

import (
	"fmt"
	"sort"
	"strings"

	"todosync/mapping"
)

// A Problem is one mistake in a settings file, or one thing that will hardly be meant (Warning). Line and Column count
// characters from 1 and are 0 where the file as a whole is meant. Path names the member: scenes.create.body.
type Problem struct {
	File    string `json:"file"`
	Line    int    `json:"line"`
	Column  int    `json:"column"`
	Path    string `json:"path"`
	Message string `json:"message"`
	Warning bool   `json:"warning,omitempty"`
}

// String is FILE:LINE:COLUMN: path: what is wrong.
func (p Problem) String() string {
	var b strings.Builder
	b.WriteString(p.File)
	if p.Line > 0 {
		fmt.Fprintf(&b, ":%d:%d", p.Line, p.Column)
	}
	b.WriteString(": ")
	if p.Path != "" {
		b.WriteString(p.Path + ": ")
	}
	b.WriteString(p.Message)
	return b.String()
}

// Problems are all the problems of one or more files, in the order of files and lines.
type Problems []Problem

// Error gives one problem a line.
func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}

// Err is ps as an error where any of it is more than a warning, else nil.
func (ps Problems) Err() error {
	for _, p := range ps {
		if !p.Warning {
			return ps
		}
	}
	return nil
}

// Warnings are those of ps that stop nothing.
func (ps Problems) Warnings() Problems {
	var out Problems
	for _, p := range ps {
		if p.Warning {
			out = append(out, p)
		}
	}
	return out
}

// sorted orders the problems of one document by where they stand. What is said of one place twice, because something else takes
// its value over, is told once.
func (ps Problems) sorted() Problems {
	sort.SliceStable(ps, func(i, j int) bool {
		if ps[i].Line != ps[j].Line {
			return ps[i].Line < ps[j].Line
		}
		return ps[i].Column < ps[j].Column
	})
	out := ps[:0]
	for i, p := range ps {
		if i > 0 && p.Line == out[len(out)-1].Line && p.Column == out[len(out)-1].Column && p.Message == out[len(out)-1].Message {
			continue
		}
		out = append(out, p)
	}
	return out
}

// A phrase is a message in both languages, with the verbs of fmt.
type phrase struct {
	en, zh string
}

func say(en, zh string) phrase { return phrase{en: en, zh: zh} }

// in writes the phrase in a language; anything but zh is English. Errors among the arguments speak it too.
func (p phrase) in(lang string, args ...any) string {
	text := p.en
	if strings.HasPrefix(lang, "zh") {
		text = p.zh
	}
	if len(args) == 0 {
		return text
	}
	said := make([]any, len(args))
	for i, a := range args {
		said[i] = a
		if err, ok := a.(error); ok {
			said[i] = mapping.Text(err, lang)
		}
	}
	return fmt.Sprintf(text, said...)
}
