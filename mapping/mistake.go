package mapping

import (
	"fmt"
	"strings"
)

// A said is one mistake in both languages. Error speaks English, as logs do; Text gives the other.
type said struct {
	en, zh string // with the verbs of fmt
	args   []any  // those that are errors or words are said in the same language
}

// words are a part of a message in both languages.
type words struct{ en, zh string }

// mistake makes an error of a message in English and Chinese.
func mistake(en, zh string, args ...any) error { return &said{en: en, zh: zh, args: args} }

func (s *said) Error() string { return s.in("en") }

// Unwrap gives the error that the message holds, if it holds one.
func (s *said) Unwrap() error {
	for _, a := range s.args {
		if err, ok := a.(error); ok {
			return err
		}
	}
	return nil
}

func (s *said) in(lang string) string {
	text := pick(lang, s.en, s.zh)
	if len(s.args) == 0 {
		return text
	}
	args := make([]any, len(s.args))
	for i, a := range s.args {
		switch a := a.(type) {
		case words:
			args[i] = pick(lang, a.en, a.zh)
		case error:
			args[i] = Text(a, lang)
		default:
			args[i] = a
		}
	}
	return fmt.Sprintf(text, args...)
}

func pick(lang, en, zh string) string {
	if strings.HasPrefix(lang, "zh") {
		return zh
	}
	return en
}

// Text gives what an error says in a language: Chinese for zh and what begins with it, else English. Errors of this package
// speak both; any other says what it says.
func Text(err error, lang string) string {
	if e, ok := any(err).(interface{ in(lang string) string }); ok {
		return e.in(lang)
	}
	return err.Error()
}
