package console

import (
	"context"
	"io"
	"strings"

	"github.com/a-h/templ"
	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"
)

// markdown shows a text of ours in Markdown. HTML in it is left out.
func markdown(text string) templ.Component {
	return templ.ComponentFunc(func(_ context.Context, w io.Writer) error {
		return goldmark.New(goldmark.WithExtensions(extension.NewTable())).Convert([]byte(text), w)
	})
}

// inEnglish heads the English part of a preset's readme, which begins in Chinese.
const inEnglish = "\n## In English\n"

// readmeIn is the part of a preset's readme in the reader's language, without its title.
func (v *visit) readmeIn(readme string) string {
	chinese, english, both := strings.Cut(readme, inEnglish)
	if !v.Chinese && both {
		return strings.TrimSpace(english)
	}
	if strings.HasPrefix(chinese, "# ") {
		_, chinese, _ = strings.Cut(chinese, "\n")
	}
	return strings.TrimSpace(chinese)
}
