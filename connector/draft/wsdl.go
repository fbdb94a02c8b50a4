package draft

import "strings"

func wsdlLike(text string) bool {
	return strings.HasPrefix(text, "<") && strings.Contains(text[:min(len(text), 8<<10)], "http://schemas.xmlsoap.org/wsdl/") && strings.Contains(text, "definitions")
}

func (b *builder) wsdl(_ string) ([]*sample, error) { return nil, b.wrong("todo", "todo") }

func stuff(_ *sample, _ string) bool { return false }
