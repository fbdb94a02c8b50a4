package testdata

import (
	"bytes"
	"embed"
	"encoding/json"
	"path"
)

//go:embed answers
var answerFiles embed.FS

// A Meaning is how a connection with the vendor's preset reads an answer.
type Meaning string

// The meanings of answers. Duplicate and Gone are refusals that some scenes take for a success.
const (
	Success      Meaning = "success"
	Refused      Meaning = "refused"
	Duplicate    Meaning = "duplicate"
	Gone         Meaning = "gone"
	Partial      Meaning = "partial"       // done for all but Accounts
	Fault        Meaning = "fault"         // a SOAP fault
	Unreadable   Meaning = "unreadable"    // a 2xx that can't be understood
	HTTPError    Meaning = "error"         // not a 2xx: the status says it all
	Token        Meaning = "token"         // from a token's address: Value is the token
	TokenRefused Meaning = "token_refused" // from a token's address: no token
	TokenDead    Meaning = "token_dead"    // the token that was sent is no longer good
	Other        Meaning = "other"         // depends on a setting: see Note
)

// An Answer is one answer of an OA. Code and Message are what the vendor's names of them hold; empty ones are not known
// or not there.
type Answer struct {
	File        string   `json:"file"`     // VENDOR/NAME, below the folder answers
	Protocol    string   `json:"protocol"` // rest or webservice
	Status      int      `json:"status"`
	ContentType string   `json:"contentType"`
	Meaning     Meaning  `json:"meaning"`
	Code        string   `json:"code"`
	Message     string   `json:"message"`
	Value       string   `json:"value"`
	Accounts    []string `json:"accounts"`
	Note        string   `json:"note"`
	Body        []byte   `json:"-"`
}

// Vendor is the vendor whose answer it is.
func (a Answer) Vendor() string { return path.Dir(a.File) }

// Answers gives all sample answers, by vendor in the order of oasim.Vendors.
func Answers() []Answer {
	text, err := answerFiles.ReadFile("answers/index.json")
	if err != nil {
		panic("testdata: " + err.Error())
	}
	var out []Answer
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&out); err != nil {
		panic("testdata: answers/index.json: " + err.Error())
	}
	for i := range out {
		if out[i].Body, err = answerFiles.ReadFile("answers/" + out[i].File); err != nil {
			panic("testdata: " + err.Error())
		}
	}
	return out
}

// AnswerNamed gives one sample answer by its file, such as seeyon/ok.json; it panics where there is none.
func AnswerNamed(file string) Answer {
	for _, a := range Answers() {
		if a.File == file {
			return a
		}
	}
	panic("testdata: there is no answer " + file)
}
